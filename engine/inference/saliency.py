"""Where a classifier looked: HiResCAM (Draelos and Carin, arXiv:2011.08891, 2020).

The map is the gradient of a score by the last feature map, times that map, summed over its channels. With average
pooling over h x w places and a linear layer behind it that is exactly w A / (h w): its sum over the places is the
score but for the layer's offset, so the map is no guess of what the network did with its last feature map.

The score is the log odds of the label against the others of which one holds, as the card calibrates them: a softmax
does not change where all logits rise, so a single logit says nothing by itself. Labels that are summed are taken
together.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from torch import nn

from engine.cards.saliency import Mapped, mapped, why_no_map
from engine.errors import CardError
from engine.inference.classify import MIRRORS, build_views, mean_of_copies, node_networks, with_mirrored
from engine.inference.context import Context
from engine.inference.graph import given_to
from engine.inference.preprocess import Prepared
from engine.progress import silent
from engine.saliency_map import SaliencyMap, map_grid

#: (views, labels) logits → (views,) scores.
Target = Callable[[torch.Tensor], torch.Tensor]


def saliency_maps(context: Context, labels: Sequence[str]) -> tuple[SaliencyMap, ...]:
    """The maps of some scores of a card, on the picture that was given.

    Raises:
        CardError: a label has no map, or the card's maps did not pass their test.
    """
    made = []
    for label in labels:
        problem = why_no_map(context.card, label)
        if problem:
            raise CardError(problem)
        output = next(output for output in context.card.outputs if output.label == label and output.kind == "score")
        how = mapped(context.card, output)
        assert how is not None, "what may be shown is mapped"
        image, views = views_of(context, how)
        inner = context.at(how.node, silent)
        networks = node_networks(context.loaded.folder, how.params.network.model_dump_json(), inner.weights)
        target = target_of(how, context)
        maps = [class_maps(network.to("cpu"), views, [target], how.params.mirrors)[0] for network in networks]
        made.append(SaliencyMap(label, output.name, on_picture(np.mean(maps, axis=0), image)))
    return tuple(made)


def views_of(context: Context, how: Mapped) -> tuple[Prepared, NDArray[np.float32]]:
    """The prepared picture, and (1, channels, rows, columns) of it as the classifier sees it."""
    image = given_to(context, how.node)[0]
    assert isinstance(image, Prepared), "the classifier looks at an input of the card"
    return image, build_views(how.params, image, None)


def target_of(how: Mapped, context: Context) -> Target:
    """The score of a label or of a sum of labels, from the classifier's logits: see the module."""
    labels = how.params.labels
    columns = [labels.index(label) for label in how.labels]
    others = [labels.index(label) for label in how.against]
    group = next((group for group in how.params.groups if set(how.labels) <= set(group)), ())
    own = context.calibration_of(group)
    temperature = own.temperature if own is not None else context.temperature
    offsets = torch.zeros(len(labels))
    if own is not None and own.offsets:
        offsets[[labels.index(label) for label in group]] = torch.tensor(own.offsets)

    def score(logits: torch.Tensor) -> torch.Tensor:
        honest = logits / temperature + offsets
        if not others:
            return honest[:, columns[0]]
        return torch.logsumexp(honest[:, columns], dim=1) - torch.logsumexp(honest[:, others], dim=1)

    return score


def class_maps(
    network: nn.Module,
    views: NDArray[np.float32],
    targets: Sequence[Target],
    mirrors: Sequence[Any] = (),
    module: nn.Module | None = None,
) -> list[NDArray[np.float32]]:
    """(rows, columns) of each target on one view (1, channels, rows, columns), as large as the last feature map.

    `module` is what `last_map` says, where that is known. Of mirrored copies the maps are mirrored back and summed, as
    each has its share in the score.

    Raises:
        CardError: the network has no last feature map that all goes through.
    """
    copies = with_mirrored(torch.from_numpy(views), mirrors)
    module = module or last_map(network, copies)
    with torch.enable_grad(), _held(module) as caught:
        logits = mean_of_copies(network(copies).float(), mirrors)
        made = []
        for target in targets:
            (gradient,) = torch.autograd.grad(target(logits).sum(), caught[-1], retain_graph=True)
            each = (gradient * caught[-1]).sum(1).detach()
            back = [each[0], *(each[n].flip(MIRRORS[mirror]) for n, mirror in enumerate(mirrors, start=1))]
            made.append(torch.stack(back).sum(0).float().numpy())
    return made


def last_map(network: nn.Module, views: torch.Tensor) -> nn.Module:
    """The module that gives the last feature map of more than one place, (batch, channels, rows, columns).

    Raises:
        CardError: there is none, or the network's values depend on more than it.
    """
    seen: list[nn.Module] = []

    def note(module: nn.Module, given: Any, out: Any) -> None:
        if isinstance(out, torch.Tensor) and out.ndim == 4 and out.shape[2] * out.shape[3] > 1:
            seen.append(module)

    handles = [module.register_forward_hook(note) for module in network.modules()]
    try:
        with torch.no_grad():
            network(views)
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise CardError("The network has no feature map, so there is no map of where it looked.")
    with torch.no_grad(), _held(seen[-1]) as caught:
        plain = network(views)
        held, calls = caught[0], len(caught)
    with torch.no_grad(), _replaced(seen[-1], held):
        other = network(torch.zeros_like(views))
    if calls > 1 or not torch.allclose(plain, other, rtol=1e-4, atol=1e-4):
        raise CardError("Not all that the network sees goes through one feature map, so there is no map of it.")
    return seen[-1]


@contextmanager
def _held(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """While it is open, what a module gives, as the leaves of a new graph of gradients."""
    caught: list[torch.Tensor] = []

    def hold(module: nn.Module, given: Any, out: torch.Tensor) -> torch.Tensor:
        caught.append(out.detach().requires_grad_())
        return caught[-1]

    handle = module.register_forward_hook(hold)
    try:
        yield caught
    finally:
        handle.remove()


@contextmanager
def _replaced(module: nn.Module, value: torch.Tensor) -> Iterator[None]:
    """While it is open, a module gives this and nothing else."""
    handle = module.register_forward_hook(lambda module, given, out: value)
    try:
        yield
    finally:
        handle.remove()


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
