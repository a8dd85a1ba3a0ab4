"""Networks of other programs over windows, blended as MONAI blends them, with the planes that a window can still reach.

The answer goes back to the image plane by plane: never more than the planes between which one plane of the image lies
are held, whatever the number of classes.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from monai.data.utils import compute_importance_map
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn
from torch.nn import functional

from engine.contouring.trace import trace_mask_volume
from engine.errors import CardError
from engine.inference.context import Context
from engine.inference.devices import Device, where_it_fits
from engine.inference.image_lines import Line
from engine.inference.image_steps import Seen, seen
from engine.inference.likeliest import likeliest
from engine.inference.maps import Map, Maps
from engine.inference.nnunet_back import onto_planes
from engine.inference.onnx_graph import OnnxGraph
from engine.inference.outlines import Outlines
from engine.inference.pieces import keep_pieces
from engine.inference.plane_doubt import PlaneDoubt
from engine.inference.ready import answer_of, freed_where_it_fails, named_networks, ready_networks
from engine.inference.stored_axes import note_stored
from engine.operations.sliding_window import Largest, Params
from engine.progress import Progress, part
from engine.volume import Volume

Shape = tuple[int, int, int]
#: Told where a network's own answers are labels, so that none is surer than another.
_NO_DOUBT = "The model says only yes or no of each voxel, so it does not tell where it may be wrong; see all planes."
BoolArray = NDArray[np.bool_]
Numbers = NDArray[np.uint8 | np.uint16]


def run_windows(params: Params, images: Sequence[Volume], context: Context) -> Maps | Outlines:
    """What the network finds; see `engine.operations.sliding_window.Params`.

    Raises:
        CardError: weights or network don't fit the card, or the network can't take such an image.
        EngineError: memory ran out everywhere.
    """
    networks, names = named_networks(params.network.arguments, context)
    if params.exact or any(isinstance(network, OnnxGraph) for network in networks):
        # ONNX Runtime computes in what the file says, whatever the device prefers.
        context = replace(context, options=replace(context.options, precision="float32"))
    note_stored(params.axes, images[0], context)
    image = seen(images, params.axes, params.before, part(context.progress, 0.0, 0.1))
    if params.dimensions == 2:
        image = image.across(params.along)

    def attempt(device: Device, patch: tuple[int, ...]) -> Maps | Outlines:
        sweep = _Sweep(params, networks, () if params.exact else names, device, context)
        with freed_where_it_fails(networks):
            found = sweep.run(image, part(context.progress, 0.1, 0.9))
        if sweep.tells_doubt and not sweep.weighs:
            found.tells_doubt = False
            context.note(_NO_DOUBT)
        context.ran_on(f"{device}{' by OpenVINO' if sweep.by_openvino else ''}")
        return found if isinstance(found, Maps) else found.outlines(images[0], part(context.progress, 0.9, 1.0))

    return where_it_fits(context, params.patch, lambda size: None, attempt, "")


@dataclass(eq=False)
class _Sweep:
    params: Params
    networks: Sequence[nn.Module]
    names: Sequence[str]
    device: Device
    context: Context
    by_openvino: bool = False
    #: Whether an answer between 0 and 1 was seen.
    weighs: bool = False

    @property
    def tells_doubt(self) -> bool:
        """Whether it is to be told where the answer may be wrong."""
        return self.context.card.uncertainty.method != "none"

    def run(self, image: Seen, progress: Progress) -> "Maps | _Voxels":
        """Go through the image."""
        params = self.params
        sink: Maps | _Voxels
        if params.exact:
            sink = _Voxels(params, image, self.tells_doubt)
        else:
            sink = Maps(params.labels, image.prepared(), params.activation == "softmax")
        with torch.inference_mode():
            for plane, logits in self._planes(image, progress):
                if isinstance(sink, _Voxels):
                    sink.add(plane, logits)
                    if sink.tells_doubt:
                        sink.doubt.add(plane, _activated(params, logits).numpy())
                else:
                    sink.add(plane, _activated(params, logits).numpy())
        if isinstance(sink, Maps):
            for step in params.largest:
                for label in step.labels:
                    sink.change(label, params.threshold, partial(_without_small, keep=step.keep))
        return sink

    def _planes(self, image: Seen, progress: Progress) -> Iterator[tuple[int, torch.Tensor]]:
        """(plane, its logits (channels, rows, columns)) in order."""
        shape, data = image.shape, image.data
        flat = self.params.dimensions == 2
        wanted = (1, *self.params.patch) if flat else self.params.patch
        patch = [edge or own for edge, own in zip(wanted, shape, strict=True)]
        size = [max(a, b) for a, b in zip(shape, patch, strict=True)]
        before = [(a - b) // 2 for a, b in zip(size, shape, strict=True)]
        if size != list(shape):
            data = self._filled(data, size, before)
        overlap = (0.0, *self.params.overlap) if flat else self.params.overlap
        starts = [window_starts(a, b, share) for a, b, share in zip(size, patch, overlap, strict=True)]
        across = list(itertools.product(starts[1], starts[2]))
        tiles = len(starts[0]) * len(across)
        networks = self._ready(patch[1:] if flat else patch, tiles, len(data))
        weight = compute_importance_map(
            tuple(patch[1:] if flat else patch), mode=self.params.blend, sigma_scale=self.params.sigma
        ).reshape(patch)
        sums = torch.zeros((self.params.channels_out, patch[0], size[1], size[2]))
        norm = torch.zeros((patch[0], size[1], size[2]))
        rows, columns = slice(before[1], before[1] + shape[1]), slice(before[2], before[2] + shape[2])
        tile = 0
        for index, plane in enumerate(starts[0]):
            for row, column in across:
                self.context.on_tile(tile + 1, tiles, str(self.device))
                progress(tile / tiles, f"Tile {tile + 1} of {tiles}")
                tile += 1
                place = (slice(None), slice(row, row + patch[1]), slice(column, column + patch[2]))
                values = torch.from_numpy(data[:, plane : plane + patch[0], place[1], place[2]]).contiguous()
                norm[place] += weight
                for network in networks:
                    sums[(slice(None), *place)] += self._logits(network, values) * weight
            done = (starts[0][index + 1] if index + 1 < len(starts[0]) else size[0]) - plane
            for k in range(done):
                at = plane + k - before[0]
                if 0 <= at < shape[0]:
                    yield at, sums[:, k, rows, columns] / (norm[k, rows, columns] * len(networks))
            for array, axis in ((sums, 1), (norm, 0)):
                kept = array.narrow(axis, done, array.shape[axis] - done).clone()
                array.zero_()
                array.narrow(axis, 0, kept.shape[axis]).copy_(kept)

    def _filled(self, data: NDArray[np.float32], size: Sequence[int], before: Sequence[int]) -> NDArray[np.float32]:
        widths = [(b, a - n - b) for b, a, n in zip(before, size, data.shape[1:], strict=True)]
        flat = [width for pair in reversed(widths) for width in pair]
        value = self.params.padding_value if self.params.padding == "constant" else None
        try:
            filled = functional.pad(torch.from_numpy(data)[None], flat, self.params.padding, value)
        except RuntimeError as error:
            raise CardError("The image is too small to be mirrored around its edges, as the model wants it.") from error
        return np.asarray(filled[0].numpy())

    def _ready(self, patch: Sequence[int], tiles: int, channels: int) -> list[nn.Module]:
        networks, self.by_openvino = ready_networks(
            self.networks, self.names, self.device, shape=(1, channels, *patch), voxels=tiles * int(np.prod(patch)),
            context=self.context,
        )  # fmt: skip
        return networks

    def _logits(self, network: nn.Module, values: torch.Tensor) -> torch.Tensor:
        """(channels, planes, rows, columns) of a window."""
        flat = self.params.dimensions == 2
        image = (values[:, 0] if flat else values)[None].to(self.device.name)
        logits = answer_of(network, image, self.device, "a window")
        if not isinstance(logits, torch.Tensor) or logits.shape[2:] != image.shape[2:]:
            raise CardError("The model's network does not give one value a class for each voxel.")
        if logits.shape[1] != self.params.channels_out:
            raise CardError(
                f"The card names {len(self.params.labels)} labels, but its network has {logits.shape[1]} channels."
            )
        found = logits[0].float().cpu()
        if not self.weighs:
            values = _activated(self.params, found)
            self.weighs = bool(((values > 0) & (values < 1)).any())
        return found[:, None] if flat else found


def _activated(params: Params, answer: torch.Tensor) -> torch.Tensor:
    """(channels, …) probabilities of what a network answers."""
    if params.ready:
        return answer
    return answer.softmax(0) if params.activation == "softmax" else answer.sigmoid()


def _without_small(given: Map, keep: int) -> Map:
    return keep_pieces(given, lambda sizes: np.arange(len(sizes)) <= keep)


def window_starts(size: int, patch: int, overlap: float) -> list[int]:
    """First voxels of windows along an axis: a step apart, the last moved back to where the image ends."""
    if size == patch:
        return [0]
    step = max(int(patch * (1 - overlap)), 1)
    count = next(n for n in range(-(-size // step)) if n * step + patch >= size) + 1
    return [min(index * step, size - patch) for index in range(count)]


class _Voxels:
    """The labels of voxels, from logits that come in order of their planes.

    They are set on the image's grid, or, where the labels are carried, on the network's. Where it is to be told,
    `doubt` counts meanwhile what may be wrong.
    """

    def __init__(self, params: Params, image: Seen, tells_doubt: bool) -> None:
        self._params, self._image, self.tells_doubt = params, image, tells_doubt
        self.doubt = PlaneDoubt(
            params.labels, image.prepared(), exclusive=params.activation == "softmax", threshold=params.threshold
        )
        carried = params.carried == "labels"
        self._lines = [Line.same(image.shape[axis]) if carried else image.back(axis) for axis in range(3)]
        self._shape = image.shape if carried else image.whole
        kind = np.uint8 if len(params.labels) < 255 else np.uint16
        self._labels: Numbers = np.zeros(self._shape if params.activation == "softmax" else (0, 0, 0), kind)
        # Labels that may overlap are held as bits.
        bits = (len(params.labels), *self._shape[:2], -(-self._shape[2] // 8))
        self._bits = np.zeros(bits if params.activation == "sigmoid" else (0, 0, 0, 0), np.uint8)
        self._held: dict[int, torch.Tensor] = {}
        self._next = 0

    def add(self, plane: int, logits: torch.Tensor) -> None:
        """Take in the next plane of the network's grid: (channels, rows, columns)."""
        if self._params.carried == "probabilities":
            logits = _activated(self._params, logits)
        self._held[plane] = logits
        line = self._lines[0]
        while self._next < len(line.lower):
            first, second = int(line.lower[self._next]), int(line.upper[self._next])
            if max(first, second) > plane and line.below[self._next] + line.above[self._next] > 0:
                break
            self._set(self._next, first, second)
            self._next += 1
        rest = line.lower[self._next :][(line.below + line.above)[self._next :] > 0]
        needed = int(rest.min()) if len(rest) else plane + 1
        self._held = {index: held for index, held in self._held.items() if index >= needed}

    def outlines(self, image: Volume, progress: Progress) -> Outlines:
        """Lines around the voxels of each label, on the planes of the image: filled, they give the voxels back."""
        for step in self._params.largest:
            if not step.on_image:
                self._keep_largest(step)
        found = {}
        for index, label in enumerate(self._params.labels):
            count = len(self._params.labels)
            mask = self._on_image(self._mask(index))
            for step in self._params.largest:
                if step.on_image and label in step.labels:
                    mask = largest_pieces(mask, step.keep, step.connectivity)
            placed = onto_planes(mask.astype(np.uint8), self._image.volume.geometry, image.geometry)
            telling = part(progress, index / count, (index + 1) / count)
            found[label] = trace_mask_volume(placed > 0, image.geometry, telling)
        edits = self.doubt.edits(image.geometry, found) if self.tells_doubt else {}
        return Outlines(image.geometry, found, edits)

    def _set(self, k: int, first: int, second: int) -> None:
        """A plane of the labels, made of two that are held."""
        below, above = float(self._lines[0].below[k]), float(self._lines[0].above[k])
        if not below and not above:
            between = torch.zeros(self._params.channels_out, *self._image.shape[1:])
        else:
            between = self._held[first]
            if below != 1:
                between = between * below
            if above:
                between = between + self._held[second] * above
        for axis in (1, 2):
            line = self._lines[axis]
            if line.is_same and len(line.lower) == between.shape[axis]:
                continue
            shape = (-1, 1) if axis == 1 else (1, -1)
            parts = [
                between.index_select(axis, torch.from_numpy(index)) * torch.from_numpy(share).float().reshape(shape)
                for index, share in ((line.lower, line.below), (line.upper, line.above))
            ]
            between = parts[0] + parts[1]
        if self._params.activation == "softmax":
            self._labels[k] = likeliest(between).numpy()
            return
        values = between if self._params.carried == "probabilities" else _activated(self._params, between)
        self._bits[:, k] = np.packbits((values >= self._params.threshold).numpy(), axis=-1)

    def _mask(self, index: int) -> BoolArray:
        """Of a label, on the grid on which labels are set."""
        if self._params.activation == "softmax":
            return np.asarray(self._labels == index + 1)
        return np.unpackbits(self._bits[index], axis=-1, count=self._shape[2]).astype(np.bool_)

    def _keep_largest(self, step: Largest) -> None:
        for label in step.labels:
            index = self._params.labels.index(label)
            mask = self._mask(index)
            kept = largest_pieces(mask, step.keep, step.connectivity)
            if self._params.activation == "softmax":
                self._labels[mask & ~kept] = 0
            else:
                self._bits[index] = np.packbits(kept, axis=-1)

    def _on_image(self, mask: BoolArray) -> BoolArray:
        """A mask on the image's own grid, image axes."""
        if self._params.carried == "labels":
            mask = self._image.nearest_on_image(mask)
        return np.ascontiguousarray(self._image.axes.to_image(mask))


def largest_pieces(mask: BoolArray, keep: int, connectivity: int) -> BoolArray:
    """The largest connected pieces of a mask."""
    numbers, count = ndimage.label(mask, ndimage.generate_binary_structure(3, connectivity))
    if count <= keep:
        return mask
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    stays = np.zeros(len(sizes), np.bool_)
    stays[np.argsort(sizes)[::-1][:keep]] = True
    return np.asarray(stays[numbers])
