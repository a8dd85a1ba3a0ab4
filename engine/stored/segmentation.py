"""DICOM SEG: structures as voxels, traced onto the planes of the image that they belong to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from engine.contouring.trace import trace_mask_volume, trace_probability_volume
from engine.dicom.header import read_elements, read_header
from engine.dicom.planes import StoredPlane
from engine.dicom.references import References
from engine.dicom.rtstruct_match import (
    PLANE_TOLERANCE_MM,
    PLANE_TOLERANCE_SHARE,
    check_match,
    contour_planes,
    patient_notes,
)
from engine.dicom.segmentation import (
    SEGMENTATION_CLASSES,
    Frame,
    Segment,
    Segmentation,
    read_segmentation,
    references_of,
)
from engine.dicom.segmentation_on_picture import check_picture, on_picture
from engine.errors import MismatchError
from engine.files.masks import Areas, MaskFile, areas_from_mask
from engine.palette import palette
from engine.progress import Progress, part
from engine.stored.catalogue import Series
from engine.stored.structures_file import StructuresFileHandler
from engine.structures import PlaneContours, Roi, StructureSet
from engine.tg263 import guessed_type, standard_colour
from engine.volume import FloatArray, Geometry, Volume

_REFERENCES = (
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "ReferencedSeriesSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
#: Directions agree within this (difference of unit vectors), spacings within this share of a voxel over the image, ...
_SAME_DIRECTION = 1e-3
#: ... and voxel centres within this share of a voxel.
_SAME_VOXEL = 0.05


class Segmentations(StructuresFileHandler):
    """Binary, fractional and label-map segmentations, each file a set of structures, one a segment."""

    label = "Segmentation"
    sop_classes = SEGMENTATION_CLASSES
    modalities = frozenset({"SEG"})

    def refers_to(self, path: Path) -> References:
        """By its attributes and its frames' references."""
        return references_of(Dataset(read_elements(path, _REFERENCES)))

    def read(self, series: Series, volume: Volume, progress: Progress) -> StructureSet:
        """Each segment on the planes of the image."""
        path = series.files[0]
        progress(0.0, f"Reading {path.name}")
        file = read_segmentation(path)
        who = "The segmentation"
        notes = [*file.notes, *patient_notes(series.info.patient_id, series.info.patient_name, volume, who)]
        notes += _matched(file, volume)
        if file.fractional:
            notes.append("The segmentation gives shares or probabilities: its structures are traced at one half.")
        rois = []
        for index, segment in enumerate(file.segments):
            share = part(progress, index / len(file.segments), (index + 1) / len(file.segments))
            areas = _areas(segment, file.frames[segment.number], volume, notes, share)
            notes += _faint_notes(segment, file.frames[segment.number], areas) if file.fractional else ()
            rois.append(_roi(segment, index, areas))
        if not rois:
            notes.append("The segmentation holds no segments.")
        return StructureSet(volume.geometry, tuple(rois), label=file.label, notes=tuple(dict.fromkeys(notes)))

    def read_outlines(self, series: Series) -> list[FloatArray]:
        """The corners of each frame, which is as large as what was segmented."""
        return [_corners(plane) for plane in read_header(series.files[0]).planes if plane.position is not None]


def _matched(file: Segmentation, volume: Volume) -> list[str]:
    if not volume.geometry.in_patient:
        check_picture(file, volume)
        return []
    planes = {id(f.plane): f.plane for frames in file.frames.values() for f in frames if f.plane.position is not None}
    corners = [_corners(plane) for plane in planes.values()]
    on = contour_planes(corners, volume.geometry)
    notes = check_match(file.references, volume, corners, on, "The segmentation")
    frames, own = file.references.frame_of_reference_uids, volume.info.frame_of_reference_uid
    if not notes and frames and own and own not in frames:
        notes.append(
            "The segmentation names another frame of reference than the image that it refers to: make sure that the "
            "patient lies in the same place in both."
        )
    return notes


def _corners(plane: StoredPlane) -> FloatArray:
    """(4, 3) LPS mm of the centres of a frame's corner voxels."""
    u = (plane.image.columns - 1) * _spacing(plane)[0] * _row(plane)
    v = (plane.image.rows - 1) * _spacing(plane)[1] * _column(plane)
    return np.asarray(np.array([0 * u, u, v, u + v]) + np.asarray(plane.position), dtype=np.float64)


def _row(plane: StoredPlane) -> FloatArray:
    return np.array((plane.orientation or (1, 0, 0, 0, 1, 0))[:3], dtype=np.float64)


def _column(plane: StoredPlane) -> FloatArray:
    return np.array((plane.orientation or (1, 0, 0, 0, 1, 0))[3:], dtype=np.float64)


def _spacing(plane: StoredPlane) -> tuple[float, float]:
    return plane.spacing_uv or (1.0, 1.0)


def _roi(segment: Segment, index: int, areas: Areas) -> Roi:
    return Roi(
        number=index + 1,
        name=segment.name,
        colour=segment.colour or standard_colour(segment.name) or palette(index),
        roi_type=guessed_type(segment.name),
        planes={plane: PlaneContours(area) for plane, area in areas.items() if not area.is_empty},
        provenance=segment.provenance,
        code=segment.code,
    )


def _areas(segment: Segment, frames: Sequence[Frame], volume: Volume, notes: list[str], progress: Progress) -> Areas:
    frames = [frame for frame in frames if frame.values.any()]
    if not frames:
        notes.append(f"'{segment.name}' is empty.")
        return {}
    if not volume.geometry.in_patient:
        return _traced(on_picture(frames, volume, segment.name, notes), volume.geometry, progress)
    if any(f.plane.position is None or f.plane.orientation is None or f.plane.spacing_uv is None for f in frames):
        raise MismatchError("The segmentation does not say where its frames lie in the patient.")
    placed = _on_planes(frames, volume.geometry, segment.name, notes)
    if placed is None:
        areas, said = areas_from_mask(_mask(frames), volume, segment.name, progress)
        notes += said
        return areas
    return _traced(placed, volume.geometry, progress)


def _faint_notes(segment: Segment, frames: Sequence[Frame], areas: Areas) -> list[str]:
    """A note where a segment of shares or probabilities is drawn nowhere."""
    most = max((float(frame.values.max()) for frame in frames), default=0.0)
    drawn = any(not area.is_empty for area in areas.values())
    return [] if drawn or not 0 < most < 1 else [f"'{segment.name}' reaches {most:.2g} at most: no contours."]


def _traced(values: NDArray[Any], geometry: Geometry, progress: Progress) -> Areas:
    if values.dtype == np.bool_:
        return trace_mask_volume(values, geometry, progress)
    return trace_probability_volume(values, geometry, geometry, 0.5, progress)


def _on_planes(frames: Sequence[Frame], geometry: Geometry, name: str, notes: list[str]) -> NDArray[Any] | None:
    """The frames in an array of the image; None where one is on another grid than the image's planes."""
    values = np.zeros(geometry.shape, frames[0].values.dtype)
    lost = 0
    for frame in frames:
        place = _place(frame.plane, geometry)
        if place is None:
            return None
        plane, row, column = place
        rows, columns = frame.values.shape
        top, left = max(row, 0), max(column, 0)
        bottom, right = min(row + rows, geometry.shape[1]), min(column + columns, geometry.shape[2])
        inside = frame.values[max(top - row, 0) : max(bottom - row, 0), max(left - column, 0) : max(right - column, 0)]
        if inside.size:
            there = values[plane, top:bottom, left:right]
            np.maximum(there, inside, out=there)
        lost += int(np.count_nonzero(frame.values) - np.count_nonzero(inside))
    if lost:
        notes.append(f"'{name}': {lost} voxels lie outside the image and are left out.")
    return values


def _place(plane: StoredPlane, geometry: Geometry) -> tuple[int, int, int] | None:
    """(plane, row, column) of a frame's first voxel on the image's grid; None where it is not on it."""
    position = np.asarray(plane.position, dtype=np.float64)
    turned = max(
        float(np.abs(_row(plane) - geometry.row_direction).max()),
        float(np.abs(_column(plane) - geometry.column_direction).max()),
    )
    size = (plane.image.columns, plane.image.rows)
    stretched = max(abs(a / b - 1) * n for a, b, n in zip(_spacing(plane), geometry.spacing_uv, size, strict=True))
    if turned > _SAME_DIRECTION or stretched > _SAME_VOXEL:
        return None
    nearest = geometry.nearest_plane(position)
    apart = abs(float(position @ geometry.normal) - float(geometry.positions[nearest]))
    if apart > min(PLANE_TOLERANCE_SHARE * float(geometry.plane_thickness[nearest]), PLANE_TOLERANCE_MM):
        return None
    index = geometry.plane_from_lps(nearest, position)[0] / np.array(geometry.spacing_uv)
    whole = np.rint(index)
    if np.abs(index - whole).max() > _SAME_VOXEL:
        return None
    return nearest, int(whole[1]), int(whole[0])


def _mask(frames: Sequence[Frame]) -> MaskFile:
    """Frames of one segment on their own grid; planes between them that the file leaves out are empty.

    Raises:
        MismatchError: they make no grid.
    """
    first = frames[0].plane
    row, column = _row(first), _column(first)
    normal = np.cross(row, column)
    at = np.array([float(np.asarray(frame.plane.position) @ normal) for frame in frames])
    apart = np.diff(np.unique(np.round(at, 3)))
    step = float(apart.min()) if len(apart) else first.thickness or 1.0
    index = (at - at.min()) / step
    corner = np.array([_corners(frame.plane)[0] for frame in frames])
    straight = corner - np.outer(at, normal)
    shapes = {frame.values.shape for frame in frames}
    if len(shapes) > 1 or np.abs(index - np.rint(index)).max() > _SAME_VOXEL or np.ptp(straight, axis=0).max() > 0.01:
        raise MismatchError(
            "The segmentation lies on another grid than the image, and its planes are uneven or tilted: it can't be "
            "brought onto the image. Open it with the series that it was made on."
        )
    count = int(np.rint(index.max())) + 1
    values = np.zeros((count, *frames[0].values.shape), frames[0].values.dtype)
    for k, frame in zip(np.rint(index).astype(int).tolist(), frames, strict=True):
        np.maximum(values[k], frame.values, out=values[k])
    axes = np.stack([row, column, normal], axis=1)
    origin = corner[int(at.argmin())]
    return MaskFile(values, Geometry.regular(origin, axes, (*_spacing(first), step), values.shape))
