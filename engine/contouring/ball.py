"""What a ball sweeps, cut by the planes of an image."""

import numpy as np
import shapely
from shapely import MultiPolygon

from engine.contouring.brush import QUARTER_EDGES, clean
from engine.volume import FloatArray, Geometry

#: Along its way the ball is set down at least every so many radii; between two places the area is their hull.
STEP = 0.25


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
    path, radii = _densely(path_lps, radii_mm)
    position = path @ geometry.normal
    low, high = (position - radii).min(), (position + radii).max()
    found = {}
    for k in np.flatnonzero((geometry.positions > low) & (geometry.positions < high)).tolist():
        left = radii**2 - (position - geometry.positions[k]) ** 2
        there = left > 0
        radius = np.sqrt(np.maximum(left, 0))
        discs = shapely.buffer(shapely.points(geometry.plane_from_lps(k, path)), radius, quad_segs=QUARTER_EDGES)
        both = np.flatnonzero(there[1:] & there[:-1])
        # A disc that is part of a hull needn't be united with it.
        there[both] = there[both + 1] = False
        parts = list(discs[there])
        pairs = shapely.geometrycollections(np.stack([discs[both], discs[both + 1]], axis=1))
        parts += list(shapely.convex_hull(pairs))
        area = clean(shapely.union_all(parts))
        if not area.is_empty:
            found[k] = area
    return found


def _densely(path: FloatArray, radii: FloatArray) -> tuple[FloatArray, FloatArray]:
    points, sizes = [path[:1]], [radii[:1]]
    for a, b, radius in zip(path[:-1], path[1:], radii[1:], strict=True):
        count = max(int(np.ceil(float(np.linalg.norm(b - a)) / (STEP * radius))), 1)
        points.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
        sizes.append(np.full(count, radius))
    return np.concatenate(points), np.concatenate(sizes)
