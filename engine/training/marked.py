"""Pictures with masks of small findings: `images/`, and a folder for each label with masks of the pictures' names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.errors import MismatchError, ReadError
from engine.picture_file import read_picture
from engine.training.labelled.pictures import picture, pictures_in
from engine.volume import Volume

#: A box counts for a finding from so many pixels beside it: hands that mark spots of five pixels differ by as much.
TOLERANCE_PIXELS = 2


@dataclass(frozen=True)
class Marked:
    """One picture with what is marked on it.

    Args:
        name: of the file, without its ending.
        load: reads the picture as the program opens it.
        masks: label → file of its mask; a label without one has no finding in this picture.
    """

    name: str
    load: Callable[[], Volume]
    masks: dict[str, Path]

    def findings(self, label: str, shape: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """(rows, columns) of the number of the finding that a pixel belongs to, from 1, and (n, 2) their centres.

        Pixels within `TOLERANCE_PIXELS` of a finding belong to it, those between two to the nearer.

        Raises:
            ReadError: the mask is not readable.
            MismatchError: it is not of the picture's size.
        """
        if label not in self.masks:
            return np.zeros(shape, np.intp), np.zeros((0, 2))
        values = read_picture(self.masks[label]).values
        mask = (values if values.ndim == 2 else values.max(axis=2)) > 0
        if mask.shape != shape:
            raise MismatchError(f"{self.masks[label]} has {mask.shape} pixels, and its picture {shape}.")
        numbers, count = ndimage.label(mask, structure=np.ones((3, 3)))
        centres = np.array(ndimage.center_of_mass(mask, numbers, range(1, count + 1))).reshape(-1, 2)
        distance, nearest = ndimage.distance_transform_edt(numbers == 0, return_indices=True)
        return np.where(distance <= TOLERANCE_PIXELS, numbers[tuple(nearest)], 0), centres


def marked_pictures(folder: Path, labels: Sequence[str]) -> list[Marked]:
    """The pictures in a folder, with the masks of some labels.

    Args:
        folder: holds `images`, and a folder for each label: its name, upper and lower case alike, or its plural.
        labels: of a card.

    Raises:
        ReadError: there are no pictures.
        MismatchError: a label has no folder.
    """
    pictures = pictures_in(folder / "images")
    if not pictures:
        raise ReadError(f"{folder / 'images'} holds no pictures.")
    folders = {path.name.casefold(): path for path in folder.iterdir() if path.is_dir()}
    masks = {}
    for label in labels:
        found = folders.get(label.casefold()) or folders.get(f"{label.casefold()}s")
        if found is None:
            raise MismatchError(f"{folder} has no folder with masks of '{label}'.")
        masks[label] = pictures_in(found)
    return [
        Marked(name, partial(picture, path), {label: files[name] for label, files in masks.items() if name in files})
        for name, path in pictures.items()
    ]
