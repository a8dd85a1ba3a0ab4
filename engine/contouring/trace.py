"""Mask or probability → polygons. The lines run between voxel centres, never through them.

From a mask (`trace_mask`, `trace_mask_volume`):

- Method: marching squares gives, for each pair of neighbouring centres of which one is inside, one vertex between
  them. Voxels that touch diagonally count as joined. Each vertex then slides on the link between its two centres, at
  least `line.MARGIN` of it away from either: first towards the smoothest curve through its neighbours, then all of a
  ring together until the ring encloses exactly the area of its voxels. Vertices that are hardly felt are left out.
- Filling gives the mask back. A line from link to link crosses one cell, the square between four centres; wherever on
  their links its ends are, it parts the corners of the cell in the same way (`line` has the argument), so that no
  centre changes sides. With voxels of du × dv, every line stays at least (MARGIN/√2 − 2·SIMPLIFY)·min(du, dv), that is
  0.053 voxels, away from every centre: rounding to the 16 characters of DICOM's decimal strings, and readers with
  another rule for centres on a line, change nothing.
- Area: each ring has that of the voxels that it encloses, to a relative 1e-6, from single voxels to one-voxel shells
  and structures that run off the image (where the line runs up to MARGIN·du short of the next, absent centre).
- Distance: each vertex lies within (1/2 − MARGIN + SIMPLIFY)·(du, dv) of the middle of an edge shared by two voxels.

From a probability (`trace_probability`, `trace_probability_volume`): marching squares at the level, linear along each
link, with the corners that it cuts off put back where the map shows them. A map of zeros and ones alone says nothing
about where between two centres the line runs, and is traced as a mask.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.brush import clean
from engine.contouring.line import BandedRings, smooth_rings
from engine.contouring.march import areas_of, march, starts_of, with_corners
from engine.contouring.sample import MapSampler
from engine.errors import MismatchError
from engine.progress import Progress, silent
from engine.volume import FloatArray, Geometry

BoolArray = NDArray[np.bool_]

#: Cells traced at once: keeps the work in the cache, and the memory beside the mask at some dozen MB.
CELLS_AT_ONCE = 300_000


def trace_mask(mask: BoolArray, spacing_uv: tuple[float, float]) -> MultiPolygon:
    """Polygons of a binary mask on one plane; method and bounds at the top of this module.

    Args:
        mask: (rows, columns).
        spacing_uv: (mm between columns, mm between rows).

    Returns:
        Valid polygons, `(u, v)` mm; empty where the mask is.
    """
    for _, area in _trace(np.asarray(mask, dtype=np.bool_)[None], spacing_uv, silent):
        return area
    return MultiPolygon()


def trace_mask_volume(
    mask: BoolArray, geometry: Geometry, progress: Progress = silent, corner: tuple[int, int, int] | None = None
) -> dict[int, MultiPolygon]:
    """Polygons of a binary mask; method and bounds at the top of this module.

    Args:
        mask: (planes, rows, columns) on the grid of `geometry`, or a box of it.
        geometry: of the image; only its shape and in-plane spacing matter.
        progress: reports and may stop.
        corner: where the box begins, (plane, row, column), if it is one.

    Returns:
        Plane index → valid polygons, `(u, v)` mm; planes without foreground are absent.

    Raises:
        MismatchError: the mask has another shape than the image.
    """
    if corner is None and mask.shape != geometry.shape:
        raise MismatchError(f"The mask has {mask.shape} voxels but the image {geometry.shape}; they must be the same.")
    at = corner or (0, 0, 0)
    if any(first < 0 or first + n > whole for first, n, whole in zip(at, mask.shape, geometry.shape, strict=True)):
        raise MismatchError(f"The mask's {mask.shape} voxels from {at} on leave the image's {geometry.shape}.")
    return dict(_trace(np.asarray(mask, dtype=np.bool_), geometry.spacing_uv, progress, at))


def _trace(
    mask: BoolArray, spacing_uv: tuple[float, float], progress: Progress, corner: tuple[int, int, int] = (0, 0, 0)
) -> Iterator[tuple[int, MultiPolygon]]:
    progress(0.0, "Tracing contours")
    planes = np.flatnonzero(mask.any(axis=(1, 2)))
    part: list[_Tile] = []
    height = width = 0
    for n, k in enumerate(planes.tolist()):
        columns = np.flatnonzero(np.logical_or.reduce(mask[k], axis=0))
        i0, i1 = int(columns[0]), int(columns[-1]) + 1
        rows = np.flatnonzero(mask[k, :, i0:i1].any(axis=1))
        j0, j1 = int(rows[0]), int(rows[-1]) + 1
        height, width = height + j1 - j0 + 1, max(width, i1 - i0 + 2)
        if part and height * width > CELLS_AT_ONCE:
            progress(n / len(planes), "Tracing contours")
            yield from _trace_tiles(part, spacing_uv)
            part, height, width = [], j1 - j0 + 1, i1 - i0 + 2
        part.append(_Tile(k + corner[0], j0 + corner[1], i0 + corner[2], mask[k, j0:j1, i0:i1]))
    if part:
        yield from _trace_tiles(part, spacing_uv)
    progress(1.0, "Tracing contours")


class _Tile(NamedTuple):
    """The box around the foreground of one plane, and its first row and column."""

    plane: int
    row: int
    column: int
    mask: BoolArray


def _trace_tiles(tiles: list[_Tile], spacing_uv: tuple[float, float]) -> list[tuple[int, MultiPolygon]]:
    """Planes in one call: their boxes one below another, with an empty row between."""
    first = starts_of(np.array([len(tile.mask) + 1 for tile in tiles])) + 1
    stack = np.zeros((int(first[-1]), max(tile.mask.shape[1] for tile in tiles) + 2))
    for tile, row in zip(tiles, first.tolist(), strict=False):
        rows, columns = tile.mask.shape
        stack[row : row + rows, 1 : columns + 1] = tile.mask
    # At a level just below one half, the middle of an ambiguous cell (mean exactly one half) is inside, so voxels that
    # touch diagonally are joined: a thin oblique structure stays one line, not a string of beads.
    points, starts, outer = march(stack, 0.49)
    lines, starts = smooth_rings(BandedRings.from_crossings(points, starts))
    which = np.searchsorted(first, lines[starts[:-1], 1] + 1.0, side="right") - 1
    moved = np.array([[tile.column - 1, tile.row - row] for tile, row in zip(tiles, first.tolist(), strict=False)])
    lines += np.repeat(moved[which], np.diff(starts), axis=0)
    plane = np.array([tile.plane for tile in tiles])
    return areas_of(lines * np.asarray(spacing_uv), starts, outer, plane[which])


def trace_probability(
    probability: NDArray[np.floating],
    spacing_uv: tuple[float, float],
    origin_uv: tuple[float, float] = (0.0, 0.0),
    level: float = 0.5,
) -> MultiPolygon:
    """The line where a probability map of one plane reaches `level`, between the samples.

    Args:
        probability: (rows, columns); not a number counts as 0.
        spacing_uv: (mm between columns, mm between rows) of the map.
        origin_uv: `(u, v)` mm of the map's first sample.
        level: where the line runs, above 0.

    Returns:
        Valid polygons, `(u, v)` mm. At the map's edge the probability falls to 0 within one sample.
    """
    values = np.nan_to_num(np.asarray(probability, dtype=np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    spacing, origin = np.asarray(spacing_uv), np.asarray(origin_uv)
    high = values >= level
    if not high.any():
        return MultiPolygon()
    if (high == values).all():
        lines, starts, outer = _mask_lines(high)
    else:
        rows, columns = np.flatnonzero(high.any(axis=1)), np.flatnonzero(high.any(axis=0))
        j0, i0 = max(0, int(rows[0]) - 1), max(0, int(columns[0]) - 1)
        lines, starts, outer = level_lines(
            np.pad(values[j0 : int(rows[-1]) + 2, i0 : int(columns[-1]) + 2], 1, constant_values=_outside(level)), level
        )
        lines = lines + np.array([i0 - 1, j0 - 1])
    ((_, area),) = areas_of(lines * spacing + origin, starts, outer, np.zeros(len(starts) - 1, dtype=np.intp))
    return area


def _mask_lines(mask: BoolArray) -> tuple[FloatArray, NDArray[np.intp], NDArray[np.intp]]:
    points, starts, outer = march(np.pad(mask, 1).astype(np.float64), 0.49)
    lines, starts = smooth_rings(BandedRings.from_crossings(points, starts))
    return lines - 1.0, starts, outer


def level_lines(
    values: FloatArray, level: float, corners: bool = True
) -> tuple[FloatArray, NDArray[np.intp], NDArray[np.intp]]:
    """Rings where `values` reach `level`, in samples; see `march.march`. The border must lie below the level."""
    # No sample may lie on the line itself, where rings could touch in a point.
    clearance = 1e-4
    near = np.abs(values - level) < clearance
    if near.any():
        values = np.where(near, np.where(values >= level, level + clearance, level - clearance), values)
    points, starts, outer = march(values, level)
    if corners:
        points, starts = with_corners(points, starts)
    return points, starts, outer


def _outside(level: float) -> float:
    """Value one sample beyond a map's edge that does not reach the level."""
    return min(0.0, 2 * level - 1.0)


def trace_probability_volume(
    probability: NDArray[np.floating],
    map_geometry: Geometry,
    image_geometry: Geometry,
    level: float = 0.5,
    progress: Progress = silent,
) -> dict[int, MultiPolygon]:
    """The surface where a probability map reaches `level`, cut by each plane of the image.

    The map is sampled one image plane at a time (`sample.MapSampler`): on its own grid within the plane where the
    planes are parallel, refined by a cubic where the image is finer; at half its smallest spacing where they are
    oblique. Both geometries place the samples in the patient; they may differ in every respect.

    Args:
        probability: (planes, rows, columns) on `map_geometry`; not a number counts as 0.
        map_geometry: of the map; a regular grid unless its planes are parallel to the image's.
        image_geometry: the planes on which to draw.
        level: where the line runs, above 0.
        progress: reports and may stop.

    Returns:
        Plane index of the image → valid polygons within its pixels, `(u, v)` mm of that plane; empty planes are absent.

    Raises:
        GeometryError: the map does not fit its geometry, or has uneven planes oblique to the image.
    """
    sampler = MapSampler(probability, map_geometry, image_geometry, _outside(level), level)
    planes, rows, columns = image_geometry.shape
    across, down = image_geometry.spacing_uv
    own_grid = map_geometry.same_grid(image_geometry)
    pixels = shapely.box(-across / 2, -down / 2, (columns - 0.5) * across, (rows - 0.5) * down)
    found: dict[int, MultiPolygon] = {}
    for k in range(planes):
        progress(k / planes, f"Tracing plane {k + 1} of {planes}")
        samples = sampler.plane(k)
        if samples is None or not (samples.values >= level).any():
            continue
        values = samples.values
        # Lines close, whatever was interpolated there.
        below = np.nextafter(level, -np.inf)
        values[[0, -1]] = np.minimum(values[[0, -1]], below)
        values[:, [0, -1]] = np.minimum(values[:, [0, -1]], below)
        inner = values[1:-1, 1:-1]
        if ((inner == 0) | (inner == 1)).all():
            lines, starts, outer = _mask_lines(values == 1)
        else:
            lines, starts, outer = level_lines(values, level)
        ((_, area),) = areas_of(samples.uv(lines), starts, outer, np.zeros(len(starts) - 1, dtype=np.intp))
        # The last samples of another grid may stand for more than the image's last pixels.
        if not own_grid and not pixels.contains(area):
            area = clean(area.intersection(pixels))
        if not area.is_empty:
            found[k] = area
    progress(1.0, "Tracing contours")
    return found
