"""The structures of an RTSTRUCT on their way from the file to the planes of an image."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
import shapely
from pydicom.dataset import Dataset
from shapely import MultiPolygon, Polygon

from engine.contouring.extent import beside_cm3
from engine.contouring.rings import areas_from_rings, crossing_area, distinct_rings
from engine.dicom.fields import one_line
from engine.dicom.rtstruct_as_read import AS_READ, fingerprint
from engine.dicom.rtstruct_coordinates import moved_by_offset, with_decimal_points
from engine.dicom.rtstruct_file import RoiContours, json_text
from engine.dicom.rtstruct_items import (
    KNOWN_OBSERVATION,
    KNOWN_ROI,
    code_of,
    integer,
    provenance_of,
    sequence,
    string,
    uid_of,
    without,
)
from engine.dicom.rtstruct_match import contour_planes
from engine.dicom.rtstruct_volume import stated_volume_told
from engine.loose import CLOSED, LooseKind, loose_contours
from engine.palette import palette
from engine.structures import PlaneContours, RawContour, Roi
from engine.tg263 import standard_colour
from engine.volume import FloatArray, Geometry

#: Contour Geometric Types (PS3.3 C.8.8.6) by their letters.
_TYPES = {
    "CLOSEDPLANAR": "CLOSED_PLANAR", "CLOSEDPLANARXOR": "CLOSEDPLANAR_XOR", "OPENPLANAR": "OPEN_PLANAR",
    "OPENNONPLANAR": "OPEN_NONPLANAR", "POINT": "POINT",
}  # fmt: skip
#: A point this near to a voxel centre was meant to be on it.
SAME_CENTRE_MM = 1e-6
#: Contours that cross themselves by less, mm² and as a share of the area, are slips of a hand.
_LEAST_MM2, _LEAST_SHARE = 1.0, 0.01


@dataclass
class Draft:
    """A ROI on its way from the file to the planes."""

    number: int
    name: str
    item: Dataset
    observations: list[Dataset] = field(default_factory=list)
    colour: tuple[int, int, int] | None = None
    index: int = 0
    contours: list[RawContour] = field(default_factory=list)
    stated_points: list[int | None] = field(default_factory=list)
    parsed: list[FloatArray | None] = field(default_factory=list)
    contour_attachments: str = ""
    points: list[FloatArray] = field(default_factory=list)

    def read_points(self, notes: list[str]) -> None:
        """Take the coordinates; contours whose text is malformed are left out and named."""
        self.contours, self.parsed = with_decimal_points(self.name, self.contours, self.parsed, notes)
        self.contours, self.parsed = moved_by_offset(self.name, self.contours, self.parsed, notes)
        kept = list(zip(self.contours, self.stated_points, self.parsed, strict=True))
        lost = sum(points is None for _, _, points in kept)
        if lost:
            notes.append(
                f"'{self.name}': {counted(lost)} left out; the coordinates are not all numbers, three a point."
            )
        self.contours = [contour for contour, _, points in kept if points is not None]
        self.stated_points = [stated for _, stated, points in kept if points is not None]
        self.points = [points for points in self.parsed if points is not None]
        empty = sum(not len(points) for points in self.points)
        if empty:
            notes.append(f"'{self.name}': {counted(empty)} left out; there are no points.")
            kept_index = [i for i, points in enumerate(self.points) if len(points)]
            self.contours = [self.contours[i] for i in kept_index]
            self.stated_points = [self.stated_points[i] for i in kept_index]
            self.points = [self.points[i] for i in kept_index]
        wrong = sum(
            stated is not None and stated != len(points)
            for stated, points in zip(self.stated_points, self.points, strict=True)
        )
        if wrong:
            notes.append(f"'{self.name}': {counted(wrong)} with another number of points than stated; all were read.")

        self._name_types(notes)
        untyped = [i for i, contour in enumerate(self.contours) if not contour.geometric_type]
        for i in untyped:
            kind = (
                "CLOSED_PLANAR" if len(self.points[i]) > 2 else "POINT" if len(self.points[i]) == 1 else "OPEN_PLANAR"
            )
            self.contours[i] = replace(self.contours[i], geometric_type=kind)
        if untyped:
            notes.append(f"'{self.name}': {counted(len(untyped))} without a type; taken as closed.")

    def _name_types(self, notes: list[str]) -> None:
        """Write the types of contours as the standard does; a note where signs between words were others."""
        odd: dict[str, str] = {}
        for i, contour in enumerate(self.contours):
            plain = "".join(filter(str.isalpha, contour.geometric_type))
            if contour.geometric_type != _TYPES.get(plain, contour.geometric_type):
                odd[contour.geometric_type] = _TYPES[plain]
                self.contours[i] = replace(contour, geometric_type=_TYPES[plain])
        for written, kind in odd.items():
            notes.append(f"'{self.name}': contours of type “{written[:32]}” are read as {kind}.")

    def closed_points(self) -> list[FloatArray]:
        """Points of the contours that enclose an area."""
        return [p for c, p in zip(self.contours, self.points, strict=True) if c.geometric_type in CLOSED and len(p) > 2]

    def kept_aside(self) -> Roi:
        """The ROI of another frame of reference: all its contours as they were read, on no plane."""
        return self._roi({}, tuple(self.contours), aside=True)

    def placed(self, geometry: Geometry, notes: list[str]) -> Roi:
        """The ROI with its contours on the planes of `geometry`."""
        by_plane: dict[int, list[int]] = defaultdict(list)
        loose: list[int] = []
        tiny = odd = off = 0
        planes = contour_planes(self.points, geometry)
        for index, contour in enumerate(self.contours):
            if contour.geometric_type not in CLOSED:
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
            kinds = sorted({self.contours[i].geometric_type for i in loose} - CLOSED)
            notes.append(f"'{self.name}': {counted(odd)} of type {', '.join(kinds)}, no areas; kept, not filled.")
        if tiny:
            notes.append(f"'{self.name}': {counted(tiny)} with only one or two points; kept, not filled.")
        if off:
            where = loose_contours((self.contours[i] for i in loose if planes[i] < 0), geometry)
            beyond = sum(not contour.planes for contour in where if contour.kind is LooseKind.CLOSED)
            shown = "shown dashed on the nearest plane" if beyond < off else "too far off to be shown"
            if 0 < beyond < off:
                shown += f", {beyond} of them too far off to be shown"
            notes.append(f"'{self.name}': {counted(off)} off the planes of the image; kept in place, {shown}.")
        rings = {
            plane: [_on_plane(self.points[i], plane, geometry) for i in members]
            for plane, members in sorted(by_plane.items())
        }
        areas: dict[int, PlaneContours] = {}
        doubled: list[int] = []
        hollow: list[int] = []
        flat: list[int] = []
        crossing: list[int] = []
        for plane, (area, overlapped) in areas_from_rings(rings).items():
            sources = tuple(self.contours[i] for i in by_plane[plane])
            unique = distinct_rings(rings[plane])
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
            elif crossing_area(rings[plane], area) > max(_LEAST_MM2, _LEAST_SHARE * area.area):
                crossing.append(plane)
            areas[plane] = PlaneContours(area, sources)
        if doubled:
            notes.append(f"'{self.name}' has the same contour twice on {planes_named(doubled)}: counted once.")
        if hollow:
            notes.append(
                f"Contours of '{self.name}' overlap on {planes_named(hollow)}: read by even-odd, so the overlap is a "
                "hole; a program that takes their union sees none."
            )
        if crossing:
            notes.append(
                f"Contours of '{self.name}' cross themselves on {planes_named(crossing)}: read by even-odd, so what "
                "one goes round twice is a hole; other programs may fill it."
            )
        if flat:
            notes.append(
                f"The contours of '{self.name}' on {planes_named(flat)} enclose no area: kept, nothing to fill."
            )
        if not self.contours:
            notes.append(f"'{self.name}' has no contours.")
        roi = self._roi(areas, tuple(self.contours[i] for i in loose))
        notes += stated_volume_told(self.name, string(self.item, "ROIVolume"), roi.volume_cm3(geometry))
        beside = beside_cm3({plane: contours.area for plane, contours in areas.items()}, geometry)
        if beside:
            volume = roi.volume_cm3(geometry)
            share = "All" if beside > 0.9999 * volume else f"{beside:.3g} cm³"
            notes.append(f"{share} of '{self.name}' ({volume:.3g} cm³) lies outside the image, beside its pixels.")
        return roi

    def _roi(self, areas: dict[int, PlaneContours], loose: tuple[RawContour, ...], *, aside: bool = False) -> Roi:
        observation = self.observations[0] if self.observations else Dataset()
        return Roi(
            number=self.number,
            name=self.name,
            colour=self.colour or standard_colour(self.name) or palette(self.index),
            roi_type=string(observation, "RTROIInterpretedType"),
            planes=areas,
            loose=loose,
            provenance=provenance_of(self.item),
            code=code_of(observation),
            uid=uid_of(self.item),
            attachments=self._attachments(areas, loose, aside=aside),
        )

    def _attachments(self, areas: dict[int, PlaneContours], loose: tuple[RawContour, ...], *, aside: bool) -> str:
        """Elements to write back; with the frame of reference where it is not the image's."""
        known_roi = [keyword for keyword in KNOWN_ROI if not (aside and keyword == "ReferencedFrameOfReferenceUID")]
        out: dict[str, Any] = {}
        for key, dataset, known in (
            ("roi", self.item, known_roi),
            ("observation", self.observations[0] if self.observations else Dataset(), KNOWN_OBSERVATION),
        ):
            text = json_text(without(dataset, known))
            if text:
                out[key] = json.loads(text)
        if len(self.observations) > 1:
            out["observations"] = [json.loads(json_text(o) or "{}") for o in self.observations[1:]]
        if self.contour_attachments:
            out["contour"] = json.loads(self.contour_attachments)
        if "ROIDateTime" in self.item or "ROIVolume" in self.item:
            # What a file says of its contours is true of them alone.
            out[AS_READ] = fingerprint(areas, loose)
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


def counted(count: int) -> str:
    """For a sentence: "1 contour", "3 contours"."""
    return "1 contour" if count == 1 else f"{count} contours"


def planes_named(indices: Sequence[int]) -> str:
    """For a sentence, counted from 1: "plane 4", "3 planes (the first is plane 2)"."""
    if len(indices) == 1:
        return f"plane {indices[0] + 1}"
    return f"{len(indices)} planes (the first is plane {indices[0] + 1})"


def drafts_of(header: Dataset, contours: Sequence[RoiContours], notes: list[str]) -> list[Draft]:
    """One draft a ROI, from the three sequences, which may each be missing or contradict each other."""
    items = sequence(header, "StructureSetROISequence")
    observations = sequence(header, "RTROIObservationsSequence")
    numbers = [integer(item, "ROINumber") for item in items]
    drawn = [group.number for group in contours]
    seen = [integer(item, "ReferencedROINumber") for item in observations]
    fresh = count(max((n for n in (*numbers, *drawn) if n is not None), default=0) + 1)
    drafts: list[Draft] = []
    for item, stated in zip(items, numbers, strict=True):
        number = stated
        name = one_line(string(item, "ROIName")).strip()
        if number is None or any(draft.number == number for draft in drafts):
            number = next(fresh)
            notes.append(
                f"The structure '{name}' has {'no' if stated is None else 'the same'} ROI number "
                f"{'' if stated is None else f'{stated} as another one '}and was given {number}."
            )
        if not name:
            labels = [string(o, "ROIObservationLabel") for o, n in zip(observations, seen, strict=True) if n == stated]
            name = next((label for label in map(one_line, labels) if label), f"ROI {number}")
            taken = "" if name == f"ROI {number}" else f"; its observation calls it '{name}', which was taken"
            notes.append(f"ROI {number} has no name{taken}.")
        drafts.append(Draft(number, name, item, index=len(drafts)))
    if "StructureSetROISequence" not in header:
        notes.append("The file has no Structure Set ROI Sequence.")
    if not contours and drafts:
        notes.append("The file has no ROI Contour Sequence: its structures have no contours.")
    owners = _owners(numbers, drawn)
    for position, group in enumerate(contours):
        owner = owners[position]
        if owner is None:
            known = next((draft for draft in drafts[len(items) :] if draft.number == group.number), None)
            if known is None:
                known = Draft(next(fresh) if group.number is None else group.number, "", Dataset(), index=len(drafts))
                known.name = f"ROI {known.number}"
                drafts.append(known)
                written = "no ROI number" if group.number is None else f"ROI number {group.number}"
                notes.append(f"Contours refer to {written}, which the file doesn't name: read as '{known.name}'.")
        else:
            known = drafts[owner]
            notes += _doubt(known.name, group.number, numbers, drawn)
        known.contours += group.contours
        known.parsed += group.points
        known.stated_points += group.stated_points
        known.colour = known.colour or group.colour
        known.contour_attachments = known.contour_attachments or group.attachments
    for item, number, owner in zip(observations, seen, _owners(numbers, seen), strict=True):
        if owner is not None:
            drafts[owner].observations.append(item)
        elif any(draft.number == number for draft in drafts[len(items) :]):
            next(draft for draft in drafts[len(items) :] if draft.number == number).observations.append(item)
        else:
            notes.append(
                f"An observation refers to ROI number {number}, which the file doesn't have, and was left out."
            )
    for name, times in Counter(draft.name for draft in drafts).items():
        if times > 1:
            notes.append(f"{times} structures are named '{name}': they stay separate.")
    return drafts


def _owners(numbers: Sequence[int | None], referring: Sequence[int | None]) -> list[int | None]:
    """For each item that refers to a ROI by its number, the ROI's place in the file; None where there is none.

    Where several ROIs share a number and as many items refer to it, they belong together in their order. Items without
    a number belong to the ROI in whose place they stand, as long as all others stand in the places of theirs.
    """
    in_place = len(referring) == len(numbers) and all(
        there is None or here is None or there == here for here, there in zip(numbers, referring, strict=True)
    )
    places: dict[int, list[int]] = defaultdict(list)
    for place, number in enumerate(numbers):
        if number is not None:
            places[number].append(place)
    used: Counter[int] = Counter()
    owners: list[int | None] = []
    for position, number in enumerate(referring):
        if number is None:
            owners.append(position if in_place else None)
            continue
        same = places.get(number, [])
        several = len(same) > 1 and referring.count(number) == len(same)
        owners.append(same[used[number] if several else 0] if same else None)
        used[number] += 1
    return owners


def _doubt(name: str, number: int | None, numbers: Sequence[int | None], drawn: Sequence[int | None]) -> list[str]:
    """A sentence where contours were given to a ROI by more than its number."""
    if number is None:
        return [f"Contours without an ROI number are read as those of '{name}', in whose place they stand."]
    if numbers.count(number) < 2:
        return []
    how = "in their order" if drawn.count(number) == numbers.count(number) else f"as those of '{name}'"
    return [f"Contours refer to ROI number {number}, which several structures have: read {how}."]
