"""RTSTRUCT → StructureSet: every contour placed on the real planes of the image, and nothing dropped unnamed.

How contours become areas. Contours of one ROI on one plane are combined by even-odd, so that holes written as keyholes,
as CLOSEDPLANAR_XOR (PS3.3 C.8.8.6.3) and as nested plain CLOSED_PLANAR contours all read as holes. Where a reader that
takes the union of contours would see something else, a note says so.
"""

import json
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pydicom.dataset import Dataset
from shapely import MultiPolygon, Polygon

from engine.contouring.rings import area_from_rings, areas_from_rings
from engine.dicom.contour_geometry import geometry_from_contours
from engine.dicom.rtstruct_file import RoiContours, RtstructFile, json_text, parse_rtstruct
from engine.dicom.rtstruct_items import (
    KNOWN_OBSERVATION,
    KNOWN_ROI,
    code_of,
    header_json,
    integer,
    provenance_of,
    sequence,
    string,
    uid_of,
    without,
)
from engine.dicom.rtstruct_match import PLANE_TOLERANCE_MM, References, check_match, contour_planes, references_of
from engine.errors import ReadError
from engine.structures import PlaneContours, RawContour, Roi, StructureSet, palette
from engine.volume import FloatArray, Geometry, Volume

#: A point this near to a voxel centre was meant to be on it.
SAME_CENTRE_MM = 1e-6

_CLOSED = frozenset(("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"))


def read_rtstruct(path: Path, volume: Volume | None) -> StructureSet:
    """Structures of an RTSTRUCT file on the planes of an image series.

    Args:
        path: the file.
        volume: the image that it belongs to; None opens the structures alone, on planes made from their contours.

    Returns:
        A StructureSet whose `notes` name everything that was unusual, put aside or left out.

    Raises:
        ReadError: the file is unreadable or no RTSTRUCT.
        MismatchError: the file belongs to another image.
    """
    return structures_from(parse_rtstruct(path), volume)


def structures_from(file: RtstructFile, volume: Volume | None, alone: Geometry | None = None) -> StructureSet:
    """As `read_rtstruct`, from a file that has been parsed; `alone` gives the planes where there is no image."""
    notes: list[str] = []
    header = file.header
    drafts = _drafts(header, file.roi_contours, notes)
    for draft in drafts:
        draft.read_points(notes)
    references = references_of(header, file.roi_contours)
    if volume is not None:
        geometry = volume.geometry
        notes += _matched(references, volume, drafts)
    else:
        geometry = alone or geometry_from_contours([points for draft in drafts for points in draft.closed_points()])
        notes.append("The images of these structures are not here: the structures are shown alone.")
    rois = tuple(draft.placed(geometry, notes) for draft in drafts)
    if not rois:
        notes.append("The RTSTRUCT holds no structures.")
    return StructureSet(
        geometry=geometry,
        rois=rois,
        label=string(header, "StructureSetLabel"),
        description=string(header, "StructureSetDescription"),
        sop_instance_uid=string(header, "SOPInstanceUID"),
        notes=tuple(dict.fromkeys(notes)),
        attachments=header_json(header),
    )


def loose_plane(contour: RawContour, geometry: Geometry) -> int:
    """Index of the plane on which to show a contour that is not on any plane: the nearest to its centre.

    Raises:
        ReadError: its coordinates can't be read.
    """
    points = points_of(contour.data)
    if points is None or not len(points):
        raise ReadError("A contour's coordinates could not be read.")
    return geometry.nearest_plane(points.mean(axis=0))


def filled_areas(structures: StructureSet) -> tuple[Callable[[Roi], Mapping[int, MultiPolygon]], list[str]]:
    """What to fill for masks: the areas on the planes, and closed contours between planes on the nearest one.

    A mask can't hold a contour between planes, so one within half a plane's thickness is drawn on the nearest plane
    where the structure has no area of its own.

    Returns:
        A function from a structure to its areas by plane index, and a note for each structure where that was needed.
    """
    geometry = structures.geometry
    added: dict[int, dict[int, MultiPolygon]] = {}
    notes: list[str] = []
    for roi in structures.rois:
        levels: dict[int, dict[float, list[FloatArray]]] = defaultdict(lambda: defaultdict(list))
        for contour in roi.loose:
            points = points_of(contour.data)
            if contour.geometric_type not in _CLOSED or points is None or len(points) < 3:
                continue
            position = points @ geometry.normal
            plane = int(np.abs(geometry.positions - position.mean()).argmin())
            apart = abs(float(position.mean()) - float(geometry.positions[plane]))
            if np.ptp(position) <= PLANE_TOLERANCE_MM and apart <= geometry.plane_thickness[plane] / 2 + 1e-6:
                levels[plane][round(apart, 2)].append(geometry.plane_from_lps(plane, points))
        drawn = {
            plane: area_from_rings(by_level[min(by_level)])[0]
            for plane, by_level in levels.items()
            if roi.area(plane).is_empty
        }
        if drawn:
            added[roi.number] = drawn
            notes.append(
                f"'{roi.name}' has contours between the planes: drawn on the nearest of {_planes(sorted(drawn))}."
            )

    def areas(roi: Roi) -> Mapping[int, MultiPolygon]:
        return {k: c.area for k, c in roi.planes.items()} | added.get(roi.number, {})

    return areas, notes


def points_of(data: str) -> FloatArray | None:
    """(n, 3) LPS mm from the text of Contour Data; None where it is malformed."""
    if not data:
        return np.empty((0, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            values = np.fromstring(data, dtype=np.float64, sep="\\")
        except (ValueError, DeprecationWarning):
            return None
    if len(values) != data.count("\\") + 1 or len(values) % 3 or not np.isfinite(values).all():
        return None
    return values.reshape(-1, 3)


@dataclass
class _Draft:
    """A ROI on its way from the file to the planes."""

    number: int
    name: str
    item: Dataset
    observations: list[Dataset] = field(default_factory=list)
    colour: tuple[int, int, int] | None = None
    index: int = 0
    contours: list[RawContour] = field(default_factory=list)
    stated_points: list[int | None] = field(default_factory=list)
    contour_attachments: str = ""
    points: list[FloatArray] = field(default_factory=list)

    def read_points(self, notes: list[str]) -> None:
        """Parse all coordinates; contours whose text is malformed are left out and named."""
        together = points_of("\\".join(contour.data for contour in self.contours if contour.data))
        counts = [contour.data.count("\\") + 1 if contour.data else 0 for contour in self.contours]
        if together is not None and all(count % 3 == 0 for count in counts):
            self.points = np.split(together, np.cumsum(np.array(counts, dtype=np.intp) // 3)[:-1]) if counts else []
        else:
            kept = [(contour, points_of(contour.data)) for contour in self.contours]
            lost = sum(points is None for _, points in kept)
            notes.append(f"'{self.name}': {_contours(lost)} left out; the coordinates are no numbers.")
            self.stated_points = [
                n for n, (_, points) in zip(self.stated_points, kept, strict=True) if points is not None
            ]
            self.contours = [contour for contour, points in kept if points is not None]
            self.points = [points for _, points in kept if points is not None]
        empty = sum(not len(points) for points in self.points)
        if empty:
            notes.append(f"'{self.name}': {_contours(empty)} left out; there are no points.")
            kept_index = [i for i, points in enumerate(self.points) if len(points)]
            self.contours = [self.contours[i] for i in kept_index]
            self.stated_points = [self.stated_points[i] for i in kept_index]
            self.points = [self.points[i] for i in kept_index]
        wrong = sum(
            stated is not None and stated != len(points)
            for stated, points in zip(self.stated_points, self.points, strict=True)
        )
        if wrong:
            notes.append(f"'{self.name}': {_contours(wrong)} with another number of points than stated; all were read.")

        untyped = [i for i, contour in enumerate(self.contours) if not contour.geometric_type]
        for i in untyped:
            kind = (
                "CLOSED_PLANAR" if len(self.points[i]) > 2 else "POINT" if len(self.points[i]) == 1 else "OPEN_PLANAR"
            )
            self.contours[i] = replace(self.contours[i], geometric_type=kind)
        if untyped:
            notes.append(f"'{self.name}': {_contours(len(untyped))} without a type; taken as closed.")

    def closed_points(self) -> list[FloatArray]:
        """Points of the contours that enclose an area."""
        return [
            p for c, p in zip(self.contours, self.points, strict=True) if c.geometric_type in _CLOSED and len(p) > 2
        ]

    def placed(self, geometry: Geometry, notes: list[str]) -> Roi:
        """The ROI with its contours on the planes of `geometry`."""
        by_plane: dict[int, list[int]] = defaultdict(list)
        loose: list[int] = []
        tiny = odd = off = 0
        planes = contour_planes(self.points, geometry)
        for index, contour in enumerate(self.contours):
            if contour.geometric_type not in _CLOSED:
                odd += 1
                loose.append(index)
            elif len(self.points[index]) < 3:
                tiny += 1
                loose.append(index)
            elif planes[index] < 0:
                off += 1
                loose.append(index)
            else:
                by_plane[int(planes[index])].append(index)
        if odd:
            kinds = sorted({self.contours[i].geometric_type for i in loose} - _CLOSED)
            notes.append(f"'{self.name}': {_contours(odd)} of type {', '.join(kinds)}, no areas; kept, not filled.")
        if tiny:
            notes.append(f"'{self.name}': {_contours(tiny)} with only one or two points; kept, not filled.")
        if off:
            notes.append(
                f"'{self.name}': {_contours(off)} off the planes of the image; kept in place, "
                "shown on the nearest plane."
            )
        rings = {
            plane: [_on_plane(self.points[i], plane, geometry) for i in members]
            for plane, members in sorted(by_plane.items())
        }
        areas: dict[int, PlaneContours] = {}
        doubled: list[int] = []
        hollow: list[int] = []
        flat: list[int] = []
        for plane, (area, overlapped) in areas_from_rings(rings).items():
            sources = tuple(self.contours[i] for i in by_plane[plane])
            unique = len({contour.data for contour in sources})
            if unique < len(sources):
                doubled.append(plane)
            plain = sum(contour.geometric_type == "CLOSED_PLANAR" for contour in sources)
            if (
                unique > 1
                and plain > 1
                and ((overlapped and unique == len(sources)) or _has_nested(area, rings[plane]))
            ):
                hollow.append(plane)
            if area.is_empty:
                flat.append(plane)
            areas[plane] = PlaneContours(area, sources)
        if doubled:
            notes.append(f"'{self.name}' has the same contour twice on {_planes(doubled)}: counted once.")
        if hollow:
            notes.append(
                f"Contours of '{self.name}' overlap on {_planes(hollow)}: read by even-odd, so the overlap is a hole; "
                "a program that takes their union sees none."
            )
        if flat:
            notes.append(f"The contours of '{self.name}' on {_planes(flat)} enclose no area: kept, nothing to fill.")
        if not self.contours:
            notes.append(f"'{self.name}' has no contours.")
        observation = self.observations[0] if self.observations else Dataset()
        return Roi(
            number=self.number,
            name=self.name,
            colour=self.colour or palette(self.index),
            roi_type=string(observation, "RTROIInterpretedType"),
            planes=areas,
            loose=tuple(self.contours[i] for i in loose),
            provenance=provenance_of(self.item),
            code=code_of(observation),
            uid=uid_of(self.item),
            attachments=self._attachments(),
        )

    def _attachments(self) -> str:
        out: dict[str, Any] = {}
        for key, dataset, known in (
            ("roi", self.item, KNOWN_ROI),
            ("observation", self.observations[0] if self.observations else Dataset(), KNOWN_OBSERVATION),
        ):
            text = json_text(without(dataset, known))
            if text:
                out[key] = json.loads(text)
        if len(self.observations) > 1:
            out["observations"] = [json.loads(json_text(o) or "{}") for o in self.observations[1:]]
        if self.contour_attachments:
            out["contour"] = json.loads(self.contour_attachments)
        return json.dumps(out) if out else ""


def _has_nested(area: MultiPolygon, rings: Sequence[FloatArray]) -> bool:
    """True where even-odd of the rings leaves less than their union would: some ring lies inside another."""
    if not shapely.get_num_interior_rings(shapely.get_parts(area)).any():
        return False
    solid = sum(abs(Polygon(ring).area) for ring in rings)
    return bool(solid > area.area * (1 + 1e-9) + 1e-9)


def _on_plane(points: FloatArray, plane: int, geometry: Geometry) -> FloatArray:
    """(n, 2) `(u, v)` mm; what is on a voxel centre but for arithmetic is put exactly there.

    Some programs draw through voxel centres; whether these are inside must not depend on the last binary digit.
    """
    uv = geometry.plane_from_lps(plane, points)
    spacing = np.array(geometry.spacing_uv)
    centre = np.rint(uv / spacing) * spacing
    return np.where(np.abs(uv - centre) < SAME_CENTRE_MM, centre, uv)


def _contours(count: int) -> str:
    return "1 contour" if count == 1 else f"{count} contours"


def _planes(indices: Sequence[int]) -> str:
    if len(indices) == 1:
        return f"plane {indices[0] + 1}"
    return f"{len(indices)} planes (the first is plane {indices[0] + 1})"


def _drafts(header: Dataset, contours: Sequence[RoiContours], notes: list[str]) -> list[_Draft]:
    """One draft a ROI, from the three sequences, which may each be missing or contradict each other."""
    drafts: list[_Draft] = []
    by_number: dict[int, _Draft] = {}
    used = {
        n for n in (integer(item, "ROINumber") for item in sequence(header, "StructureSetROISequence")) if n is not None
    }
    used |= {c.number for c in contours if c.number is not None}
    for item in sequence(header, "StructureSetROISequence"):
        number = integer(item, "ROINumber")
        name = "".join(c if c.isprintable() else " " for c in string(item, "ROIName")).strip()
        if number is None or number in by_number:
            fresh = max(used, default=0) + 1
            used.add(fresh)
            notes.append(
                f"The structure '{name}' has {'no' if number is None else 'the same'} ROI number "
                f"{'' if number is None else f'{number} as another one '}and was given {fresh}."
            )
            number = fresh
        if not name:
            name = f"ROI {number}"
            notes.append(f"ROI {number} has no name.")
        draft = _Draft(number, name, item, index=len(drafts))
        by_number[number] = draft
        drafts.append(draft)
    if "StructureSetROISequence" not in header:
        notes.append("The file has no Structure Set ROI Sequence.")
    if not contours and drafts:
        notes.append("The file has no ROI Contour Sequence: its structures have no contours.")
    for group in contours:
        number = group.number
        if number is None:
            number = max(used, default=0) + 1
            used.add(number)
        if number not in by_number:
            notes.append(
                f"Contours refer to ROI number {group.number}, which the file doesn't name: read as 'ROI {number}'."
            )
            by_number[number] = _Draft(number, f"ROI {number}", Dataset(), index=len(drafts))
            drafts.append(by_number[number])
        draft = by_number[number]
        draft.contours += group.contours
        draft.stated_points += group.stated_points
        draft.colour = draft.colour or group.colour
        draft.contour_attachments = draft.contour_attachments or group.attachments
    for item in sequence(header, "RTROIObservationsSequence"):
        number = integer(item, "ReferencedROINumber")
        if number is not None and number in by_number:
            by_number[number].observations.append(item)
        else:
            notes.append(
                f"An observation refers to ROI number {number}, which the file doesn't have, and was left out."
            )
    names: dict[str, int] = defaultdict(int)
    for draft in drafts:
        names[draft.name] += 1
    for name, count in names.items():
        if count > 1:
            notes.append(f"{count} structures are named '{name}': they stay separate.")
    return drafts


def _matched(references: References, volume: Volume, drafts: Sequence[_Draft]) -> list[str]:
    every = [points for draft in drafts for points in draft.points]
    planes = contour_planes(every, volume.geometry)
    return check_match(references, volume, every, planes)
