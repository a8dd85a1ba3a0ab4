"""One patient to learn from or to be judged by: images on one grid, and what is contoured on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.cards.nodes import CardStep
from engine.cards.schema import Card, CardInput
from engine.errors import MismatchError, ReadError
from engine.files.grid_file import read_grid_file
from engine.sitk_image import to_image
from engine.training_process.checked import listed_names
from engine.volume import Geometry, Volume

#: HU above which a voxel counts as body when the box around the patient is found.
_BODY_HU = -500
#: How far apart voxels of a case's files may lie, as a share of the spacing: what rounding in headers may do.
_MOST_APART = 0.5


class NoDataSetError(ReadError):
    """A folder has nothing of what a layout asks for."""


@dataclass(frozen=True)
class ImageKind:
    """DICOM modality and units of an image, as a card's input asks for them; `modalities` that would do as well."""

    modality: str = "CT"
    units: str = "HU"
    modalities: tuple[str, ...] = ("CT",)

    @classmethod
    def of(cls, wanted: CardInput) -> "ImageKind":
        """What an input asks for first."""
        return cls(wanted.modality[0], wanted.units, wanted.modality)

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Voxels as a case keeps them: HU as whole numbers, others as they are, in float32."""
        if self.units == "HU":
            return np.asarray(np.clip(np.rint(values), -32768, 32767).astype(np.int16))
        return np.asarray(values.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Further:
    """A further image of a case, on the grid of the first.

    Args:
        image: (planes, rows, columns), in its own units.
        kind: of it.
        intensity: steps of a card that change values, still to be done.
        varies: its values vary as scanners do; probabilities of an earlier network don't.
    """

    image: NDArray[Any]
    kind: ImageKind
    intensity: tuple[CardStep, ...] = ()
    varies: bool = True


@dataclass(frozen=True)
class Overlap:
    """Two structures that share voxels, of which a label map holds one.

    Args:
        lost, kept: names; the voxels count as those of the latter.
        share: of the former's voxels that are shared, 0 to 1.
    """

    lost: str
    kept: str
    share: float


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
        kind: of the image.
        further: images of the card's other inputs, in their order.
        others: what is contoured in it besides, and not learned.
        overlaps: structures that are learned and share voxels.
        notes: what was assumed or left out when it was read, a sentence each.
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[np.uint8]
    spacing: tuple[float, float, float]
    contoured: NDArray[np.bool_]
    outside: float = -1024.0
    intensity: tuple[CardStep, ...] = ()
    kind: ImageKind = ImageKind()
    further: tuple[Further, ...] = ()
    others: tuple[str, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    notes: tuple[str, ...] = ()

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
        further = tuple(replace(other, image=np.ascontiguousarray(other.image[box])) for other in self.further)
        return replace(self, image=image, labels=labels, further=further)


def volume_of(case: Case) -> Volume:
    """The case's first image as the program would have it open: axes rise along Left, Posterior and Superior."""
    return _as_volume(case, case.image, case.kind)


def volumes_of(case: Case) -> list[Volume]:
    """All images of the case, on one grid."""
    return [volume_of(case), *(_as_volume(case, other.image, other.kind) for other in case.further)]


def inputs_of(card: Card, case: Case) -> dict[str, Volume]:
    """The case's images by the roles of a card's inputs, which they have the order of."""
    return {wanted.role: image for wanted, image in zip(card.inputs, volumes_of(case), strict=False)}


def _as_volume(case: Case, image: NDArray[Any], kind: ImageKind) -> Volume:
    shape = (image.shape[0], image.shape[1], image.shape[2])
    geometry = Geometry.regular((0.0, 0.0, 0.0), np.eye(3), case.spacing[::-1], shape)
    return Volume(image, geometry, modality=kind.modality, units=kind.units)


class DataSource(Protocol):
    """Cases by name: `structures` (names, in the order of the classes from 1), `names`, and `read`."""

    structures: list[str]
    names: list[str]
    #: What lies in the folder and is not taken in, a sentence each.
    left_out: tuple[str, ...]

    def patient_of(self, name: str) -> str:
        """Whose case it is; its own name where the set does not say."""

    def read(self, name: str) -> Case:
        """The case, turned to rising Left, Posterior, Superior."""


def case_of(
    name: str,
    images: Sequence[tuple[Path, ImageKind]],
    labels: Path,
    values: Sequence[int],
    contoured: NDArray[np.bool_],
    *,
    names: Mapping[int, str] | None = None,
) -> Case:
    """A case whose images and labels are files, turned to rising Left, Posterior, Superior.

    Args:
        name: of the case.
        images: all on one grid.
        labels: on the same.
        values: of each structure's voxels in `labels`.
        contoured: (structures,) bool; the labels of others are left away.
        names: of values in `labels`; a value without one is called by its number.

    Raises:
        ReadError: a file is missing or not readable, or an image has values that are no numbers.
        MismatchError: images and labels differ in size, or lie at other places in the patient, or labels are no whole
            numbers.
    """
    told: list[str] = []
    read = [(_read(path, told), kind) for path, kind in images]
    truth = _read(labels, told)
    first = read[0][0]
    for other in (truth, *(image for image, _ in read[1:])):
        if other.GetSize() != first.GetSize():
            raise MismatchError(f"Case {name}: the image is {first.GetSize()}, and another file {other.GetSize()}.")
        apart = _apart_mm(first, other)
        if apart > _MOST_APART * min(first.GetSpacing()):
            raise MismatchError(
                f"Case {name}: the image and another file of it lie up to {apart:.1f} mm apart by their headers, so "
                "its labels may be of other tissue; write them on the image's grid."
            )
    for (path, _), (grid, _) in zip(images, read, strict=True):
        if not np.isfinite(sitk.GetArrayViewFromImage(grid)).all():
            raise ReadError(f"{path} has voxels that are not finite numbers (NaN or infinite).")
    found = sitk.GetArrayFromImage(truth)
    if not (np.isfinite(found) & (found == np.rint(found))).all():
        raise MismatchError(
            f"{labels} has values between whole numbers, as of probabilities or of labels that were interpolated; "
            "write it with the numbers of the labels alone."
        )
    ordered = np.zeros(found.shape, np.uint8)
    for index, value in enumerate(values):
        if contoured[index]:
            ordered[found == value] = index + 1
    besides = [int(value) for value in np.unique(found) if value and value not in values]
    others = tuple((names or {}).get(value, f"value {value}") for value in besides)
    x, y, z = first.GetSpacing()
    further = tuple(Further(kind.stored(sitk.GetArrayFromImage(image)), kind) for image, kind in read[1:])
    kind = read[0][1]
    image = kind.stored(sitk.GetArrayFromImage(first))
    # Image and labels often have the same fault.
    notes = tuple(dict.fromkeys(told))
    return Case(name, image, ordered, (z, y, x), contoured, kind=kind, further=further, others=others, notes=notes)


def body_box(image: NDArray[Any], margin: int) -> tuple[slice, slice, slice]:
    """The box around everything denser than fat, `margin` voxels wider; the whole image where there is nothing."""
    body = image > _BODY_HU
    slices = []
    for axis in range(3):
        used = np.flatnonzero(body.any(axis=tuple(other for other in range(3) if other != axis)))
        first, last = (int(used[0]), int(used[-1])) if len(used) else (0, image.shape[axis] - 1)
        slices.append(slice(max(first - margin, 0), min(last + 1 + margin, image.shape[axis])))
    return slices[0], slices[1], slices[2]


def unmatched(names: Sequence[str], folder: Path, what: str) -> tuple[str, ...]:
    """A sentence on files that no case of a set takes in, as they are named otherwise; none where there are none.

    Args:
        names: of the files.
        folder: that they lie in.
        what: the layout's names of what belongs together.
    """
    if not names:
        return ()
    return (f"Left out in {folder.name}, as no case has such names ({what}): {listed_names(names)}.",)


def _apart_mm(first: sitk.Image, other: sitk.Image) -> float:
    """The greatest distance between corresponding corners of two grids of one size, mm."""
    size = first.GetSize()
    corners = [tuple((count - 1) * end for count, end in zip(size, ends, strict=True)) for ends in np.ndindex(2, 2, 2)]
    own, others = (np.array([grid.TransformIndexToPhysicalPoint(at) for at in corners]) for grid in (first, other))
    return float(np.linalg.norm(own - others, axis=1).max())


def _read(path: Path, told: list[str]) -> sitk.Image:
    """The image of a file; what was assumed of it is added to `told`."""
    if not path.is_file():
        raise ReadError(f"{path} is missing.")
    file = read_grid_file(path)
    told += file.notes
    image: sitk.Image = sitk.DICOMOrient(to_image(file.values, file.geometry), "LPS")
    return image
