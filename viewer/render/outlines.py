"""Outlines of structures as polylines for a cut of the series, kept until an edit touches them. No VTK."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.structures import PlaneContours, Roi, StructureSet
from viewer.render.orientation import ViewFrame
from viewer.session import Cut, StructuresChanged

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lines:
    """Polylines: `points` (n, 2) mm of the cut, line i being `points[offsets[i] : offsets[i + 1]]`."""

    points: FloatArray
    offsets: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of polylines."""
        return len(self.offsets) - 1


NO_LINES = Lines(np.empty((0, 2)), np.zeros(1, dtype=np.int64))


def ring_lines(area: MultiPolygon) -> Lines:
    """The closed rings of an area, holes included, in its own frame."""
    polygons = shapely.get_parts(area)
    rings = shapely.get_rings(polygons)
    if not len(rings):
        return NO_LINES
    counts = shapely.get_num_coordinates(rings)
    return Lines(shapely.get_coordinates(rings), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


@dataclass(eq=False)
class _Edges:
    """Edges of one structure's contours over all its planes: (n, 4) u0 v0 u1 v1 on plane 0's frame, and their plane."""

    planes: NDArray[np.int64]
    ends: FloatArray


def section_lines(edges: FloatArray, planes: NDArray[np.int64], at: float, along: int, bounds: FloatArray) -> Lines:
    """The outline, on a cut across the planes, of areas that each fill the thickness of their plane.

    Every plane's area meets the cut line in intervals (even-odd), which become boxes from the lower to the upper
    bound of the plane. Inner borders between boxes cancel: the intervals of two neighbouring planes that differ are
    the sorted ends of both taken two by two.

    Args:
        edges: (n, 4) u0, v0, u1, v1 mm of all polygon edges.
        planes: (n,) plane index of each edge.
        at: mm where the cut is, along the in-plane axis that is not `along`.
        along: 0 when the cut runs along u, 1 along v.
        bounds: (planes, 2) lower and upper mm of every plane along the normal; neighbours share a bound where they
            touch.

    Returns:
        Two-point lines, `(mm along, mm normal)`.
    """
    across = 1 - along
    start, end = edges[:, across], edges[:, 2 + across]
    crossing = (start > at) != (end > at)
    if not crossing.any():
        return NO_LINES
    start, end, planes = start[crossing], end[crossing], planes[crossing]
    first, last = edges[crossing, along], edges[crossing, 2 + along]
    where = first + (at - start) / (end - start) * (last - first)
    low, high = bounds[planes, 0], bounds[planes, 1]
    sides = np.stack([np.stack([where, low], 1), np.stack([where, high], 1)], 1)

    level = np.concatenate([low, high])
    position = np.concatenate([where, where])
    order = np.lexsort((position, level))
    level, position = level[order].reshape(-1, 2), position[order].reshape(-1, 2)
    rungs = np.stack([np.stack([position[:, 0], level[:, 0]], 1), np.stack([position[:, 1], level[:, 0]], 1)], 1)
    rungs = rungs[np.abs(position[:, 1] - position[:, 0]) > 1e-9]

    points = np.concatenate([sides, rungs]).reshape(-1, 2)
    return Lines(points, np.arange(0, len(points) + 1, 2))


def plane_bounds(positions: FloatArray, thickness: FloatArray) -> FloatArray:
    """(planes, 2) lower and upper mm along the normal from plane 0: half-way to the neighbours, mirrored at the end."""
    middle = (positions[1:] + positions[:-1]) / 2
    bounds = np.empty((len(positions), 2))
    bounds[1:, 0] = middle
    bounds[:-1, 1] = middle
    bounds[0, 0] = positions[0] - (bounds[0, 1] - positions[0] if len(middle) else thickness[0] / 2)
    bounds[-1, 1] = positions[-1] + (positions[-1] - bounds[-1, 0] if len(middle) else thickness[0] / 2)
    return np.asarray(bounds - positions[0])


@dataclass(eq=False)
class OutlineCache:
    """Outlines of all structures in one view."""

    frame: ViewFrame
    _edges: dict[int, _Edges] = field(default_factory=dict)
    _plane_edges: dict[tuple[int, int], tuple[PlaneContours, FloatArray]] = field(default_factory=dict)
    _rings: dict[tuple[int, int], tuple[PlaneContours, Lines]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        acquired = self.frame.acquired
        self._bounds = plane_bounds(acquired.positions, acquired.plane_thickness)
        shifts = np.array([self.frame.shift(k) for k in range(acquired.shape[0])])
        self._shifts = shifts - shifts[0]

    def forget(self, change: StructuresChanged, structures: StructureSet) -> None:
        """Drop what an edit made stale."""
        if not change.areas:
            return
        for number in change.numbers:
            self._edges.pop(number, None)
        known = {roi.number for roi in structures.rois}
        for cache in (self._rings, self._plane_edges):
            for key in [key for key in cache if key[0] not in known]:
                del cache[key]

    def clear(self) -> None:
        """Drop everything."""
        self._edges.clear()
        self._plane_edges.clear()
        self._rings.clear()

    def lines(self, roi: Roi, index: float, plane: int) -> Lines:
        """The outline of `roi`, mm of `ViewEvent.point_cut`: on acquired `plane`, or on the cut at `index`."""
        if self.frame.cut is Cut.PLANE:
            return self._on_plane(roi, plane)
        edges = self._all_edges(roi)
        along = 0 if self.frame.cut is Cut.ROW else 1
        at = index * self.frame.acquired.spacing_uv[1 - along]
        return section_lines(edges.ends, edges.planes, at, along, self._bounds)

    def _on_plane(self, roi: Roi, plane: int) -> Lines:
        contours = roi.planes.get(plane)
        if contours is None:
            return NO_LINES
        held = self._rings.get((roi.number, plane))
        if held is None or held[0] is not contours:
            held = (contours, ring_lines(contours.area))
            self._rings[roi.number, plane] = held
        return held[1]

    def _all_edges(self, roi: Roi) -> _Edges:
        held = self._edges.get(roi.number)
        if held is None:
            held = self._gather(roi.number, roi.planes)
            self._edges[roi.number] = held
        return held

    def _gather(self, number: int, planes: Mapping[int, PlaneContours]) -> _Edges:
        parts: list[FloatArray] = []
        indices: list[int] = []
        for plane, contours in planes.items():
            held = self._plane_edges.get((number, plane))
            if held is None or held[0] is not contours:
                lines = ring_lines(contours.area)
                inner = np.ones(max(len(lines.points) - 1, 0), dtype=bool)
                inner[lines.offsets[1:-1] - 1] = False
                edges = np.concatenate([lines.points[:-1], lines.points[1:]], axis=1)[inner]
                # All planes share the frame of plane 0, so that one cut is one line through all of them.
                held = (contours, edges + np.tile(self._shifts[plane], 2))
                self._plane_edges[number, plane] = held
            parts.append(held[1])
            indices.append(plane)
        if not parts:
            return _Edges(np.empty(0, dtype=np.int64), np.empty((0, 4)))
        return _Edges(np.repeat(indices, [len(part) for part in parts]), np.concatenate(parts))
