"""A training or validation set in the nnU-Net raw layout, with the structures that each case has contoured."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.cards.nodes import CardStep
from engine.errors import MismatchError, ReadError
from engine.grid_file import read_grid_file
from engine.sitk_image import to_image
from engine.volume import Geometry, Volume

#: HU above which a voxel counts as body when the box around the patient is found.
_BODY_HU = -500


@dataclass(frozen=True, eq=False)
class Case:
    """One patient, on the image's own grid.

    Args:
        name: the case's name in the data set.
        image: (planes, rows, columns), HU for CT; rising along Superior, Posterior and Left.
        labels: (planes, rows, columns) uint8, the data set's structures in the order of `structures`, from 1.
        spacing: (planes, rows, columns) mm.
        contoured: (structures,) bool, true where the structure was contoured in this case.
        outside: value of what is not the patient.
        intensity: steps of a card that change values, still to be done.
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[np.uint8]
    spacing: tuple[float, float, float]
    contoured: NDArray[np.bool_]
    outside: float = -1024.0
    intensity: tuple[CardStep, ...] = ()

    @cached_property
    def voxels_of(self) -> dict[int, NDArray[np.intp]]:
        """Class → (n, 3) indices of its voxels; classes without a voxel are absent."""
        found = {int(value): np.argwhere(self.labels == value) for value in np.unique(self.labels) if value}
        return found

    def without(self, structures: Sequence[bool]) -> "Case":
        """The case as if those of its structures that are True here had not been contoured."""
        out = np.asarray(structures)
        labels = np.where(np.isin(self.labels, np.flatnonzero(out) + 1), 0, self.labels).astype(np.uint8)
        return replace(self, labels=labels, contoured=self.contoured & ~out)

    def cropped(self, margin: int = 4) -> "Case":
        """The case within the box around the patient, `margin` voxels wider on each side where there are some."""
        box = body_box(self.image, margin)
        image, labels = np.ascontiguousarray(self.image[box]), np.ascontiguousarray(self.labels[box])
        return replace(self, image=image, labels=labels)


def volume_of(case: Case) -> Volume:
    """The case as the program would have it open: a CT whose axes rise along Left, Posterior and Superior."""
    shape = (case.image.shape[0], case.image.shape[1], case.image.shape[2])
    geometry = Geometry.regular((0.0, 0.0, 0.0), np.eye(3), case.spacing[::-1], shape)
    return Volume(case.image, geometry, modality="CT", units="HU")


class DataSource(Protocol):
    """Cases by name: `structures` (names, in the order of the classes from 1), `names`, and `read`."""

    structures: list[str]
    names: list[str]

    def read(self, name: str) -> Case:
        """The case, turned to rising Left, Posterior, Superior."""


def open_data(folder: Path, structures: list[str], modalities: Sequence[str] = ("CT",)) -> DataSource:
    """The data set in `folder`: in the nnU-Net raw layout where it has a `dataset.json`, else of DICOM studies.

    Args:
        folder: of the data set.
        structures: names to learn, in the order of the network's classes from 1.
        modalities: DICOM images of others are left out.

    Raises:
        PlanimeterError: it is neither, or it lacks what is needed.
    """
    if not folder.is_dir():
        raise ReadError(f"{folder} is not a folder, so there is no data set.")
    if (folder / "dataset.json").exists() or (folder / "imagesTr").exists():
        return DataSet(folder, structures)
    from engine.training.dicom_set import DicomSet  # noqa: PLC0415 - it needs Case from here

    return DicomSet(folder, structures, modalities)


class DataSet:
    """The cases of a folder in the nnU-Net raw layout.

    Args:
        folder: holds `dataset.json`, `imagesTr/CASE_0000.nii.gz` and `labelsTr/CASE.nii.gz`.
        structures: the names to learn, in the order of the network's classes from 1.

    Raises:
        ReadError: the folder or a file of it is missing or not readable.
        MismatchError: the data set lacks one of the structures.
    """

    def __init__(self, folder: Path, structures: list[str]) -> None:
        self.folder = folder
        self.structures = structures
        description = _description(folder)
        self._values = {name: int(value) for name, value in description["labels"].items()}
        missing = [name for name in structures if name not in self._values]
        if missing:
            raise MismatchError(f"{folder / 'dataset.json'} has no label named {', '.join(missing)}.")
        self._ending = str(description.get("file_ending", ".nii.gz"))
        self._contoured: dict[str, list[str]] = description.get("contoured", {})
        images = folder / "imagesTr"
        ending = f"_0000{self._ending}"
        self.names = sorted(path.name.removesuffix(ending) for path in images.glob(f"*{ending}"))
        if not self.names:
            raise ReadError(f"{images} holds no images named CASE{ending}, so there is nothing to learn from.")

    def read(self, name: str) -> Case:
        """The case `name`, turned to rising Left, Posterior, Superior.

        Structures that `dataset.json` → `contoured` does not list for the case are erased from its labels; a data set
        without that table counts every structure as contoured.

        Raises:
            ReadError: a file of the case is missing or not readable.
            MismatchError: image and labels differ in size.
        """
        image = _read(self.folder / "imagesTr" / f"{name}_0000{self._ending}")
        labels = _read(self.folder / "labelsTr" / f"{name}{self._ending}")
        if image.GetSize() != labels.GetSize():
            raise MismatchError(f"Case {name}: the image is {image.GetSize()} and its labels {labels.GetSize()}.")
        values = sitk.GetArrayFromImage(labels)
        listed = self._contoured.get(name, self.structures if not self._contoured else [])
        contoured = np.array([structure in listed for structure in self.structures])
        ordered = np.zeros(values.shape, np.uint8)
        for index, structure in enumerate(self.structures):
            if contoured[index]:
                ordered[values == self._values[structure]] = index + 1
        hu = np.clip(np.rint(sitk.GetArrayFromImage(image)), -32768, 32767).astype(np.int16)
        x, y, z = image.GetSpacing()
        return Case(name, hu, ordered, (z, y, x), contoured)


def body_box(image: NDArray[Any], margin: int) -> tuple[slice, slice, slice]:
    """The box around everything denser than fat, `margin` voxels wider; the whole image where there is nothing."""
    body = image > _BODY_HU
    slices = []
    for axis in range(3):
        used = np.flatnonzero(body.any(axis=tuple(other for other in range(3) if other != axis)))
        first, last = (int(used[0]), int(used[-1])) if len(used) else (0, image.shape[axis] - 1)
        slices.append(slice(max(first - margin, 0), min(last + 1 + margin, image.shape[axis])))
    return slices[0], slices[1], slices[2]


def _description(folder: Path) -> dict[str, Any]:
    path = folder / "dataset.json"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReadError(
            f"{path} could not be read ({error.strerror}); a data set needs the nnU-Net raw layout: dataset.json, "
            "imagesTr and labelsTr."
        ) from error
    except ValueError as error:
        raise ReadError(f"{path} is not JSON: {error}.") from error
    if not isinstance(description, dict) or not isinstance(description.get("labels"), dict):
        raise ReadError(f"{path} has no 'labels' table, so it does not describe a data set.")
    return description


def _read(path: Path) -> sitk.Image:
    if not path.is_file():
        raise ReadError(f"{path} is missing.")
    file = read_grid_file(path)
    image: sitk.Image = sitk.DICOMOrient(to_image(file.values, file.geometry), "LPS")
    return image
