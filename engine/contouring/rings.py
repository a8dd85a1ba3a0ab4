"""Rings as a file writes them ↔ polygons with holes."""

from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import MultiPolygon, Polygon

from engine.contouring.brush import clean
from engine.volume import FloatArray

#: Rings nowhere further apart (mm) than this are one that was written twice, with other digits.
SAME_RING_MM = 0.01


def area_from_rings(rings: Sequence[ArrayLike]) -> tuple[MultiPolygon, bool]:
    """The area that lies inside an odd number of the rings of one plane.

    Nested rings, keyholes (whose channels vanish), and rings that touch or cross themselves or one another are all
    taken by even-odd. A ring that repeats another one to `SAME_RING_MM` (from any first point, in either direction) is
    a slip of the writer and counts once, since otherwise the structure would vanish. Points that are not finite are
    skipped; rings of fewer than three distinct points have no area. Rings that neither cross nor touch keep their
    coordinates.

    Args:
        rings: each (n, 2) `(u, v)` mm, closed or not.

    Returns:
        The area, and whether rings overlap other than one lying wholly inside another, or repeat one another: there,
        a reader that takes the union of rings sees another area.
    """
    return areas_from_rings({0: rings})[0]


def areas_from_rings(rings: Mapping[int, Sequence[ArrayLike]]) -> dict[int, tuple[MultiPolygon, bool]]:
    """`area_from_rings` of many planes in one call, much faster than one after the other."""
    planes: list[int] = []
    outlines: list[FloatArray] = []
    for plane, members in rings.items():
        for ring in members:
            points = _usable(ring)
            if points is not None:
                planes.append(plane)
                outlines.append(points)
    areas = {plane: (MultiPolygon(), False) for plane in rings}
    if not outlines:
        return areas
    size = [len(points) for points in outlines]
    polygons = shapely.polygons(
        shapely.linearrings(np.concatenate(outlines), indices=np.repeat(np.arange(len(size)), size))
    )
    valid = shapely.is_valid(polygons)
    plane_of = np.array(planes)
    found, first, count = np.unique(plane_of, return_index=True, return_counts=True)
    simple = (count == 1) & valid[first]
    alone = shapely.multipolygons(polygons[first[simple]], indices=np.arange(int(simple.sum())))
    areas.update((int(plane), (area, False)) for plane, area in zip(found[simple], alone, strict=True))
    for plane in found[~simple]:
        own = np.flatnonzero(plane_of == plane)
        areas[int(plane)] = _combined([outlines[i] for i in own], polygons[own], valid[own])
    return areas


def crossing_area(rings: Sequence[ArrayLike], area: MultiPolygon) -> float:
    """mm² by which even-odd and the turns of rings disagree: 0 where none crosses itself, and for keyholes.

    A ring that goes round a place twice encloses it by its turns, and by even-odd leaves it out.

    Args:
        rings: of one plane, each (n, 2) `(u, v)` mm, closed or not.
        area: of them, by even-odd.
    """
    by_turns = [_turned(np.asarray(ring, dtype=np.float64)) for ring in rings]
    if abs(sum(by_turns) - area.area) <= 1e-6 * area.area:
        # Rings beside each other, none of which crosses itself.
        return 0.0
    crossing = 0.0
    for ring, turned in zip(rings, by_turns, strict=True):
        points = _usable(ring)
        if points is not None and not Polygon(points).is_valid:
            crossing += abs(turned - area_from_rings([points])[0].area)
    return crossing


def _turned(points: FloatArray) -> float:
    """mm² that a ring encloses, as often as it goes round them."""
    u, v = (points - points[0]).T
    return abs(float(u[:-1] @ v[1:] - v[:-1] @ u[1:])) / 2


def _usable(ring: ArrayLike) -> FloatArray | None:
    """(n, 2) finite points without repeats in a row, not closed; None where they hold no area."""
    points = np.asarray(ring, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        return None
    finite = np.isfinite(points)
    if not finite.all():
        points = points[finite.all(axis=1)]
    if len(points) < 3:
        return None
    moved = (points[1:] != points[:-1]).any(axis=1)
    if not moved.all():
        points = points[np.append(True, moved)]
    if (points[0] == points[-1]).all():
        points = points[:-1]
    return points if len(points) >= 3 else None


def _combined(
    outlines: list[FloatArray], polygons: NDArray[np.object_], valid: NDArray[np.bool_]
) -> tuple[MultiPolygon, bool]:
    unique = _without_repeats(outlines)
    overlapped = len(unique) < len(outlines)
    loops = [loop for i in unique for loop in ([polygons[i]] if valid[i] else _loops(outlines[i]))]
    area = _apart_or_nested(np.array(loops, dtype=object))
    if area is not None:
        return area, overlapped
    parts: list[Polygon] = []
    from_ring: list[int] = []
    for i in unique:
        # A ring that crosses or touches itself becomes the area inside it first; its own pieces never overlap.
        pieces = [polygons[i]] if valid[i] else list(_even_odd(outlines[i]).geoms)
        parts.extend(pieces)
        from_ring.extend([i] * len(pieces))
    if len(parts) < 2:
        return MultiPolygon(parts), overlapped
    shells = np.array(parts, dtype=object)
    a, b = shapely.STRtree(shells).query(shells, predicate="intersects")
    ring = np.array(from_ring)
    pair = (a < b) & (ring[a] != ring[b])
    a, b = a[pair], b[pair]
    shared = shapely.area(shapely.intersection(shells[a], shells[b]))
    smaller = np.minimum(shapely.area(shells[a]), shapely.area(shells[b]))
    overlapped |= bool(((shared > 1e-6 + 1e-6 * smaller) & (shared < smaller * (1 - 1e-6))).any())
    total = MultiPolygon()
    for i in unique:
        own = MultiPolygon([part for part, source in zip(parts, from_ring, strict=True) if source == i])
        total = clean(shapely.symmetric_difference(total, own))
    return total, overlapped


def _loops(points: FloatArray) -> list[Polygon]:
    """The loops of a ring that comes back to points it has been at, such as a keyhole; channels walked twice vanish.

    Each edge of the ring is in exactly one loop or in a channel, so by even-odd the loops enclose what the ring does.
    """
    loops: list[list[int]] = []
    path: list[int] = []
    place: dict[tuple[float, float], int] = {}
    names = list(map(tuple, points.tolist()))
    for index, point in enumerate(names):
        start = place.get(point)
        if start is None:
            place[point] = len(path)
            path.append(index)
            continue
        if len(path) - start > 2:
            loops.append(path[start:])
        for gone in path[start + 1 :]:
            del place[names[gone]]
        del path[start + 1 :]
    if len(path) > 2:
        loops.insert(0, path)
    if not loops:
        return []
    owner = np.repeat(np.arange(len(loops)), [len(loop) for loop in loops])
    return list(shapely.polygons(shapely.linearrings(points[np.concatenate(loops)], indices=owner)))


def _apart_or_nested(shells: NDArray[np.object_]) -> MultiPolygon | None:
    """The area by even-odd of simple loops that lie apart or inside one another; None where they touch or cross."""
    if not shapely.is_valid(shells).all():
        return None
    a, b = shapely.STRtree(shells).query(shells, predicate="intersects")
    a, b = a[a < b], b[a < b]
    a_in_b, b_in_a = shapely.contains_properly(shells[b], shells[a]), shapely.contains_properly(shells[a], shells[b])
    if not (a_in_b | b_in_a).all():
        return None
    return _nested(shells, np.append(a[a_in_b], b[b_in_a]), np.append(b[a_in_b], a[b_in_a]))


def _even_odd(ring: FloatArray) -> MultiPolygon:
    """The area that a ring which crosses or touches itself goes around an odd number of times."""
    lines = shapely.union_all(shapely.linestrings(np.stack([ring, np.roll(ring, -1, axis=0)], axis=1)))
    faces = shapely.get_parts(shapely.polygonize([lines]))
    if not len(faces):
        return MultiPolygon()
    u, v = shapely.get_coordinates(shapely.point_on_surface(faces)).T
    a, b = ring, np.roll(ring, -1, axis=0)
    odd = np.zeros(len(faces), dtype=np.bool_)
    for (au, av), (bu, bv) in zip(a, b, strict=True):
        if au != bu:
            spans = (u >= min(au, bu)) & (u < max(au, bu))
            odd ^= spans & (av + (u - au) / (bu - au) * (bv - av) <= v)
    return clean(shapely.union_all(faces[odd]))


def _nested(shells: NDArray[np.object_], inner: NDArray[np.intp], outer: NDArray[np.intp]) -> MultiPolygon:
    """Rings that lie apart or inside one another: those inside an odd number of others are holes."""
    depth = np.bincount(inner, minlength=len(shells))
    holes: dict[int, list[object]] = {i: [] for i in np.flatnonzero(depth % 2 == 0).tolist()}
    for i in np.flatnonzero(depth % 2 == 1):
        around = outer[inner == i]
        holes[int(around[depth[around].argmax()])].append(shells[i].exterior)
    return MultiPolygon([Polygon(shells[i].exterior, inside) for i, inside in holes.items()])


def distinct_rings(rings: Sequence[ArrayLike]) -> int:
    """How many of the rings of one plane do not repeat an earlier one; rings without an area count as they are."""
    outlines = [_usable(ring) for ring in rings]
    usable = [points for points in outlines if points is not None]
    return len(rings) - len(usable) + len(_without_repeats(usable))


def _without_repeats(outlines: list[FloatArray]) -> list[int]:
    """Indices of the rings, without those that repeat an earlier one."""
    extents = np.array([[*points.min(axis=0), *points.max(axis=0)] for points in outlines]).reshape(-1, 4)
    kept: list[int] = []
    for i, points in enumerate(outlines):
        near = np.abs(extents[kept] - extents[i]).max(axis=1, initial=0) <= SAME_RING_MM
        if not any(_is_same(points, outlines[kept[k]]) for k in np.flatnonzero(near)):
            kept.append(i)
    return kept


def _is_same(ring: FloatArray, other: FloatArray) -> bool:
    """True where two rings are nowhere further apart than `SAME_RING_MM`."""
    closed = [shapely.linearrings(points) for points in (ring, other)]
    return bool(shapely.hausdorff_distance(*closed) <= SAME_RING_MM)
