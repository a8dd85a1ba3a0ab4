"""The contour that a finding was computed from, as a report has it: outlines on images, and how large they are.

A structure is written as TID 1411 (TID 1410 where it is one outline), each piece on each plane a closed polyline in
pixels, holes joined to the outside by channels of no width.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engine.answers import Finding, structure_of
from engine.contouring.keyhole import keyhole
from engine.dicom import report_codes as codes
from engine.dicom.report_file import Group
from engine.dicom.report_places import is_elsewhere
from engine.findings.words import statements
from engine.structures import Code, Roi, StructureSet
from engine.volume import FloatArray, Geometry, Volume

#: Unit of a size (`Geometry.size_unit`) → what is measured, in UCUM.
_SIZES = {
    "cm³": (codes.VOLUME, "cm3"),
    "mm²": (codes.AREA, "mm2"),
    "px²": (codes.AREA, "{pixels}"),
}


@dataclass(frozen=True, eq=False)
class Contour:
    """Outlines of a structure.

    Args:
        outlines: (plane, (n, 2) column and row in pixels from the outer corner of the first pixel, closed).
        size: of the structure.
        concept: what that is, a volume or an area.
        unit: of it, in UCUM.
    """

    outlines: tuple[tuple[int, FloatArray], ...]
    size: float
    concept: Code
    unit: str

    @property
    def told(self) -> str:
        """All of it in words that are the same before and after a file, whose coordinates are 32-bit numbers."""
        points = hashlib.sha256()
        for plane, outline in self.outlines:
            points.update(np.int64(plane).tobytes())
            points.update(np.ascontiguousarray(outline, np.float32).tobytes())
        planes = len({plane for plane, _ in self.outlines})
        size = f"{self.concept.meaning} {self.size:.9g} {self.unit}"
        return f"{size}, {len(self.outlines)} outlines on {planes} planes, {points.hexdigest()[:16]}"


@dataclass(frozen=True, eq=False)
class Contents:
    """What a report says: findings, and by their UID the contours that they were computed from, and all in words."""

    findings: tuple[Finding, ...]
    contours: Mapping[str, Contour] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def contour(self, finding: Finding) -> Contour | None:
        """Of a finding; None where it was computed from none."""
        return self.contours.get(finding.uid)


def contents_of(findings: Iterable[Finding], structures: StructureSet | None, volume: Volume) -> Contents:
    """Findings with the contours of structures that they were computed from, as far as those lie on the image."""
    findings = tuple(findings)
    found: dict[str, Contour] = {}
    if structures is None or not structures.geometry.same_grid(volume.geometry):
        return Contents(findings, found, statements(findings))
    for finding in findings:
        roi = None if is_elsewhere(finding.evidence, volume) else structure_of(finding.evidence, structures)
        if roi is not None and not roi.is_empty:
            found[finding.uid] = _contour(roi, volume.geometry)
    return Contents(findings, found, statements(findings))


def as_reported(contents: Contents, structures: StructureSet, volume: Volume) -> StructureSet:
    """The structures that the findings of a report were computed from: without areas where the report has others."""
    now, others = contents_of(contents.findings, structures, volume), set[int]()
    for finding in contents.findings:
        here, said, roi = now.contour(finding), contents.contour(finding), structure_of(finding.evidence, structures)
        if roi is not None and here is not None and said is not None and here.told != said.told:
            others.add(roi.number)
    rois = (replace(roi, planes={}) if roi.number in others else roi for roi in structures.rois)
    return replace(structures, rois=tuple(rois))


def contour_in(group: Group, planes: Sequence[int | None]) -> Contour | None:
    """The contour of a group that we wrote; None where it has none.

    Args:
        group: of a report.
        planes: of the image, on which its outlines lie.
    """
    size = next((n for n in group.numbers if codes.same(n.method, codes.OF_CONTOUR) and n.value is not None), None)
    if size is None or size.value is None or None in planes:
        return None
    outlines = tuple(
        (plane, outline.points) for plane, outline in zip(planes, group.outlines, strict=True) if plane is not None
    )
    return Contour(outlines, size.value, size.concept, size.unit.value)


def _contour(roi: Roi, geometry: Geometry) -> Contour:
    concept, unit = _SIZES[geometry.size_unit]
    spacing = np.array(geometry.spacing_uv)
    outlines = []
    for plane in sorted(roi.planes):
        for piece in roi.area(plane).geoms:
            ring = keyhole(piece, geometry.spacing_uv) / spacing + 0.5
            outlines.append((plane, np.concatenate([ring, ring[:1]])))
    return Contour(tuple(outlines), float(roi.size(geometry)), concept, unit)
