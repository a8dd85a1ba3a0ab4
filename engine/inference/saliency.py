"""Maps of where a classifier looked, on the picture that was given, by one of a table of methods."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from torch import nn

from engine.cards.saliency import MapMethod, Mapped, mapped, why_no_map
from engine.errors import CardError
from engine.inference.classify import build_views, node_networks
from engine.inference.context import Context
from engine.inference.graph import given_to
from engine.inference.hirescam import hirescam
from engine.inference.mapped_score import Maker, target_of
from engine.inference.occlusion import occlusion
from engine.inference.preprocess import Prepared
from engine.progress import part, silent
from engine.saliency_map import SaliencyMap, map_grid

#: Word of a card → what makes ready to map a network, by a view (1, channels, rows, columns) such as it is shown.
METHODS: Mapping[MapMethod, Callable[[nn.Module, NDArray[np.float32]], Maker]] = {
    "hirescam": hirescam,
    "occlusion": occlusion,
}


def saliency_maps(context: Context, labels: Sequence[str], method: MapMethod = "hirescam") -> tuple[SaliencyMap, ...]:
    """The maps of some scores of a card, on the picture that was given.

    Raises:
        CardError: a label has no map, or the card's maps did not pass their test.
        CancelledError: stopped by the context's progress.
    """
    made = []
    for number, label in enumerate(labels):
        problem = why_no_map(context.card, label, method)
        if problem:
            raise CardError(problem)
        output = next(output for output in context.card.outputs if output.label == label and output.kind == "score")
        how = mapped(context.card, output)
        assert how is not None, "what may be shown is mapped"
        image, views = views_of(context, how)
        inner = context.at(how.node, silent)
        networks = node_networks(context.loaded.folder, how.params.network.model_dump_json(), inner.weights)
        target, maps = target_of(how, context), []
        steps = len(labels) * len(networks)
        for index, network in enumerate(networks, start=number * len(networks)):
            network.to("cpu")
            progress = part(context.progress, index / steps, (index + 1) / steps)
            maps += METHODS[method](network, views)(views, [target], how.params.mirrors, progress)
        made.append(SaliencyMap(label, output.name, on_picture(np.mean(maps, axis=0), image), method))
    return tuple(made)


def views_of(context: Context, how: Mapped) -> tuple[Prepared, NDArray[np.float32]]:
    """The prepared picture, and (1, channels, rows, columns) of it as the classifier sees it."""
    image = given_to(context, how.node)[0]
    assert isinstance(image, Prepared), "the classifier looks at an input of the card"
    return image, build_views(how.params, image, None)


def on_picture(values: NDArray[np.float32], image: Prepared) -> NDArray[np.float32]:
    """A map over all of a prepared image, on the grid of its picture (`map_grid`): linear, 0 where nobody looked.

    Args:
        values: (rows, columns), network axes.
        image: that the network was shown the whole of.
    """
    grid = map_grid(image.volume.geometry)
    plane = (image.volume.geometry.shape[0] - 1) // 2
    _, rows, columns = grid.shape
    size = np.array(image.volume.geometry.shape[1:])
    j, i = np.meshgrid(
        (np.arange(rows) + 0.5) * size[0] / rows - 0.5, (np.arange(columns) + 0.5) * size[1] / columns - 0.5,
        indexing="ij",
    )  # fmt: skip
    kji = np.stack([np.full(j.size, float(plane)), j.ravel(), i.ravel()], axis=1)
    # As a share of the image's rows and columns.
    shares = (image.from_volume(kji)[:, 1:] + 0.5) / np.array(image.shape[1:])
    places = shares * values.shape - 0.5
    sampled = map_coordinates(values, places.T, order=1, mode="nearest", output=np.float32)
    sampled[((shares < 0) | (shares > 1)).any(axis=1)] = 0
    return np.asarray(sampled.reshape(rows, columns))
