"""A part of a cut of the series with the grey values of an image on it. No Qt."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, box

from engine.contouring.brush import clean, stamp
from engine.contouring.levels import level_area
from engine.contouring.section import plane_heights
from engine.contouring.stack import offsets
from engine.volume import FloatArray, Geometry
from viewer.edits.grey import box_of, sampled
from viewer.layers import Layer
from viewer.session import Cut
from viewer.tools.canvas import Place
from viewer.tools.registry import Workbench

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Patch:
    """Values on a part of a cut, on the base's own voxels.

    Args:
        values: (rows, columns); for a cut across the planes a row is a plane.
        across: mm of each column; `down`: mm of each row. Both rise.
        ends: (rows + 1,) mm between which each row lies, for a cut across the planes; None in a plane.
    """

    values: NDArray
    across: FloatArray
    down: FloatArray
    ends: FloatArray | None = None

    def area(self, depth: FloatArray) -> MultiPolygon:
        """Where `depth` (rows, columns) is 0 or more, mm of the cut.

        Across the planes these are boxes, one a run of voxels, as a stroke there is made of whole voxels too.
        """
        step = float(self.across[1] - self.across[0]) if len(self.across) > 1 else 1.0
        if self.ends is None:
            rise = float(self.down[1] - self.down[0]) if len(self.down) > 1 else step
            return level_area(depth, (step, rise), (float(self.across[0]), float(self.down[0])))
        runs = np.diff(np.pad((depth >= 0).astype(np.int8), ((0, 0), (1, 1))), axis=1)
        rows, starts = np.nonzero(runs == 1)
        stops = np.nonzero(runs == -1)[1]
        left = self.across[0] + (starts - 0.5) * step
        right = self.across[0] + (stops - 0.5) * step
        return clean(shapely.union_all(box(left, self.ends[rows], right, self.ends[rows + 1])))

    def near(self, point: tuple[float, float], radius_mm: float) -> NDArray:
        """(n,) the values within a radius of a point; at least that of the nearest voxel. Numbers only."""
        square = (self.across[None] - point[0]) ** 2 + (self.down[:, None] - point[1]) ** 2
        chosen = self.values[square <= max(radius_mm**2, float(square.min()))]
        return np.asarray(chosen[np.isfinite(chosen)])


def swept_by(bench: Workbench, place: Place, points: list[tuple[float, float]]) -> tuple[MultiPolygon, Patch | None]:
    """What a movement of the disc sweeps, mm of the cut, and the values under it; None where the image has none."""
    area = stamp(points, bench.radius_mm)
    structures = bench.session.structures
    assert structures is not None, "a stroke is begun on an open series"
    return area, patch(bench.image, structures.geometry, place, area.bounds)


def patch(layer: Layer, geometry: Geometry, place: Place, bounds: Bounds) -> Patch | None:
    """The values of a layer around a part of a cut, two voxels wider; None where that lies outside the base.

    Args:
        layer: whose values.
        geometry: of the base.
        place: the cut.
        bounds: least u, least v, greatest u, greatest v, mm of the cut.
    """
    du, dv = geometry.spacing_uv
    planes, rows, columns = geometry.shape
    if place.cut is Cut.PLANE:
        i0, i1 = _span(bounds[0] / du, bounds[2] / du, columns)
        j0, j1 = _span(bounds[1] / dv, bounds[3] / dv, rows)
        if i1 <= i0 or j1 <= j0:
            return None
        k = int(place.index)
        values = box_of(layer, geometry, np.array([k, j0, i0]), np.array([k + 1, j1, i1]))[0]
        return Patch(values, _places(i0, i1, du), _places(j0, j1, dv))
    along, step, count = (0, du, columns) if place.cut is Cut.ROW else (1, dv, rows)
    level = plane_heights(geometry)
    near = np.flatnonzero((level.high >= bounds[1]) & (level.low <= bounds[3]))
    if not len(near):
        return None
    k0, k1 = max(int(near[0]) - 1, 0), min(int(near[-1]) + 2, planes)
    a0, a1 = _span(bounds[0] / step, bounds[2] / step, count)
    if a1 <= a0:
        return None
    shift = offsets(geometry)
    across = _places(a0, a1, step)
    lines = []
    for k in range(k0, k1):
        # As strips are painted: the row or column of each plane that the cut passes through.
        other = dv if along == 0 else du
        fixed = round((place.index * other - shift[k, 1 - along]) / other) * other
        moving = across - shift[k, along]
        uv = np.stack([moving, np.full(len(moving), fixed)], axis=1)
        lines.append(geometry.lps_from_plane(k, uv if along == 0 else uv[:, ::-1]))
    values = sampled(layer, np.concatenate(lines)).reshape(k1 - k0, -1)
    ends = np.append(level.low[k0:k1], level.high[k1 - 1])
    return Patch(values, across, level.centre[k0:k1], ends)


def _span(low: float, high: float, count: int) -> tuple[int, int]:
    return max(int(np.floor(low)) - 2, 0), min(int(np.ceil(high)) + 3, count)


def _places(first: int, stop: int, step: float) -> FloatArray:
    return np.asarray(np.arange(first, stop) * step, dtype=np.float64)
