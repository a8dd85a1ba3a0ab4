"""What a ball sweeps, cut by the planes of an image."""

from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon
from shapely.geometry.base import BaseGeometry

from engine.contouring.brush import QUARTER_EDGES, clean, stamp
from engine.volume import FloatArray, Geometry

#: Along its way the ball is set down at least every so many radii; between two places the area is their hull.
STEP = 0.25
#: A step that leads away from a plane by less than this lies along the planes.
LEVEL_MM = 1e-6


def swept(path_lps: FloatArray, radii_mm: FloatArray, geometry: Geometry) -> dict[int, MultiPolygon]:
    """The area that a ball sweeps along a path, on each plane that it reaches.

    Args:
        path_lps: (n, 3) mm, n >= 1.
        radii_mm: (n,) of the ball at each point; from the one before on it has the size of the point that it comes to.
        geometry: of the image.

    Returns:
        Plane index → polygons, `(u, v)` mm. Between two places of the ball, `STEP` of its radius apart at most, the
        area is the hull of both discs: it lies within 0.8 % of the radius of the true one.
    """
    position = path_lps @ geometry.normal
    low, high = (position - radii_mm).min(), (position + radii_mm).max()
    # Along the planes it sweeps what a disc does, and GEOS widens a line much faster than it joins hulls.
    level = np.abs(np.diff(position)) < LEVEL_MM
    runs: list[tuple[FloatArray, float]] = []
    others = [(path_lps[:1], float(radii_mm[0]))]
    for start, stop in _alike(level, radii_mm[1:]):
        part, radius = path_lps[start : stop + 1], float(radii_mm[stop])
        (runs if level[start] else others).append((part if level[start] else _densely(part, radius), radius))
    found = {}
    for k in np.flatnonzero((geometry.positions > low) & (geometry.positions < high)).tolist():
        parts: list[BaseGeometry] = []
        for points, radius in runs:
            left = radius**2 - (points[0] @ geometry.normal - geometry.positions[k]) ** 2
            if left > 0:
                parts.append(stamp(geometry.plane_from_lps(k, points), float(np.sqrt(left))))
        for points, radius in others:
            parts += _hulls(points, radius, geometry, k)
        area = clean(parts[0] if len(parts) == 1 else shapely.union_all(parts))
        if not area.is_empty:
            found[k] = area
    return found


def _hulls(path: FloatArray, radius: float, geometry: Geometry, k: int) -> list[BaseGeometry]:
    """What a ball that goes along (n, 3) LPS points sweeps on plane `k`, in parts."""
    left = radius**2 - (path @ geometry.normal - geometry.positions[k]) ** 2
    there = left > 0
    discs = shapely.buffer(
        shapely.points(geometry.plane_from_lps(k, path)), np.sqrt(np.maximum(left, 0)), quad_segs=QUARTER_EDGES
    )
    both = np.flatnonzero(there[1:] & there[:-1])
    # A disc that is part of a hull needn't be united with it.
    there[both] = there[both + 1] = False
    pairs = shapely.geometrycollections(np.stack([discs[both], discs[both + 1]], axis=1))
    return [*discs[there], *shapely.convex_hull(pairs)]


def _alike(level: NDArray[np.bool_], radii: FloatArray) -> list[tuple[int, int]]:
    """(first, last) point of stretches of steps that are all level or none, and of one size; (n − 1,) of n points."""
    ends = np.flatnonzero((np.diff(level.astype(int)) != 0) | (np.diff(radii) != 0)) + 1
    edges = [0, *ends.tolist(), len(level)]
    return [(start, stop) for start, stop in pairwise(edges) if stop > start]


def _densely(path: FloatArray, radius: float) -> FloatArray:
    points = [path[:1]]
    for a, b in pairwise(path):
        count = max(int(np.ceil(float(np.linalg.norm(b - a)) / (STEP * radius))), 1)
        points.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(points)
