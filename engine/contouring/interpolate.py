"""The planes between drawn ones, without voxel steps, through changes of topology."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.fill import fill_plane
from engine.contouring.march import areas_of
from engine.contouring.simplify import simplify_plane
from engine.contouring.stack import Areas, heights, move, offsets, to_stack
from engine.contouring.trace import level_lines
from engine.progress import Progress, silent
from engine.volume import FloatArray, Geometry

#: Points of the grid on which distances are blended, along the longer side of the box around both areas.
GRID = 160
#: The grid need not be finer than this (mm).
FINEST_MM = 0.25
#: Stands for a distance that need not be measured (mm).
FAR_MM = 1e6
#: Points that move a line by less than this (mm) are left out, before distances to it are measured and from the result.
THINNED_MM = 0.01


def blend(low: MultiPolygon, high: MultiPolygon, shares: Iterable[float]) -> list[MultiPolygon]:
    """Areas between two areas.

    Shape-based interpolation: the exact signed distances to both lines are blended linearly and the new line runs where
    the blend is zero, traced between grid points (Raya and Udupa, IEEE Trans Med Imaging 1990;9:32; Herman et al.,
    IEEE Comput Graph Appl 1992;12:69). One island may become two, and holes may open. Areas of one island each, and
    areas that do not meet, are first moved onto each other by their centroids, so that an oblique tube stays a tube.

    Args:
        low: the area at share 0, mm, in a frame common to both.
        high: the area at share 1.
        shares: where between them, 0 to 1.

    Returns:
        One area per share.
    """
    shares = list(shares)
    if low.is_empty or high.is_empty:
        return [MultiPolygon() for _ in shares]
    low, high = simplify_plane(low, THINNED_MM), simplify_plane(high, THINNED_MM)
    step = np.zeros(2)
    if (len(low.geoms) == 1 and len(high.geoms) == 1) or not low.intersects(high):
        step = np.array([high.centroid.x - low.centroid.x, high.centroid.y - low.centroid.y])
    moved = move(high, -step)
    if shapely.equals_exact(low, moved, 1e-9):
        return [move(low, share * step) for share in shares]
    box = np.array([low.bounds, moved.bounds])
    first, last = box[:, :2].min(axis=0), box[:, 2:].max(axis=0)
    spacing = max(FINEST_MM, float((last - first).max()) / GRID)
    count = np.ceil((last - first) / spacing).astype(int) + 5
    first = (first + last - (count - 1) * spacing) / 2
    inside = [fill_plane(move(area, -first), (count[1], count[0]), (spacing, spacing)) for area in (low, moved)]
    rows, columns = np.nonzero(_undecided(inside[0], inside[1]))
    points = first + np.stack([columns, rows], axis=1) * spacing
    # Where both agree all around, only the sign counts.
    fields = [np.where(own, np.inf, -np.inf) for own in inside]
    for field, own, area in zip(fields, inside, (low, moved), strict=True):
        field[rows, columns] = np.where(own[rows, columns], 1.0, -1.0) * _distance(points, area)
        np.clip(field, -FAR_MM, FAR_MM, out=field)
    return [_zero_line((1 - share) * fields[0] + share * fields[1], first + share * step, spacing) for share in shares]


def _undecided(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grid points that are not, with all their neighbours, inside both or outside both."""
    some, all_ = np.pad(a | b, 1), np.pad(a & b, 1)
    for axis in (0, 1):
        some = some | np.roll(some, 1, axis) | np.roll(some, -1, axis)
        all_ = all_ & np.roll(all_, 1, axis) & np.roll(all_, -1, axis)
    return np.asarray((some & ~all_)[1:-1, 1:-1])


def _distance(points: FloatArray, area: MultiPolygon) -> FloatArray:
    """(n,) mm from each of (n, 2) points to the nearest point of an area's line, exact."""
    line = area.boundary
    shapely.prepare(line)
    return np.asarray(shapely.distance(shapely.points(points), line), dtype=np.float64)


def _zero_line(field: FloatArray, origin: FloatArray, spacing: float) -> MultiPolygon:
    if not (field > 0).any():
        return MultiPolygon()
    # In samples, so that the clearance between line and grid points is a share of them.
    lines, starts, outer = level_lines(field / spacing, 0.0, corners=False)
    found = areas_of(lines * spacing + origin, starts, outer, np.zeros(len(starts) - 1, dtype=np.intp))
    return simplify_plane(found[0][1], THINNED_MM) if found else MultiPolygon()


def interpolate(
    areas: Areas, geometry: Geometry, planes: Iterable[int] | None = None, progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """Areas on the empty planes between drawn ones; drawn planes are untouched.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        geometry: of the image; the real positions of the planes count, even or not.
        planes: only these empty planes; all between the first and the last drawn one by default.
        progress: reports and may stop.

    Returns:
        The planes that were filled.
    """
    stack = to_stack(areas, geometry)
    shift, height = offsets(geometry), heights(geometry)
    wanted = None if planes is None else set(planes)
    drawn = list(stack)
    result: dict[int, MultiPolygon] = {}
    gaps = [(a, b) for a, b in pairwise(drawn) if b - a > 1]
    for n, (a, b) in enumerate(gaps):
        progress(n / len(gaps), "Interpolating between planes")
        between = [k for k in range(a + 1, b) if wanted is None or k in wanted]
        shares = [float((height[k] - height[a]) / (height[b] - height[a])) for k in between]
        for k, area in zip(between, blend(stack[a], stack[b], shares), strict=True):
            if not area.is_empty:
                result[k] = move(area, -shift[k])
    progress(1.0, "Interpolating between planes")
    return result
