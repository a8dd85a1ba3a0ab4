"""Structures cut along a row or a column of the image: what sagittal and coronal views draw and edit.

The frame of a cut: horizontal, mm along the remaining in-plane axis from the first voxel centre of plane 0 (`u` for a
cut along a row, `v` for one along a column); vertical, mm along the normal from plane 0.

Every plane's area meets the cut in intervals, exactly. An interval that overlaps one interval of the next plane, and is
the only one to overlap it, is joined to it by straight lines. Where a structure ends, forks or merges, an interval goes
on for half the distance to the next plane. The lines that are drawn and the polygons that are edited are both made of
these joined intervals, so they are the same to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from engine.contouring.brush import clean
from engine.contouring.stack import EMPTY, Areas, heights, offsets
from engine.volume import FloatArray, Geometry

Axis = Literal["row", "column"]

#: An interval or a line shorter than this, mm, is arithmetic.
_NO_LENGTH_MM = 1e-9


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges of some structures' contours over all planes, in the frame of the stack.

    Args:
        ends: (n, 4) u0 v0 u1 v1 mm.
        planes, owners: (n,) the plane of each edge, and which structure it is of; those of one structure on one plane
            follow one another.
    """

    ends: FloatArray
    planes: NDArray[np.int64]
    owners: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Heights:
    """mm along the normal from plane 0: of each plane's centre, and of the lower and upper end of its thickness."""

    centre: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Intervals:
    """Where a cut meets structures, sorted by structure, plane and place.

    `spans` (n, 2) mm, with the plane and structure of each; `above` is the index of the interval of the next plane that
    it is joined to where `up` is true; `down` tells whether it is joined to one below.
    """

    spans: FloatArray
    planes: NDArray[np.int64]
    owners: NDArray[np.int64]
    above: NDArray[np.int64]
    up: NDArray[np.bool_]
    down: NDArray[np.bool_]


def plane_heights(geometry: Geometry) -> Heights:
    """Heights of the planes; neighbours share the end between them, the outer ends mirror the inner ones."""
    centre = geometry.positions - geometry.positions[0]
    gaps = np.diff(centre) if len(centre) > 1 else np.array([geometry.plane_spacing])
    middle = centre[:-1] + np.diff(centre) / 2
    low = np.concatenate([centre[:1] - gaps[0] / 2, middle])
    high = np.concatenate([middle, centre[-1:] + gaps[-1] / 2])
    return Heights(centre, low, high)


def edges_of(areas: Sequence[MultiPolygon]) -> list[FloatArray]:
    """(n, 4) u0 v0 u1 v1 of all edges of the rings of each area, in its own frame: at once, which is fast."""
    ends, which = _edges(areas)
    return np.split(ends, np.searchsorted(which, np.arange(1, len(areas)))) if len(areas) else []


def edges_of_all(structures: Sequence[Areas], geometry: Geometry) -> Edges:
    """The edges of several structures, each plane index → polygons in its `(u, v)` mm, in the frame of the stack."""
    drawn = [(owner, plane) for owner, areas in enumerate(structures) for plane in areas]
    ends, which = _edges([structures[owner][plane] for owner, plane in drawn])
    owners, planes = np.array(drawn, dtype=np.int64).reshape(-1, 2)[which].T
    return Edges(ends + np.tile(offsets(geometry)[planes], 2), planes, owners)


def section_lines(edges: Edges, at: float, along: int, heights: Heights) -> tuple[FloatArray, NDArray[np.int64]]:
    """The outlines of many structures on a cut, at once.

    Args:
        edges: of all structures on all planes.
        at: mm where the cut is, along the in-plane axis that is not `along`.
        along: 0 when the cut runs along u (a row), 1 along v.
        heights: of the planes.

    Returns:
        (n, 2, 2) straight lines in the frame of the cut, and the structure of each.
    """
    return interval_lines(_intervals(edges, at, along), heights)


def interval_lines(met: Intervals, heights: Heights) -> tuple[FloatArray, NDArray[np.int64]]:
    """The outlines that joined intervals make: (n, 2, 2) straight lines (place, height) mm, and the structure of each.

    Args:
        met: the intervals.
        heights: of what `met.planes` counts.
    """
    spans, up, down = met.spans, met.up, met.down
    centre, low, high = (level[met.planes] for level in (heights.centre, heights.low, heights.high))
    above = met.above[up]
    lines = [
        _sides(spans[up], centre[up], spans[above], centre[above]),
        _sides(spans[~up], centre[~up], spans[~up], high[~up]),
        _sides(spans[~down], low[~down], spans[~down], centre[~down]),
    ]
    owners = [np.repeat(met.owners[chosen], 2) for chosen in (up, ~up, ~down)]

    # Half-way between two planes the ends of what goes no further, from below and from above, are closed where they
    # differ: their places in order, taken two by two.
    place = np.concatenate([spans[~up], spans[~down]]).ravel()
    level = np.concatenate([high[~up], low[~down]]).repeat(2)
    border = np.concatenate([met.planes[~up] + 1, met.planes[~down]]).repeat(2)
    owner = np.concatenate([met.owners[~up], met.owners[~down]]).repeat(2)
    order = np.lexsort((place, border, owner))
    closing = np.stack([place[order], level[order]], axis=1).reshape(-1, 2, 2)
    differs = closing[:, 1, 0] - closing[:, 0, 0] > _NO_LENGTH_MM
    return np.concatenate([*lines, closing[differs]]), np.concatenate([*owners, owner[order][::2][differs]])


def section(areas: Areas, geometry: Geometry, axis: Axis, index: float) -> MultiPolygon:
    """A structure cut along a row or a column.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        geometry: of the image.
        axis: "row" cuts along a row (all columns), "column" along a column (all rows).
        index: fractional row or column index, on plane 0.

    Returns:
        Valid polygons in the frame of the cut, whose boundary is what `section_lines` draws.
    """
    planes = [plane for plane, area in areas.items() if 0 <= plane < geometry.shape[0] and not area.is_empty]
    ends, which = _edges([areas[plane] for plane in planes])
    plane = np.array(planes, dtype=np.int64)[which]
    shift = offsets(geometry)[plane]
    edges = Edges(ends + np.concatenate([shift, shift], axis=1), plane, np.zeros(len(plane), dtype=np.int64))
    along = 0 if axis == "row" else 1
    met = _intervals(edges, index * geometry.spacing_uv[1 - along], along)
    levels = plane_heights(geometry)
    pieces = [_piece(met, int(first), levels) for first in np.flatnonzero(~met.down)]
    # Pieces touch only where some end half-way to a plane from which others begin.
    if len(np.intersect1d(met.planes[~met.up] + 1, met.planes[~met.down])):
        return MultiPolygon(list(shapely.get_parts(shapely.union_all(pieces))))
    return MultiPolygon(pieces)


def _edges(areas: Sequence[MultiPolygon]) -> tuple[FloatArray, NDArray[np.int64]]:
    """(n, 4) edges of several areas, and the index of the area of each."""
    parts, area = shapely.get_parts(areas, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    edge = np.flatnonzero(ring[1:] == ring[:-1])
    return np.concatenate([points[edge], points[edge + 1]], axis=1), area[part[ring[edge]]]


def _piece(met: Intervals, first: int, heights: Heights) -> Polygon:
    """The polygon of joined intervals from the lowest, `first`, on, with half a plane beyond both ends."""
    chain = [first]
    while met.up[chain[-1]]:
        chain.append(int(met.above[chain[-1]]))
    rows = np.array([first, *chain, chain[-1]])
    planes = met.planes[chain]
    level = np.concatenate([heights.low[planes[:1]], heights.centre[planes], heights.high[planes[-1:]]])
    left = np.stack([met.spans[rows, 0], level], axis=1)
    right = np.stack([met.spans[rows, 1], level], axis=1)
    return Polygon(np.concatenate([left, right[::-1]]))


def _intervals(edges: Edges, at: float, along: int) -> Intervals:
    """Where the cut meets the contours (even-odd), and what is joined to what."""
    across = 1 - along
    crossing = np.flatnonzero((edges.ends[:, across] > at) != (edges.ends[:, 2 + across] > at))
    ends, planes, owners = edges.ends[crossing], edges.planes[crossing], edges.owners[crossing]
    start, first = ends[:, across], ends[:, along]
    place = first + (at - start) / (ends[:, 2 + across] - start) * (ends[:, 2 + along] - first)
    return paired(place, planes, owners)


def paired(place: FloatArray, planes: NDArray[np.int64], owners: NDArray[np.int64]) -> Intervals:
    """The intervals between (n,) places where outlines are crossed, by even-odd, each with its plane and structure."""
    order = np.lexsort((place, planes, owners))
    return arranged(place[order].reshape(-1, 2), planes[order][::2], owners[order][::2])


def arranged(spans: FloatArray, planes: NDArray[np.int64], owners: NDArray[np.int64]) -> Intervals:
    """(n, 2) spans, sorted by structure, plane and place, joined to what they overlap on the next plane."""
    wide = spans[:, 1] - spans[:, 0] > _NO_LENGTH_MM
    spans, planes, owners = spans[wide], planes[wide], owners[wide]
    touching = (
        (planes[1:] == planes[:-1]) & (owners[1:] == owners[:-1]) & (spans[1:, 0] - spans[:-1, 1] <= _NO_LENGTH_MM)
    )
    if touching.any():
        opens, closes = np.append(True, ~touching), np.append(~touching, True)
        spans = np.stack([spans[opens, 0], spans[closes, 1]], axis=1)
        planes, owners = planes[opens], owners[opens]
    above, up = _joined(spans, planes, owners)
    down = np.zeros(len(spans), dtype=bool)
    down[above[up]] = True
    return Intervals(spans, planes, owners, above, up, down)


def _joined(
    spans: FloatArray, planes: NDArray[np.int64], owners: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each interval, the first of the next plane that reaches beyond its start, and whether the two are joined."""
    count = len(spans)
    begins = np.ones(count, dtype=bool)
    begins[1:] = (planes[1:] != planes[:-1]) | (owners[1:] != owners[:-1])
    group = np.cumsum(begins) - 1
    starts = np.flatnonzero(begins)
    follows = np.zeros(len(starts), dtype=bool)
    follows[:-1] = (owners[starts[1:]] == owners[starts[:-1]]) & (planes[starts[1:]] == planes[starts[:-1]] + 1)
    # Whole numbers in the order of the places, those of each group beyond those before, so that one search compares
    # each interval with the next plane's exactly.
    places, rank = np.unique(spans, return_inverse=True)
    key = rank.reshape(-1, 2) + group[:, None] * len(places)
    above = np.searchsorted(key[:, 1], key[:, 0] + len(places), side="right")
    beyond = np.searchsorted(key[:, 0], key[:, 1] + len(places), side="left")
    known = follows[group]
    # How many intervals of the plane below overlap each.
    reached = np.bincount(above[known], minlength=count + 1) - np.bincount(beyond[known], minlength=count + 1)
    below = np.cumsum(reached)
    return above, known & (beyond - above == 1) & (below[above] == 1)


def _sides(first: FloatArray, first_level: FloatArray, last: FloatArray, last_level: FloatArray) -> FloatArray:
    """(2n, 2, 2) lines from both ends of each interval at its level to those of another."""
    out = np.empty((len(first), 2, 2, 2))
    out[:, :, 0, 0], out[:, :, 1, 0] = first, last
    out[:, :, 0, 1], out[:, :, 1, 1] = first_level[:, None], last_level[:, None]
    return out.reshape(-1, 2, 2)


def paint_section(  # noqa: PLR0917
    areas: Areas, geometry: Geometry, axis: Axis, index: float, shape_on_cut: BaseGeometry, add: bool
) -> dict[int, MultiPolygon]:
    """Paint or erase on a cut.

    Each plane whose height the shape reaches gets, or loses, a strip as wide as one voxel along the intervals in which
    the shape meets it; a shape that lies between two planes counts for the nearest one. No other plane changes.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        geometry: of the image.
        axis: as for `section`.
        index: fractional row or column index, on plane 0; the strip is that of the nearest row or column.
        shape_on_cut: in the frame of the cut.
        add: True adds, False takes away.

    Returns:
        The planes that change; those left without contours are empty.
    """
    if shape_on_cut.is_empty:
        return {}
    height, shift = heights(geometry), offsets(geometry)
    _, bottom, _, top = shape_on_cut.bounds
    planes = np.flatnonzero((height >= bottom) & (height <= top)).tolist()
    spans = {k: _spans(shape_on_cut, float(height[k])) for k in planes}
    if not planes:
        middle = (bottom + top) / 2
        k = int(np.abs(height - middle).argmin())
        if abs(height[k] - middle) <= geometry.plane_thickness[k] / 2:
            spans = {k: [(shape_on_cut.bounds[0], shape_on_cut.bounds[2])]}
    along, across = (0, 1) if axis == "row" else (1, 0)
    step = geometry.spacing_uv[across]
    result = {}
    for k, met in spans.items():
        # The row or column of this plane that the cut passes through; with a tilted gantry not the same on all.
        centre = round((index * step - shift[k, across]) / step)
        low, high = (centre - 0.5) * step, (centre + 0.5) * step
        strips = []
        for left, right in met:
            a, b = left - shift[k, along], right - shift[k, along]
            strips.append(box(a, low, b, high) if axis == "row" else box(low, a, high, b))
        strip = shapely.union_all(strips)
        area = areas.get(k, EMPTY)
        if strip.is_empty or (not add and not area.intersects(strip)) or (add and area.covers(strip)):
            continue
        result[k] = clean(area.union(strip) if add else area.difference(strip))
    return result


def _spans(shape: BaseGeometry, height: float) -> list[tuple[float, float]]:
    """Where a horizontal line meets a shape."""
    left, _, right, _ = shape.bounds
    line = shapely.linestrings([[left - 1, height], [right + 1, height]])
    met = shapely.get_parts(shape.intersection(line))
    return [(part.bounds[0], part.bounds[2]) for part in met if part.length > 0]
