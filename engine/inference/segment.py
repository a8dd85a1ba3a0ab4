"""A network run over overlapping tiles, in memory that does not grow with the length of the patient.

Tiles go through the image from its first plane to its last; those in which nothing is sought are left out. Only the
planes that a tile can still reach are held; those behind are divided by the tiles' weights, and what is left of them is
kept in `Maps`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.errors import CardError
from engine.inference.context import Context
from engine.inference.devices import Device, where_it_fits
from engine.inference.maps import Maps
from engine.inference.preprocess import Prepared
from engine.inference.ready import freed_where_it_fails, layout, named_networks, ready_networks
from engine.operations.segment import Params
from engine.progress import Progress
from engine.values import Flip

Size = tuple[int, int, int]

#: Axis (from the end) that each flip reverses, in an image whose axes rise along Superior, Posterior and Left.
_FLIPPED: dict[Flip, int] = {"left-right": -1, "anterior-posterior": -2, "superior-inferior": -3}
#: Above this the running sums are kept in half precision, bytes.
_LARGE_SUMS = 1 << 30
#: They lie on the GPU where they take less than this share of its free memory.
_SHARE_OF_SUMS = 0.25
#: Tiles are made no smaller than this when memory runs out.
_LEAST_TILE = 32


def run_segmenter(params: Params, prepared: Prepared, context: Context) -> Maps:
    """Probabilities of a segmenter's labels.

    When memory runs out, with smaller tiles, and then on the next device; the user is told.

    Raises:
        CardError: weights or network don't fit the card.
        EngineError: memory ran out everywhere.
    """
    networks, names = named_networks(params.network.arguments, context)

    def attempt(device: Device, patch: Size) -> Maps:
        sweep = Sweep(params, networks, device, patch, context, names)
        with freed_where_it_fails(networks):
            maps = sweep.run(prepared, context.progress)
        context.ran_on(f"{device}{' by OpenVINO' if sweep.by_openvino else ''}")
        return maps

    if params.quick and params.flips and context.options.flips is None:
        context.note("Run quickly, as was chosen: mirrored copies were left out, so contours may differ a little.")
    told = "smaller tiles were used, so contours may differ a little"
    return where_it_fits(context, params.patch, _smaller, attempt, told)


@dataclass(eq=False)
class Sweep:
    """Tiles over one image on one device.

    Args:
        params: of the card's node.
        networks: whose probabilities are averaged.
        device: to compute on.
        patch: (planes, rows, columns) of a tile.
        context: of the run.
        names: of the networks, each telling its weights from any others; without them OpenVINO is not used.
        by_openvino: that it was used.
    """

    params: Params
    networks: Sequence[nn.Module]
    device: Device
    patch: Size
    context: Context
    names: Sequence[str] = ()
    by_openvino: bool = False

    def run(self, prepared: Prepared, progress: Progress) -> Maps:
        """Go through the image; see the module."""
        params = self.params
        exclusive = params.activation == "softmax"
        maps = Maps(params.labels, prepared, exclusive)
        size = tuple(max(a, b) for a, b in zip(prepared.shape, self.patch, strict=True))
        before = [(a - b) // 2 for a, b in zip(size, prepared.shape, strict=True)]
        overlap = self.context.options.overlap
        overlap = params.overlap if overlap is None else overlap
        starts = [tile_starts(a, b, overlap) for a, b in zip(size, self.patch, strict=True)]
        tiles = list(itertools.product(starts[0], starts[1], starts[2]))
        run = {tile for tile in tiles if self._is_sought(prepared, tile, starts, before)}
        networks = self._ready(prepared, len(run))
        channels = len(params.labels) + int(exclusive)
        count = channels * self.patch[0] * size[1] * size[2] * 4
        kind = torch.float16 if count > _LARGE_SUMS else torch.float32
        home = _home_of_sums(self.device, count)
        weight = torch.from_numpy(gaussian(self.patch)).to(home)
        sums = torch.zeros((channels, self.patch[0], size[1], size[2]), dtype=kind, device=home)
        norm = torch.zeros(sums.shape[1:], device=home)
        if len(run) < len(tiles):
            maps.seen = np.zeros(prepared.shape, np.bool_)
        done = 0
        with torch.inference_mode():
            for index, plane in enumerate(starts[0]):
                for row, column in itertools.product(starts[1], starts[2]):
                    if (plane, row, column) not in run:
                        continue
                    self.context.on_tile(done + 1, len(run), str(self.device))
                    progress(done / len(run), f"Tile {done + 1} of {len(run)}")
                    done += 1
                    place = (slice(None), slice(row, row + self.patch[1]), slice(column, column + self.patch[2]))
                    start = (plane - before[0], row - before[1], column - before[2])
                    norm[place] += weight
                    found = self._tile(networks, prepared, start)
                    if found is not None:
                        sums[(slice(None), *place)].addcmul_(found.to(home, kind), weight.to(kind))
                    elif exclusive:
                        sums[(0, *place)] += weight
                behind = (starts[0][index + 1] if index + 1 < len(starts[0]) else size[0]) - plane
                if exclusive:
                    # Where no tile was run there is background.
                    sums[0, :behind] += norm[:behind] == 0
                _flush(maps, sums[:, :behind], norm[:behind], plane, before)
                for array, axis in ((sums, 1), (norm, 0)):
                    kept = array.narrow(axis, behind, array.shape[axis] - behind).clone()
                    array.zero_()
                    array.narrow(axis, 0, kept.shape[axis]).copy_(kept)
        return maps

    def _is_sought(
        self, prepared: Prepared, tile: Size, starts: Sequence[Sequence[int]], before: Sequence[int]
    ) -> bool:
        """Whether the tile must be run: the places that are nearer to its middle than to others' hold what is sought.

        Those places alone, since at all others another tile weighs more.
        """
        if prepared.sought is None:
            return True
        own = []
        for start, firsts, size, shift in zip(tile, starts, self.patch, before, strict=True):
            index = firsts.index(start)
            low = start if index == 0 else (start + firsts[index - 1] + size) // 2
            high = start + size if index + 1 == len(firsts) else (start + firsts[index + 1] + size + 1) // 2
            own.append(slice(max(low - shift, 0), max(high - shift, 0)))
        return bool(prepared.sought[tuple(own)].any())

    def _ready(self, prepared: Prepared, tiles: int) -> list[nn.Module]:
        """The networks on the device, in the form that is fastest for so many tiles."""
        voxels = tiles * (1 + len(self._flips)) * int(np.prod(self.patch))
        channels = len(prepared.tile((slice(0, 1), slice(0, 1), slice(0, 1))))
        planes = self.patch[0] + 2 * self.params.context_planes
        flat = self.params.dimensions == 2
        shape = (1, channels * planes, *self.patch[1:]) if flat else (1, channels, planes, *self.patch[1:])
        networks, self.by_openvino = ready_networks(
            self.networks, self.names, self.device, shape=shape, voxels=voxels, context=self.context
        )
        return networks

    @property
    def _layout(self) -> torch.memory_format:
        return layout(self.device, self.params.dimensions == 2)

    @property
    def _flips(self) -> tuple[Flip, ...]:
        asked = self.context.options.flips
        return self.params.flips if asked or (asked is None and not self.params.quick) else ()

    def _tile(self, networks: Sequence[nn.Module], prepared: Prepared, start: Size) -> torch.Tensor | None:
        """Probabilities (channels, planes, rows, columns) of the tile at `start`; None where no patient is in it."""
        context = self.params.context_planes
        first = (start[0] - context, start[1], start[2])
        size = (self.patch[0] + 2 * context, self.patch[1], self.patch[2])
        inside = [(max(a, 0), min(a + n, limit)) for a, n, limit in zip(first, size, prepared.shape, strict=True)]
        if any(stop <= begin for begin, stop in inside):
            return None
        box = (slice(*inside[0]), slice(*inside[1]), slice(*inside[2]))
        if prepared.is_outside(box):
            return None
        values = prepared.tile(box)
        pad = [(begin - a, a + n - stop) for (begin, stop), a, n in zip(inside, first, size, strict=True)]
        if any(p != (0, 0) for p in pad):
            values = np.pad(values, [(0, 0), *pad], constant_values=self.params.padding)
        return self._predict(networks, torch.from_numpy(values))

    def _predict(self, networks: Sequence[nn.Module], tile: torch.Tensor) -> torch.Tensor:
        flat = self.params.dimensions == 2
        if flat:
            # Neighbouring planes are further channels.
            tile = tile.flatten(0, 1)
        image = tile[None].to(self.device.name, memory_format=self._layout)
        total: torch.Tensor | None = None
        for network in networks:
            for flip in (None, *self._flips):
                found = self._probabilities(network, image, flip)
                total = found if total is None else total + found
        assert total is not None
        count = len(networks) * (1 + len(self._flips))
        mean = total if count == 1 else total / count
        return mean[:, None] if flat else mean

    def _probabilities(self, network: nn.Module, image: torch.Tensor, flip: Flip | None) -> torch.Tensor:
        axis = None if flip is None else _FLIPPED[flip]
        with self.device.autocast():
            logits = network(image if axis is None else image.flip(axis))
        if not isinstance(logits, torch.Tensor) or logits.shape[2:] != image.shape[2:]:
            raise CardError("The card's network does not give one value a class for each voxel.")
        exclusive = self.params.activation == "softmax"
        if logits.shape[1] != len(self.params.labels) + int(exclusive):
            raise CardError(
                f"The card names {len(self.params.labels)} labels, but its network has {logits.shape[1]} channels."
            )
        logits = logits[0].float()
        if self.context.temperature != 1:
            logits = logits / self.context.temperature
        found = torch.softmax(logits, dim=0) if exclusive else torch.sigmoid(logits)
        if axis is not None:
            found = found.flip(axis)
        return found[self._mirrored(exclusive)] if flip == "left-right" else found

    def _mirrored(self, exclusive: bool) -> list[int]:
        """The channel that each channel is in a left-right mirror."""
        names = list(self.params.labels)
        swapped = dict(self.params.mirror_pairs) | {b: a for a, b in self.params.mirror_pairs}
        order = [names.index(swapped.get(name, name)) for name in names]
        return [0, *(index + 1 for index in order)] if exclusive else order


def _home_of_sums(device: Device, size: int) -> torch.device:
    """Where sums of so many bytes lie: on a GPU that has room for them, else in the machine's own memory.

    The whole answer of each tile would have to be copied to the latter, which takes longer than computing it.
    """
    roomy = device.name == "cuda" and size < torch.cuda.mem_get_info()[0] * _SHARE_OF_SUMS
    return torch.device(device.name if roomy else "cpu")


def tile_starts(size: int, patch: int, overlap: float) -> list[int]:
    """First voxels of tiles along an axis: the fewest that overlap by at least the share, evenly spread."""
    if size <= patch:
        return [0]
    step = max(patch * (1 - overlap), 1)
    count = int(np.ceil((size - patch) / step)) + 1
    return [round(index * (size - patch) / (count - 1)) for index in range(count)]


def gaussian(patch: Size) -> NDArray[np.float32]:
    """Weights of a tile's voxels: 1 in the middle, falling off with a deviation of an eighth of the tile, never 0."""
    axes = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) if n > 1 else np.ones(1) for n in patch]
    weights = axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None]
    return np.maximum(weights, 1e-3).astype(np.float32)


def _flush(maps: Maps, sums: torch.Tensor, norm: torch.Tensor, plane: int, before: Sequence[int]) -> None:
    """Keep finished planes, without what was padded."""
    planes, rows, columns = maps.prepared.shape
    own = (..., slice(before[1], before[1] + rows), slice(before[2], before[2] + columns))
    inside = (sums / torch.where(norm > 0, norm, 1.0))[own].float().cpu().numpy()
    norm = norm.cpu()
    for index in range(inside.shape[1]):
        k = plane + index - before[0]
        if 0 <= k < planes:
            maps.add(k, inside[:, index])
            if maps.seen is not None:
                maps.seen[k] = norm[index][own].numpy() > 0


def _smaller(patch: Size) -> Size | None:
    """Half the tile along its longest axis, still a multiple of what networks need; None when it is small enough."""
    axis = int(np.argmax(patch))
    if patch[axis] // 2 < _LEAST_TILE:
        return None
    unit = 32 if patch[axis] % 32 == 0 else 16
    half = max(unit, -(-patch[axis] // 2 // unit) * unit)
    if half >= patch[axis]:
        return None
    sizes = list(patch)
    sizes[axis] = half
    return sizes[0], sizes[1], sizes[2]
