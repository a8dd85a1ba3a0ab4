"""A structure parted by a line drawn across it."""

import numpy as np
import shapely
from numpy.typing import ArrayLike
from shapely import LineString, MultiPolygon, Polygon

from engine.contouring.brush import clean


def side_of(area: MultiPolygon, line: ArrayLike) -> tuple[MultiPolygon, MultiPolygon]:
    """The two parts of an area on both sides of a line.

    The line is lengthened straight at both ends until it leaves the area; what it does not cross lies on one side of it
    or the other. Both parts share the line.

    Args:
        area: polygons, mm.
        line: (n, 2) mm, n >= 2, from one end to the other.

    Returns:
        What lies to the left of the line as it is drawn with u to the right and v up, and the rest. A polygon that the
        line misses keeps every coordinate.
    """
    points = np.asarray(line, dtype=np.float64)
    if area.is_empty:
        return area, MultiPolygon()
    low, high = np.array(area.bounds[:2]), np.array(area.bounds[2:])
    low, high = np.minimum(low, points.min(axis=0)) - 1, np.maximum(high, points.max(axis=0)) + 1
    far = 2 * float(np.linalg.norm(high - low))
    ends = [_beyond(points[0], points[0] - points[1:], far), _beyond(points[-1], points[-1] - points[-2::-1], far)]
    long = np.concatenate([ends[0][None], points, ends[1][None]])
    # Half of the plane: the line, and round by the left behind it.
    along = ends[1] - ends[0]
    left = np.array([-along[1], along[0]]) / np.linalg.norm(along) * 2 * far
    half = clean(Polygon(np.concatenate([long, [ends[1] + left, ends[0] + left]])))
    parts = shapely.get_parts(area)
    crossed = shapely.intersects(parts, LineString(long))
    inside = [part for part, met in zip(parts, crossed, strict=True) if not met and half.contains(part)]
    outside = [part for part, met in zip(parts, crossed, strict=True) if not met and not half.contains(part)]
    cut = MultiPolygon(list(parts[crossed]))
    near, rest = clean(cut.intersection(half)), clean(cut.difference(half))
    return MultiPolygon([*inside, *near.geoms]), MultiPolygon([*outside, *rest.geoms])


def _beyond(end: np.ndarray, steps: np.ndarray, far: float) -> np.ndarray:
    """A point far beyond an end, in the direction in which the line comes from the first point that is not the end."""
    length = np.linalg.norm(steps, axis=1)
    step = steps[np.flatnonzero(length > 0)[0]]
    return np.asarray(end + step / np.linalg.norm(step) * far)
