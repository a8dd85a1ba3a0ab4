"""A network of another program looks at a whole image, or at each plane of a picture."""

from collections.abc import Sequence

import numpy as np
import torch

from engine.errors import CardError
from engine.inference.context import Context
from engine.inference.devices import Device, where_it_fits
from engine.inference.image_steps import filled_up, resized_plane, seen
from engine.inference.image_values import valued
from engine.inference.ready import answer_of, freed_where_it_fails, named_networks
from engine.inference.scores import Scores
from engine.inference.stored_axes import note_stored
from engine.operations.image_steps import Pad, Resize
from engine.operations.whole_image import Params
from engine.progress import part
from engine.volume import Float32Array, Volume


def run_whole(params: Params, images: Sequence[Volume], context: Context) -> Scores:
    """The scores of a network; see `engine.operations.whole_image.Params`.

    Raises:
        CardError: weights or network don't fit the card, or the network can't take such an image.
        EngineError: memory ran out everywhere.
    """
    networks, _ = named_networks(params.network.arguments, context)
    views = _views(params, images, context)

    def attempt(device: Device, batch: int) -> Scores:
        total = np.zeros((len(views), len(params.labels)), np.float32)
        with freed_where_it_fails(networks):
            for index, network in enumerate(networks):
                network.to(device.name)
                for row, view in enumerate(views):
                    done = (index + row / len(views)) / len(networks)
                    context.progress(0.2 + 0.8 * done, f"View {row + 1} of {len(views)}")
                    total[row] += _values(params, network, view, device, context)
        context.ran_on(str(device))
        return Scores(params.labels, total / np.float32(len(networks)))

    return where_it_fits(context, 1, lambda batch: None, attempt, "")


def _views(params: Params, images: Sequence[Volume], context: Context) -> list[Float32Array]:
    """(channels, first, second, third axis) of the image, or (channels, columns, rows) of each plane of a picture."""
    if params.dimensions == 3:
        note_stored(params.axes, images[0], context)
        return [seen(images, params.axes, params.before, part(context.progress, 0.0, 0.2)).data]
    whole = seen(images, "", ()).data
    views = []
    for k in range(whole.shape[3]):
        view = np.ascontiguousarray(whole[..., k])
        for step in params.before:
            if isinstance(step, Resize):
                view = resized_plane(view, step)
            elif isinstance(step, Pad):
                view = filled_up(view, step)
            else:
                view = valued(view, step)
        views.append(view)
    return views


def _values(
    params: Params, network: torch.nn.Module, view: Float32Array, device: Device, context: Context
) -> Float32Array:
    image = torch.from_numpy(view)[None].to(device.name)
    with torch.inference_mode():
        logits = answer_of(network, image, device, "an image")
    if not isinstance(logits, torch.Tensor) or logits.shape != (1, len(params.labels)):
        raise CardError(f"The card names {len(params.labels)} classes, and its network has another number.")
    values = logits[0].float().cpu() / context.temperature
    if params.activation == "none":
        return values.numpy()
    return (values.softmax(0) if params.activation == "softmax" else values.sigmoid()).numpy()
