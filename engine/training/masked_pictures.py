"""A data set of pictures with masks of one structure: `images/` and `masks/` with files of the same names.

A folder in `images` is a patient; without folders the files `NAME-IM-0001-0002` of one NAME are, and any other file is.
A patient's pictures are the planes of a case. Distances are counted in pixels, as pictures have no others.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import MismatchError, ReadError
from engine.files.picture_file import is_picture_file, read_picture
from engine.training.case import Case, Further, ImageKind, unmatched
from engine.training_process.checked import listed_names

#: As scanners and archives name the pictures of a patient: name, "IM", series and picture.
_PATIENT = re.compile(r"^(.+?)[-_]IM(?:[-_]\d+)+(?:\.dcm)?$")


#: Grey values of a mask: out of the structure, and in it.
_MOST_VALUES = 2


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


class MaskedPictures:
    """The cases of a folder of pictures with masks.

    Args:
        folder: holds `images` and `masks`; a mask's file has its picture's name, whatever the ending. Pictures
            without one are left out.
        structures: the name of what is masked; there is one.
        kinds: one for each channel of the pictures, or one for grey pictures.

    Raises:
        ReadError: there are no pictures with masks.
        MismatchError: several structures to learn.
    """

    def __init__(self, folder: Path, structures: list[str], kinds: Sequence[ImageKind]) -> None:
        if len(structures) != 1:
            raise MismatchError(f"The masks of {folder} show one structure, and the model learns {len(structures)}.")
        self.folder = folder
        self.structures = structures
        self._kinds = kinds
        masks = {_key(path, folder / "masks"): path for path in _pictures(folder / "masks")}
        self._planes: dict[str, list[tuple[Path, Path]]] = {}
        alone: list[str] = []
        for path in _pictures(folder / "images"):
            mask = masks.get(_key(path, folder / "images"))
            if mask is None:
                alone.append(path.relative_to(folder / "images").as_posix())
                continue
            self._planes.setdefault(_patient(path, folder / "images"), []).append((path, mask))
        self.names = sorted(self._planes)
        used = {mask for planes in self._planes.values() for _, mask in planes}
        strangers = [path.relative_to(folder / "masks").as_posix() for path in masks.values() if path not in used]
        self.left_out = unmatched(strangers, folder / "masks", "the picture's own")
        if alone:
            self.left_out += (
                f"Left out, as there is no mask of their name in masks: {listed_names(alone)} ({len(alone)} of "
                f"{len(alone) + len(used)} pictures); one with nothing of the structure has an empty mask.",
            )
        self.in_pixels = True
        if not self.names:
            lacking = f"has no mask of the name of any of its pictures in {folder / 'masks'}" if alone else ""
            raise ReadError(f"{folder / 'images'} {lacking or 'holds no pictures'}.")

    def patient_of(self, name: str) -> str:
        """A case is all that there is of a patient."""
        return name

    def read(self, name: str) -> Case:
        """The case `name`; its planes in the order of the files' names.

        Raises:
            ReadError: a file is not readable.
            MismatchError: pictures of a case differ in size, or have other channels than the model needs, or a mask
                shows more than in and out.
        """
        pictures = [read_picture(path).values for path, _ in self._planes[name]]
        masks = [read_picture(mask).values for _, mask in self._planes[name]]
        if len({picture.shape for picture in pictures}) > 1 or len({p.shape[:2] for p in [*pictures, *masks]}) > 1:
            raise MismatchError(f"The pictures and masks of {name} differ in size.")
        for mask, (_, path) in zip(masks, self._planes[name], strict=True):
            if len(np.unique(mask)) > _MOST_VALUES:
                raise MismatchError(
                    f"{path} has {len(np.unique(mask))} grey values, where a mask of one structure has two: what is "
                    "in it and what is not can't be told. JPEG blurs edges so: write masks as PNG."
                )
        values = np.stack(pictures).astype(np.float32)
        if values.ndim == 3:
            values = values[..., None]
        flat = [mask if mask.ndim == 2 else mask.max(axis=-1) for mask in masks]
        for mask, (_, path) in zip(flat, self._planes[name], strict=True):
            if mask.min() > 0 and mask.min() < mask.max():
                raise MismatchError(
                    f"{path} has the grey values {mask.min()} and {mask.max()}; a mask is 0 where its structure is not."
                )
        if values.shape[-1] != len(self._kinds):
            raise MismatchError(
                f"The pictures of {name} have {values.shape[-1]} channels, and the model needs {len(self._kinds)}."
            )
        labels = np.stack([mask > 0 for mask in flat]).astype(np.uint8)
        channels = [np.ascontiguousarray(values[..., index]) for index in range(len(self._kinds))]
        further = tuple(Further(image, kind) for image, kind in zip(channels[1:], self._kinds[1:], strict=True))
        spacing = (1.0, 1.0, 1.0)
        return Case(name, channels[0], labels, spacing, np.ones(1, np.bool_), kind=self._kinds[0], further=further)


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if is_picture_file(path))


def _key(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


def _patient(path: Path, root: Path) -> str:
    if path.parent != root:
        return path.parent.relative_to(root).as_posix()
    known = _PATIENT.match(path.stem)
    return known[1] if known else path.stem
