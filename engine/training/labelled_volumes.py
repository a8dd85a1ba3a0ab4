"""A data set of volumes with labels: `images/CASE.nii.gz` and `labels/CASE.nii.gz`, structures numbered from 1."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import MismatchError, ReadError
from engine.training.case import Case, ImageKind, case_of

_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / "images").is_dir() and (folder / "labels").is_dir()


class LabelledVolumes:
    """The cases of a folder of volumes with labels, which do not name their values.

    Args:
        folder: holds `images` and `labels`, with files of the same names.
        structures: the names to learn; the first is the value 1, the next 2, and so on. All count as contoured.
        kinds: of the image.

    Raises:
        ReadError: there is no image, or one without labels.
        MismatchError: a model of several images; this layout has one a case.
    """

    def __init__(self, folder: Path, structures: list[str], kinds: Sequence[ImageKind]) -> None:
        if len(kinds) > 1:
            raise MismatchError(
                f"{folder} has one image a case, and the model needs {len(kinds)}; the nnU-Net raw layout holds more."
            )
        self.folder = folder
        self.structures = structures
        self._kind = kinds[0]
        self._files = {
            path.name.removesuffix(ending): path
            for path in sorted((folder / "images").iterdir())
            for ending in _ENDINGS
            if path.name.endswith(ending)
        }
        self.names = sorted(self._files)
        self.left_out: tuple[str, ...] = ()
        if not self.names:
            raise ReadError(f"{folder / 'images'} holds no volumes ({', '.join(_ENDINGS)}).")

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
        count = len(self.structures)
        labels = self.folder / "labels" / path.name
        return case_of(name, [(path, self._kind)], labels, range(1, count + 1), np.ones(count, np.bool_))
