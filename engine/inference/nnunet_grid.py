"""From images as they were acquired to what a network of nnU-Net v2 was taught on, in nnU-Net's own order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from engine.contouring.fill import fill
from engine.errors import EngineError
from engine.inference.nnunet_crop import cut_out
from engine.inference.outlines import Outlines
from engine.inference.preprocess import AxisOrder, Box, Prepared
from engine.inference.spline import Shape, coarse_axis, resampled, resampled_labels
from engine.operations.nnunet import Channel, Params
from engine.preprocessing.plan import Plan
from engine.progress import Progress, part
from engine.resample import onto_regular_grid, steps_of
from engine.sitk_image import to_image
from engine.values import Triple
from engine.volume import Float32Array, Geometry, Volume

#: Most voxels that an image may have on the network's grid, all channels together: 4 GB as float32.
_MOST_VOXELS = 1024**3


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the network's samples lie.

    Args:
        volume: the first image, on a regular grid.
        axes: from its axes to the network's.
        box: of the whole image in network axes, that holds all that is not zero.
        shape: of the network's grid, which has the extent of the box.
        spacing_mm: of the image, network axes.
        looked_at: the part of the regular grid of the image as it was acquired, (planes, rows, columns), that the
            volume is of; None for all of it.
    """

    volume: Volume
    axes: AxisOrder
    box: Box
    shape: Shape
    spacing_mm: tuple[float, float, float]
    looked_at: Box | None = None

    @property
    def whole(self) -> Shape:
        """Of the image, network axes."""
        shape = self.volume.geometry.shape
        return shape[self.axes.order[0]], shape[self.axes.order[1]], shape[self.axes.order[2]]

    @property
    def cut(self) -> Shape:
        """Of the box."""
        return _size(self.box)

    def prepared(self) -> Prepared:
        """The grid as other parts of a run know it, without values."""
        geometry = self.volume.geometry
        step, first, size = np.zeros(3), np.zeros(3), [0, 0, 0]
        for axis, image_axis in enumerate(self.axes.order):
            ratio = self.cut[axis] / self.shape[axis]
            near = self.box[axis].start + ratio / 2 - 0.5
            far = self.box[axis].start + (self.shape[axis] - 0.5) * ratio - 0.5
            turned = axis in self.axes.reversed_axes
            first[image_axis] = self.whole[axis] - 1 - far if turned else near
            step[image_axis] = steps_of(geometry)[image_axis] * ratio
            size[image_axis] = self.shape[axis]
        origin = geometry.lps_from_kji([first])[0]
        place = Geometry.regular(origin, geometry.directions, step[::-1], (size[0], size[1], size[2]))
        values = np.broadcast_to(np.float32(0), self.shape)
        return Prepared(self.volume, self.axes, place, values, float("nan"), Plan())


def on_grid(
    params: Params,
    images: Sequence[Volume],
    previous: Outlines | None,
    progress: Progress,
    looked_at: Box | None = None,
) -> tuple[Grid, Float32Array]:
    """The grid, and (channels, planes, rows, columns) values on it, network axes.

    Args:
        params: of the node.
        images: one a channel.
        previous: what a cascade continues.
        progress: reports and may stop.
        looked_at: as in `Grid`.

    Raises:
        EngineError: it would be too large.
    """
    first = onto_regular_grid(images[0])
    volumes = [first, *(laid_onto(image, first) for image in images[1:])]
    if looked_at is not None:
        volumes = [cut_out(volume, looked_at) for volume in volumes]
        first = volumes[0]
    if params.first_mm is not None:
        volumes = [at_spacing(volume, params.first_mm) for volume in volumes]
        first = volumes[0]
    axes = _axes(params, images[0].geometry)
    arrays = [axes.to_network(volume.voxels) for volume in volumes]
    nonzero = arrays[0] != 0
    for array in arrays[1:]:
        nonzero |= array != 0
    box = _box(nonzero)
    told = images[0] if looked_at is None else first
    steps = [_steps(told.geometry, params.axes)[axis] for axis in axes.order]
    if params.first_mm is not None:
        # The name of the spacing counts, although voxels whose outermost stay where they are lie a little closer.
        steps = [_towards(first.geometry, params.first_mm)[axis] for axis in axes.order]
    spacing = (steps[0], steps[1], steps[2])
    wanted = spacing_of(params, spacing)
    cut = _size(box)
    shape = tuple(max(round(a / b * n), 1) for a, b, n in zip(spacing, wanted, cut, strict=True))
    grid = Grid(first, axes, box, (shape[0], shape[1], shape[2]), spacing, looked_at)
    count = len(arrays) + (len(_values(params)) if previous is not None else 0)
    if count * float(np.prod(shape, dtype=float)) > _MOST_VOXELS:
        raise EngineError(f"At the model's spacing the image would have {shape} voxels, more than fit; crop it first.")
    inside = None
    if previous is not None or any(channel.masked for channel in params.channels):
        inside = ndimage.binary_fill_holes(nonzero[box])
    del nonzero
    labels = None if previous is None else _labels(params, previous, grid, inside)
    mask = inside if labels is None else labels >= 0
    data = np.zeros((count, *grid.shape), np.float32)
    coarse = coarse_axis(params.image, spacing, wanted)
    for index, (channel, array) in enumerate(zip(params.channels, arrays, strict=True)):
        values = normalised(channel, array[box], mask)
        telling = part(progress, index / len(arrays), (index + 1) / len(arrays))
        data[index] = resampled(values, grid.shape, params.image, coarse, telling)
    if labels is not None:
        coarse = coarse_axis(params.previous, spacing, wanted)
        moved = resampled_labels(labels, grid.shape, params.previous, coarse)
        for index, value in enumerate(_values(params)):
            data[len(arrays) + index] = moved == value
    return grid, data


def at_spacing(volume: Volume, spacing_mm: Triple) -> Volume:
    """An image on the number of voxels that a spacing asks for, its outermost voxels where they are, in whole numbers.

    Args:
        volume: regular.
        spacing_mm: towards the patient's right, front and head.
    """
    geometry = volume.geometry
    wanted = _towards(geometry, spacing_mm)
    factors = [own / new for own, new in zip(_steps(geometry, "RAS"), wanted, strict=True)]
    if all(factor == 1 for factor in factors):
        return volume
    # Turned as it is resampled elsewhere, so that what is a whole number there is one here.
    axes = AxisOrder.towards(geometry, "RAS")
    turned = axes.to_network(volume.voxels).transpose()
    zoom = [factors[axis] for axis in axes.order][::-1]
    values = ndimage.zoom(turned, zoom, order=1, mode="nearest", output=np.float64)
    voxels = np.ascontiguousarray(axes.to_image(np.trunc(values).astype(np.int32).transpose()))
    sizes = zip(steps_of(geometry), geometry.shape, voxels.shape, strict=True)
    steps = [step * (n - 1) / (m - 1) if m > 1 and n > 1 else step * n / m for step, n, m in sizes]
    place = Geometry.regular(geometry.origins_lps[0], geometry.directions, steps[::-1], voxels.shape)
    return replace(volume, voxels=voxels, geometry=place, instances=())


def back_from(geometry: Geometry, onto: Geometry) -> list[NDArray[np.intp]]:
    """For each axis, the voxel of an image on other numbers of voxels that is nearest to each.

    Args:
        geometry: of that image, as `at_spacing` makes it.
        onto: whose voxels are asked for; it has the same axes.
    """
    axes = AxisOrder.towards(onto, "RAS")
    turned = {axis for place, axis in enumerate(axes.order) if place in axes.reversed_axes}
    found = []
    for axis, (count, wanted) in enumerate(zip(geometry.shape, onto.shape, strict=True)):
        index = np.arange(count, dtype=np.float64)
        nearest = np.asarray(ndimage.zoom(index, wanted / count, order=0, mode="nearest"), np.intp)
        # Of two that are equally near, the one that is so as seen towards right, front and head.
        found.append(count - 1 - nearest[::-1] if axis in turned else nearest)
    return found


def _towards(geometry: Geometry, spacing_mm: Triple) -> list[float]:
    """(plane, row, column) mm of what is given towards right, front and head."""
    axes = AxisOrder.towards(geometry, "RAS")
    steps = [0.0, 0.0, 0.0]
    for axis, image_axis in enumerate(axes.order):
        steps[image_axis] = spacing_mm[2 - axis]
    return steps


def _steps(geometry: Geometry, axes: str) -> tuple[float, float, float]:
    """(plane, row, column) mm as the other program takes them, since by their last bit a grid may have a voxel more.

    Of a file they are its header's; of one that nibabel turns towards `axes`, those of its affine in 32 bits.
    """
    stored = geometry.stored
    if stored is None:
        return steps_of(geometry)
    if not axes or AxisOrder.towards(geometry, axes) == AxisOrder.stored(geometry):
        return stored.spacing[2], stored.spacing[1], stored.spacing[0]
    sizes = np.sqrt((stored.affine_ras[:3, :3] ** 2).sum(axis=0)).astype(np.float32)
    return float(sizes[2]), float(sizes[1]), float(sizes[0])


def spacing_of(params: Params, own: Sequence[float]) -> tuple[float, float, float]:
    """Of the network's grid; in two dimensions the planes stay where they are."""
    spacing = (*own[: 3 - params.dimensions], *params.spacing_mm)
    return spacing[0], spacing[1], spacing[2]


def normalised(channel: Channel, values: NDArray[np.generic], mask: NDArray[np.bool_] | None) -> Float32Array:
    """A copy of an image's values, normalised; `mask` is of what is not outside."""
    out = np.array(values, dtype=np.float32, order="C")
    if channel.scheme == "ct":
        np.clip(out, channel.low, channel.high, out=out)
        out -= np.float32(channel.mean)
        out /= np.float32(max(channel.deviation, 1e-8))
    elif channel.scheme == "zscore" and channel.masked and mask is not None:
        chosen = out[mask]
        out[mask] = (chosen - chosen.mean()) / max(chosen.std(), np.float32(1e-8))
    elif channel.scheme == "zscore":
        out -= out.mean()
        out /= max(out.std(), np.float32(1e-8))
    elif channel.scheme == "rescale":
        out -= out.min()
        out /= max(out.max(), np.float32(1e-8))
    elif channel.scheme == "rgb":
        out /= np.float32(255)
    return out


def _axes(params: Params, geometry: Geometry) -> AxisOrder:
    axes = AxisOrder.towards(geometry, params.axes) if params.axes else AxisOrder.stored(geometry)
    a, b, c = params.transpose
    turned = tuple(place for place, axis in enumerate(params.transpose) if axis in axes.reversed_axes)
    return replace(axes, order=(axes.order[a], axes.order[b], axes.order[c]), reversed_axes=turned)


def laid_onto(image: Volume, base: Volume) -> Volume:
    """An image of the same patient on the grid of another; what it does not cover has its lowest value."""
    shown = onto_regular_grid(image)
    if shown.geometry.same_grid(base.geometry):
        return shown
    frame = to_image(np.zeros(base.geometry.shape, np.uint8), base.geometry)
    source = to_image(shown.voxels, shown.geometry)
    lowest = float(shown.voxels.min())
    moved = sitk.Resample(source, frame, sitk.Transform(), sitk.sitkLinear, lowest, sitk.sitkFloat32)
    return replace(shown, voxels=sitk.GetArrayFromImage(moved), geometry=base.geometry, instances=())


def _box(mask: NDArray[np.bool_]) -> Box:
    """Around all that is true; the whole where nothing is."""
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, mask.shape[axis]))
    return box[0], box[1], box[2]


def _size(box: Box) -> Shape:
    return box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start


def _values(params: Params) -> tuple[int, ...]:
    """The classes of what an earlier stage found."""
    if params.activation == "softmax":
        return tuple(range(1, len(params.labels) + 1))
    return tuple(sorted({value for covered in params.covers for value in covered if value}))


def _labels(params: Params, previous: Outlines, grid: Grid, inside: NDArray[np.bool_] | None) -> NDArray[np.int16]:
    """What an earlier stage found, in the box, network axes; -1 outside the patient."""
    values = params.paints if params.activation == "sigmoid" else tuple(range(1, len(params.labels) + 1))
    whole = np.zeros(grid.volume.geometry.shape, np.int16)
    for label, value in zip(params.labels, values, strict=True):
        whole[fill(previous.areas.get(label, {}), grid.volume.geometry)] = value
    labels = np.ascontiguousarray(grid.axes.to_network(whole)[grid.box])
    if inside is not None:
        labels[(labels == 0) & ~inside] = -1
    return labels
