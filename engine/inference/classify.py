"""Views of an image, and a network that gives each of them scores."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.cards.weights import Weights, read_weights
from engine.errors import CardError
from engine.inference.boxes import Boxes
from engine.inference.context import Context
from engine.inference.devices import Device, where_it_fits
from engine.inference.familiarity import Reference, features_of
from engine.inference.networks import load_networks
from engine.inference.pooling import TINY
from engine.inference.preprocess import Prepared
from engine.inference.sampling import Around
from engine.inference.scores import Scores
from engine.operations.classify import Mirror, Params
from engine.operations.networks import Network
from engine.progress import Progress, part

#: Axes of each way of mirroring.
MIRRORS = {"columns": (-1,), "rows": (-2,), "both": (-2, -1)}


def run_classifier(params: Params, image: Prepared, around: Around | None, context: Context) -> Scores:
    """The scores of each view; networks of several weights files are averaged.

    When memory runs out, with fewer views at a time, and then on the next device; the user is told.

    Raises:
        CardError: weights or network don't fit the card, or there is nothing that crops could be around.
        EngineError: memory ran out everywhere.
    """
    if isinstance(around, Boxes) and not len(around):
        # Nothing to look at; what that means is for the node behind to say.
        nothing = np.zeros(0, np.float32) if params.attention else None
        return Scores(params.labels, np.zeros((0, len(params.labels)), np.float32), attention=nothing)
    views = build_views(params, image, around)
    networks = node_networks(context.loaded.folder, params.network.model_dump_json(), context.weights)

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
def node_networks(folder: Path, network: str, weights: tuple[Weights, ...]) -> list[nn.Module]:
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
    known, asked = context.familiarity, context.features_wanted
    caught = []
    strangeness = 0.0
    weights = torch.zeros(len(views))
    for index, network in enumerate(networks):
        progress = part(context.progress, index / len(networks), (index + 1) / len(networks))
        network.to(device.name)
        batches = np.array_split(views, range(batch, len(views), batch))
        with ExitStack() as looking:
            catching = asked or (known is not None and index == 0)
            features = looking.enter_context(features_of(network)) if catching else []
            logits = torch.cat([logits_of(params, network, shown, device) for shown in _told(batches, progress)])
        if params.attention:
            weights += torch.softmax(logits[:, -1], 0)
        total += probabilities(params, logits[:, : len(params.labels)], context).numpy()
        if asked:
            caught.append(torch.cat([mean_of_copies(part, params.mirrors) for part in features]))
        if index == 0 and known is not None:
            reference = Reference.read(read_weights(context.loaded.folder, known.reference))
            seen = torch.cat([mean_of_copies(part, params.mirrors) for part in features])
            strangeness = float(reference.distance(seen).median()) / known.limit
    if _without_contrast(views):
        strangeness = np.inf
    made = torch.cat(caught, dim=1).numpy() if asked else None
    attention = torch.log(weights / len(networks) + TINY).numpy() if params.attention else None
    return Scores(params.labels, total / np.float32(len(networks)), strangeness, made, attention=attention)


def _without_contrast(views: NDArray[np.float32]) -> bool:
    """Whether each channel of every view holds one value: there is nothing to judge, however familiar it seems."""
    planes = views.reshape(*views.shape[:2], -1)
    return bool((planes == planes[..., :1]).all())


def logits_of(params: Params, network: nn.Module, views: NDArray[np.float32], device: Device) -> torch.Tensor:
    """(views, labels) float32, on the CPU; the mean over mirrored copies, where the card has some.

    Behind the labels is how much each view counts, where the network says so.

    Raises:
        CardError: the network gives another number of values than the card names.
    """
    copies = with_mirrored(torch.from_numpy(views).to(device.name), params.mirrors)
    with torch.inference_mode(), device.autocast():
        logits = network(copies)
    values = len(params.labels) + params.attention
    if not isinstance(logits, torch.Tensor) or logits.shape != (len(copies), values):
        raise CardError(f"The card names {len(params.labels)} classes, and its network has another number.")
    return mean_of_copies(logits.float().cpu(), params.mirrors)


def with_mirrored(views: torch.Tensor, mirrors: Sequence[Mirror]) -> torch.Tensor:
    """Views (..., rows, columns), and behind them all again, mirrored in each way."""
    return torch.cat([views, *(views.flip(MIRRORS[mirror]) for mirror in mirrors)])


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


def build_views(params: Params, image: Prepared, around: Around | None) -> NDArray[np.float32]:
    """(views, channels, rows, columns) or (views, channels, planes, rows, columns) of a card's view.

    Raises:
        CardError: the view needs something that is not there, or there is nothing to look at.
    """
    made = params.view_kind.build(params.view, image, around)
    if not made:
        raise CardError("Nothing was found in this image that could be classified.")
    views = torch.stack(made)
    return (views if params.dimensions == 3 else views[:, :, 0]).numpy()
