"""From an image as it was acquired to what a network was taught on: turned, masked, cropped, resampled once, windowed.

Imports no torch. Image axes are [plane, row, column] of the volume; network axes are those that the card orients to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cards.steps import (
    CropBodyParams,
    MaskBodyParams,
    NormaliseParams,
    OrientParams,
    PreprocessStep,
    ResampleParams,
    WindowsParams,
)
from engine.errors import CardError, EngineError
from engine.inference.body import Body, find_body
from engine.progress import Progress, silent
from engine.volume import Geometry, Volume

FloatArray = NDArray[np.float32]
Box = tuple[slice, slice, slice]

#: Patient direction (LPS axis, sign) of each letter.
_LETTERS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
#: Most voxels that an image may have at the network's spacing: 2 GB as float32.
_MOST_VOXELS = 512 * 1024**2


@dataclass(frozen=True)
class AxisOrder:
    """How image axes become network axes: `array.transpose(order)`, then reversed along `reversed_axes`."""

    order: tuple[int, int, int] = (0, 1, 2)
    reversed_axes: tuple[int, ...] = ()

    @classmethod
    def towards(cls, geometry: Geometry, letters: str) -> "AxisOrder":
        """The order in which columns, rows and planes rise most nearly along the patient directions `letters`."""
        directions = geometry.directions[:, ::-1]  # columns: plane, row and column axes of the image
        order: list[int] = []
        turned: list[int] = []
        for axis, letter in enumerate(reversed(letters)):
            lps, sign = _LETTERS[letter]
            along = np.abs(directions[lps])
            along[order] = -1.0
            image_axis = int(along.argmax())
            order.append(image_axis)
            if directions[lps, image_axis] * sign < 0:
                turned.append(axis)
        return cls((order[0], order[1], order[2]), tuple(turned))

    def to_network(self, array: NDArray[Any]) -> NDArray[Any]:
        """Image axes → network axes, a view; further axes in front stay."""
        lead = array.ndim - 3
        out = array.transpose(*range(lead), *(lead + axis for axis in self.order))
        return np.asarray(np.flip(out, tuple(lead + axis for axis in self.reversed_axes)))

    def to_image(self, array: NDArray[Any]) -> NDArray[Any]:
        """Network axes → image axes, a view; further axes in front stay."""
        lead = array.ndim - 3
        out = np.flip(array, tuple(lead + axis for axis in self.reversed_axes))
        return np.asarray(out.transpose(*range(lead), *(lead + int(axis) for axis in np.argsort(self.order))))


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image on a network's grid.

    Args:
        volume: as it was acquired.
        axes: from image to network axes.
        geometry: of the grid, in image axes: parallel to the volume's, regular.
        values: (planes, rows, columns) in the image's units, network axes.
        outside: value around the image, in its units; NaN where nothing was masked.
        intensity: windows or normalisation, done tile by tile.
        body: of the patient, where the card masks or crops to it.
        fed: (channels, planes, rows, columns) from earlier nodes, network axes, behind those of the image.
    """

    volume: Volume
    axes: AxisOrder
    geometry: Geometry
    values: FloatArray
    outside: float
    intensity: tuple[WindowsParams | NormaliseParams, ...] = ()
    steps: tuple[PreprocessStep, ...] = ()
    body: Body | None = None
    fed: NDArray[np.float16] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(planes, rows, columns) of the grid, network axes."""
        return self.values.shape[0], self.values.shape[1], self.values.shape[2]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """(planes, rows, columns) mm, network axes."""
        steps = self.geometry.spacing_xyz[::-1]
        return steps[self.axes.order[0]], steps[self.axes.order[1]], steps[self.axes.order[2]]

    def is_outside(self, box: Box) -> bool:
        """True when the box holds nothing of the patient."""
        return bool(np.isfinite(self.outside) and not (self.values[box] != self.outside).any())

    def tile(self, box: Box) -> FloatArray:
        """(channels, planes, rows, columns) of a box, as the network wants it."""
        channels = [self.values[box]]
        for step in self.intensity:
            channels = _windowed(channels, step) if isinstance(step, WindowsParams) else _normalised(channels, step)
        if self.fed is not None:
            channels += list(self.fed[(slice(None), *box)].astype(np.float32))
        return np.stack(channels)

    def recut(self, box: Box | None, spacing_mm: tuple[float, float, float] | None, progress: Progress) -> "Prepared":
        """The same image cut to `box` (image axes, of the volume) and, where it is given, at another spacing."""
        return _on_grid(self, box, ResampleParams(spacing_mm=spacing_mm) if spacing_mm else None, progress)


def prepare(volume: Volume, steps: Sequence[PreprocessStep], progress: Progress = silent) -> Prepared:
    """Do a card's preprocessing.

    What it does to place (orient, mask, crop, resample) comes in one pass over the image, plane by plane; what it does
    to values comes after, tile by tile.

    Raises:
        CardError: the steps come in an order that can't be kept.
        EngineError: the image would be too large at the card's spacing.
    """
    axes = AxisOrder()
    body: Body | None = None
    outside = float("nan")
    margin: float | None = None
    intensity: list[WindowsParams | NormaliseParams] = []
    for step in steps:
        params = step.params
        if isinstance(params, WindowsParams | NormaliseParams):
            intensity.append(params)
        elif intensity:
            raise CardError(f"The card's preprocessing changes values before '{step.op}'; they must come last.")
        elif isinstance(params, OrientParams):
            axes = AxisOrder.towards(volume.geometry, params.axes)
        elif isinstance(params, MaskBodyParams):
            outside = params.outside
        elif isinstance(params, CropBodyParams):
            margin = params.margin_mm
    if np.isfinite(outside) or margin is not None:
        body = find_body(volume, progress=lambda f, stage: progress(0.5 * f, stage), generous=True)
    box = None if body is None or margin is None else _widened(body.box(), margin, volume.geometry)
    empty = Prepared(volume, axes, volume.geometry, np.zeros((0, 0, 0), np.float32), outside, (), tuple(steps), body)
    found = _on_grid(empty, box, None, lambda f, stage: progress(0.5 + 0.5 * f, stage))
    return replace(found, intensity=tuple(_with_figures(found, step) for step in intensity))


def _on_grid(source: Prepared, box: Box | None, resample: ResampleParams | None, progress: Progress) -> Prepared:
    volume, axes = source.volume, source.axes
    box = box or (slice(0, volume.voxels.shape[0]), slice(0, volume.voxels.shape[1]), slice(0, volume.voxels.shape[2]))
    if resample is None:
        resample = next((step.params for step in source.steps if isinstance(step.params, ResampleParams)), None)
    positions = _target_positions(volume.geometry, box, axes, resample)
    shape = (len(positions[0]), len(positions[1]), len(positions[2]))
    if float(np.prod(shape, dtype=float)) > _MOST_VOXELS:
        raise EngineError(f"At the model's spacing the image would have {shape} voxels, more than fit; crop it first.")
    values = _resampled(source, positions, box, progress)
    steps = [float(p[1] - p[0]) if len(p) > 1 else s for p, s in zip(positions, _steps(volume.geometry), strict=True)]
    first = volume.geometry.positions[0]
    origin = (
        volume.geometry.origins_lps[0]
        + positions[2][0] * volume.geometry.row_direction
        + positions[1][0] * volume.geometry.column_direction
        + (positions[0][0] - first) * volume.geometry.normal
    )
    geometry = Geometry.regular(origin, volume.geometry.directions, steps[::-1], shape)
    network = np.ascontiguousarray(axes.to_network(values))
    return replace(source, geometry=geometry, values=network, fed=None)


def _steps(geometry: Geometry) -> tuple[float, float, float]:
    """(plane, row, column) mm."""
    return geometry.mean_spacing, geometry.spacing_uv[1], geometry.spacing_uv[0]


def _widened(box: Box, margin_mm: float, geometry: Geometry) -> Box:
    out = []
    for part, step, size in zip(box, _steps(geometry), geometry.shape, strict=True):
        more = int(np.ceil(margin_mm / step))
        out.append(slice(max(part.start - more, 0), min(part.stop + more, size)))
    return out[0], out[1], out[2]


def _target_positions(
    geometry: Geometry, box: Box, axes: AxisOrder, resample: ResampleParams | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where the grid's samples lie along each image axis, mm: planes by their position, rows and columns from 0."""
    wanted: list[float | None] = [None, None, None]
    if resample is not None:
        for network_axis, image_axis in enumerate(axes.order):
            wanted[image_axis] = resample.spacing_mm[2 - network_axis]
            if resample.keep_between_mm is not None:
                low, high = resample.keep_between_mm[2 - network_axis]
                if low <= _steps(geometry)[image_axis] <= high:
                    wanted[image_axis] = None
    rows = np.arange(box[1].start, box[1].stop) * geometry.spacing_uv[1]
    columns = np.arange(box[2].start, box[2].stop) * geometry.spacing_uv[0]
    planes = geometry.positions[box[0]]
    if wanted[0] is None and not geometry.is_regular:
        wanted[0] = geometry.plane_spacing
    found: list[NDArray[np.float64]] = []
    sources = (planes, rows, columns)
    for target, source, step in zip(wanted, sources, _steps(geometry), strict=True):
        if target is None or len(source) == 1:
            found.append(np.asarray(source, dtype=np.float64))
            continue
        extent = float(source[-1] - source[0]) + step
        count = max(int(np.ceil(extent / target - 1e-6)), 1)
        start = float(source[0]) - step / 2 + (extent - count * target) / 2 + target / 2
        found.append(np.asarray(start + np.arange(count) * target, dtype=np.float64))
    return found[0], found[1], found[2]


def _resampled(source: Prepared, positions: Sequence[NDArray[np.float64]], box: Box, progress: Progress) -> FloatArray:
    """The volume at the positions, image axes, with `outside` where the patient is not.

    Each plane is brought to the grid's rows and columns, then shared out among the grid's planes, so that no more than
    a plane of the image is ever copied.
    """
    volume, geometry = source.volume, source.volume.geometry
    masked = np.isfinite(source.outside)
    base = source.outside if masked else float(volume.voxels[box].min())
    out = np.zeros((len(positions[0]), len(positions[1]), len(positions[2])), np.float32)
    steps = [float(p[1] - p[0]) if len(p) > 1 else s for p, s in zip(positions, _steps(geometry), strict=True)]
    across = tent_weights(geometry.positions, positions[0], steps[0], geometry.plane_spacing)
    offsets = geometry.origins_lps - geometry.origins_lps[0]
    shift_u, shift_v = offsets @ geometry.row_direction, offsets @ geometry.column_direction
    known = (np.nan, np.nan)
    used = np.flatnonzero(across.any(axis=0))
    near = _Near(source.body) if masked and source.body is not None else None
    for count, k in enumerate(used):
        if count % 8 == 0:
            progress(count / len(used), "Preparing the image")
        # A tilted gantry moves each plane along its columns.
        if abs(shift_v[k] - known[0]) + abs(shift_u[k] - known[1]) > 1e-3 or np.isnan(known[0]):
            known = (float(shift_v[k]), float(shift_u[k]))
            rows = _AxisWeights.of(geometry.shape[1], geometry.spacing_uv[1], known[0], positions[1], steps[1])
            columns = _AxisWeights.of(geometry.shape[2], geometry.spacing_uv[0], known[1], positions[2], steps[2])
        reach = (rows.reach, columns.reach)
        plane = volume.voxels[k][reach].astype(np.float32) - np.float32(base)
        if near is not None:
            plane *= near.plane(int(k))[reach]
        small = plane if rows.weights is None else rows.weights @ plane
        small = small if columns.weights is None else small @ columns.weights.T
        for target in np.flatnonzero(across[:, k]):
            out[target] += np.float32(across[target, k]) * small
    out += np.float32(base)
    progress(1.0, "Preparing the image")
    return out


class _Near:
    """The neighbourhood of the patient, plane by plane."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.start = self.stop = 0
        self.slab: NDArray[np.bool_] = np.zeros((0, 0, 0), np.bool_)

    def plane(self, k: int) -> NDArray[np.bool_]:
        """(rows, columns), true in the patient and a little around."""
        if not self.start <= k < self.stop:
            self.start, self.stop = k, min(k + 8, self.body.shape[0])
            self.slab = self.body.near(self.start, self.stop)
        plane: NDArray[np.bool_] = self.slab[k - self.start]
        return plane


@dataclass(frozen=True, eq=False)
class _AxisWeights:
    """How one image axis is brought to the grid.

    Args:
        reach: the part of the axis that the grid is made from.
        weights: (grid, reach), None where the part is the grid itself.
    """

    reach: slice
    weights: FloatArray | None

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


def _with_figures(prepared: Prepared, step: WindowsParams | NormaliseParams) -> WindowsParams | NormaliseParams:
    """A normalisation by the image's own figures as one by given figures."""
    if isinstance(step, WindowsParams) or step.mean:
        return step
    values = prepared.values
    if step.over == "body" and np.isfinite(prepared.outside):
        chosen = values[values != prepared.outside]
    elif step.over == "nonzero":
        chosen = values[values != 0]
    else:
        chosen = values.ravel()
    if not len(chosen):
        chosen = values.ravel()
    if step.clip_percentiles is not None:
        low, high = np.percentile(chosen, step.clip_percentiles)
        np.clip(values, low, high, out=values)
        chosen = np.clip(chosen, low, high)
    mean, deviation = float(chosen.mean()), max(float(chosen.std()), 1e-6)
    return NormaliseParams(over=step.over, mean=(mean,), deviation=(deviation,))


def _windowed(channels: list[FloatArray], step: WindowsParams) -> list[FloatArray]:
    """Each channel through each window, scaled to -1..1."""
    return [
        ((channel - np.float32(low)) / np.float32(high - low)).clip(0, 1) * 2 - 1
        for channel in channels
        for low, high in step.windows
    ]


def _normalised(channels: list[FloatArray], step: NormaliseParams) -> list[FloatArray]:
    if len(step.mean) != len(channels) or len(step.deviation) != len(channels):
        raise CardError("The card normalises another number of channels than its image has.")
    return [
        (channel - np.float32(mean)) / np.float32(deviation)
        for channel, mean, deviation in zip(channels, step.mean, step.deviation, strict=True)
    ]
