"""Mask or probability → polygons. The lines run between voxel centres, never through them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from contourpy import FillType, contour_generator
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.line import BandedRings, smooth_rings
from engine.progress import Progress, silent
from engine.volume import Geometry

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

#: Cells traced at once: bounds the memory beside the mask to a few dozen MB, and keeps the work in the cache.
CELLS_AT_ONCE = 1_000_000


def trace_mask(mask: BoolArray, spacing_uv: tuple[float, float]) -> MultiPolygon:
    """Polygons of a binary mask on one plane; see `trace_mask_volume`.

    Args:
        mask: (rows, columns).
        spacing_uv: (mm between columns, mm between rows).
    """
    for _, area in _trace(np.asarray(mask, dtype=np.bool_)[None], spacing_uv, silent):
        return area
    return MultiPolygon()


def trace_mask_volume(mask: BoolArray, geometry: Geometry, progress: Progress = silent) -> dict[int, MultiPolygon]:
    """Polygons of a binary mask.

    Args:
        mask: (planes, rows, columns) on the grid of `geometry`.
        geometry: of the image; only its shape and in-plane spacing matter.
        progress: reports and may stop.

    Returns:
        Plane index → polygons, `(u, v)` mm; planes without foreground are absent.
    """
    return dict(_trace(np.asarray(mask, dtype=np.bool_), geometry.spacing_uv, progress))


def _trace(mask: BoolArray, spacing_uv: tuple[float, float], progress: Progress) -> Iterator[tuple[int, MultiPolygon]]:
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    if not len(filled):
        return
    first, last = int(filled[0]), int(filled[-1]) + 1
    rows = np.flatnonzero(mask[first:last].any(axis=(0, 2)))
    columns = np.flatnonzero(mask[first:last].any(axis=(0, 1)))
    j0, i0 = int(rows[0]), int(columns[0])
    box = mask[first:last, j0 : int(rows[-1]) + 1, i0 : int(columns[-1]) + 1]
    step = max(1, CELLS_AT_ONCE // ((box.shape[1] + 1) * (box.shape[2] + 2)))
    for k in range(0, len(box), step):
        progress(k / len(box), "Tracing contours")
        part = box[k : k + step]
        if part.any():
            for plane, area in _trace_box(part, (i0, j0), spacing_uv):
                yield first + k + plane, area
    progress(1.0, "Tracing contours")


def _trace_box(
    box: BoolArray, corner: tuple[int, int], spacing_uv: tuple[float, float]
) -> Iterator[tuple[int, MultiPolygon]]:
    """All planes of a box in one call: stacked below one another, with an empty row between."""
    planes, rows, columns = box.shape
    stack = np.zeros((planes * (rows + 1) + 1, columns + 2))
    stack[:-1].reshape(planes, rows + 1, columns + 2)[:, 1:, 1:-1] = box
    # At a level just below one half, the middle of an ambiguous cell (mean exactly one half) is inside, so voxels that
    # touch diagonally are joined: a thin oblique structure stays one line, not a string of beads.
    points, starts, outer = _march(stack, 0.49)
    rings = BandedRings.from_crossings(points, starts)
    lines, starts = smooth_rings(rings)
    plane_of_ring = np.floor(lines[starts[:-1], 1]).astype(np.intp) // (rows + 1)
    uv = np.empty_like(lines)
    size = np.diff(starts)
    uv[:, 0] = (lines[:, 0] + (corner[0] - 1)) * spacing_uv[0]
    uv[:, 1] = (lines[:, 1] - np.repeat(plane_of_ring * (rows + 1), size) + (corner[1] - 1)) * spacing_uv[1]
    yield from _areas(uv, starts, outer, plane_of_ring)


def _march(values: FloatArray, level: float) -> tuple[FloatArray, IntArray, IntArray]:
    """Marching squares, in samples (column, row): points of all rings, where each ring starts, where each polygon does.

    Starts end with the total; points are not repeated at a ring's end; a polygon's first ring is its shell.
    """
    generator = contour_generator(z=values, name="serial", fill_type=FillType.ChunkCombinedOffsetOffset)
    chunks: Any = generator.filled(level, np.inf)
    points, offsets, outer = (np.asarray(chunk[0]) for chunk in chunks)
    keep = np.ones(len(points), dtype=np.bool_)
    keep[offsets[1:].astype(np.intp) - 1] = False
    return points[keep], offsets.astype(np.intp) - np.arange(len(offsets)), outer.astype(np.intp)


def _areas(
    uv: FloatArray, starts: IntArray, outer: IntArray, plane_of_ring: IntArray
) -> list[tuple[int, MultiPolygon]]:
    """Rings, grouped into polygons by `outer`, as (plane, polygons)."""
    size = np.diff(starts)
    shells = outer[:-1]
    polygon_of_ring = np.repeat(np.arange(len(shells)), np.diff(outer))
    rings = shapely.linearrings(uv, indices=np.repeat(np.arange(len(size)), size))
    polygons = shapely.polygons(rings, indices=polygon_of_ring)
    planes, index = np.unique(plane_of_ring[shells], return_inverse=True)
    order = np.argsort(index, kind="stable")
    areas = shapely.multipolygons(polygons[order], indices=index[order])
    return list(zip(planes.tolist(), areas.tolist(), strict=True))


def trace_probability(
    probability: NDArray[np.floating],
    spacing_uv: tuple[float, float],
    origin_uv: tuple[float, float] = (0.0, 0.0),
    level: float = 0.5,
) -> MultiPolygon:
    """The line where a probability map reaches `level`, between the samples.

    Args:
        probability: (rows, columns); not finite counts as 0.
        spacing_uv: (mm between columns, mm between rows) of the map.
        origin_uv: `(u, v)` mm of the map's first sample.
        level: where the line runs.

    Returns:
        Polygons, `(u, v)` mm. At the map's edge the probability falls to 0 within one sample.
    """
    values = np.nan_to_num(np.asarray(probability, dtype=np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    if not (values >= level).any():
        return MultiPolygon()
    z = np.pad(values, 1, constant_values=min(0.0, 2 * level - 1.0))
    # No sample may lie on the line itself, where polygons could touch in a point.
    clearance = 1e-4
    z = np.where(np.abs(z - level) < clearance, np.where(z >= level, level + clearance, level - clearance), z)
    points, starts, outer = _march(z, level)
    uv = (points - 1.0) * np.asarray(spacing_uv) + np.asarray(origin_uv)
    ((_, area),) = _areas(uv, starts, outer, np.zeros(len(starts) - 1, dtype=np.intp))
    return area


def trace_probability_volume(
    probability: NDArray[np.floating],
    map_geometry: Geometry,
    image_geometry: Geometry,
    level: float = 0.5,
    progress: Progress = silent,
) -> dict[int, MultiPolygon]:
    """The surface where a probability map reaches `level`, cut by each plane of the image.

    Args:
        probability: (planes, rows, columns) on the regular grid `map_geometry`.
        map_geometry: of the map; may be oblique to the image planes and of any spacing.
        image_geometry: the planes on which to draw.
        level: where the line runs.
        progress: reports and may stop.

    Returns:
        Plane index of the image → polygons, `(u, v)` mm of that plane; empty planes are absent.
    """
    # In the plane, samples lie on the image's own grid, refined where the map is finer.
    to_map = np.linalg.inv(map_geometry.directions * np.asarray(map_geometry.spacing_xyz))
    shape = image_geometry.shape
    found: dict[int, MultiPolygon] = {}
    values = np.asarray(probability, dtype=np.float32)
    j, i = np.meshgrid(np.arange(shape[1]), np.arange(shape[2]), indexing="ij")
    du, dv = image_geometry.spacing_uv
    for k in range(shape[0]):
        progress(k / shape[0], f"Tracing plane {k + 1} of {shape[0]}")
        uv = np.stack([i.ravel() * du, j.ravel() * dv], axis=1)
        index = (image_geometry.lps_from_plane(k, uv) - map_geometry.origins_lps[0]) @ to_map.T
        plane = _linear(values, index).reshape(shape[1:])
        if (plane >= level).any():
            found[k] = trace_probability(plane, (du, dv), level=level)
    progress(1.0, "Tracing contours")
    return found


def _linear(values: NDArray[np.float32], index_ijk: FloatArray) -> FloatArray:
    """Trilinear samples of (k, j, i) `values` at (n, 3) `(i, j, k)`; 0 outside."""
    padded = np.pad(values, 1)
    limits = np.array(padded.shape[::-1]) - 1.001
    place = np.clip(index_ijk + 1, 0, limits)
    low = place.astype(np.intp)
    w = place - low
    out = np.zeros(len(place))
    for corner in range(8):
        step = np.array([corner & 1, corner >> 1 & 1, corner >> 2])
        weight = np.prod(np.where(step, w, 1 - w), axis=1)
        c = low + step
        out += weight * padded[c[:, 2], c[:, 1], c[:, 0]]
    return out
