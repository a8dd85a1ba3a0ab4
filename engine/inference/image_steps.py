"""From images as they were acquired to what a network of another program was taught on, and the way back, by axes.

What moves voxels is done axis by axis: a line between two planes, then between two rows, then between two columns is a
line in all three directions, and no more than a plane is held in double precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from monai.data.utils import affine_to_spacing, compute_shape_offset, zoom_affine
from monai.networks.layers import AffineTransform
from monai.transforms import (
    CropForeground as MonaiCropForeground,
)
from numpy.typing import NDArray
from torch.nn import functional

from engine.errors import EngineError
from engine.inference.image_lines import IntArray, Line, along_lines, places
from engine.inference.image_values import valued
from engine.inference.nnunet_grid import laid_onto
from engine.inference.preprocess import AxisOrder, Prepared
from engine.operations.image_steps import (
    CropForeground,
    Cut,
    Normalise,
    Pad,
    Resample,
    Resize,
    ScaleAll,
    ScalePercentiles,
    ScaleRange,
)
from engine.preprocessing.plan import Plan
from engine.progress import Progress, silent
from engine.resample import onto_regular_grid, steps_of
from engine.volume import Float32Array, FloatArray, Geometry, Volume

Steps = Sequence[Resample | CropForeground | Pad | Resize | ScaleRange | ScalePercentiles | ScaleAll | Normalise | Cut]

#: Affine matrices that differ by no more than this are the same, as MONAI has it.
_TOLERANCE = 1e-3
#: Most voxels that an image may have on the network's grid, all channels together: 4 GB as float32.
_MOST_VOXELS = 1024**3
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Moved:
    """A step that moved voxels: how many there were and are along an axis, and where."""

    before: int
    after: int
    #: Index of the first sample among those before, and how far apart samples lie there.
    first: float
    step: float = 1.0
    #: Those of the samples before among those after.
    back: tuple[float, float] | None = None
    #: (4, 4) of the grid before, where in a turned image the last bit depends on all axes.
    turned_from: FloatArray | None = None

    def places_before(self) -> FloatArray:
        """Where those before lie among those after."""
        assert self.back is not None
        return places(self.after, self.before, *self.back)


@dataclass(eq=False)
class Seen:
    """What a network sees.

    Args:
        volume: the first image, on a regular grid.
        axes: from its axes to the network's.
        data: (channels, first, second, third axis).
        affine: of `data`, RAS mm, before its axes were put in `order`.
        steps: of each axis, what was done to it in order.
        order: in which the axes were put at last.
    """

    volume: Volume
    axes: AxisOrder
    data: Float32Array
    affine: FloatArray
    steps: tuple[list[_Moved], list[_Moved], list[_Moved]] = field(default_factory=lambda: ([], [], []))
    order: tuple[int, int, int] = (0, 1, 2)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the network's grid."""
        return self.data.shape[1], self.data.shape[2], self.data.shape[3]

    @property
    def whole(self) -> tuple[int, int, int]:
        """Of the image, network axes."""
        shape = self.volume.geometry.shape
        return shape[self.axes.order[0]], shape[self.axes.order[1]], shape[self.axes.order[2]]

    def back(self, axis: int) -> Line:
        """The image's samples along an axis, of the network's."""
        line = Line.same(self.shape[axis])
        for moved in reversed(self.steps[axis]):
            if moved.back is not None:
                line = line.between(moved.places_before())
            else:
                there = np.arange(moved.before) - int(moved.first)
                line = line.chosen(there, (there >= 0) & (there < moved.after))
        return line

    def nearest_back(self, axis: int) -> IntArray:
        """The network's sample that is nearest to each of the image's along an axis; -1 where there is none."""
        found = np.arange(self.shape[axis])
        for moved in reversed(self.steps[axis]):
            if moved.back is not None:
                there = np.rint(moved.places_before()).astype(np.intp)
            else:
                there = np.arange(moved.before) - int(moved.first)
            inside = (there >= 0) & (there < moved.after)
            found = np.where(inside, found[np.where(inside, there, 0)], -1)
        return found

    def nearest_on_image(self, mask: BoolArray) -> BoolArray:
        """A mask of the network's grid on the image's, network axes: of each voxel the nearest sample's."""
        if not any(moved.turned_from is not None for moved in self.steps[0]):
            return _chosen(mask, [self.nearest_back(axis) for axis in range(3)])
        # As MONAI undoes its steps one by one, each with the matrix that is left by those behind it.
        affine, first = self.affine, np.argsort(self.order)
        mask = mask.transpose(first)
        for moved in reversed(list(zip(*(self.steps[axis] for axis in first), strict=True))):
            size, source = [each.before for each in moved], moved[0].turned_from
            if moved[0].back is not None and source is not None:
                back = np.linalg.solve(affine, source)
                mask = _moved(mask.astype(np.float32), back, size, "nearest") > 0.5
                affine = _times(affine, back)
                continue
            starts = [-each.first for each in moved]
            there = [np.arange(each.before) - int(each.first) for each in moved]
            mask = _chosen(
                mask, [np.where((at >= 0) & (at < n), at, -1) for at, n in zip(there, mask.shape, strict=True)]
            )
            affine = _times(affine, _shifted(starts))
        return mask.transpose(self.order)

    def across(self, axis: int) -> "Seen":
        """The same, with another axis in front."""
        order = [axis, *(other for other in range(3) if other != axis)]
        axes = AxisOrder(
            (self.axes.order[order[0]], self.axes.order[order[1]], self.axes.order[order[2]]),
            tuple(place for place, old in enumerate(order) if old in self.axes.reversed_axes),
        )
        data = np.ascontiguousarray(self.data.transpose(0, *(axis + 1 for axis in order)))
        steps = tuple(self.steps[index] for index in order)
        put = (order[0], order[1], order[2])
        return replace(self, axes=axes, data=data, steps=(steps[0], steps[1], steps[2]), order=put)

    def prepared(self) -> Prepared:
        """The grid as other parts of a run know it, without values."""
        geometry = self.volume.geometry
        step, first, size = np.zeros(3), np.zeros(3), [0, 0, 0]
        for axis, image_axis in enumerate(self.axes.order):
            start, apart = 0.0, 1.0
            for moved in self.steps[axis]:
                start, apart = start + moved.first * apart, apart * moved.step
            turned = axis in self.axes.reversed_axes
            last = start + (self.shape[axis] - 1) * apart
            first[image_axis] = self.whole[axis] - 1 - last if turned else start
            step[image_axis] = steps_of(geometry)[image_axis] * apart
            size[image_axis] = self.shape[axis]
        origin = geometry.lps_from_kji([first])[0]
        place = Geometry.regular(origin, geometry.directions, step[::-1], (size[0], size[1], size[2]))
        values = np.broadcast_to(np.float32(0), self.shape)
        return Prepared(self.volume, self.axes, place, values, float("nan"), Plan())


def seen(images: Sequence[Volume], axes: str, steps: Steps, progress: Progress = silent) -> Seen:
    """Do the steps in order.

    Args:
        images: one a channel, or one in colour.
        axes: patient directions along which the network's axes rise; "" for columns, rows and planes as stored.
        steps: see `engine.operations.image_steps`.
        progress: of the work.

    Raises:
        EngineError: the image would be too large, or nothing of it is left.
    """
    first = onto_regular_grid(images[0])
    volumes = [first, *(laid_onto(image, first) for image in images[1:])]
    order = axis_order(first.geometry, axes)
    arrays = [
        channel
        for volume in volumes
        for channel in (np.moveaxis(volume.voxels, -1, 0) if volume.is_colour else [volume.voxels])
    ]
    data = np.stack([np.ascontiguousarray(order.to_network(array), np.float32) for array in arrays])
    found = Seen(first, order, data, _affine(first.geometry, order))
    for index, step in enumerate(steps):
        progress(index / len(steps), "Preparing the image")
        found = _done(found, step)
        if not all(found.shape):
            raise EngineError("Nothing is left of the image once the model has cropped it.")
    return found


def axis_order(geometry: Geometry, letters: str) -> AxisOrder:
    """From planes, rows and columns to the first, second and third axis of another program's array."""
    order = AxisOrder.towards(geometry, letters) if letters else AxisOrder.stored(geometry)
    turned = tuple(sorted(2 - axis for axis in order.reversed_axes))
    return AxisOrder((order.order[2], order.order[1], order.order[0]), turned)


def _affine(geometry: Geometry, order: AxisOrder) -> FloatArray:
    """(4, 4) from indices along the network's axes to RAS mm; of a file that it gives, to the last bit.

    By that bit MONAI's `Spacing` chooses how many samples there are, and which of them stays where it is.
    """
    stored = geometry.stored
    if stored is not None:
        turned_axes = np.zeros((4, 4))
        turned_axes[3, 3] = 1
        for axis, image_axis in enumerate(order.order):
            turned = (axis in order.reversed_axes) != (image_axis == 0 and stored.planes_fall)
            turned_axes[2 - image_axis, axis] = -1 if turned else 1
            turned_axes[2 - image_axis, 3] = geometry.shape[image_axis] - 1 if turned else 0
        return np.asarray(stored.affine_ras @ turned_axes)
    affine = np.eye(4)
    start = np.zeros(3)
    steps = steps_of(geometry)
    for axis, image_axis in enumerate(order.order):
        turned = axis in order.reversed_axes
        sign = -1.0 if turned else 1.0
        affine[:3, axis] = sign * steps[image_axis] * geometry.directions[:, 2 - image_axis]
        start[image_axis] = geometry.shape[image_axis] - 1 if turned else 0
    affine[:3, 3] = geometry.lps_from_kji([start])[0]
    affine[:2] *= -1
    return affine


def _done(seen: Seen, step: object) -> Seen:
    if isinstance(step, Resample):
        return _resampled(seen, step)
    if isinstance(step, CropForeground):
        return _cropped(seen, step)
    if isinstance(step, Pad):
        return _padded(seen, step)
    if isinstance(step, Resize):
        size = [wanted or own for wanted, own in zip(step.size, seen.shape, strict=True)]
        return replace(seen, data=_resized(seen.data, size, step.mode))
    return replace(seen, data=valued(seen.data, step))


def resized_plane(plane: Float32Array, step: Resize) -> Float32Array:
    """(channels, columns, rows) at another size."""
    size = [wanted or own for wanted, own in zip(step.size, plane.shape[1:], strict=True)]
    return _resized(plane, size, step.mode)


def _resized(data: Float32Array, size: Sequence[int], mode: str) -> Float32Array:
    names = {"linear": {1: "linear", 2: "bilinear", 3: "trilinear"}[len(size)], "area": "area", "nearest": "nearest"}
    if list(data.shape[1:]) == list(size):
        return data
    made = functional.interpolate(torch.from_numpy(data)[None], tuple(size), mode=names[mode])
    return np.ascontiguousarray(made[0].numpy())


def _resampled(seen: Seen, step: Resample) -> Seen:
    """As MONAI's `Spacing` does it, whose own formulas say where the samples lie."""
    own = affine_to_spacing(seen.affine, 3)
    none: tuple[float | None, ...] = (None, None, None)
    wanted = []
    for spacing, least, most, there in zip(
        step.spacing_mm, step.least_mm or none, step.most_mm or none, own, strict=True
    ):
        low = spacing if least is None else min(least, spacing)
        high = spacing if most is None else max(most, spacing)
        kept = spacing == 0 or low - _TOLERANCE <= there <= high + _TOLERANCE
        wanted.append(float(there) if kept else spacing)
    affine = zoom_affine(seen.affine, wanted, diagonal=False)
    shape, offset = compute_shape_offset(seen.shape, seen.affine, affine)
    affine[:3, 3] = offset
    ratios = np.linalg.solve(seen.affine, affine)
    moved = _times(seen.affine, ratios)
    back = np.linalg.solve(moved, seen.affine)
    same = list(shape) == list(seen.shape)
    if same and (_alike(seen.affine, affine) or _alike(ratios, np.eye(4))):
        return seen
    if float(np.prod(shape, dtype=float)) * len(seen.data) > _MOST_VOXELS:
        size = " x ".join(str(int(count)) for count in shape)
        raise EngineError(f"At the model's spacing the image would have {size} voxels, more than fit; crop it first.")
    turned = np.count_nonzero(ratios[:3, :3]) > 3
    steps: list[list[_Moved]] = []
    lines: list[Line] = []
    for axis, (done, before, after) in enumerate(zip(seen.steps, seen.shape, map(int, shape), strict=True)):
        ratio, shift = float(ratios[axis, axis]), float(ratios[axis, 3])
        own_back = (float(back[axis, axis]), float(back[axis, 3]))
        steps.append([*done, _Moved(before, after, shift, ratio, own_back, seen.affine if turned else None)])
        lines.append(Line.same(before).between(places(before, after, ratio, shift)))
    if not turned:
        data = np.stack([along_lines(channel, lines) for channel in seen.data])
    else:
        # In a turned image the last bit depends on all axes.
        data = np.stack([_moved(channel, ratios, [int(size) for size in shape]) for channel in seen.data])
    return replace(seen, data=data, affine=moved, steps=(steps[0], steps[1], steps[2]))


def _times(affine: FloatArray, move: FloatArray) -> FloatArray:
    """The affine of a grid that was moved, to the last bit as MONAI has it."""
    return np.asarray((torch.from_numpy(affine) @ torch.from_numpy(move)).numpy())


def _shifted(starts: Sequence[float]) -> FloatArray:
    """(4, 4) of a grid that starts elsewhere."""
    move = np.eye(4)
    move[:3, 3] = starts
    return move


def _chosen(mask: BoolArray, index: Sequence[IntArray]) -> BoolArray:
    """A mask's samples at an index along each axis; false where that is -1."""
    found = mask[np.ix_(*(np.where(at >= 0, at, 0) for at in index))]
    for axis, at in enumerate(index):
        np.moveaxis(found, axis, 0)[at < 0] = False
    return np.asarray(found)


def _moved(values: Float32Array, matrix: FloatArray, shape: Sequence[int], mode: str = "bilinear") -> Float32Array:
    move = AffineTransform(
        normalized=False, mode=mode, padding_mode="border", align_corners=False, reverse_indexing=True
    )
    source = torch.from_numpy(values).double()[None, None]
    found = move(source, theta=torch.from_numpy(matrix), spatial_size=tuple(shape))
    return np.asarray(found[0, 0].float().numpy())


def _alike(one: FloatArray, other: FloatArray) -> bool:
    return bool(np.allclose(one, other, atol=_TOLERANCE))


def _cropped(seen: Seen, step: CropForeground) -> Seen:
    def is_there(values: torch.Tensor) -> torch.Tensor:
        return values > step.above

    crop = MonaiCropForeground(
        is_there, margin=step.margin, allow_smaller=step.inside, k_divisible=[max(n, 1) for n in step.multiple]
    )
    low, high = crop.compute_bounding_box(torch.from_numpy(seen.data))
    box = [(int(a), int(b)) for a, b in zip(low, high, strict=True)]
    inside = [(max(a, 0), min(b, n)) for (a, b), n in zip(box, seen.shape, strict=True)]
    data = seen.data[(slice(None), *(slice(a, b) for a, b in inside))]
    if not data.size:
        raise EngineError(f"The image has nothing above {step.above:g}, to which the model crops it.")
    pad = [(a - c, d - b) for (c, d), (a, b) in zip(box, inside, strict=True)]
    return _placed(seen, _filled(data, pad, step.beyond, step.value), [a for a, _ in box])


def _padded(seen: Seen, step: Pad) -> Seen:
    pad = pad_widths(seen.shape, step)
    return _placed(seen, _filled(seen.data, pad, step.beyond, step.value), [-before for before, _ in pad])


def pad_widths(shape: Sequence[int], step: Pad) -> list[tuple[int, int]]:
    """(before, behind) along each axis."""
    widths = []
    for own, size in zip(shape, step.size, strict=True):
        wanted = -(-own // size) * size if step.multiple and size else size
        more = max(wanted - own, 0)
        widths.append((0, more) if step.at_end else (more // 2, more - more // 2))
    return widths


def filled_up(data: Float32Array, step: Pad) -> Float32Array:
    """(channels, columns, rows) filled up to a size."""
    return _filled(data, pad_widths(data.shape[1:], step), step.beyond, step.value)


def _filled(data: Float32Array, pad: Sequence[tuple[int, int]], beyond: str, value: float) -> Float32Array:
    if not any(before or behind for before, behind in pad):
        return np.ascontiguousarray(data)
    widths = [(0, 0), *pad]
    if beyond == "constant":
        return np.pad(data, widths, constant_values=value)
    if beyond == "edge":
        return np.pad(data, widths, mode="edge")
    return np.pad(data, widths, mode="minimum" if beyond == "minimum" else "reflect")


def _placed(seen: Seen, data: Float32Array, starts: Sequence[int]) -> Seen:
    """The image cut or filled up, its first voxels at `starts` of what was before."""
    steps = tuple(
        [*done, _Moved(before, after, float(start))]
        for done, before, after, start in zip(seen.steps, seen.shape, data.shape[1:], starts, strict=True)
    )
    affine = _times(seen.affine, _shifted(starts))
    return replace(seen, data=data, affine=affine, steps=(steps[0], steps[1], steps[2]))
