"""Outlines of structures as polylines for a cut of the series, kept until an edit touches them. No VTK."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry
from viewer.render.orientation import ViewFrame
from viewer.session import Cut

FloatArray = NDArray[np.float64]
Planes = Mapping[int, PlaneContours]

#: Sets of structures whose edges are kept: all but the active one, the active one, and some while that changes.
_MOST_BUNDLES = 6


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


@dataclass(frozen=True, eq=False)
class Outlines:
    """Polylines of several structures: line i belongs to structure `owners[i]` of those that were asked for."""

    lines: Lines
    owners: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges of some structures' contours over all planes: (n, 4) u0 v0 u1 v1 mm on plane 0's frame."""

    ends: FloatArray
    planes: NDArray[np.int64]
    owners: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Heights:
    """mm along the normal from plane 0: of each plane's centre, and of the lower and upper end of its thickness."""

    centre: FloatArray
    low: FloatArray
    high: FloatArray


def plane_heights(geometry: Geometry) -> Heights:
    """Heights of the planes; neighbours share the end between them, the outer ends mirror the inner ones."""
    centre = geometry.positions - geometry.positions[0]
    gaps = np.diff(centre) if len(centre) > 1 else np.array([geometry.plane_spacing])
    middle = centre[:-1] + np.diff(centre) / 2
    low = np.concatenate([centre[:1] - gaps[0] / 2, middle])
    high = np.concatenate([middle, centre[-1:] + gaps[-1] / 2])
    return Heights(centre, low, high)


def section_outlines(edges: Edges, at: float, along: int, heights: Heights) -> Outlines:
    """The outlines of structures on a cut across the planes, like `engine.contouring.section` but all at once.

    Every plane's area meets the cut line in intervals (even-odd). Where two neighbouring planes have intervals that
    match one to one, their ends are joined by straight lines; elsewhere each goes on for half the distance to the
    next plane, and what differs there is closed by horizontal lines: the sorted ends of both taken two by two.

    Args:
        edges: of all structures on all planes.
        at: mm where the cut is, along the in-plane axis that is not `along`.
        along: 0 when the cut runs along u, 1 along v.
        heights: of the planes.

    Returns:
        Two-point lines, `(mm along, mm normal)`.
    """
    across = 1 - along
    crossing = np.flatnonzero((edges.ends[:, across] > at) != (edges.ends[:, 2 + across] > at))
    if not len(crossing):
        return Outlines(NO_LINES, np.empty(0, dtype=np.int64))
    ends, planes, owners = edges.ends[crossing], edges.planes[crossing], edges.owners[crossing]
    start, first = ends[:, across], ends[:, along]
    where = first + (at - start) / (ends[:, 2 + across] - start) * (ends[:, 2 + along] - first)
    order = np.lexsort((where, planes, owners))
    spans, planes, owners = where[order].reshape(-1, 2), planes[order][::2], owners[order][::2]

    step, up = _joined(spans, planes, owners)
    down = np.zeros(len(spans), dtype=bool)
    down[step[up]] = True
    mid, low, high = heights.centre[planes], heights.low[planes], heights.high[planes]
    pieces = [
        _sides(spans[up], mid[up], spans[step[up]], mid[step[up]]),
        _sides(spans[~up], mid[~up], spans[~up], high[~up]),
        _sides(spans[~down], low[~down], spans[~down], mid[~down]),
    ]
    whose = [np.repeat(owners[chosen], 2) for chosen in (up, ~up, ~down)]

    level = np.concatenate([high[~up], low[~down]]).repeat(2)
    border = np.concatenate([planes[~up] + 1, planes[~down]]).repeat(2)
    owner = np.concatenate([owners[~up], owners[~down]]).repeat(2)
    position = np.concatenate([spans[~up], spans[~down]]).ravel()
    order = np.lexsort((position, border, owner))
    rungs = np.stack([position[order], level[order]], axis=1).reshape(-1, 2, 2)
    differs = rungs[:, 1, 0] - rungs[:, 0, 0] > 1e-9
    pieces.append(rungs[differs])
    whose.append(owner[order][::2][differs])

    points = np.concatenate(pieces).reshape(-1, 2)
    return Outlines(Lines(points, np.arange(0, len(points) + 1, 2)), np.concatenate(whose))


def _joined(
    spans: FloatArray, planes: NDArray[np.int64], owners: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each interval, the index of the one that it would be joined to above, and whether it is.

    Intervals come sorted by structure, plane and position. A plane is joined to the next as a whole: when both have as
    many intervals, and each overlaps its counterpart and no other.
    """
    count = len(spans)
    new = np.ones(count, dtype=bool)
    new[1:] = (planes[1:] != planes[:-1]) | (owners[1:] != owners[:-1])
    group = np.cumsum(new) - 1
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, count))
    follows = np.zeros(len(starts), dtype=bool)
    follows[:-1] = (
        (owners[starts[1:]] == owners[starts[:-1]])
        & (planes[starts[1:]] == planes[starts[:-1]] + 1)
        & (sizes[1:] == sizes[:-1])
    )
    step = np.arange(count) + sizes[group]
    other = np.minimum(step, count - 1)
    fits = (spans[:, 0] < spans[other, 1]) & (spans[other, 0] < spans[:, 1])
    # With the next interval of the same plane: neither may reach into the other's counterpart.
    beside = np.flatnonzero(~new)
    fits[beside] &= (spans[beside - 1, 1] <= spans[other[beside], 0]) & (
        spans[np.minimum(step[beside - 1], count - 1), 1] <= spans[beside, 0]
    )
    whole = follows & (np.bincount(group[~fits], minlength=len(starts)) == 0)
    return step, whole[group]


def _sides(first: FloatArray, first_level: FloatArray, last: FloatArray, last_level: FloatArray) -> FloatArray:
    """(2n, 2, 2) lines from both ends of each interval at its level to those of another."""
    out = np.empty((len(first), 2, 2, 2))
    out[:, :, 0, 0], out[:, :, 1, 0] = first, last
    out[:, :, 0, 1], out[:, :, 1, 1] = first_level[:, None], last_level[:, None]
    return out.reshape(-1, 2, 2)


@dataclass(eq=False)
class OutlineCache:
    """Outlines of all structures in one view."""

    frame: ViewFrame
    _edges: dict[tuple[int, ...], tuple[list[Planes], Edges]] = field(default_factory=dict)
    _plane_edges: dict[tuple[int, int], tuple[PlaneContours, FloatArray]] = field(default_factory=dict)
    _rings: dict[tuple[int, int], tuple[PlaneContours, Lines]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._heights = plane_heights(self.frame.acquired)
        self._shifts = self.frame.shifts - self.frame.shifts[0]

    def forget(self, structures: StructureSet) -> None:
        """Drop what belongs to structures that are gone."""
        known = {roi.number for roi in structures.rois}
        self._edges.clear()
        self._rings = {key: held for key, held in self._rings.items() if key[0] in known}
        self._plane_edges = {key: held for key, held in self._plane_edges.items() if key[0] in known}

    def outlines(self, rois: Sequence[Roi], index: float, plane: int) -> Outlines:
        """Outlines of `rois`, mm of `ViewEvent.point_cut`: on acquired `plane`, or on the cut at `index`."""
        if self.frame.cut is Cut.PLANE:
            drawn = [self._on_plane(roi, plane) for roi in rois]
            starts = np.cumsum([0, *(len(lines.points) for lines in drawn)])
            offsets = [lines.offsets[:-1] + start for lines, start in zip(drawn, starts, strict=False)]
            points = np.concatenate([np.empty((0, 2)), *(lines.points for lines in drawn)])
            owners = np.repeat(np.arange(len(rois)), [lines.count for lines in drawn])
            return Outlines(Lines(points, np.concatenate([*offsets, starts[-1:]])), owners)
        edges = self._all_edges(rois)
        along = 0 if self.frame.cut is Cut.ROW else 1
        at = index * self.frame.acquired.spacing_uv[1 - along]
        return section_outlines(edges, at, along, self._heights)

    def lines(self, roi: Roi, index: float, plane: int) -> Lines:
        """The outlines of one structure."""
        return self.outlines([roi], index, plane).lines

    def _on_plane(self, roi: Roi, plane: int) -> Lines:
        contours = roi.planes.get(plane)
        if contours is None:
            return NO_LINES
        held = self._rings.get((roi.number, plane))
        if held is None or held[0] is not contours:
            held = (contours, ring_lines(contours.area))
            self._rings[roi.number, plane] = held
        return held[1]

    def _all_edges(self, rois: Sequence[Roi]) -> Edges:
        key = tuple(roi.number for roi in rois)
        held = self._edges.get(key)
        if held is None or any(old is not roi.planes for old, roi in zip(held[0], rois, strict=True)):
            if len(self._edges) > _MOST_BUNDLES:
                self._edges.clear()
            held = ([roi.planes for roi in rois], self._gather(rois))
            self._edges[key] = held
        return held[1]

    def _gather(self, rois: Sequence[Roi]) -> Edges:
        parts: list[FloatArray] = []
        planes: list[int] = []
        owners: list[int] = []
        for owner, roi in enumerate(rois):
            for plane, contours in roi.planes.items():
                parts.append(self._edges_on_plane(roi.number, plane, contours))
                planes.append(plane)
                owners.append(owner)
        counts = [len(part) for part in parts]
        return Edges(
            np.concatenate([np.empty((0, 4)), *parts]),
            np.repeat(np.array(planes, dtype=np.int64), counts),
            np.repeat(np.array(owners, dtype=np.int64), counts),
        )

    def _edges_on_plane(self, number: int, plane: int, contours: PlaneContours) -> FloatArray:
        held = self._plane_edges.get((number, plane))
        if held is None or held[0] is not contours:
            lines = ring_lines(contours.area)
            inner = np.ones(max(len(lines.points) - 1, 0), dtype=bool)
            inner[lines.offsets[1:-1] - 1] = False
            edges = np.concatenate([lines.points[:-1], lines.points[1:]], axis=1)[inner]
            # All planes share the frame of plane 0, so that one cut is one line through all of them.
            held = (contours, edges + np.tile(self._shifts[plane], 2))
            self._plane_edges[number, plane] = held
        return held[1]
