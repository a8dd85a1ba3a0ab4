"""Where a finding lies, as a report writes it: outlines in pixels of the images that it was computed from.

Pixels, not millimetres: so every reader of reports draws them, and pictures without a frame of reference have them too.
Coordinates of an outline are (column, row) with 0, 0 at the outer corner of the first pixel (PS3.3 C.18.6.1.1), half a
pixel before its centre.
"""

from dataclasses import dataclass

import numpy as np

from engine.answers import Finding
from engine.findings.assessment import Evidence
from engine.volume import FloatArray, Geometry, Volume

#: Corners closer to a plane or pixel than this are on it.
_ON = 1e-6


@dataclass(frozen=True)
class Region:
    """A rectangle on one plane.

    Args:
        plane: index of the plane.
        low, high: (column, row) of two corners, pixels from the outer corner of the first pixel.
    """

    plane: int
    low: tuple[float, float]
    high: tuple[float, float]

    @property
    def corners(self) -> FloatArray:
        """(5, 2) closed outline."""
        (left, top), (right, bottom) = self.low, self.high
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]], dtype=np.float64)


def is_elsewhere(evidence: Evidence, volume: Volume) -> bool:
    """Whether a finding was computed from another series than the one that is open."""
    return evidence.series_uid not in ("", volume.info.series_uid)


def regions_of(finding: Finding, volume: Volume) -> tuple[Region, ...]:
    """The rectangles of a finding, one a plane, within the image; none where it is of whole planes or elsewhere."""
    evidence = finding.evidence
    if evidence.low_kji is None or evidence.high_kji is None or is_elsewhere(evidence, volume):
        return ()
    planes, rows, columns = volume.geometry.shape
    low, high = np.minimum(evidence.low_kji, evidence.high_kji), np.maximum(evidence.low_kji, evidence.high_kji)
    first, last = int(np.ceil(low[0] - _ON)), int(np.floor(high[0] + _ON))
    if first > last:
        first = last = round(float(low[0] + high[0]) / 2)
    first, last = (min(max(plane, 0), planes - 1) for plane in (first, last))
    left, top = np.clip((low[2] + 0.5, low[1] + 0.5), 0, (columns, rows)).tolist()
    right, bottom = np.clip((high[2] + 0.5, high[1] + 0.5), 0, (columns, rows)).tolist()
    return tuple(Region(plane, (left, top), (right, bottom)) for plane in range(first, last + 1))


def plane_of(finding: Finding, volume: Volume) -> int | None:
    """The plane that a finding is about as a whole; None where it has a region, or is of the whole image."""
    evidence = finding.evidence
    if evidence.plane is None or regions_of(finding, volume) or is_elsewhere(evidence, volume):
        return None
    return evidence.plane if 0 <= evidence.plane < volume.geometry.shape[0] else None


def box_around(regions: tuple[Region, ...]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """[plane, row, column] of the two corners of the box around regions, whole numbers are voxel centres."""
    low = np.min([(r.plane, r.low[1] - 0.5, r.low[0] - 0.5) for r in regions], axis=0)
    high = np.max([(r.plane, r.high[1] - 0.5, r.high[0] - 0.5) for r in regions], axis=0)
    return (low[0].item(), low[1].item(), low[2].item()), (high[0].item(), high[1].item(), high[2].item())


def region_around(points: FloatArray, plane: int) -> Region:
    """The rectangle around (n, 2) (column, row) points of an outline."""
    low, high = points.min(axis=0), points.max(axis=0)
    return Region(plane, (low[0].item(), low[1].item()), (high[0].item(), high[1].item()))


def pixels_from_lps(points_lps: FloatArray, geometry: Geometry) -> tuple[int, FloatArray]:
    """The nearest plane of (n, 3) LPS mm, and the (n, 2) (column, row) of the points on it."""
    plane = geometry.nearest_plane(points_lps.mean(axis=0))
    uv = geometry.plane_from_lps(plane, points_lps)
    return plane, np.asarray(uv / np.array(geometry.spacing_uv) + 0.5, dtype=np.float64)
