"""Structures cut along a row or a column of the image: what sagittal and coronal views draw and edit.

The frame of a cut: horizontal, mm along the remaining in-plane axis from the first voxel centre of plane 0 (`u` for a
cut along a row, `v` for one along a column); vertical, mm along the normal from plane 0.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from engine.contouring.brush import clean
from engine.contouring.stack import EMPTY, Areas, heights, offsets
from engine.volume import Geometry

FloatArray = NDArray[np.float64]
Axis = Literal["row", "column"]


@dataclass
class _Interval:
    """Where the cut meets the structure on one plane, with those on the next planes that it overlaps."""

    plane: int
    left: float
    right: float
    up: list["_Interval"] = field(default_factory=list)
    down: list["_Interval"] = field(default_factory=list)


def section(areas: Areas, geometry: Geometry, axis: Axis, index: float) -> MultiPolygon:
    """A structure cut along a row or a column.

    On each plane the cut meets the polygons in intervals, exactly. Between neighbouring planes, intervals that overlap
    are joined by straight lines; where a piece ends, it goes on for half the distance to the next plane.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        geometry: of the image.
        axis: "row" cuts along a row (all columns), "column" along a column (all rows).
        index: fractional row or column index, on plane 0.

    Returns:
        Valid polygons in the frame of the cut; see the top of this module.
    """
    height = heights(geometry)
    gaps = np.diff(height) if len(height) > 1 else np.array([geometry.plane_spacing])
    above, below = np.append(gaps, gaps[-1]) / 2, np.insert(gaps, 0, gaps[0]) / 2
    intervals = _intervals(areas, geometry, axis, index)
    _join(intervals)
    parts: list[Polygon] = []
    branching = False
    for members in intervals.values():
        for interval in members:
            if not _goes_straight_on(interval, upwards=False):
                chain = [interval]
                while _goes_straight_on(chain[-1], upwards=True):
                    chain.append(chain[-1].up[0])
                parts.extend(_outline(chain, height, above, below))
            if not _goes_straight_on(interval, upwards=True):
                branching |= bool(interval.up)
                parts.extend(_outline([interval, other], height, None, None)[0] for other in interval.up)
    if not parts:
        return EMPTY
    return clean(shapely.union_all(parts)) if branching else MultiPolygon(parts)


def _intervals(areas: Areas, geometry: Geometry, axis: Axis, index: float) -> dict[int, list[_Interval]]:
    """Plane index → where the cut meets its polygons, from left to right."""
    planes = [k for k, area in sorted(areas.items()) if 0 <= k < geometry.shape[0] and not area.is_empty]
    if not planes:
        return {}
    parts, which = shapely.get_parts([areas[k] for k in planes], return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    plane = np.asarray(planes)[which[part[ring]]]
    points = points + offsets(geometry)[plane]
    along, across = (0, 1) if axis == "row" else (1, 0)
    cut = index * geometry.spacing_uv[across]
    above = points[:, across] > cut
    crossing = np.flatnonzero((above[1:] != above[:-1]) & (ring[1:] == ring[:-1]))
    a, b = points[crossing], points[crossing + 1]
    place = a[:, along] + (cut - a[:, across]) * (b[:, along] - a[:, along]) / (b[:, across] - a[:, across])
    plane = plane[crossing]
    order = np.lexsort((place, plane))
    result: dict[int, list[_Interval]] = {}
    for k, left, right in zip(plane[order][::2].tolist(), place[order][::2], place[order][1::2], strict=True):
        if right > left:
            result.setdefault(k, []).append(_Interval(k, float(left), float(right)))
    return result


def _join(intervals: dict[int, list[_Interval]]) -> None:
    for k, members in intervals.items():
        for low in members:
            for high in intervals.get(k + 1, ()):
                if low.left < high.right and high.left < low.right:
                    low.up.append(high)
                    high.down.append(low)


def _goes_straight_on(interval: _Interval, upwards: bool) -> bool:
    """Whether it is joined to one interval of the next plane, and that one only to it."""
    if upwards:
        return len(interval.up) == 1 and len(interval.up[0].down) == 1
    return len(interval.down) == 1 and len(interval.down[0].up) == 1


def _outline(
    chain: list[_Interval], height: FloatArray, above: FloatArray | None, below: FloatArray | None
) -> list[Polygon]:
    """The polygon of intervals one above another, with half a plane's thickness beyond the ends of a piece."""
    left = [(i.left, float(height[i.plane])) for i in chain]
    right = [(i.right, float(height[i.plane])) for i in chain]
    first, last = chain[0], chain[-1]
    if below is not None and not first.down:
        bottom = float(height[first.plane] - below[first.plane])
        left.insert(0, (first.left, bottom))
        right.insert(0, (first.right, bottom))
    if above is not None and not last.up:
        top = float(height[last.plane] + above[last.plane])
        left.append((last.left, top))
        right.append((last.right, top))
    return [Polygon([*left, *reversed(right)])] if len(left) > 1 else []


def paint_section(  # noqa: PLR0917
    areas: Areas, geometry: Geometry, axis: Axis, index: float, shape_on_cut: BaseGeometry, add: bool
) -> dict[int, MultiPolygon]:
    """Paint or erase on a cut.

    Each plane whose height the shape reaches gets, or loses, a strip as wide as one voxel along the intervals in which
    the shape meets it; a shape that lies between two planes counts for the nearest one. No other plane changes.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        geometry: of the image.
        axis: as for `section`.
        index: fractional row or column index, on plane 0; the strip is that of the nearest row or column.
        shape_on_cut: in the frame of the cut.
        add: True adds, False takes away.

    Returns:
        The planes that change; those left without contours are empty.
    """
    if shape_on_cut.is_empty:
        return {}
    height, shift = heights(geometry), offsets(geometry)
    _, bottom, _, top = shape_on_cut.bounds
    planes = np.flatnonzero((height >= bottom) & (height <= top)).tolist()
    spans = {k: _spans(shape_on_cut, float(height[k])) for k in planes}
    if not planes:
        middle = (bottom + top) / 2
        k = int(np.abs(height - middle).argmin())
        if abs(height[k] - middle) <= geometry.plane_thickness[k] / 2:
            spans = {k: [(shape_on_cut.bounds[0], shape_on_cut.bounds[2])]}
    along, across = (0, 1) if axis == "row" else (1, 0)
    step = geometry.spacing_uv[across]
    result = {}
    for k, found in spans.items():
        # The row or column of this plane that the cut passes through; with a tilted gantry not the same on all.
        centre = round((index * step - shift[k, across]) / step)
        low, high = (centre - 0.5) * step, (centre + 0.5) * step
        strips = []
        for left, right in found:
            a, b = left - shift[k, along], right - shift[k, along]
            strips.append(box(a, low, b, high) if axis == "row" else box(low, a, high, b))
        strip = shapely.union_all(strips)
        area = areas.get(k, EMPTY)
        if strip.is_empty or (not add and not area.intersects(strip)) or (add and area.covers(strip)):
            continue
        result[k] = clean(area.union(strip) if add else area.difference(strip))
    return result


def _spans(shape: BaseGeometry, height: float) -> list[tuple[float, float]]:
    """Where a horizontal line meets a shape."""
    left, _, right, _ = shape.bounds
    line = shapely.linestrings([[left - 1, height], [right + 1, height]])
    met = shapely.get_parts(shape.intersection(line))
    return [(part.bounds[0], part.bounds[2]) for part in met if part.length > 0]
