"""A data set of volumes with labels: `images/CASE.nii.gz` and `labels/CASE.nii.gz`.

`labels.json` or `labels.txt` says which number is which structure (`engine.training_process.label_names`). Without it
the structures are numbered from 1, in the order in which the model names them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import MismatchError, ReadError
from engine.training.case import Case, ImageKind, case_of, unmatched
from engine.training_process.label_names import read_names

_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / "images").is_dir() and (folder / "labels").is_dir()


class LabelledVolumes:
    """The cases of a folder of volumes with labels.

    Args:
        folder: holds `images` and `labels`, with files of the same names.
        structures: the names to learn. All count as contoured.
        kinds: of the image.

    Raises:
        ReadError: there is no image, or one without labels, or the file of names is damaged.
        MismatchError: a model of several images, as this layout has one a case; or a structure that is not named.
    """

    def __init__(self, folder: Path, structures: list[str], kinds: Sequence[ImageKind]) -> None:
        if len(kinds) > 1:
            raise MismatchError(
                f"{folder} has one image a case, and the model needs {len(kinds)}; the nnU-Net raw layout holds more."
            )
        self.folder = folder
        self.structures = structures
        self._kind = kinds[0]
        self._files: dict[str, Path] = {}
        for path in sorted((folder / "images").iterdir()):
            ending = next((ending for ending in _ENDINGS if path.name.endswith(ending)), None)
            name = path.name.removesuffix(ending or "")
            if name in self._files:
                raise MismatchError(f"{path} and {self._files[name].name} are of one name; each case has one image.")
            if ending is not None:
                self._files[name] = path
        self.names = sorted(self._files)
        if not self.names:
            raise ReadError(f"{folder / 'images'} holds no volumes ({', '.join(_ENDINGS)}).")
        images = {path.name for path in self._files.values()}
        strangers = [path.name for path in sorted((folder / "labels").iterdir()) if path.name not in images]
        self.left_out = unmatched(
            [name for name in strangers if name.endswith(_ENDINGS)], folder / "labels", "the image's own"
        )
        known, self.named_by = read_names(folder)
        self.numbers = known or dict(enumerate(structures, start=1))
        values = {name: number for number, name in self.numbers.items()}
        missing = [name for name in structures if name not in values]
        if missing:
            raise MismatchError(
                f"{folder / self.named_by} names no {', '.join(missing)}; its structures are: "
                f"{', '.join(values) or 'none'}."
            )
        self._values = [values[name] for name in structures]

    def patient_of(self, name: str) -> str:
        """Each file is of another patient."""
        return name

    def read(self, name: str) -> Case:
        """The case `name`, turned to rising Left, Posterior, Superior.

        Raises:
            ReadError: a file of the case is missing or not readable.
            MismatchError: image and labels differ in size.
        """
        path = self._files[name]
        labels = self.folder / "labels" / path.name
        contoured = np.ones(len(self.structures), np.bool_)
        return case_of(name, [(path, self._kind)], labels, self._values, contoured, names=self.numbers)
