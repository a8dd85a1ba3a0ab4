"""Images with marks of findings: pictures with masks, or volumes with labels.

Pictures lie in `images/`, with a folder for each label that holds masks of the pictures' names. Volumes lie in one of
the layouts of `engine.training.dataset`; each connected piece of a label is a finding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.cards.roles import only_input
from engine.cards.schema import Card
from engine.errors import MismatchError, ReadError
from engine.files.picture_file import read_picture
from engine.training.case import Case, DataSource, inputs_of
from engine.training.dataset import layout_of, open_data
from engine.training.labelled.pictures import picture, pictures_in
from engine.training.parting import parted
from engine.volume import Volume

#: A box counts for a finding from so many pixels beside it: hands that mark spots of five pixels differ by as much.
TOLERANCE_PIXELS = 2

#: By the roles of a card, the images; by its labels, (planes, rows, columns) where it is marked, None for nowhere.
Read = Callable[[], tuple[Mapping[str, Volume], Mapping[str, NDArray[np.bool_] | None]]]


@dataclass(frozen=True, eq=False)
class Findings:
    """What is marked of one label in one image.

    Args:
        numbers: (planes, rows, columns) of the finding that a voxel belongs to, from 1; voxels within
            `TOLERANCE_PIXELS` of a finding belong to it, those between two to the nearer.
        centres: (n, 3) [plane, row, column].
        low, high: (n, 3) corners of the boxes around them, edges of voxels.
    """

    numbers: NDArray[np.intp]
    centres: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, mask: NDArray[np.bool_] | None, volume: Volume) -> "Findings":
        """The connected pieces of a mask on the planes of a volume."""
        shape = volume.geometry.shape
        none = np.zeros((0, 3))
        if mask is None or not mask.any():
            return cls(np.zeros(shape, np.intp), none, none, none)
        numbers, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
        centres = np.array(ndimage.center_of_mass(mask, numbers, range(1, count + 1))).reshape(-1, 3)
        boxes = ndimage.find_objects(numbers)
        low = np.array([[part.start - 0.5 for part in box] for box in boxes])
        high = np.array([[part.stop - 0.5 for part in box] for box in boxes])
        # In pixels of a plane, whatever lies between planes.
        steps = np.array([volume.geometry.mean_spacing, *volume.geometry.spacing_uv[::-1]])
        distance, nearest = ndimage.distance_transform_edt(
            numbers == 0, sampling=steps / min(volume.geometry.spacing_uv), return_indices=True
        )
        near = np.where(distance <= TOLERANCE_PIXELS, numbers[tuple(nearest)], 0)
        return cls(near.astype(np.intp), centres, low, high)


@dataclass(frozen=True)
class Marked:
    """One image, or several of one patient, with what is marked in it.

    Args:
        name: of the file or case.
        read: gives images and marks.
        patient: whose image it is, where that is known.
    """

    name: str
    read: Read
    patient: str = ""

    @property
    def group(self) -> str:
        """What stays on one side of every split."""
        return self.patient or self.name

    def open(self, labels: Sequence[str]) -> tuple[dict[str, Volume], dict[str, Findings]]:
        """The images by role, and what is marked of each label, on the planes of the first.

        Raises:
            ReadError: an image or a mask is not readable.
            MismatchError: a mask is not of its picture's size.
        """
        images, masks = self.read()
        first = next(iter(images.values()))
        return dict(images), {label: Findings.of(masks[label], first) for label in labels}


def marked_images(folder: Path, labels: Sequence[str], card: Card) -> list[Marked]:
    """The marked images in a folder.

    Raises:
        ReadError: there are none.
        MismatchError: a label is not marked in this set.
    """
    if len(card.inputs) == 1 and _has_pictures(folder):
        return _marked_pictures(folder, labels, card)
    data = open_data(folder, list(labels), card.inputs)
    return [Marked(name, partial(_case, data, name, card), data.patient_of(name)) for name in data.names]


def layout_of_marked(folder: Path) -> str:
    """How a folder of marked images is laid out."""
    return "pictures in images/, and a folder of masks a finding" if _has_pictures(folder) else layout_of(folder).name


def _has_pictures(folder: Path) -> bool:
    return (folder / "images").is_dir() and bool(pictures_in(folder / "images"))


def sides_of(
    data: Path, validation: Path | None, labels: Sequence[str], card: Card, holdout: float
) -> tuple[list[Marked], list[Marked]]:
    """Marked images to learn from, and to choose by: another set, or a share of this one (`parted`).

    Raises:
        ReadError, MismatchError: as of `marked_images`.
    """
    marked = marked_images(data, labels, card)
    patients = {image.name: image.group for image in marked}
    learned, chosen = parted(card, data, patients, holdout if validation is None else None)
    if validation is not None:
        others = marked_images(validation, labels, card)
    else:
        others = [image for image in marked if image.name in chosen]
    return [image for image in marked if image.name in learned], others


def _marked_pictures(folder: Path, labels: Sequence[str], card: Card) -> list[Marked]:
    """Pictures, with a folder of masks for each label: its name, upper and lower case alike, or its plural."""
    folders = {path.name.casefold(): path for path in folder.iterdir() if path.is_dir()}
    masks = {}
    for label in labels:
        found = folders.get(label.casefold()) or folders.get(f"{label.casefold()}s")
        if found is None:
            raise MismatchError(f"{folder} has no folder with masks of '{label}'.")
        masks[label] = pictures_in(found)
    return [
        Marked(name, partial(_picture, path, {label: files.get(name) for label, files in masks.items()}, card))
        for name, path in pictures_in(folder / "images").items()
    ]


def _picture(
    path: Path, masks: Mapping[str, Path | None], card: Card
) -> tuple[dict[str, Volume], dict[str, NDArray[np.bool_] | None]]:
    """A picture and its masks; a label without one has no finding in it."""
    volume = picture(path)
    made: dict[str, NDArray[np.bool_] | None] = {}
    for label, file in masks.items():
        made[label] = None
        if file is not None:
            values = read_picture(file).values
            mask = (values if values.ndim == 2 else values.max(axis=2)) > 0
            if mask.shape != volume.geometry.shape[1:]:
                raise MismatchError(f"{file} has {mask.shape} pixels, and its picture {volume.geometry.shape[1:]}.")
            made[label] = mask[None]
    return only_input(card, volume), made


def _case(data: DataSource, name: str, card: Card) -> tuple[dict[str, Volume], dict[str, NDArray[np.bool_] | None]]:
    case: Case = data.read(name)
    if not case.contoured.all():
        raise ReadError(f"Case {name} does not have every finding marked, so what is none can't be told.")
    masks = {label: case.labels == number for number, label in enumerate(data.structures, start=1)}
    return inputs_of(card, case), dict(masks)
