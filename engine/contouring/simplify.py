"""Fewer points on a line, within a bound that is never exceeded."""

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from engine.contouring.stack import Areas
from engine.errors import PlanimeterError
from engine.progress import Progress, silent
from engine.volume import Geometry

#: How often the tolerance is halved where the simplified line would be no good, before the line is left as it is.
HALVINGS = 4


def simplify(
    areas: Areas, geometry: Geometry, tolerance_mm: float, progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """Leave out points of the lines.

    Douglas and Peucker's method (1973), topology preserving as in GEOS; then each polygon is checked, and done again
    with half the tolerance, or left alone, unless it is valid, has as many holes, touches no other polygon of its plane
    and lies within the bound.

    Args:
        areas: plane index → polygons.
        geometry: of the image; not used, as planes are simplified each by itself.
        tolerance_mm: no point of the old line lies further from the new one, and none of the new from the old.
        progress: reports and may stop.

    Returns:
        The planes that change.
    """
    if tolerance_mm <= 0:
        raise PlanimeterError(f"The tolerance {tolerance_mm} mm is not positive; choose one such as 0.1 mm.")
    result = {}
    for n, (plane, area) in enumerate(areas.items()):
        progress(n / len(areas), "Simplifying contours")
        simple = simplify_plane(area, tolerance_mm)
        if simple is not area:
            result[plane] = simple
    progress(1.0, "Simplifying contours")
    return result


def simplify_plane(area: MultiPolygon, tolerance_mm: float) -> MultiPolygon:
    """`simplify` of one plane; the same object where no point can go."""
    parts = shapely.get_parts(area)
    chosen = parts.copy()
    todo = np.arange(len(parts))
    for halving in range(HALVINGS):
        if not len(todo):
            break
        tolerance = tolerance_mm * 0.5**halving
        candidates = shapely.simplify(parts[todo], tolerance, preserve_topology=True)
        good = (
            shapely.is_valid(candidates)
            & (shapely.get_num_interior_rings(candidates) == shapely.get_num_interior_rings(parts[todo]))
            & (shapely.get_type_id(candidates) == shapely.GeometryType.POLYGON)
            & [_farthest(old, new) <= tolerance_mm for old, new in zip(parts[todo], candidates, strict=True)]
        )
        chosen[todo[good]] = candidates[good]
        todo = todo[~good]
    if shapely.get_num_coordinates(chosen).sum() == shapely.get_num_coordinates(parts).sum():
        return area
    result = MultiPolygon(list(chosen))
    # Polygons close to one another may meet though each is sound by itself.
    return result if result.is_valid and _apart(chosen) else area


def _farthest(old: Polygon, new: Polygon) -> float:
    """Largest distance of the old points from the new line.

    No point of either line lies further from the other: the new line runs straight between old points, so what is
    between them on the old line lies within the same distance of that chord, and passes every point of it.
    """
    line = new.boundary
    shapely.prepare(line)
    return float(shapely.distance(shapely.points(shapely.get_coordinates(old)), line).max())


def _apart(parts: np.ndarray) -> bool:
    if len(parts) < 2:
        return True
    a, b = shapely.STRtree(parts).query(parts, predicate="intersects")
    return bool((a == b).all())
