"""Structures drawn on the planes of one image, cut by a plane of any direction.

So another image shows what is drawn on this one, and an oblique plane of this one what is drawn on its own. A cut along
the planes shows the polygon of the slab that holds it, to the last digit; one along their normal the section of
`engine.contouring.section`, as the image's own sagittal and coronal views do; any other that of
`engine.contouring.leaning`, which runs into both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import MultiPolygon

from engine.contouring.leaning import leaning_lines
from engine.contouring.section import Edges, edges_of_all, plane_heights, section_lines
from engine.contouring.stack import Areas, move, offsets
from engine.volume import FloatArray, Geometry

#: Cuts count as parallel to the planes, or to their normal, where they are so within this, mm, over the image.
LEVEL_MM = 1e-6
#: Lines that are followed on a leaning cut: so many for each pixel of the image, and no nearer than this, mm.
_LINES_A_PIXEL, _FINEST_MM = 2.0, 0.1


@dataclass(frozen=True, eq=False)
class CutLines:
    """Polylines in space: line i is `points_lps[offsets[i] : offsets[i + 1]]`, of structure `owners[i]`."""

    points_lps: FloatArray
    offsets: NDArray[np.int64]
    owners: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Plane:
    """A cut in the frame of the stack: the unit `normal` and its `level`, the product of it with points of the cut."""

    normal: FloatArray
    level: float


class EdgeCutter:
    """Cuts structures by planes that are not parallel to those that they are drawn on.

    What all cuts of one direction share is kept until another direction is asked for.

    Args:
        edges: of all structures, in the frame of the stack.
        geometry: of the image whose planes they are drawn on.
    """

    def __init__(self, edges: Edges, geometry: Geometry) -> None:
        self.edges, self._geometry = edges, geometry
        self._heights = plane_heights(geometry)
        self._step = max(min(geometry.spacing_uv) / _LINES_A_PIXEL, _FINEST_MM)
        self._kept: tuple[tuple[float, ...], Edges] | None = None

    def cut(self, point_lps: ArrayLike, normal_lps: ArrayLike) -> CutLines:
        """The outlines on the plane through a (3,) LPS point, mm, with a (3,) unit normal."""
        plane = _in_stack(self._geometry, point_lps, normal_lps)
        normal = plane.normal
        steepness = float(np.hypot(*normal[:2]))
        across = normal[:2] / steepness
        run = np.array([-across[1], across[0]])
        edges = self._edges(across, run)
        if is_upright(self._geometry, normal_lps):
            at = plane.level / steepness
            ends, owners = section_lines(edges, at, 0, self._heights)
            along, height = ends.reshape(-1, 2).T
            aside = np.full(len(along), at)
        else:
            slope, base = float(-steepness / normal[2]), float(plane.level / normal[2])
            ends, owners = leaning_lines(edges, self._heights, base, slope, self._step)
            along, aside = ends.reshape(-1, 2).T
            height = base + slope * aside
        points = np.column_stack([np.outer(along, run) + np.outer(aside, across), height])
        return CutLines(_to_lps(self._geometry, points), np.arange(0, len(points) + 1, 2), owners)

    def _edges(self, across: FloatArray, run: FloatArray) -> Edges:
        """All edges, turned so that the level lines of the cut run along u."""
        key = tuple(across.tolist())
        if self._kept is None or self._kept[0] != key:
            turned = (self.edges.ends.reshape(-1, 2) @ np.stack([run, across], axis=1)).reshape(-1, 4)
            self._kept = (key, Edges(np.asfortranarray(turned), self.edges.planes, self.edges.owners))
        return self._kept[1]


@dataclass(eq=False)
class PlaneCutter:
    """Cuts structures by planes.

    Args:
        structures: of each, plane index → polygons, `(u, v)` mm.
        geometry: of the image whose planes they are drawn on.
    """

    structures: Sequence[Areas]
    geometry: Geometry
    _cutter: EdgeCutter | None = field(default=None, init=False)

    def cut(self, point_lps: ArrayLike, normal_lps: ArrayLike) -> CutLines:
        """The outlines on the plane through a (3,) LPS point, mm, with a (3,) unit normal."""
        if is_level(self.geometry, normal_lps):
            return self._slab(point_lps, normal_lps)
        if self._cutter is None:
            self._cutter = EdgeCutter(edges_of_all(self.structures, self.geometry), self.geometry)
        return self._cutter.cut(point_lps, normal_lps)

    def _slab(self, point_lps: ArrayLike, normal_lps: ArrayLike) -> CutLines:
        plane = _in_stack(self.geometry, point_lps, normal_lps)
        height, heights = plane.level / plane.normal[2], plane_heights(self.geometry)
        held = np.flatnonzero((heights.low <= height) & (height < heights.high)).tolist()
        index = held[0] if held else -1
        shift = offsets(self.geometry)[index]
        areas = [move(areas[index], shift) if index in areas else MultiPolygon() for areas in self.structures]
        rings, owners = _rings(areas)
        flat = shapely.get_coordinates(rings)
        counts = shapely.get_num_coordinates(rings)
        points = np.column_stack([flat, np.full(len(flat), height)])
        return CutLines(
            _to_lps(self.geometry, points), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), owners
        )


def is_level(geometry: Geometry, normal_lps: ArrayLike) -> bool:
    """Whether a cut with this (3,) unit normal is parallel to the planes, all over the image."""
    normal = _in_stack(geometry, geometry.origins_lps[0], normal_lps).normal
    width = np.array(geometry.shape[:0:-1]) * geometry.spacing_uv
    return bool(np.abs(normal[:2]) @ width < LEVEL_MM * abs(normal[2]))


def is_upright(geometry: Geometry, normal_lps: ArrayLike) -> bool:
    """Whether a cut with this (3,) unit normal runs along the planes' normal, all through the image."""
    normal = _in_stack(geometry, geometry.origins_lps[0], normal_lps).normal
    height = float(geometry.positions[-1] - geometry.positions[0]) + geometry.plane_spacing
    return bool(abs(normal[2]) * height < LEVEL_MM * np.hypot(*normal[:2]))


def _in_stack(geometry: Geometry, point_lps: ArrayLike, normal_lps: ArrayLike) -> _Plane:
    """mm along rows and columns of plane 0, and along the normal."""
    axes = geometry.directions.T
    normal = axes @ np.asarray(normal_lps, dtype=np.float64)
    offset = axes @ (np.asarray(point_lps, dtype=np.float64) - geometry.origins_lps[0])
    return _Plane(normal, float(normal @ offset))


def _to_lps(geometry: Geometry, points: FloatArray) -> FloatArray:
    return np.asarray(geometry.origins_lps[0] + points @ geometry.directions.T, dtype=np.float64)


def _rings(areas: Sequence[MultiPolygon]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The rings of several areas, holes included, and the index of the area of each."""
    parts, area = shapely.get_parts(areas, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    return rings, np.asarray(area[part], dtype=np.int64)
