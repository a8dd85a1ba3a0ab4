"""Strokes: pure geometry of the brush, the eraser, and the disc that pushes a line. Polygons in, polygons out."""

import numpy as np
import shapely
from numpy.typing import ArrayLike
from shapely import LineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

#: A disc is drawn with four times this many edges; its area then differs from πr² by less than 0.2 %.
QUARTER_EDGES = 12
#: Rings and slivers smaller than this (mm²) are what rounding leaves behind, not something a person drew.
SLIVER_MM2 = 1e-6


def clean(geometry: BaseGeometry) -> MultiPolygon:
    """Any geometry → valid polygons that do not overlap; points, lines and slivers are dropped.

    A ring that crosses itself, as a hand may draw it, keeps all that it goes around.
    """
    if not geometry.is_valid:
        geometry = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    polygons: list[Polygon] = []
    for part in shapely.get_parts(geometry):
        if isinstance(part, Polygon):
            polygons.append(part)
        elif isinstance(part, MultiPolygon):
            polygons.extend(part.geoms)
    kept = []
    for polygon in polygons:
        if polygon.area <= SLIVER_MM2:
            continue
        holes = [hole for hole in polygon.interiors if Polygon(hole).area > SLIVER_MM2]
        kept.append(polygon if len(holes) == len(polygon.interiors) else Polygon(polygon.exterior, holes))
    return MultiPolygon(kept)


def stamp(points_uv: ArrayLike, radius_mm: float) -> MultiPolygon:
    """The area that a disc sweeps along a path.

    Args:
        points_uv: (n, 2) `(u, v)` mm, n >= 1; a single point gives the disc.
        radius_mm: of the disc.

    Returns:
        The swept area; empty without points or radius.
    """
    points = np.atleast_2d(np.asarray(points_uv, dtype=np.float64))
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points) or radius_mm <= 0:
        return MultiPolygon()
    path = Point(points[0]) if len(points) == 1 or not np.ptp(points, axis=0).any() else LineString(points)
    return clean(path.buffer(radius_mm, quad_segs=QUARTER_EDGES))


def add(area: MultiPolygon, shape: BaseGeometry) -> MultiPolygon:
    """`area` with `shape` added."""
    return clean(area.union(shape))


def subtract(area: MultiPolygon, shape: BaseGeometry) -> MultiPolygon:
    """`area` with `shape` taken away."""
    return clean(area.difference(shape))
