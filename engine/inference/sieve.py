"""Crops around candidates, and a network that judges them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.errors import CardError
from engine.inference.boxes import Boxes, best_first, empty
from engine.inference.classify import mean_of_copies, with_mirrored
from engine.inference.context import Context
from engine.inference.devices import Device, where_it_fits
from engine.inference.networks import load_networks
from engine.inference.preprocess import Prepared
from engine.inference.sampling import cut_around, whole_of
from engine.operations.sieve import Params


def run_sieve(params: Params, image: Prepared, candidates: Boxes, context: Context) -> Boxes:
    """Give each candidate the network's values, and keep those that reach the card's level.

    When memory runs out, with fewer crops at a time, and then on the next device; the user is told.

    Raises:
        CardError: weights or network don't fit the card, or the boxes lie on another grid.
        EngineError: memory ran out everywhere.
    """
    if not candidates.prepared.geometry.same_grid(image.geometry):
        raise CardError(f"The model '{context.card.id}' judges candidates of another image.")
    if not len(candidates):
        return empty(params.labels, image)
    networks = load_networks(context.loaded.folder, params.network.arguments, context.weights)

    def attempt(device: Device, batch: int) -> NDArray[np.float32]:
        try:
            values = _values(params, networks, image, candidates.centres, device, batch=batch, context=context)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError):
            for network in networks:
                network.to("cpu")
            raise
        context.ran_on(str(device))
        return values

    values = where_it_fits(
        context, params.batch, lambda batch: batch // 2 or None, attempt, "fewer candidates were judged at a time"
    )
    judged = Boxes(params.labels, image, candidates.low, candidates.high, values)
    order = best_first(values)
    order = order[values[order].max(axis=1) >= params.keep]
    return judged.chosen(order[: params.most])


def crops_around(params: Params, image: Prepared, centres: NDArray[np.float64]) -> NDArray[np.float32]:
    """(n, channels, rows, columns), or with planes before the rows, of crops around places of an image.

    Args:
        centres: (n, 3) [plane, row, column] in voxels of the image, network axes.
    """
    whole = whole_of(image)
    edges = [params.edge_mm] * 3
    if params.dimensions == 2:
        edges[0] = image.spacing[0]
    crops = torch.stack([cut_around(whole, centre, image.spacing, edges, params.pixels) for centre in centres])
    return (crops if params.dimensions == 3 else crops[:, :, 0]).numpy()


def _values(
    params: Params,
    networks: Sequence[nn.Module],
    image: Prepared,
    centres: NDArray[np.float64],
    device: Device,
    *,
    batch: int,
    context: Context,
) -> NDArray[np.float32]:
    """(candidates, labels) means of the networks."""
    exclusive = params.activation == "softmax"
    count = len(params.labels) + int(exclusive)
    total = np.zeros((len(centres), len(params.labels)), np.float32)
    for network in networks:
        network.to(device.name)
    for start in range(0, len(centres), batch):
        context.progress(start / len(centres), f"Candidate {start + 1} of {len(centres)}")
        shown = torch.from_numpy(crops_around(params, image, centres[start : start + batch])).to(device.name)
        for network in networks:
            with torch.inference_mode(), device.autocast():
                logits = network(with_mirrored(shown, params.mirrors))
            if not isinstance(logits, torch.Tensor) or logits.shape[1:] != (count,):
                raise CardError(f"The card names {len(params.labels)} classes, and its network has another number.")
            logits = mean_of_copies(logits.float(), params.mirrors) / context.temperature
            found = torch.softmax(logits, dim=1)[:, 1:] if exclusive else torch.sigmoid(logits)
            total[start : start + batch] += found.cpu().numpy()
    return total / np.float32(len(networks))
