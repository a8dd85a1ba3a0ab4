"""A polygon with holes as one ring, as a file writes it that knows no holes."""

from itertools import chain

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from engine.volume import FloatArray

#: How far (mm) a link keeps from voxel centres, where it can: readers that round may take a centre on it for outside.
CLEAR_MM = 0.01


def keyhole(polygon: Polygon, spacing_uv: tuple[float, float] | None = None) -> FloatArray:
    """A polygon with holes as one closed ring, its holes joined to the outside by channels of no width.

    Each hole is joined by a short link between existing points that stays within the polygon, walked there and back;
    by even-odd both ways cancel, so `rings.area_from_rings` gives the polygon back exactly. The links are the shortest
    that join all rings (Kruskal), of the edges of the points' Delaunay triangulation, which hold the shortest; so the
    time grows with the number of points, however many holes there are.

    Args:
        polygon: valid, `(u, v)` mm.
        spacing_uv: (mm between columns, mm between rows) of voxel centres that links should not pass through.

    Returns:
        (n, 2) ring, its first point not repeated at the end.
    """
    rings = [shapely.get_coordinates(ring)[:-1] for ring in (polygon.exterior, *polygon.interiors)]
    points: FloatArray = np.concatenate(rings)
    if len(rings) == 1:
        return points
    lengths = [len(ring) for ring in rings]
    owner = np.repeat(np.arange(len(rings)), lengths)
    first = np.cumsum(lengths) - lengths
    # A walk over points: each is followed by another, at first by the next of its ring.
    following = np.arange(1, len(points) + 1)
    following[first + lengths - 1] = first
    follows, place = following.tolist(), list(range(len(points)))
    for start, end in _chosen_links(polygon, points, owner, spacing_uv):
        # Two walks become one: there behind the start, round the other ring, and from its end back.
        there, back = len(place), len(place) + 1
        place += [end, start]
        follows += [follows[end], follows[start]]
        follows[start], follows[end] = there, back
    walk = [0]
    while (after := follows[walk[-1]]) != 0:
        walk.append(after)
    ring = points[np.array(place)[walk]]
    # Where rings touch, a channel has no length.
    kept: FloatArray = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    return kept


def _chosen_links(
    polygon: Polygon, points: FloatArray, owner: NDArray[np.intp], spacing_uv: tuple[float, float] | None
) -> list[tuple[int, int]]:
    """(a point, a point of another ring) of the links that join all rings; `owner` is the ring of each point."""
    group = list(range(int(owner[-1]) + 1))

    def group_of(ring: int) -> int:
        while group[ring] != ring:
            group[ring] = group[group[ring]]
            ring = group[ring]
        return ring

    chosen: list[tuple[int, int]] = []
    unclear: list[tuple[int, int]] = []
    outside: list[tuple[int, int]] = []
    # At last any, so that no hole is lost whatever the triangulation.
    last = [(0, int(np.argmax(owner == ring))) for ring in group[1:]]
    shapely.prepare(polygon)
    for wanted, links in ((True, _links(points, owner)), (False, chain(unclear, outside, last))):
        for start, end in links:
            ring, other = group_of(int(owner[start])), group_of(int(owner[end]))
            if ring == other:
                continue
            if wanted and not _is_within(polygon, points[start], points[end]):
                outside.append((start, end))
            elif wanted and spacing_uv is not None and _meets_centre(points[start], points[end], spacing_uv):
                unclear.append((start, end))
            else:
                chosen.append((start, end))
                group[other] = ring
    return chosen


def _is_within(polygon: Polygon, start: FloatArray, end: FloatArray) -> bool:
    return np.array_equal(start, end) or bool(shapely.covers(polygon, shapely.linestrings([start, end])))


def _links(points: FloatArray, owner: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Pairs of points of different rings, among which are those of the shortest links; the shortest first."""
    ends = shapely.get_coordinates(shapely.delaunay_triangles(shapely.multipoints(points), only_edges=True))
    _, places = np.unique(np.concatenate([points, ends]) @ [1, 1j], return_inverse=True)
    here, count = places[: len(points)], np.arange(len(points))
    point_at = np.empty(int(places.max()) + 1, dtype=np.intp)
    point_at[here] = count
    # Where rings touch, several points are at one place.
    twins = np.flatnonzero(point_at[here] != count)
    pairs = np.concatenate(
        [np.stack([point_at[here[twins]], twins], axis=1), point_at[places[len(points) :]].reshape(-1, 2)]
    )
    pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
    length = np.square(points[pairs[:, 1]] - points[pairs[:, 0]]).sum(axis=1)
    return [(start, end) for start, end in pairs[np.argsort(length, kind="stable")].tolist()]


def _meets_centre(start: FloatArray, end: FloatArray, spacing_uv: tuple[float, float]) -> bool:
    """True when a voxel centre lies within `CLEAR_MM` of the line from start to end."""
    for axis, other in ((0, 1), (1, 0)):
        low, high = sorted((start[axis], end[axis]))
        step = spacing_uv[axis]
        centres = np.arange(np.ceil((low - CLEAR_MM) / step), np.floor((high + CLEAR_MM) / step) + 1) * step
        if not len(centres):
            return False
        if high - low < CLEAR_MM:
            continue
        along = start[other] + np.clip((centres - start[axis]) / (end[axis] - start[axis]), 0, 1) * (end - start)[other]
        off = np.abs(along - np.rint(along / spacing_uv[other]) * spacing_uv[other])
        if (off < CLEAR_MM).any():
            return True
    return False
