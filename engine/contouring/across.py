"""Structures drawn on the planes of one image, cut by a plane of any direction: what another image shows of them.

Cuts that lean less than 45° from the planes meet the slabs that the planes stand for: of each slab the cut shows the
polygon itself, within where it passes through that slab. A cut along the planes so shows the polygon of the slab that
holds it, to the last digit. Steeper cuts cross the planes in parallel lines, and what they show is the section of
`engine.contouring.section` along those lines, as the image's own sagittal and coronal views show it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import MultiPolygon, Polygon

from engine.contouring.section import Edges, edges_of, plane_heights, section_lines
from engine.contouring.stack import Areas, move, offsets
from engine.volume import FloatArray, Geometry

#: Cuts count as parallel to the planes where their height differs by less than this, mm, over the image.
_LEVEL_MM = 1e-6
#: Pieces of neighbouring slabs are joined where they meet on a grid this fine, mm.
_SEAM_MM = 1e-4


@dataclass(frozen=True, eq=False)
class CutLines:
    """Polylines in space: line i is `points_lps[offsets[i] : offsets[i + 1]]`, of structure `owners[i]`."""

    points_lps: FloatArray
    offsets: NDArray[np.int64]
    owners: NDArray[np.int64]


@dataclass(eq=False)
class PlaneCutter:
    """Cuts structures by planes; what all cuts of one direction share is kept until another direction is asked for.

    Args:
        structures: of each, plane index → polygons, `(u, v)` mm.
        geometry: of the image whose planes they are drawn on.
    """

    structures: Sequence[Areas]
    geometry: Geometry
    _steep: tuple[tuple[float, ...], Edges] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._heights = plane_heights(self.geometry)
        self._shifts = offsets(self.geometry)
        self._axes = np.stack([self.geometry.row_direction, self.geometry.column_direction, self.geometry.normal])

    def cut(self, point_lps: ArrayLike, normal_lps: ArrayLike) -> CutLines:
        """The outlines on the plane through a (3,) LPS point, mm, with a (3,) unit normal."""
        offset = np.asarray(point_lps, dtype=np.float64) - self.geometry.origins_lps[0]
        # In the frame of the stack: mm along rows and columns of plane 0, and along the normal.
        point, normal = self._axes @ offset, self._axes @ np.asarray(normal_lps, dtype=np.float64)
        level = float(normal @ point)
        if abs(normal[2]) >= np.sqrt(0.5):
            return self._flat(normal, level)
        return self._across(normal, level)

    def _lps(self, points: FloatArray) -> FloatArray:
        return np.asarray(self.geometry.origins_lps[0] + points @ self._axes, dtype=np.float64)

    def _flat(self, normal: FloatArray, level: float) -> CutLines:
        """Where height = (level − normal · (u, v)) / normal z meets the slabs."""
        slope, height = -normal[:2] / normal[2], level / normal[2]
        width = np.array(self.geometry.shape[:0:-1]) * self.geometry.spacing_uv
        lean = float(np.abs(slope) @ width)
        areas = []
        for structure in self.structures:
            if lean < _LEVEL_MM:
                areas.append(self._within_slab(structure, height))
            else:
                areas.append(self._through_slabs(structure, slope, height))
        rings, owners = _rings(areas)
        flat = shapely.get_coordinates(rings)
        points = np.column_stack([flat, flat @ slope + height])
        counts = shapely.get_num_coordinates(rings)
        return CutLines(self._lps(points), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), owners)

    def _within_slab(self, structure: Areas, height: float) -> MultiPolygon:
        inside = np.flatnonzero((self._heights.low <= height) & (height < self._heights.high))
        plane = int(inside[0]) if len(inside) else -1
        return move(structure[plane], self._shifts[plane]) if plane in structure else MultiPolygon()

    def _through_slabs(self, structure: Areas, slope: FloatArray, height: float) -> MultiPolygon:
        pieces = []
        for plane, own in structure.items():
            area = move(own, self._shifts[plane])
            if area.is_empty:
                continue
            strip = _strip(
                area.bounds, slope, float(self._heights.low[plane]) - height, self._heights.high[plane] - height
            )
            if strip is not None:
                pieces.append(shapely.intersection(area, strip, grid_size=_SEAM_MM))
        joined = shapely.union_all(pieces, grid_size=_SEAM_MM) if pieces else MultiPolygon()
        return MultiPolygon([part for part in shapely.get_parts(joined) if isinstance(part, Polygon)])

    def _across(self, normal: FloatArray, level: float) -> CutLines:
        """A steep cut: along `run` within all planes, `lean` mm further across it for each mm of height."""
        across = normal[:2] / np.hypot(*normal[:2])
        run = np.array([-across[1], across[0]])
        steepness = float(np.hypot(*normal[:2]))
        lean, at = -normal[2] / steepness, level / steepness
        edges = self._edges(across, run, lean)
        ends, owners = section_lines(edges, at, 0, self._heights)
        along, height = ends.reshape(-1, 2).T
        flat = along[:, None] * run + (at + lean * height)[:, None] * across
        points = self._lps(np.column_stack([flat, height]))
        return CutLines(points, np.arange(0, len(points) + 1, 2), owners)

    def _edges(self, across: FloatArray, run: FloatArray, lean: float) -> Edges:
        """All edges, turned so that the cut runs along u, and moved so that it is upright."""
        key = (*across.tolist(), lean)
        if self._steep is not None and self._steep[0] == key:
            return self._steep[1]
        ends, planes, owners = [np.empty((0, 4))], [], []
        turn = np.stack([run, across], axis=1)
        for owner, structure in enumerate(self.structures):
            for plane, area in structure.items():
                own = edges_of(area).reshape(-1, 2) + self._shifts[plane]
                turned = own @ turn - (0.0, lean * self._heights.centre[plane])
                ends.append(turned.reshape(-1, 4))
                planes.append(plane)
                owners.append(owner)
        counts = [len(part) for part in ends[1:]]
        edges = Edges(
            np.asfortranarray(np.concatenate(ends)),
            np.repeat(np.array(planes, dtype=np.int64), counts),
            np.repeat(np.array(owners, dtype=np.int64), counts),
        )
        self._steep = (key, edges)
        return edges


def _rings(areas: Sequence[MultiPolygon]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The rings of several areas, holes included, and the index of the area of each."""
    parts, area = shapely.get_parts(areas, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    return rings, np.asarray(area[part], dtype=np.int64)


def _strip(bounds: tuple[float, ...], slope: FloatArray, low: float, high: float) -> Polygon | None:
    """The part of a little more than `bounds` where low ≤ slope · (u, v) < high; None where there is none."""
    left, top, right, bottom = bounds
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    steepness = float(np.hypot(*slope))
    towards = slope / steepness
    along = np.array([-towards[1], towards[0]])
    reach = corners @ towards
    first, last = max(low / steepness, reach.min() - 1), min(high / steepness, reach.max() + 1)
    if first >= last:
        return None
    side = corners @ along
    ends = np.array([side.min() - 1, side.max() + 1])
    return Polygon(
        [towards * t + along * s for t, s in ((first, ends[0]), (last, ends[0]), (last, ends[1]), (first, ends[1]))]
    )
