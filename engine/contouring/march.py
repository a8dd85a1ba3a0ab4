"""Marching squares by contourpy, and its rings as shapely polygons. Coordinates in samples: (column, row)."""

from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from contourpy import FillType, contour_generator
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.volume import FloatArray

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

#: A bend sharper than this (cosine of the turn, about 40°) inside one cell is taken for a corner.
CORNER_COSINE = 0.77
#: Two segments that turn by less than this (cosine, about 15°) make a straight line.
STRAIGHT_COSINE = 0.966


@lru_cache(maxsize=1)
def _grid(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float64), np.arange(shape[0], dtype=np.float64))
    return x, y


def march(values: FloatArray, level: float) -> tuple[FloatArray, IntArray, IntArray]:
    """The rings around where `values` exceed `level`; these must not exceed it at the border.

    Returns:
        (n, 2) points of all rings, not repeated at a ring's end, one on each crossed link between neighbouring samples;
        (rings + 1,) where each ring starts, and n; (polygons + 1,) which ring is each polygon's shell (its holes
        follow), and the number of rings. Shells run anticlockwise, holes clockwise, in (column, row).
    """
    x, y = _grid(values.shape)
    generator = contour_generator(x=x, y=y, z=values, name="serial", fill_type=FillType.ChunkCombinedOffsetOffset)
    chunks: Any = generator.filled(level, np.inf)
    if chunks[0][0] is None:
        return np.empty((0, 2)), np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
    points, offsets, outer = (np.asarray(chunk[0]) for chunk in chunks)
    keep = np.ones(len(points), dtype=np.bool_)
    keep[offsets[1:].astype(np.intp) - 1] = False
    return points[keep], offsets.astype(np.intp) - np.arange(len(offsets)), outer.astype(np.intp)


def following(starts: IntArray) -> IntArray:
    """(n,) index of the next vertex of the same ring."""
    index = np.arange(1, starts[-1] + 1)
    index[starts[1:] - 1] = starts[:-1]
    return index


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """(n,) cross products of (n, 2) vectors."""
    product: FloatArray = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
    return product


def starts_of(size: IntArray) -> IntArray:
    """(rings + 1,) first index of each ring, and the total, from the rings' sizes."""
    return np.concatenate([[0], np.cumsum(size)]).astype(np.intp)


def areas_of(
    points: FloatArray, starts: IntArray, outer: IntArray, plane_of_ring: IntArray
) -> list[tuple[int, MultiPolygon]]:
    """Rings, grouped into polygons by `outer` and into planes, as (plane, polygons) by rising plane."""
    if len(starts) < 2:
        return []
    size = np.diff(starts)
    shells = outer[:-1]
    rings = shapely.linearrings(points, indices=np.repeat(np.arange(len(size)), size))
    polygons = shapely.polygons(rings, indices=np.repeat(np.arange(len(shells)), np.diff(outer)))
    planes, index = np.unique(plane_of_ring[shells], return_inverse=True)
    order = np.argsort(index, kind="stable")
    areas = shapely.multipolygons(polygons[order], indices=index[order])
    return list(zip(planes.tolist(), areas.tolist(), strict=True))


def _straight(a: FloatArray, b: FloatArray) -> BoolArray:
    """Where one step follows another with hardly a turn."""
    along = a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1]
    return np.asarray(along > STRAIGHT_COSINE * np.hypot(a[:, 0], a[:, 1]) * np.hypot(b[:, 0], b[:, 1]))


def with_corners(points: FloatArray, starts: IntArray) -> tuple[FloatArray, IntArray]:
    """The same rings with the corners that marching squares cuts off put back.

    Where two straight stretches of line meet by one short cut, they are extended until they meet. The new vertex is
    used only when it lies in the segment's own cell and no other line runs there, so that the rings part the same
    samples as before and never touch.
    """
    if not len(points):
        return points, starts
    after = following(starts)
    before = np.empty_like(after)
    before[after] = np.arange(len(after))
    p, q = points, points[after]
    d, e, chord = p - points[before], points[after[after]] - q, q - p
    turn = cross(d, e)
    lengths = np.hypot(d[:, 0], d[:, 1]) * np.hypot(e[:, 0], e[:, 1])
    same_side = (cross(d, chord) * turn > 0) & (cross(chord, e) * turn > 0)
    sharp = same_side & (d[:, 0] * e[:, 0] + d[:, 1] * e[:, 1] < CORNER_COSINE * lengths)
    # Lines worth extending are straight over two segments; elsewhere the map is too rough to show a corner.
    straight = _straight(points[before] - points[before[before]], d) & _straight(e, points[after[after[after]]] - q - e)
    sharp &= straight
    reach = np.divide(cross(chord, e), turn, out=np.zeros(len(p)), where=sharp)
    corner = p + d * reach[:, None]
    cell = np.floor((p + q) / 2)
    inside = ((corner > cell + 0.02) & (corner < cell + 0.98)).all(axis=1)
    number = cell[:, 1].astype(np.int64) * (int(points[:, 0].max()) + 2) + cell[:, 0].astype(np.int64)
    _, index, count = np.unique(number, return_inverse=True, return_counts=True)
    use = np.flatnonzero(sharp & inside & (count[index] == 1))
    ring = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    added = np.bincount(ring[use], minlength=len(starts) - 1)
    return np.insert(points, use + 1, corner[use], axis=0), starts_of(np.diff(starts) + added)
