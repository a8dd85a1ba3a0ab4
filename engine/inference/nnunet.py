"""Networks of nnU-Net v2 over overlapping tiles, in memory that does not grow with the length of the patient.

As its own predictor does it: a Gaussian of a deviation of an eighth of the tile, running sums in half precision, the
mean of the logits over mirrored copies, tiles and folds. Only the planes that a tile can still reach are held.

How sure it is comes from the same run: folds and mirrored copies are an ensemble, and the chance that what is drawn is
wrong is one less the mean of their probabilities for it (Lakshminarayanan et al., NeurIPS 2017; Wang et al.,
Neurocomputing 2019;338:34, of mirrored copies), which grows with each one's own doubt and with their disagreement. One
fold without copies is as sure as its probabilities are. What is drawn does not depend on it.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from engine.errors import CardError
from engine.inference.context import Context
from engine.inference.devices import Device, where_it_fits
from engine.inference.maps import Maps
from engine.inference.nnunet_back import Voxels
from engine.inference.nnunet_crop import box_around, nothing_on
from engine.inference.nnunet_grid import Grid, on_grid
from engine.inference.nnunet_tidy import tidied_maps
from engine.inference.outlines import Outlines
from engine.inference.plane_doubt import PlaneDoubt
from engine.inference.ready import answer_of, freed_where_it_fails, named_networks, ready_networks
from engine.inference.spline import Shape
from engine.inference.stored_axes import note_stored
from engine.operations.nnunet import Params
from engine.progress import Progress, part
from engine.volume import Float32Array, Volume

#: The Gaussian is this much in the middle, so that its tails are not 0 in half precision.
_TOP = 10.0


def run_nnunet(
    params: Params, images: Sequence[Volume], previous: Outlines | None, context: Context
) -> Maps | Outlines:
    """What the network finds; see `engine.operations.nnunet.Params`.

    Raises:
        CardError: weights or network don't fit the card.
        EngineError: memory ran out everywhere.
    """
    networks, names = named_networks(params.network.arguments, context)
    if params.gives_voxels:
        context = replace(context, options=replace(context.options, precision="float32"))
    looked_at = None
    if params.around and previous is not None:
        looked_at = box_around(params, images[0], previous)
        if looked_at is None:
            context.note("What the model looks around was not found in the image, so nothing is drawn.")
            return nothing_on(params, images[0])
        previous = None
    note_stored(params.axes, images[0], context)
    grid, data = on_grid(params, images, previous, part(context.progress, 0.0, 0.1), looked_at)

    def attempt(device: Device, patch: Shape) -> Maps | Outlines:
        sweep = _Sweep(params, networks, names, device, patch, context)
        with freed_where_it_fails(networks):
            found = sweep.run(grid, data, part(context.progress, 0.1, 0.9))
        context.ran_on(f"{device}{' by OpenVINO' if sweep.by_openvino else ''}")
        if isinstance(found, Maps):
            return tidied_maps(params, found)
        return found.outlines(images[0], part(context.progress, 0.9, 1.0), context.note)

    if params.quick and params.mirrors and context.options.flips is None:
        context.note("Run quickly, as was chosen: mirrored copies were left out, so contours may differ a little.")
    patch = (1, *params.patch)[-3:]
    return where_it_fits(context, (patch[0], patch[1], patch[2]), lambda size: None, attempt, "")


@dataclass(eq=False)
class _Sweep:
    params: Params
    networks: Sequence[nn.Module]
    names: Sequence[str]
    device: Device
    patch: Shape
    context: Context
    by_openvino: bool = False

    def run(self, grid: Grid, data: Float32Array, progress: Progress) -> Maps | Voxels:
        """Go through the image."""
        sink: Maps | Voxels
        labels, exclusive = self.params.labels, self.params.activation == "softmax"
        if self.params.gives_voxels:
            doubt = PlaneDoubt(labels, grid.prepared(), exclusive=exclusive) if self._tells_doubt else None
            sink = Voxels(self.params, grid, doubt)
        else:
            sink = Maps(labels, grid.prepared(), exclusive)
        with torch.inference_mode():
            for plane, logits, doubts in self._planes(grid.shape, data, progress):
                wrong = doubts.float().numpy() if doubts is not None else None
                if isinstance(sink, Maps):
                    sink.add(plane, self._likely(logits.float(), 0).numpy(), doubt=wrong)
                    continue
                sink.add(plane, logits)
                if sink.doubt is not None:
                    sink.doubt.add(plane, self._likely(logits.float(), 0).numpy(), wrong)
        return sink

    @property
    def _tells_doubt(self) -> bool:
        return self.context.card.uncertainty.method != "none"

    def _likely(self, logits: torch.Tensor, axis: int) -> torch.Tensor:
        """Probabilities, the channels along `axis`."""
        return logits.softmax(axis) if self.params.activation == "softmax" else logits.sigmoid()

    def _planes(
        self, shape: Shape, data: Float32Array, progress: Progress
    ) -> Iterator[tuple[int, torch.Tensor, torch.Tensor | None]]:
        """(plane, its logits, and the doubt of several networks and copies in what they draw together), in order."""
        size = [max(a, b) for a, b in zip(shape, self.patch, strict=True)]
        before = [(a - b) // 2 for a, b in zip(size, shape, strict=True)]
        if size != list(shape):
            pad = [(b, a - n - b) for a, b, n in zip(size, before, shape, strict=True)]
            data = np.pad(data, [(0, 0), *pad])
        starts = [tile_starts(a, b, self.params.step) for a, b in zip(size, self.patch, strict=True)]
        if self.params.dimensions == 2:
            starts[0] = list(range(size[0]))
        across = list(itertools.product(starts[1], starts[2]))
        tiles = len(starts[0]) * len(across)
        voxels = tiles * (1 + len(self._mirrored())) * int(np.prod(self.patch))
        tile_shape = (1, len(data), *self.patch[3 - self.params.dimensions :])
        networks, self.by_openvino = ready_networks(
            self.networks,
            () if self.params.gives_voxels else self.names,
            self.device,
            shape=tile_shape,
            voxels=voxels,
            context=self.context,
        )
        weight = gaussian(self.patch)
        extent = (self.patch[0], size[1], size[2])
        sums = [torch.zeros((self.params.channels_out, *extent), dtype=torch.half) for _ in networks]
        norm = torch.zeros(extent, dtype=torch.half)
        doubts = self._no_doubts(extent, len(networks))
        rows, columns = slice(before[1], before[1] + shape[1]), slice(before[2], before[2] + shape[2])
        tile = 0
        for index, plane in enumerate(starts[0]):
            for row, column in across:
                self.context.on_tile(tile + 1, tiles, str(self.device))
                progress(tile / tiles, f"Tile {tile + 1} of {tiles}")
                tile += 1
                place = (slice(None), slice(row, row + self.patch[1]), slice(column, column + self.patch[2]))
                values = torch.from_numpy(data[:, plane : plane + self.patch[0], place[1], place[2]])
                norm[place] += weight
                logits, wrong = self._answers(networks, values.contiguous(), doubts is not None)
                for found, total in zip(logits, sums, strict=True):
                    _sum_up(total[(slice(None), *place)], found, weight)
                # Gone before the next tile: of many classes it is a gigabyte.
                del logits, found
                if doubts is not None and wrong is not None:
                    doubts[(slice(None), *place)] += wrong * weight
            done = (starts[0][index + 1] if index + 1 < len(starts[0]) else size[0]) - plane
            for k in range(done):
                at = plane + k - before[0]
                if 0 <= at < shape[0]:
                    weights = norm[k, rows, columns]
                    doubt = None if doubts is None else doubts[:, k, rows, columns] / weights
                    yield at, _mean([total[:, k, rows, columns] / weights for total in sums]), doubt
            held = [(total, 1) for total in (*sums, doubts) if total is not None]
            for array, axis in (*held, (norm, 0)):
                kept = array.narrow(axis, done, array.shape[axis] - done).clone()
                array.zero_()
                array.narrow(axis, 0, kept.shape[axis]).copy_(kept)

    def _mirrored(self) -> list[tuple[int, ...]]:
        """The combinations of a tile's axes, counted behind batch and channel, that are mirrored."""
        asked = self.context.options.flips
        if asked is False or (asked is None and self.params.quick):
            return []
        axes = [axis + 2 for axis in self.params.mirrors]
        return [c for count in range(1, len(axes) + 1) for c in itertools.combinations(axes, count)]

    def _no_doubts(self, extent: Shape, networks: int) -> torch.Tensor | None:
        """Sums to be filled: one for labels that exclude each other, else one a region; None where one answer is all.

        Never a sum a label, which would double the memory of what has many.
        """
        if not self._tells_doubt or (networks == 1 and not self._mirrored()):
            return None
        count = 1 if self.params.activation == "softmax" else self.params.channels_out
        return torch.zeros((count, *extent), dtype=torch.half)

    def _answers(
        self, networks: Sequence[nn.Module], values: torch.Tensor, with_doubt: bool
    ) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        """Of a tile, (channels, planes, rows, columns) logits of each network, the mean over mirrored copies; and the
        doubt in what all of them draw together, where that is asked for.
        """
        flat = self.params.dimensions == 2
        image = (values[:, 0] if flat else values)[None].to(self.device.name)
        copies = self._mirrored()
        found: list[torch.Tensor] = []
        likely: torch.Tensor | None = None
        for network in networks:
            total = self._forward(network, image)
            if with_doubt:
                own = self._likely(total, 1)
                likely = own if likely is None else likely.add_(own)
            for axes in copies:
                logits = self._forward(network, image.flip(axes)).flip(axes)
                total += logits
                if likely is not None:
                    likely += self._likely(logits, 1)
            if copies:
                total /= len(copies) + 1
            found.append(total[0])
        wrong = None
        if likely is not None:
            together = torch.stack(found).mean(0) if len(found) > 1 else found[0]
            wrong = self._wrong(together, likely[0] / (len(networks) * (len(copies) + 1))).cpu()
        answers = [logits.cpu() for logits in found]
        if flat:
            return [logits[:, None] for logits in answers], wrong[:, None] if wrong is not None else None
        return answers, wrong

    def _wrong(self, logits: torch.Tensor, likely: torch.Tensor) -> torch.Tensor:
        """(1 or regions, …) chance that what the logits draw is wrong, by (channels, …) mean probabilities."""
        if self.params.activation == "softmax":
            return 1 - likely.gather(0, logits.argmax(0, keepdim=True))
        return torch.where(logits > 0, 1 - likely, likely)

    def _forward(self, network: nn.Module, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = answer_of(network, image, self.device, "a patch")
        if logits.shape[1] != self.params.channels_out or logits.shape[2:] != image.shape[2:]:
            raise CardError(
                f"The card names {len(self.params.labels)} labels, but its network has {logits.shape[1]} channels."
            )
        return logits.float() if isinstance(logits, torch.Tensor) else logits


def _sum_up(total: torch.Tensor, logits: torch.Tensor, weight: torch.Tensor) -> None:
    """Add a tile, a channel at a time: a sum of two precisions makes copies of all that it is given."""
    for summed, channel in zip(total, logits, strict=True):
        summed.add_(channel * weight)


def tile_starts(size: int, patch: int, step: float) -> list[int]:
    """First voxels of tiles along an axis: as many as steps of no more than the share need, evenly spread."""
    count = int(np.ceil((size - patch) / (patch * step))) + 1
    apart = (size - patch) / (count - 1) if count > 1 else 0.0
    return [int(np.round(apart * index)) for index in range(count)]


def gaussian(patch: Shape) -> torch.Tensor:
    """Weights of a tile's voxels, half precision, nowhere 0."""
    sizes = patch[1:] if patch[0] == 1 else patch
    middle = np.zeros(sizes)
    middle[tuple(size // 2 for size in sizes)] = 1
    weights = ndimage.gaussian_filter(middle, [size / 8 for size in sizes], mode="constant")
    found = torch.from_numpy(weights / (weights.max() / _TOP)).half()
    found[found == 0] = found[found != 0].min()
    return found.reshape(patch)


def _mean(folds: Sequence[torch.Tensor]) -> torch.Tensor:
    """Of several folds, in half precision."""
    total = folds[0]
    for fold in folds[1:]:
        total += fold
    return total / len(folds) if len(folds) > 1 else total
