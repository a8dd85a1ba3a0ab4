"""From an image as it was acquired to what a network was taught on: turned, masked, cropped, resampled once, windowed.

Imports no torch. Image axes are [plane, row, column] of the volume; network axes are those that the card orients to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.cards.nodes import CardStep
from engine.errors import EngineError
from engine.inference.body import Body, find_body
from engine.inference.field import field_box
from engine.preprocessing.plan import Plan, Values, Whole
from engine.preprocessing.table import PREPROCESSING, planned
from engine.progress import Progress, part, silent
from engine.resample import onto_regular_grid, positions_of, sample, steps_of
from engine.sitk_image import to_image
from engine.values import Triple
from engine.volume import Float32Array, Geometry, Volume

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
        """The order in which columns, rows and planes rise most nearly along the patient directions `letters`.

        Of a turned image the axis that runs most nearly along a patient direction has the first choice, as in
        nibabel's `io_orientation` and ITK's `DICOMOrientImageFilter`.
        """
        left = np.abs(geometry.directions)  # columns: column, row and plane axes of the image
        along: dict[int, int] = {}
        for axis in np.argsort(-(left**2).max(axis=0), kind="stable"):
            lps = int(left[:, axis].argmax())
            left[lps] = 0.0
            along[lps] = 2 - int(axis)
        directions = geometry.directions[:, ::-1]
        wanted = [_LETTERS[letter] for letter in reversed(letters)]
        order = [along[lps] for lps, _ in wanted]
        turned = tuple(axis for axis, (lps, sign) in enumerate(wanted) if directions[lps, order[axis]] * sign < 0)
        return cls((order[0], order[1], order[2]), turned)

    @classmethod
    def stored(cls, geometry: Geometry) -> "AxisOrder":
        """Planes, rows and columns in the order in which the image's file holds them.

        Of a DICOM series that is SimpleITK's: planes rise along row × column, as they do here.
        """
        return cls(reversed_axes=(0,) if geometry.stored is not None and geometry.stored.planes_fall else ())

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
        plan: how the grid came about.
        intensity: steps that change values, their figures known, done tile by tile.
        body: of the patient, where the card masks or crops to it.
        fed: (channels, planes, rows, columns) from earlier nodes, network axes, behind those of the image.
        whole: steps that changed all values at once, to be done again on another grid.
        laid: another image of the patient that `values` are of, brought onto the grid of `volume`; None where they are
            of `volume` itself.
        colours: (3, planes, rows, columns) red, green and blue, network axes, of a card that looks at colours, or
            (bands, 1, rows, columns) of one that looks at bands of light; `values` is their mean then.
        sought: (planes, rows, columns), network axes: where networks that go through tiles need look; None everywhere.
    """

    volume: Volume
    axes: AxisOrder
    geometry: Geometry
    values: Float32Array
    outside: float
    plan: Plan
    intensity: tuple[CardStep, ...] = ()
    body: Body | None = None
    fed: NDArray[np.float16] | None = None
    colours: Float32Array | None = None
    whole: tuple[CardStep, ...] = ()
    laid: Volume | None = None
    sought: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(planes, rows, columns) of the grid, network axes."""
        return self.values.shape[0], self.values.shape[1], self.values.shape[2]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """(planes, rows, columns) mm, network axes."""
        steps = self.geometry.spacing_xyz[::-1]
        return steps[self.axes.order[0]], steps[self.axes.order[1]], steps[self.axes.order[2]]

    @property
    def blank(self) -> float:
        """The value of what networks need not look at."""
        return self.outside if np.isfinite(self.outside) else float(self.values.min())

    def is_outside(self, box: Box) -> bool:
        """True when the box holds nothing of the patient."""
        return bool(np.isfinite(self.outside) and not (self.values[box] != self.outside).any())

    def tile(self, box: Box) -> Float32Array:
        """(channels, planes, rows, columns) of a box, as the network wants it."""
        seen = [self.values[box]] if self.colours is None else [channel[box] for channel in self.colours]
        channels = as_seen(seen, self.intensity)
        if self.fed is not None:
            channels += list(self.fed[(slice(None), *box)].astype(np.float32))
        return np.stack(channels)

    def frame(self) -> sitk.Image:
        """An empty image on the grid, image axes."""
        return to_image(np.zeros(self.geometry.shape, np.uint8), self.geometry)

    def from_volume(self, kji: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 3) [plane, row, column] of the volume as it was acquired, as the same on the grid, network axes."""
        placed = self.geometry.kji_from_lps(self.volume.geometry.lps_from_kji(kji))[:, list(self.axes.order)]
        for axis in self.axes.reversed_axes:
            placed[:, axis] = self.shape[axis] - 1 - placed[:, axis]
        return np.asarray(placed)

    def recut(self, box: Box | None, spacing_mm: Triple | None, progress: Progress) -> "Prepared":
        """The same image cut to `box` (image axes, of the volume) and, where it is given, at another spacing.

        What is fed to it comes along.
        """
        plan = self.plan
        if spacing_mm is not None:
            plan = replace(plan, spacing_mm=spacing_mm, keep_between_mm=None)
        cut = _on_grid(self, box, plan, progress)
        if self.laid is not None:
            cut = replace(cut, values=_laid_values(self.laid, cut))
        cut = _corrected(cut)
        return cut if self.fed is None else replace(cut, fed=self._fed_on(cut.geometry))

    def _fed_on(self, target: Geometry) -> NDArray[np.float16]:
        """The fed channels on another grid along the same axes; each has its lowest value where it had none."""
        positions = positions_of(self.geometry, target)
        channels = []
        for channel in self.fed if self.fed is not None else ():
            given = Volume(self.axes.to_image(channel.astype(np.float32)), self.geometry)
            channels.append(self.axes.to_network(sample(given, positions, float(channel.min()))))
        return np.stack(channels).astype(np.float16)


def as_seen(channels: list[Float32Array], intensity: Sequence[CardStep]) -> list[Float32Array]:
    """The channels that a network sees of those in the image's units: what steps with known figures make of them."""
    for step in intensity:
        does = PREPROCESSING[step.op].does
        assert isinstance(does, Values), "only such steps are kept"
        channels = does.apply(step.params, channels)
    return channels


def prepare(
    volume: Volume, steps: Sequence[CardStep], progress: Progress = silent, *, colour: bool = False
) -> Prepared:
    """Do a card's preprocessing.

    What it does to place (orient, mask, crop, resample) comes in one pass over the image, plane by plane; what it does
    to values comes after, tile by tile.

    Args:
        volume: as it was acquired.
        steps: of the card.
        progress: of the work.
        colour: the card looks at red, green and blue; grey levels are all three of them. Else colours are averaged.

    Raises:
        EngineError: the image would be too large at the card's spacing, lacks a band, or shows nothing of its kind.
    """
    plan, _ = planned(steps, 3 if colour else 1)
    axes = AxisOrder.towards(volume.geometry, plan.axes) if plan.axes else AxisOrder()
    body = find_body(volume, progress=part(progress, 0.0, 0.5), generous=True) if plan.needs_body else None
    box = None if body is None or plan.margin_mm is None else _widened(body.box(), plan.margin_mm, volume.geometry)
    if plan.field:
        box = field_box(volume, plan.field)
    none = np.zeros((0, 0, 0), np.float32)
    colours = none[None] if colour or plan.bands else None
    empty = Prepared(volume, axes, volume.geometry, none, plan.outside, plan, (), body, colours=colours)
    whole = tuple(step for step in steps if isinstance(PREPROCESSING[step.op].does, Whole))
    prepared = _corrected(replace(_on_grid(empty, box, plan, part(progress, 0.5, 1.0)), whole=whole))
    return replace(prepared, intensity=tuple(_settled(prepared, steps)))


def prepare_onto(volume: Volume, base: Prepared, steps: Sequence[CardStep]) -> Prepared:
    """An image of the same patient on the grid of another, which lies in the same frame of reference.

    Of a card's steps those that change values are done; its place is the other's. What the image does not cover has
    its lowest value.
    """
    values = _laid_values(volume, base)
    whole = tuple(step for step in steps if isinstance(PREPROCESSING[step.op].does, Whole))
    laid = replace(
        base, values=values, outside=float("nan"), intensity=(), fed=None, whole=whole, colours=None, laid=volume
    )
    prepared = _corrected(laid)
    return replace(prepared, intensity=tuple(_settled(prepared, steps)))


def _laid_values(volume: Volume, base: Prepared) -> Float32Array:
    """An image sampled on the grid of another, network axes; its lowest value where it isn't."""
    shown = onto_regular_grid(volume)
    lowest = float(shown.voxels.min())
    image = to_image(shown.voxels, shown.geometry)
    moved = sitk.Resample(image, base.frame(), sitk.Transform(), sitk.sitkLinear, lowest, sitk.sitkFloat32)
    return np.ascontiguousarray(base.axes.to_network(sitk.GetArrayFromImage(moved)))


def _corrected(prepared: Prepared) -> Prepared:
    """The image after the steps that change all of its values at once."""
    values = prepared.values
    for step in prepared.whole:
        does = PREPROCESSING[step.op].does
        assert isinstance(does, Whole), "only such steps are kept"
        values = does.correct(step.params, values, prepared.outside, prepared.spacing)
    return replace(prepared, values=values) if prepared.whole else prepared


def _settled(prepared: Prepared, steps: Sequence[CardStep]) -> list[CardStep]:
    """The steps that change values, with figures in place of those that they take from the image."""
    settled = []
    for step in steps:
        does = PREPROCESSING[step.op].does
        if isinstance(does, Values):
            params = does.settle(step.params, prepared.values, prepared.outside)
            settled.append(step.model_copy(update={"params": params}))
    return settled


def _on_grid(source: Prepared, box: Box | None, plan: Plan, progress: Progress) -> Prepared:
    volume, axes = source.volume, source.axes
    channels = _bands(volume, plan.bands) if plan.bands else _channels(volume, source.colours is not None)
    if plan.bands:
        volume = channels[0]
        box = None if box is None else (slice(0, 1), box[1], box[2])
    box = box or (slice(0, volume.voxels.shape[0]), slice(0, volume.voxels.shape[1]), slice(0, volume.voxels.shape[2]))
    positions = _target_positions(volume.geometry, box, axes, plan)
    shape = (len(positions[0]), len(positions[1]), len(positions[2]))
    if float(np.prod(shape, dtype=float)) > _MOST_VOXELS:
        raise EngineError(f"At the model's spacing the image would have {shape} voxels, more than fit; crop it first.")
    masked = np.isfinite(source.outside)
    base = source.outside if masked else float(volume.voxels[box].min())
    near = _Near(source.body) if masked and source.body is not None else None
    sampled = [
        sample(channel, positions, base, progress, near.plane if near is not None else None) for channel in channels
    ]
    steps = [float(p[1] - p[0]) if len(p) > 1 else s for p, s in zip(positions, steps_of(volume.geometry), strict=True)]
    first = volume.geometry.positions[0]
    origin = (
        volume.geometry.origins_lps[0]
        + positions[2][0] * volume.geometry.row_direction
        + positions[1][0] * volume.geometry.column_direction
        + (positions[0][0] - first) * volume.geometry.normal
    )
    geometry = Geometry.regular(origin, volume.geometry.directions, steps[::-1], shape)
    network = [np.ascontiguousarray(axes.to_network(values)) for values in sampled]
    if source.colours is None:
        return replace(source, geometry=geometry, values=network[0], fed=None, sought=None)
    colours = np.stack(network * 3 if len(network) == 1 and not plan.bands else network)
    mean = colours.mean(axis=0)
    return replace(source, geometry=geometry, values=mean, colours=colours, fed=None, sought=None)


def _bands(volume: Volume, bands: Sequence[int]) -> list[Volume]:
    """Each of some planes of a hyperspectral cube, as an image of one plane.

    Raises:
        EngineError: there are fewer.
    """
    count = volume.voxels.shape[0]
    if volume.is_colour or max(bands) >= count:
        what = "is a picture in colour" if volume.is_colour else f"has {count} bands"
        raise EngineError(f"The model looks at band {max(bands) + 1} of a cube, and this image {what}.")
    whole = volume.geometry
    geometry = Geometry.regular(
        whole.origins_lps[0], whole.directions, whole.spacing_xyz, (1, whole.shape[1], whole.shape[2])
    )
    return [replace(volume, voxels=volume.voxels[band][None], geometry=geometry, instances=()) for band in bands]


def _channels(volume: Volume, colour: bool) -> list[Volume]:
    """The volume as one of grey levels, or, where a card looks at colours and it has any, as three."""
    if not volume.is_colour:
        return [volume]
    kept = [volume.voxels[..., index] for index in range(3)] if colour else [volume.grey(volume.voxels)]
    return [replace(volume, voxels=voxels, units="") for voxels in kept]


def _widened(box: Box, margin_mm: float, geometry: Geometry) -> Box:
    out = []
    for span, step, size in zip(box, steps_of(geometry), geometry.shape, strict=True):
        more = int(np.ceil(margin_mm / step))
        out.append(slice(max(span.start - more, 0), min(span.stop + more, size)))
    return out[0], out[1], out[2]


def _target_positions(
    geometry: Geometry, box: Box, axes: AxisOrder, plan: Plan
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where the grid's samples lie along each image axis, mm: planes by their position, rows and columns from 0."""
    wanted: list[float | None] = [None, None, None]
    if plan.spacing_mm is not None:
        for network_axis, image_axis in enumerate(axes.order):
            wanted[image_axis] = plan.spacing_mm[2 - network_axis]
            if plan.keep_between_mm is not None:
                low, high = plan.keep_between_mm[2 - network_axis]
                if low <= steps_of(geometry)[image_axis] <= high:
                    wanted[image_axis] = None
    if plan.pixels is not None:
        for image_axis, count in zip((1, 2), plan.pixels, strict=True):
            size = box[image_axis].stop - box[image_axis].start
            wanted[image_axis] = size / count * steps_of(geometry)[image_axis]
    if plan.columns is not None and box[2].stop - box[2].start != plan.columns:
        wanted[1] = wanted[2] = (box[2].stop - box[2].start) / plan.columns * steps_of(geometry)[2]
    rows = np.arange(box[1].start, box[1].stop) * geometry.spacing_uv[1]
    columns = np.arange(box[2].start, box[2].stop) * geometry.spacing_uv[0]
    planes = geometry.positions[box[0]]
    if wanted[0] is None and not geometry.is_regular:
        wanted[0] = geometry.plane_spacing
    found: list[NDArray[np.float64]] = []
    sources = (planes, rows, columns)
    for target, source, step in zip(wanted, sources, steps_of(geometry), strict=True):
        if target is None or len(source) == 1:
            found.append(np.asarray(source, dtype=np.float64))
            continue
        extent = float(source[-1] - source[0]) + step
        count = max(int(np.ceil(extent / target - 1e-6)), 1)
        start = float(source[0]) - step / 2 + (extent - count * target) / 2 + target / 2
        found.append(np.asarray(start + np.arange(count) * target, dtype=np.float64))
    return found[0], found[1], found[2]


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
