"""A training or validation set of DICOM studies: series with the RTSTRUCTs that were drawn on them."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contouring.fill import fill
from engine.dicom.rtstruct_read import filled_areas
from engine.errors import GeometryError, MismatchError, ReadError
from engine.inference.preprocess import AxisOrder
from engine.opening import image_of, referred
from engine.sitk_image import onto_grid
from engine.stored.catalogue import Series
from engine.stored.read import read_series, read_structures
from engine.stored.scan import scan
from engine.structures import Roi, StructureSet
from engine.training.case import Case, Further, ImageKind, NoDataSetError, Overlap
from engine.training_process.label_names import read_other_names
from engine.transform import Transform

#: Share of a structure that others may take of it where they overlap; a label map can't hold more of both.
_MOST_LOST = 0.05
#: Share of the image that was drawn on which a further one covers; less is told.
_LEAST_COVERED = 0.95


def recognises(folder: Path) -> bool:
    """Any folder may hold studies."""
    return folder.is_dir()


class DicomSet:
    """The RTSTRUCTs under a folder, each a case on the series that it was drawn on.

    A structure counts as contoured in a case when the RTSTRUCT has a ROI of its name, upper and lower case alike, with
    an area, or else one of its names in `names.json` (`engine.training_process.label_names`). ROIs of one name are one
    structure. Of structures that overlap a voxel is what the RTSTRUCT names last, which the case says; one that loses
    more than a twentieth so counts as not contoured. Further images are those of the same study and frame of reference,
    brought to the grid of the one that was drawn on.

    Args:
        folder: searched with all that is in it.
        structures: ROI names to learn, in the order of the network's classes from 1.
        kinds: of the images of a case; an RTSTRUCT on a series of another modality, or without the others, is left
            out.

    Raises:
        NoDataSetError: there is no DICOM study.
        ReadError: there is no RTSTRUCT with an image series that can be opened.
        MismatchError: two structures have the same name but for its case.
    """

    def __init__(self, folder: Path, structures: list[str], kinds: Sequence[ImageKind]) -> None:
        self.folder = folder
        self._kinds = kinds
        self.structures = structures
        if len({name.casefold() for name in structures}) != len(structures):
            raise MismatchError("Two of the structures to learn differ only in upper and lower case.")
        self.other_names = read_other_names(folder)
        catalogue = scan([folder])
        if not catalogue.structures():
            dicom = [series for series in catalogue.images() if series.modality]
            if not dicom:
                raise NoDataSetError(f"{folder} holds no DICOM study.")
            raise ReadError(f"{folder} holds {len(dicom)} image series and no RTSTRUCT, so nothing is contoured there.")
        images = [image for image in catalogue.images() if image.plane_count > 1]
        self._cases: dict[str, tuple[Series, Series, list[Series]]] = {}
        left_out = [f"{each.path.name} was left out: {each.reason}" for each in catalogue.unreadable if each.damaged]
        for drawn in catalogue.structures():
            image, name = _image_of(drawn, images), drawn.files[0].relative_to(folder).as_posix()
            if image is None:
                left_out.append(f"{name} was left out: the images that it was drawn on are not in the folder.")
            elif not any(image.modality in kind.modalities for kind in kinds):
                left_out.append(f"{name} was left out: it is drawn on {image.modality}.")
            else:
                of_case, why = _images_of(image, images, kinds)
                if why:
                    left_out.append(f"{name} was left out: {why}.")
                else:
                    self._cases[name] = drawn, image, of_case
        self.left_out = tuple(left_out)
        self.names = sorted(self._cases)
        if not self.names:
            why = "".join(f" {sentence}" for sentence in left_out[:4]) if len(kinds) > 1 else ""
            raise ReadError(f"{folder} holds no RTSTRUCT together with the image series that it was drawn on.{why}")

    def patient_of(self, name: str) -> str:
        """By the image's Patient ID; the case's own name where it has none."""
        return self._cases[name][1].info.patient_id.strip() or name

    def read(self, name: str) -> Case:
        """The case `name`, turned to rising Left, Posterior, Superior.

        Raises:
            ReadError, MismatchError: image or RTSTRUCT are not readable, or don't belong together.
            GeometryError: the planes are uneven or tilted.
        """
        drawn, image, of_case = self._cases[name]
        volume = read_series(image)
        volumes = [volume if each is image else read_series(each) for each in of_case]
        if not all(each.geometry.is_regular for each in (volume, *volumes)):
            raise GeometryError(f"{name}: the image's planes are uneven or tilted, so it can't be learned from.")
        structures = read_structures(drawn, volume)
        areas_of, between = filled_areas(structures)
        labels = np.zeros(volume.voxels.shape, np.uint8)
        contoured = np.zeros(len(self.structures), bool)
        called: dict[str, list[Roi]] = {}
        for roi in structures.rois:
            called.setdefault(roi.name.strip().casefold(), []).append(roi)
        index_of: dict[int, int] = {}
        twice: list[str] = []
        for index, structure in enumerate(self.structures):
            names = [structure, *self.other_names.get(structure, ())]
            rois = next((called[name.casefold()] for name in names if name.casefold() in called), [])
            index_of |= {roi.number: index for roi in rois}
            if len(rois) > 1:
                twice.append(f"{len(rois)} ROIs are named {rois[0].name.strip()}, and were taken as one structure.")
        others = [roi.name.strip() for roi in structures.rois if roi.number not in index_of]
        # Of which structure (row) how many voxels were taken by which (column).
        taken = np.zeros((len(self.structures), len(self.structures)), np.int64)
        for roi in structures.rois:
            areas = areas_of(roi) if roi.number in index_of else {}
            if areas:
                own, inside = index_of[roi.number], fill(areas, volume.geometry)
                taken[:, own] += np.bincount(labels[inside], minlength=len(self.structures) + 1)[1:]
                labels[inside] = own + 1
                contoured[own] = True
        np.fill_diagonal(taken, 0)
        kept, drawn_over = np.bincount(labels.ravel(), minlength=len(self.structures) + 1)[1:], taken.sum(axis=1)
        lost = contoured & (drawn_over > _MOST_LOST * (kept + drawn_over))
        overlaps = [
            Overlap(self.structures[own], self.structures[other], float(taken[own, other] / (kept + drawn_over)[own]))
            for own, other in np.argwhere(taken)
        ]
        axes = AxisOrder.towards(volume.geometry, "LPS")
        spacing = volume.geometry.spacing_xyz[::-1]
        a, b, c = axes.order
        values: list[NDArray[Any]] = []
        beyond = []
        for each in volumes:
            laid, covered = (each.voxels, 1.0)
            if each is not volume:
                laid, covered = onto_grid(each, volume.geometry, Transform.identity())
            if not np.isfinite(laid).all():
                raise ReadError(f"{name}: the {each.modality} image has voxels that are not finite numbers.")
            if covered < _LEAST_COVERED:
                beyond.append(
                    f"The {each.modality} image covers {covered:.0%} of the {volume.modality}; the rest counts as its "
                    "lowest value."
                )
            values.append(laid)
        stored = [
            np.ascontiguousarray(axes.to_network(kind.stored(array)))
            for kind, array in zip(self._kinds, values, strict=True)
        ]
        return Case(
            name,
            stored[0],
            np.ascontiguousarray(axes.to_network(labels)),
            (spacing[a], spacing[b], spacing[c]),
            contoured,
            kind=self._kinds[0],
            further=tuple(Further(array, kind) for array, kind in zip(stored[1:], self._kinds[1:], strict=True)),
            others=tuple(others),
            overlaps=tuple(overlaps),
            notes=(*twice, *beyond, *_about(structures, set(index_of), between)),
        ).without(lost.tolist())


def _about(structures: StructureSet, learned: Collection[int], between: Sequence[str]) -> list[str]:
    """What reading told of the structures that are learned, or of none by name."""
    names = {f"'{roi.name}'": roi.number in learned for roi in structures.rois}
    told = []
    for note in (*structures.notes, *between):
        named = [wanted for name, wanted in names.items() if name in note]
        if (any(named) or not named) and not note.startswith("These structures are"):
            told.append(note)
    return told


def _images_of(drawn_on: Series, images: list[Series], kinds: Sequence[ImageKind]) -> tuple[list[Series], str]:
    """The series of a case, one for each kind, or why there are none."""
    taken: list[Series] = []
    for kind in kinds:
        if drawn_on.modality in kind.modalities and drawn_on not in taken:
            taken.append(drawn_on)
            continue
        frame = drawn_on.info.frame_of_reference_uid
        fitting = [
            each
            for each in images
            if each.modality in kind.modalities
            and each not in (drawn_on, *taken)
            and frame
            and each.info.frame_of_reference_uid == frame
            and each.info.study_uid == drawn_on.info.study_uid
        ]
        if len(fitting) != 1:
            count = f"{len(fitting)} series" if fitting else "no series"
            return [], f"its study has {count} of {' or '.join(kind.modalities)} in the same frame of reference"
        taken.append(fitting[0])
    return taken, ""


def _image_of(rtstruct: Series, images: list[Series]) -> Series | None:
    """The image that an RTSTRUCT refers to; None for none, as geometry alone is no ground to learn on."""
    left, _ = referred(rtstruct, images)
    return image_of(rtstruct, left).series if left else None
