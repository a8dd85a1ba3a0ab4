"""Rings as a file writes them ↔ polygons with holes."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from engine.contouring.brush import clean

FloatArray = NDArray[np.float64]


def area_from_rings(rings: Sequence[FloatArray]) -> tuple[MultiPolygon, bool]:
    """The area that lies inside an odd number of rings.

    Args:
        rings: each (n, 2) `(u, v)` mm, closed or not. Nested rings, keyholes, rings that cross or touch themselves or
            one another and duplicates are all taken by even-odd; points that are not finite are skipped, and rings of
            fewer than three distinct points have no area.

    Returns:
        The area, and whether rings overlapped in another way than one lying inside another: there a reader that takes
        the union sees more.
    """
    total = MultiPolygon()
    overlapped = False
    for ring in rings:
        points = np.asarray(ring, dtype=np.float64).reshape(-1, 2)
        points = points[np.isfinite(points).all(axis=1)]
        if len(np.unique(points, axis=0)) < 3:
            continue
        area = clean(Polygon(points))
        if not total.is_empty and shapely.intersects(total, area):
            shared = total.intersection(area).area
            overlapped |= bool(1e-3 < shared < area.area - 1e-3)
            total = clean(total.symmetric_difference(area))
        else:
            total = MultiPolygon([*total.geoms, *area.geoms])
    return total, overlapped


def keyhole(polygon: Polygon) -> FloatArray:
    """A polygon with holes as one closed ring, its holes joined to the outside by channels of no width.

    Args:
        polygon: valid, `(u, v)` mm.

    Returns:
        (n, 2) ring without the repeated last point; even-odd (`area_from_rings`) gives the polygon back.
    """
    ring = np.asarray(shapely.get_coordinates(polygon.exterior))[:-1]
    holes = [np.asarray(shapely.get_coordinates(hole))[:-1] for hole in polygon.interiors]
    # The nearest hole first: its shortest link to what is joined already can cross no other hole.
    while holes:
        best = (np.inf, 0, 0, 0)
        for h, hole in enumerate(holes):
            distance = np.hypot(ring[:, None, 0] - hole[None, :, 0], ring[:, None, 1] - hole[None, :, 1])
            at = int(distance.argmin())
            a, b = divmod(at, len(hole))
            if distance[a, b] < best[0]:
                best = (float(distance[a, b]), h, a, b)
        _, h, a, b = best
        hole = holes.pop(h)
        loop = np.concatenate([hole[b:], hole[: b + 1]])
        ring = np.concatenate([ring[: a + 1], loop, ring[a:]])
    return ring
