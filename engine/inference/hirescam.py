"""Where a classifier looked: HiResCAM (Draelos and Carin, arXiv:2011.08891, 2020).

The map is the gradient of a score by the last feature map, times that map, summed over its channels. With average
pooling over h x w places and a linear layer behind it that is exactly w A / (h w): its sum over the places is the
score but for the layer's offset, so the map is no guess of what the network did with its last feature map.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.errors import CardError
from engine.inference.classify import MIRRORS, mean_of_copies, with_mirrored
from engine.inference.mapped_score import Maker, Target
from engine.operations.classify import Mirror
from engine.progress import Progress


def hirescam(network: nn.Module, views: NDArray[np.float32]) -> Maker:
    """What maps a network by HiResCAM.

    Raises:
        CardError: the network has no last feature map that all goes through.
    """
    module = last_map(network, torch.from_numpy(views))

    def make(
        views: NDArray[np.float32], targets: Sequence[Target], mirrors: Sequence[Mirror], progress: Progress
    ) -> list[NDArray[np.float32]]:
        progress(0.0, "Where the network looked")
        return class_maps(network, views, targets, mirrors, module)

    return make


def class_maps(
    network: nn.Module,
    views: NDArray[np.float32],
    targets: Sequence[Target],
    mirrors: Sequence[Mirror] = (),
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
