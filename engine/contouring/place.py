"""Structures moved, turned, scaled and mirrored as they are, and drawn anew on the planes where they come to lie.

In the plane every point goes where it belongs, exactly. Across the planes a structure is what `interpolate.blend` makes
of it between two planes, and goes on for half a plane beyond its ends.
"""

from collections.abc import Callable, Sequence

import numpy as np
import shapely
from shapely import MultiPolygon
from shapely.affinity import affine_transform

from engine.contouring.brush import clean
from engine.contouring.interpolate import blend
from engine.contouring.stack import EMPTY, Areas, changed, heights, move, offsets, to_stack
from engine.errors import PlanimeterError
from engine.progress import Progress, silent
from engine.volume import FloatArray, Geometry

#: Nearer to a plane than this, mm, is on it.
_ON_PLANE_MM = 1e-4


def moved(
    areas: Areas, geometry: Geometry, step_lps: Sequence[float], progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """A structure moved by (3,) LPS mm; see the module. Returns the planes that change."""
    step = np.asarray(step_lps, dtype=np.float64)
    u, v, w = (float(step @ geometry.directions[:, axis]) for axis in range(3))
    return _placed(areas, geometry, (1, 0, 0, 1, u, v), lambda height: height - w, progress)


def turned(areas: Areas, geometry: Geometry, degrees: float, progress: Progress = silent) -> dict[int, MultiPolygon]:
    """A structure turned in the planes about its centre, from rising u to rising v: clockwise in an axial view.

    Returns the planes that change.
    """
    centre = _centre(areas, geometry)
    cos, sin = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    x, y = centre[0], centre[1]
    matrix = (cos, -sin, sin, cos, x - cos * x + sin * y, y - sin * x - cos * y)
    return _placed(areas, geometry, matrix, lambda height: height, progress)


def scaled(
    areas: Areas, geometry: Geometry, in_plane: float, across: float, progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """A structure made larger or smaller about its centre.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        geometry: of the image.
        in_plane, across: factors in the planes and across them, above 0.
        progress: reports and may stop.

    Returns:
        The planes that change.

    Raises:
        PlanimeterError: a factor is not above 0.
    """
    if in_plane <= 0 or across <= 0:
        raise PlanimeterError("A structure can be scaled by more than 0 % alone.")
    x, y, z = _centre(areas, geometry)
    matrix = (in_plane, 0, 0, in_plane, x * (1 - in_plane), y * (1 - in_plane))
    return _placed(areas, geometry, matrix, lambda height: z + (height - z) / across, progress)


def mirrored(
    areas: Areas, geometry: Geometry, at_lps: FloatArray, progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """A structure mirrored from left to right, about (3,) LPS mm: along the image's axis that is nearest to that.

    Returns the planes that change.
    """
    axis = int(np.abs(geometry.directions[0]).argmax())
    if axis == 2:
        level = float((at_lps - geometry.origins_lps[0]) @ geometry.normal)
        return _placed(areas, geometry, (1, 0, 0, 1, 0, 0), lambda height: 2 * level - height, progress)
    at = float(geometry.plane_from_lps(0, at_lps)[0, axis])
    matrix = (-1, 0, 0, 1, 2 * at, 0) if axis == 0 else (1, 0, 0, -1, 0, 2 * at)
    return _placed(areas, geometry, matrix, lambda height: height, progress)


def _centre(areas: Areas, geometry: Geometry) -> FloatArray:
    """(3,) u, v in the frame of the stack and height, mm: the mean position of the volume."""
    stack, height, thickness = to_stack(areas, geometry), heights(geometry), geometry.plane_thickness
    weight = np.array([area.area * thickness[k] for k, area in stack.items()])
    points = np.array([[area.centroid.x, area.centroid.y, height[k]] for k, area in stack.items()])
    return np.asarray(weight @ points / weight.sum() if len(points) else np.zeros(3))


def _placed(
    areas: Areas,
    geometry: Geometry,
    matrix: Sequence[float],
    source_of: Callable[[float], float],
    progress: Progress,
) -> dict[int, MultiPolygon]:
    """Each plane from the height that comes to lie there, its points by an affine matrix (a, b, d, e, xoff, yoff)."""
    stack, shift = to_stack(areas, geometry), offsets(geometry)
    still = tuple(matrix) == (1, 0, 0, 1, 0, 0)
    result = {}
    for k, height in enumerate(heights(geometry).tolist()):
        progress(k / geometry.shape[0], "Placing the structure")
        area = _at(stack, geometry, source_of(height))
        if area.is_empty:
            continue
        if not still:
            area = affine_transform(area, matrix)
            area = area if shapely.is_valid(area) else clean(area)
        result[k] = move(area, -shift[k])
    progress(1.0, "Placing the structure")
    return changed(areas, result)


def _at(stack: Areas, geometry: Geometry, height: float) -> MultiPolygon:
    """What a structure is at a height, in the frame of the stack."""
    level = heights(geometry)
    near = int(np.abs(level - height).argmin())
    if abs(level[near] - height) < _ON_PLANE_MM:
        return stack.get(near, EMPTY)
    above = int(np.searchsorted(level, height))
    if above in (0, len(level)):
        # Beyond the image: for half a plane it is what the last plane is.
        return stack.get(near, EMPTY) if abs(level[near] - height) <= geometry.plane_thickness[near] / 2 else EMPTY
    low, high = stack.get(above - 1, EMPTY), stack.get(above, EMPTY)
    if low.is_empty or high.is_empty:
        return stack.get(near, EMPTY)
    share = float((height - level[above - 1]) / (level[above] - level[above - 1]))
    return blend(low, high, [share])[0]
