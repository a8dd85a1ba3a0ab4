"""Contours that are no areas on the planes of an image: points, open lines, and contours off the planes."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engine.structures import RawContour
from engine.volume import FloatArray, Geometry

#: Contour Geometric Types that enclose an area.
CLOSED = frozenset(("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"))

#: A contour is parallel to the planes when its points reach no further along the normal than this, mm.
PARALLEL_MM = 0.5


class LooseKind(StrEnum):
    """What a loose contour is; a closed one is loose because it lies on no plane of the image."""

    POINT = "point"
    OPEN = "open contour"
    CLOSED = "off-plane contour"


@dataclass(frozen=True, eq=False)
class LooseContour:
    """A contour that is no area, and where it is shown.

    Args:
        kind: what it is.
        points_lps: (n, 3) mm; a point of a file may hold several.
        plane: index of the plane nearest to its centre.
        planes: indices of the planes within half a plane's thickness of which some of it lies; none where all of it
            lies beyond the first or last plane. A contour parallel to the planes is on one at most.
        apart_mm: from `plane` to the contour's farthest point, along the normal.
    """

    kind: LooseKind
    points_lps: FloatArray
    plane: int
    planes: tuple[int, ...]
    apart_mm: float


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


def slab_edges(geometry: Geometry) -> FloatArray:
    """(planes + 1,) mm along the normal between which each plane's tissue lies, half-way to its neighbours."""
    middle = (geometry.positions[1:] + geometry.positions[:-1]) / 2
    half = geometry.plane_thickness / 2
    first, last = geometry.positions[0] - half[0], geometry.positions[-1] + half[-1]
    return np.concatenate([[first], middle, [last]])


def loose_contours(contours: Iterable[RawContour], geometry: Geometry) -> tuple[LooseContour, ...]:
    """What `Roi.loose` holds, each with the planes to show it on; contours without readable points are left out."""
    edges = slab_edges(geometry)
    count = geometry.shape[0]
    placed = []
    for contour in contours:
        points = points_of(contour.data)
        if points is None or not len(points):
            continue
        position = points @ geometry.normal
        low, high = float(position.min()), float(position.max())
        centre = float(position.mean())
        plane = int(np.abs(geometry.positions - centre).argmin())
        if high - low <= PARALLEL_MM:
            # A hair beyond the outermost half plane is arithmetic.
            shown: tuple[int, ...] = (plane,) if edges[0] - 1e-6 <= centre <= edges[-1] + 1e-6 else ()
        else:
            first, last = np.searchsorted(edges, [low, high], side="right") - 1
            shown = tuple(range(max(int(first), 0), min(int(last), count - 1) + 1))
        apart = float(np.abs(position - geometry.positions[plane]).max())
        placed.append(LooseContour(_kind(contour, len(points)), points, plane, shown, apart))
    return tuple(placed)


def loose_text(contours: Iterable[LooseContour]) -> str:
    """How many there are, such as "2 points, 1 off-plane contour (1 beyond the planes: not shown)"; "" for none."""
    held = tuple(contours)
    numbers = {kind: sum(contour.kind is kind for contour in held) for kind in LooseKind}
    text = ", ".join(
        f"{count} {kind.value}" if count == 1 else f"{count} {kind.value}s" for kind, count in numbers.items() if count
    )
    beyond = sum(not contour.planes for contour in held)
    return f"{text} ({beyond} beyond the planes: not shown)" if beyond else text


def _kind(contour: RawContour, count: int) -> LooseKind:
    if count == 1 or contour.geometric_type == "POINT":
        return LooseKind.POINT
    return LooseKind.CLOSED if contour.geometric_type in CLOSED and count > 2 else LooseKind.OPEN
