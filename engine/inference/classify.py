"""Views of an image, and a network that gives each of them scores."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from engine.cards.weights import Weights, read_weights
from engine.errors import CardError
from engine.inference.context import Context
from engine.inference.devices import Device, where_it_fits
from engine.inference.familiarity import Reference, features_of
from engine.inference.networks import load_networks
from engine.inference.places import Places, places_of
from engine.inference.preprocess import Prepared
from engine.inference.scores import Scores
from engine.operations.classify import Mirror, Params, View
from engine.operations.networks import Network
from engine.progress import Progress, part

_MIRRORS = {"columns": (-1,), "rows": (-2,), "both": (-2, -1)}
_AXES = {"axial": 0, "coronal": 1, "sagittal": 2}


def run_classifier(params: Params, image: Prepared, around: Places | None, context: Context) -> Scores:
    """The scores of each view; networks of several weights files are averaged.

    When memory runs out, with fewer views at a time, and then on the next device; the user is told.

    Raises:
        CardError: weights or network don't fit the card, or there is nothing that crops could be around.
        EngineError: memory ran out everywhere.
    """
    views = build_views(params, image, around)
    networks = _networks(context.loaded.folder, params.network.model_dump_json(), context.weights)

    def attempt(device: Device, batch: int) -> Scores:
        try:
            scores = _scores(params, networks, views, device, batch=batch, context=context)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError):
            for network in networks:
                network.to("cpu")
            raise
        context.ran_on(str(device))
        return scores

    return where_it_fits(context, params.batch, lambda batch: batch // 2 or None, attempt, "fewer views at a time")


@lru_cache(maxsize=4)
def _networks(folder: Path, network: str, weights: tuple[Weights, ...]) -> list[nn.Module]:
    """Those of a node, kept from run to run: a classifier takes longer to load than to look at a picture."""
    return load_networks(folder, Network.model_validate_json(network).arguments, weights)


def _scores(
    params: Params,
    networks: Sequence[nn.Module],
    views: NDArray[np.float32],
    device: Device,
    *,
    batch: int,
    context: Context,
) -> Scores:
    total = np.zeros((len(views), len(params.labels)), np.float32)
    known = context.familiarity
    strangeness = 0.0
    for index, network in enumerate(networks):
        progress = part(context.progress, index / len(networks), (index + 1) / len(networks))
        network.to(device.name)
        batches = np.array_split(views, range(batch, len(views), batch))
        with ExitStack() as looking:
            features = looking.enter_context(features_of(network)) if known is not None and index == 0 else []
            logits = torch.cat([logits_of(params, network, shown, device) for shown in _told(batches, progress)])
        total += probabilities(params, logits, context).numpy()
        if index == 0 and known is not None:
            reference = Reference.read(read_weights(context.loaded.folder, known.reference))
            seen = torch.cat([mean_of_copies(part, params.mirrors) for part in features])
            strangeness = float(reference.distance(seen).median()) / known.limit
    return Scores(params.labels, total / np.float32(len(networks)), strangeness)


def logits_of(params: Params, network: nn.Module, views: NDArray[np.float32], device: Device) -> torch.Tensor:
    """(views, labels) float32, on the CPU; the mean over mirrored copies, where the card has some.

    Raises:
        CardError: the network gives another number of values than the card names.
    """
    copies = with_mirrored(torch.from_numpy(views).to(device.name), params.mirrors)
    with torch.inference_mode(), device.autocast():
        logits = network(copies)
    if not isinstance(logits, torch.Tensor) or logits.shape != (len(copies), len(params.labels)):
        raise CardError(f"The card names {len(params.labels)} classes, and its network has another number.")
    return mean_of_copies(logits.float().cpu(), params.mirrors)


def with_mirrored(views: torch.Tensor, mirrors: Sequence[Mirror]) -> torch.Tensor:
    """Views (..., rows, columns), and behind them all again, mirrored in each way."""
    return torch.cat([views, *(views.flip(_MIRRORS[mirror]) for mirror in mirrors)])


def mean_of_copies(values: torch.Tensor, mirrors: Sequence[Mirror]) -> torch.Tensor:
    """(copies x views, n) of views and of their mirrored copies, as (views, n)."""
    return values.reshape(1 + len(mirrors), -1, values.shape[1]).mean(0)


def _told(batches: Sequence[NDArray[np.float32]], progress: Progress) -> Iterator[NDArray[np.float32]]:
    """The batches, each told before it is given."""
    count, begun = sum(len(batch) for batch in batches), 0
    for batch in batches:
        progress(begun / count, f"View {begun + 1} of {count}")
        begun += len(batch)
        yield batch


def probabilities(params: Params, logits: torch.Tensor, context: Context) -> torch.Tensor:
    """What (views, labels) logits say, by the card's activation and calibration."""
    if params.activation == "none":
        return logits / context.temperature
    if params.activation == "sigmoid":
        return torch.sigmoid(logits / context.temperature)
    made = torch.empty_like(logits)
    for group in params.groups:
        columns = [params.labels.index(label) for label in group]
        own = context.calibration_of(group)
        temperature = own.temperature if own is not None else context.temperature
        offsets = torch.tensor(own.offsets) if own is not None and own.offsets else torch.zeros(len(group))
        made[:, columns] = torch.softmax(logits[:, columns] / temperature + offsets, dim=1)
    return made


def build_views(params: Params, image: Prepared, around: Places | None) -> NDArray[np.float32]:
    """(views, channels, rows, columns) or (views, channels, planes, rows, columns) of a card's view.

    Raises:
        CardError: the view needs something that is not there.
    """
    view = params.view
    shape = image.shape
    whole = torch.from_numpy(image.tile((slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))))
    if view.kind == "whole":
        made = [_sized(whole, view.pixels)]
    elif view.kind == "slices":
        made = [_flat(whole, view, index) for index in range(0, shape[_AXES[view.axis]], view.every)]
    elif view.kind == "montage":
        made = [_montage(whole, view, shape[_AXES[view.axis]])]
    else:
        made = _crops(whole, view, image, around)
    views = torch.stack(made)
    return (views if params.dimensions == 3 else views[:, :, 0]).numpy()


def _sized(part: torch.Tensor, pixels: Sequence[int]) -> torch.Tensor:
    """(channels, planes, rows, columns) at another size: averaged down, linear up, axis by axis."""
    for axis, size in enumerate(pixels):
        now = part.shape[1 + axis]
        if now != size:
            wanted = list(part.shape[1:])
            wanted[axis] = size
            mode = "area" if size < now else "trilinear"
            part = functional.interpolate(part[None], wanted, mode=mode)[0]
    return part


def _flat(whole: torch.Tensor, view: View, index: int) -> torch.Tensor:
    """One slice along the view's axis, as (channels, 1, rows, columns); feet down on coronal and sagittal ones."""
    plane = whole.select(1 + _AXES[view.axis], index)
    if view.axis != "axial":
        plane = plane.flip(1)
    return _sized(plane[:, None], (1, *view.pixels[1:]))


def _montage(whole: torch.Tensor, view: View, count: int) -> torch.Tensor:
    """Evenly spread slices on one picture, row by row."""
    rows, columns = view.grid
    picks = np.linspace(0, count - 1, rows * columns + 2)[1:-1].round().astype(int)
    tiles = [_flat(whole, view, int(index)) for index in picks]
    lines = [torch.cat(tiles[row * columns : (row + 1) * columns], dim=3) for row in range(rows)]
    return torch.cat(lines, dim=2)


def _crops(whole: torch.Tensor, view: View, image: Prepared, around: Places | None) -> list[torch.Tensor]:
    """Cubes, or triplets of planes, around what an earlier node found; several sizes are further channels."""
    if around is None:
        raise CardError("The card's crops need an earlier node to be around, and there is none.")
    voxels = np.argwhere(places_of([around], image, (), 0.5))
    if not len(voxels):
        raise CardError("Nothing was found in this image that could be classified.")
    centre = (voxels.min(axis=0) + voxels.max(axis=0)) / 2
    extent = float(((voxels.max(axis=0) - voxels.min(axis=0) + 1) * np.array(image.spacing)).max())
    sizes = view.sizes_mm or (extent,)
    if not view.orthogonal:
        return [torch.cat([cut_around(whole, centre, image.spacing, (size,) * 3, view.pixels) for size in sizes])]
    made = []
    for axis in range(3):
        parts = []
        for size in sizes:
            edges = [size, size, size]
            edges[axis] = image.spacing[axis]
            pixels = [view.pixels[1], view.pixels[1], view.pixels[2]]
            pixels[axis] = 1
            cut = cut_around(whole, centre, image.spacing, edges, pixels)
            parts.append(cut.reshape(cut.shape[0], 1, view.pixels[1], -1))
        made.append(torch.cat(parts))
    return made


def cut_around(
    whole: torch.Tensor,
    centre: NDArray[np.float64],
    spacing: Sequence[float],
    edges_mm: Sequence[float],
    pixels: Sequence[int],
) -> torch.Tensor:
    """A box of `edges_mm` around a voxel, at `pixels`, linear; the image's edge goes on outside of it."""
    axes = []
    for axis in range(3):
        offset = (torch.arange(pixels[axis], dtype=torch.float32) + 0.5) / pixels[axis] - 0.5
        index = float(centre[axis]) + offset * (edges_mm[axis] / spacing[axis])
        size = whole.shape[1 + axis]
        axes.append(index * 2 / max(size - 1, 1) - 1)
    planes, rows, columns = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([columns, rows, planes], dim=-1)[None]
    return functional.grid_sample(whole[None], grid, padding_mode="border", align_corners=True)[0]
