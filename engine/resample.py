"""Volumes on other grids along their own axes: what is shown of uneven or tilted planes, and what networks see."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.progress import Progress, silent
from engine.volume import Float32Array, Geometry, Volume

#: mm along the planes' normal (by their position), along the columns and along the rows (from the first plane's 0).
Positions = Sequence[NDArray[np.float64]]


def regular_geometry(geometry: Geometry) -> Geometry:
    """The smallest rectangular grid with the in-plane spacing and smallest gap of `geometry` that covers it."""
    gaps = np.diff(geometry.positions)
    step = float(gaps.min()) if len(gaps) else geometry.slice_thickness
    offsets = geometry.origins_lps - geometry.origins_lps[0]
    u, v = offsets @ geometry.row_direction, offsets @ geometry.column_direction
    du, dv = geometry.spacing_uv
    origin = geometry.origins_lps[0] + u.min() * geometry.row_direction + v.min() * geometry.column_direction
    extent = geometry.positions[-1] - geometry.positions[0]
    shape = (
        int(np.ceil(extent / step - 1e-6)) + 1,
        geometry.shape[1] + int(np.ceil((v.max() - v.min()) / dv - 1e-6)),
        geometry.shape[2] + int(np.ceil((u.max() - u.min()) / du - 1e-6)),
    )
    return Geometry.regular(origin, geometry.directions, (du, dv, step), shape)


def onto_regular_grid(volume: Volume) -> Volume:
    """`volume` on `regular_geometry(volume.geometry)`, linear within and between its real planes.

    A volume whose planes are regular is returned as it is. Outside the acquired field the value is the minimum of the
    volume. The type of the voxels is kept. Contours never live on this grid.
    """
    if volume.geometry.is_regular:
        return volume
    source = volume.geometry
    target = regular_geometry(source)
    background = volume.voxels.min()
    out = np.full(target.shape, background, dtype=volume.voxels.dtype)
    for k in range(target.shape[0]):
        position = min(max(target.positions[k], source.positions[0]), source.positions[-1])
        upper = int(np.clip(np.searchsorted(source.positions, position), 1, max(source.shape[0] - 1, 1)))
        upper = min(upper, source.shape[0] - 1)
        lower = max(upper - 1, 0)
        gap = source.positions[upper] - source.positions[lower]
        weight = float((position - source.positions[lower]) / gap) if gap > 0 else 0.0
        # Tilted planes are shifted against each other, so each is first moved to where it really is.
        low = _shifted(volume, lower, target)
        plane = low if weight == 0 else (1 - weight) * low + weight * _shifted(volume, upper, target)
        plane = np.where(np.isnan(plane), background, plane)
        out[k] = np.rint(plane) if np.issubdtype(out.dtype, np.integer) else plane
    note = "The planes are unevenly spaced or tilted: shown on a resampled grid; contours stay on the real planes."
    return dataclasses.replace(
        volume, voxels=out, geometry=target, instances=(), notes=(*volume.notes, note), unmeasured=None
    )


def _shifted(volume: Volume, plane: int, target: Geometry) -> np.ndarray:
    """Plane `plane` of `volume` on the rows and columns of `target`, linear, float64, NaN outside its field."""
    source = volume.geometry
    offset = source.origins_lps[plane] - target.origins_lps[0]
    rows = np.arange(target.shape[1]) - float(offset @ source.column_direction) / source.spacing_uv[1]
    columns = np.arange(target.shape[2]) - float(offset @ source.row_direction) / source.spacing_uv[0]
    image = volume.voxels[plane].astype(np.float64)
    return _sample_axis(_sample_axis(image, rows, 0), columns, 1)


def _sample_axis(image: np.ndarray, index: np.ndarray, axis: int) -> np.ndarray:
    size = image.shape[axis]
    index = np.where(np.abs(index - np.rint(index)) < 1e-6, np.rint(index), index)
    lower = np.clip(np.floor(index).astype(int), 0, size - 1)
    upper = np.clip(lower + 1, 0, size - 1)
    shape = [1, 1]
    shape[axis] = -1
    weight = (index - np.floor(index)).reshape(shape)
    out = (1 - weight) * np.take(image, lower, axis) + weight * np.take(image, upper, axis)
    outside = ((index < 0) | (index > size - 1)).reshape(shape)
    return np.where(outside, np.nan, out)


def positions_of(geometry: Geometry, target: Geometry) -> Positions:
    """Where the voxels of `target`, a rectangular grid along the axes of `geometry`, lie along each of them."""
    offset = target.origins_lps[0] - geometry.origins_lps[0]
    rows = float(offset @ geometry.column_direction) + np.arange(target.shape[1]) * target.spacing_uv[1]
    columns = float(offset @ geometry.row_direction) + np.arange(target.shape[2]) * target.spacing_uv[0]
    return target.positions, np.asarray(rows, np.float64), np.asarray(columns, np.float64)


def steps_of(geometry: Geometry) -> tuple[float, float, float]:
    """(plane, row, column) mm from voxel to voxel."""
    return geometry.mean_spacing, geometry.spacing_uv[1], geometry.spacing_uv[0]


def sample(
    volume: Volume,
    positions: Positions,
    outside: float,
    progress: Progress = silent,
    kept: Callable[[int], NDArray[np.bool_]] | None = None,
) -> Float32Array:
    """The volume's values at a grid along its own axes: linear where that is finer, averaged where it is coarser.

    A voxel reaches half a step around its centre; beyond the outermost ones the value is `outside`. Each plane is
    brought to the grid's rows and columns, where a tilted gantry has put it, then shared out among the grid's planes,
    so that no more than a plane of the image is ever copied.

    Args:
        volume: its planes may be uneven or tilted.
        positions: evenly spaced along each axis.
        outside: of the image, and of what is not kept.
        progress: reports and may stop.
        kept: of a plane's index (rows, columns), true for voxels that count.
    """
    geometry, base = volume.geometry, outside
    out = np.zeros((len(positions[0]), len(positions[1]), len(positions[2])), np.float32)
    steps = [float(p[1] - p[0]) if len(p) > 1 else s for p, s in zip(positions, steps_of(geometry), strict=True)]
    across = tent_weights(geometry.positions, positions[0], steps[0], geometry.plane_spacing)
    offsets = geometry.origins_lps - geometry.origins_lps[0]
    shift_u, shift_v = offsets @ geometry.row_direction, offsets @ geometry.column_direction
    known = (np.nan, np.nan)
    used = np.flatnonzero(across.any(axis=0))
    for count, k in enumerate(used):
        if count % 8 == 0:
            progress(count / len(used), "Preparing the image")
        if abs(shift_v[k] - known[0]) + abs(shift_u[k] - known[1]) > 1e-3 or np.isnan(known[0]):
            known = (float(shift_v[k]), float(shift_u[k]))
            rows = _AxisWeights.of(geometry.shape[1], geometry.spacing_uv[1], known[0], positions[1], steps[1])
            columns = _AxisWeights.of(geometry.shape[2], geometry.spacing_uv[0], known[1], positions[2], steps[2])
        reach = (rows.reach, columns.reach)
        plane = volume.voxels[k][reach].astype(np.float32) - np.float32(base)
        if kept is not None:
            plane *= kept(int(k))[reach]
        small = plane if rows.weights is None else rows.weights @ plane
        small = small if columns.weights is None else small @ columns.weights.T
        for target in np.flatnonzero(across[:, k]):
            out[target] += np.float32(across[target, k]) * small
    out += np.float32(base)
    progress(1.0, "Preparing the image")
    return out


@dataclasses.dataclass(frozen=True, eq=False)
class _AxisWeights:
    """How one image axis is brought to the grid.

    Args:
        reach: the part of the axis that the grid is made from.
        weights: (grid, reach), None where the part is the grid itself.
    """

    reach: slice
    weights: Float32Array | None

    @classmethod
    def of(
        cls, size: int, step: float, shift: float, positions: NDArray[np.float64], target_step: float
    ) -> "_AxisWeights":
        """For an axis of `size` samples, `step` mm apart from `shift` mm on, and a grid at `positions`."""
        source = np.asarray(np.arange(size) * step + shift, dtype=np.float64)
        first = round((positions[0] - shift) / step)
        same = slice(first, first + len(positions))
        if 0 <= first <= size - len(positions) and np.abs(positions - source[same]).max() < 1e-3 * step:
            return cls(same, None)
        weights = tent_weights(source, positions, target_step, step).astype(np.float32)
        touched = np.flatnonzero(weights.any(axis=0))
        reach = slice(int(touched[0]), int(touched[-1]) + 1) if len(touched) else slice(0, 1)
        return cls(reach, np.ascontiguousarray(weights[:, reach]))


def tent_weights(
    source: NDArray[np.float64], target: NDArray[np.float64], target_step: float, source_step: float
) -> NDArray[np.float64]:
    """(targets, sources) weights of samples at rising `source` for values at `target`, mm along one axis.

    Linear interpolation where the target is not coarser; else a tent as wide as the target's step, an average without
    aliasing. Rows sum to 1, and to 0 where a target lies more than half a step off the ends.
    """
    weights = np.zeros((len(target), len(source)))
    if target_step > 1.001 * source_step:
        weights = np.maximum(1 - np.abs(target[:, None] - source[None]) / target_step, 0)
    # Between samples that are further apart than the tent is wide, a line is all that is known.
    bare = np.flatnonzero(weights.sum(axis=1) <= 0)
    inside = np.clip(target[bare], source[0], source[-1])
    upper = np.clip(np.searchsorted(source, inside), min(1, len(source) - 1), len(source) - 1)
    lower = np.maximum(upper - 1, 0)
    gap = np.where(upper > lower, source[upper] - source[lower], 1.0)
    share = np.clip((inside - source[lower]) / gap, 0, 1)
    weights[bare, lower] += 1 - share
    weights[bare, upper] += share
    weights[weights < 1e-9] = 0
    reach = max(target_step, source_step) / 2 + 1e-6
    weights[(target < source[0] - reach) | (target > source[-1] + reach)] = 0
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(weights / np.where(total > 0, total, 1), dtype=np.float64)


def values_at(volume: Volume, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) values at (n, 3) LPS mm, linear between voxels.

    NaN more than half a voxel outside the outermost centres, and where a voxel that counts has no number in the file.
    """
    index = volume.geometry.kji_from_lps(points_lps)
    last = np.array(volume.geometry.shape) - 1
    outside = np.asarray(((index < -0.5) | (index > last + 0.5)).any(axis=1))
    index = np.clip(np.where(outside[:, None], 0.0, index), 0, last)
    lower = np.floor(index).astype(int)
    upper = np.minimum(lower + 1, last)
    share = index - lower
    out = np.zeros(len(index))
    for corner in np.ndindex(2, 2, 2):
        at = np.where(corner, upper, lower)
        weight = np.where(corner, share, 1 - share).prod(axis=1)
        out += weight * volume.grey(volume.voxels[tuple(at.T)])
        outside |= (weight > 0) & ~volume.is_measured(at)
    return np.where(outside, np.nan, out)
