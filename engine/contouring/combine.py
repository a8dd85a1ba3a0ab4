"""Two structures made into one: union, intersection, difference, and crop by a margin."""

from enum import StrEnum

import shapely
from shapely import MultiPolygon

from engine.contouring.brush import clean
from engine.contouring.margin import Margins, margin
from engine.contouring.stack import EMPTY, Areas, changed
from engine.progress import Progress, part, silent
from engine.volume import Geometry


class Operation(StrEnum):
    """How two structures are combined."""

    UNION = "union"
    INTERSECTION = "intersection"
    DIFFERENCE = "difference"
    EITHER = "either but not both"


_FUNCTIONS = {
    Operation.UNION: shapely.union,
    Operation.INTERSECTION: shapely.intersection,
    Operation.DIFFERENCE: shapely.difference,
    Operation.EITHER: shapely.symmetric_difference,
}


def combine(
    areas: Areas, other: Areas, geometry: Geometry, operation: Operation, progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """Combine two structures, plane by plane.

    Args:
        areas: of the first structure, plane index → polygons, `(u, v)` mm.
        other: of the second one, on the same planes.
        geometry: of the image.
        operation: union, intersection, the first without the second, or what only one of them covers.
        progress: reports and may stop.

    Returns:
        The planes on which the first structure changes; those left without contours are empty.
    """
    result = {}
    planes = sorted(set(areas) | set(other))
    for n, k in enumerate(planes):
        progress(n / len(planes), f"Combining: {operation.value}")
        a, b = areas.get(k, EMPTY), other.get(k, EMPTY)
        if b.is_empty and operation is not Operation.INTERSECTION:
            result[k] = a
        elif a.is_empty or b.is_empty:
            result[k] = b if operation in (Operation.UNION, Operation.EITHER) else EMPTY
        elif operation is Operation.DIFFERENCE and not a.intersects(b):
            result[k] = a
        else:
            result[k] = clean(_FUNCTIONS[operation](a, b))
    progress(1.0, f"Combining: {operation.value}")
    return changed(areas, result)


def crop(
    areas: Areas,
    other: Areas,
    geometry: Geometry,
    margin_mm: float,
    *,
    inside: bool = False,
    progress: Progress = silent,
) -> dict[int, MultiPolygon]:
    """Cut a structure back to a distance from another one, measured in space.

    Args:
        areas: of the structure to cut, plane index → polygons, `(u, v)` mm.
        other: of the structure to keep away from, on the same planes.
        geometry: of the image.
        margin_mm: distance to keep, 0 or more.
        inside: False removes what lies within the distance of `other` or inside it (an organ kept out of a target);
            True keeps only what lies inside `other` by at least the distance (a target kept off the skin).
        progress: reports and may stop.

    Returns:
        The planes on which the structure changes; those left without contours are empty.
    """
    sign = -1.0 if inside else 1.0
    edge = dict(other)
    edge.update(margin(other, geometry, Margins.uniform(sign * margin_mm), part(progress, 0.0, 0.8)))
    operation = Operation.INTERSECTION if inside else Operation.DIFFERENCE
    return combine(areas, edge, geometry, operation, part(progress, 0.8, 1.0))
