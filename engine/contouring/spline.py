"""Smooth closed lines through points, and lines that are pulled by one of their points."""

import numpy as np
import shapely
from numpy.typing import ArrayLike
from shapely import MultiPolygon, Polygon

from engine.contouring.brush import clean
from engine.volume import FloatArray

#: Points of the curve between two of its own.
BETWEEN = 16


def closed_curve(points: ArrayLike, between: int = BETWEEN) -> FloatArray:
    """A smooth closed line through points: Catmull and Rom's, with the centripetal spacing that makes no loops.

    Args:
        points: (n, 2) mm; with fewer than three it is they themselves.
        between: points from one to the next.

    Returns:
        (n · between, 2) mm, beginning with the first point; not closed by repetition.
    """
    given = np.asarray(points, dtype=np.float64)
    if len(given) < 3:
        return given
    p0, p1, p2, p3 = (np.roll(given, shift, axis=0)[:, None] for shift in (1, 0, -1, -2))
    # Knots (n, 1, 1): square roots of the distances (Yuksel et al., Comput Aided Des 2011;43:747).
    t1 = np.maximum(np.sqrt(np.linalg.norm(p1 - p0, axis=2, keepdims=True)), 1e-6)
    t2 = t1 + np.maximum(np.sqrt(np.linalg.norm(p2 - p1, axis=2, keepdims=True)), 1e-6)
    t3 = t2 + np.maximum(np.sqrt(np.linalg.norm(p3 - p2, axis=2, keepdims=True)), 1e-6)
    t = t1 + (t2 - t1) * (np.arange(between) / between)[None, :, None]
    a1 = (t1 - t) / t1 * p0 + t / t1 * p1
    a2 = (t2 - t) / (t2 - t1) * p1 + (t - t1) / (t2 - t1) * p2
    a3 = (t3 - t) / (t3 - t2) * p2 + (t - t2) / (t3 - t2) * p3
    b1 = (t2 - t) / t2 * a1 + t / t2 * a2
    b2 = (t3 - t) / (t3 - t1) * a2 + (t - t1) / (t3 - t1) * a3
    return np.asarray(((t2 - t) / (t2 - t1) * b1 + (t - t1) / (t2 - t1) * b2).reshape(-1, 2))


def handles_of(ring: FloatArray, tolerance_mm: float) -> FloatArray:
    """(m, 2) of a ring's own points by which it is well described: those that Douglas and Peucker's method keeps.

    Args:
        ring: (n, 2) mm, the first point repeated at the end.
        tolerance_mm: how far the line may run from the straight ones between handles.
    """
    kept: FloatArray = shapely.get_coordinates(shapely.LinearRing(ring).simplify(tolerance_mm))
    return kept[:-1]


def pulled(ring: FloatArray, handles: FloatArray, index: int, to: ArrayLike) -> FloatArray:
    """A ring with one of its handles moved: the line follows up to the handles before and after, and only there.

    Args:
        ring: (n, 2) mm, the first point repeated at the end.
        handles: (m, 2) mm on it, in its order; at least two.
        index: of the handle that is moved.
        to: (2,) mm where to.

    Returns:
        (k, 2) mm, the first point repeated at the end. Points outside the two neighbours keep every coordinate.
    """
    points, at = _rolled(ring, handles, index)
    first, middle, last = at
    step = np.asarray(to, dtype=np.float64) - points[middle]
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    share = np.interp(along, along[[first, middle, last]], [0.0, 1.0, 0.0])
    # Smooth at both neighbours and at the handle.
    weight = np.where((along > along[first]) & (along < along[last]), (1 - np.cos(np.pi * share)) / 2, 0.0)
    return np.asarray(points + weight[:, None] * step)


def without_handle(ring: FloatArray, handles: FloatArray, index: int) -> FloatArray:
    """A ring on which the line between the two neighbours of a handle runs smoothly past where the handle was.

    Args and Returns: as for `pulled`.
    """
    points, (first, _, last) = _rolled(ring, handles, index)
    rest = np.delete(handles, index, axis=0)
    if len(rest) < 3:
        return ring
    before = (index - 1) % len(rest)
    curve = closed_curve(np.roll(rest, -before, axis=0))[1:BETWEEN]
    return np.concatenate([points[: first + 1], curve, points[last:]])


def with_ring(area: MultiPolygon, part: int, ring: int, points: FloatArray) -> MultiPolygon:
    """An area with one ring drawn anew; polygons that it comes to touch are joined, the others stay as they are.

    Args:
        area: of a plane.
        part: index of the polygon.
        ring: 0 for its outside, from 1 on its holes.
        points: (n, 2) mm, closed.
    """
    polygon = area.geoms[part]
    rings = [polygon.exterior.coords, *(hole.coords for hole in polygon.interiors)]
    rings[ring] = points
    holes = [Polygon(hole) for hole in rings[1:]]
    changed = clean(Polygon(rings[0]))
    if holes:
        changed = clean(changed.difference(shapely.union_all([clean(hole) for hole in holes])))
    others = [other for n, other in enumerate(area.geoms) if n != part]
    met = [other for other in others if other.intersects(changed)]
    if met:
        changed = clean(shapely.union_all([changed, *met]))
    return MultiPolygon([*(other for other in others if other not in met), *changed.geoms])


def _rolled(ring: FloatArray, handles: FloatArray, index: int) -> tuple[FloatArray, tuple[int, int, int]]:
    """The closed ring with every handle a point of it, begun half-way round from the handle, and the places of the
    handles before it, itself and after it.
    """
    line = shapely.LinearRing(ring)
    wanted = [handles[(index + step) % len(handles)] for step in (-1, 0, 1)]
    places = [float(line.project(shapely.Point(handle))) for handle in wanted]
    length = line.length
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(ring, axis=0), axis=1))])
    open_ring, own = ring[:-1], along[:-1]
    for place in places:
        if np.abs(own - place).min() > 1e-6:
            where = int(np.searchsorted(own, place))
            open_ring = np.insert(open_ring, where, shapely.get_coordinates(line.interpolate(place))[0], axis=0)
            own = np.insert(own, where, place)
    # From the handle before, once round; with two handles the one before is the one after.
    start = int(np.abs(own - places[0]).argmin())
    turned = np.roll(open_ring, -start, axis=0)
    relative = (np.roll(own, -start) - own[start]) % length
    middle = int(np.abs(relative - (places[1] - places[0]) % length).argmin())
    last = int(np.abs(relative - (places[2] - places[0]) % length).argmin())
    closed = np.concatenate([turned, turned[:1]])
    return closed, (0, middle, last if last > middle else len(closed) - 1)
