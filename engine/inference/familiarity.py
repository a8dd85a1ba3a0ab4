"""How far an image lies from the training set, by what a classifier makes of it just before its logits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from engine.errors import CardError

#: Main axes of the features that are told apart; what lies off them counts together.
AXES = 32


@dataclass(frozen=True)
class Reference:
    """What the features of the training set are like: a normal distribution, the same in all directions but the main.

    Args:
        mean: (features,).
        axes: (AXES, features) unit vectors.
        deviation: (AXES,) along each.
        rest: (1,) deviation along every other direction.
        learned: fingerprints of the pictures, by which one that was learned from is known again.
    """

    mean: torch.Tensor
    axes: torch.Tensor
    deviation: torch.Tensor
    rest: torch.Tensor
    learned: torch.Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))

    @classmethod
    def of(cls, features: torch.Tensor) -> "Reference":
        """What (n, features) of a training set are like (probabilistic PCA, Tipping and Bishop, 1999)."""
        features = features.double()
        mean = features.mean(0)
        _, singular, axes = torch.linalg.svd(features - mean, full_matrices=False)
        variance = singular**2 / max(len(features) - 1, 1)
        count = min(AXES, len(variance) - 1)
        rest = (variance[count:].sum() / max(features.shape[1] - count, 1)).clamp(min=1e-12).sqrt()
        deviation = variance[:count].sqrt().clamp(min=float(rest))
        return cls(mean.float(), axes[:count].float(), deviation.float(), rest[None].float())

    @classmethod
    def read(cls, data: bytes) -> "Reference":
        """As it was stored.

        Raises:
            CardError: it is damaged.
        """
        try:
            stored = load(data)
            mean, axes, deviation, rest = (stored[name].float() for name in ("mean", "axes", "deviation", "rest"))
            made = cls(mean, axes, deviation, rest, stored["learned"])
        except (SafetensorError, KeyError) as error:
            raise CardError("The card's reference of its training set is damaged; fetch the model again.") from error
        if made.axes.shape != (len(made.deviation), len(made.mean)) or made.rest.shape != (1,):
            raise CardError("The card's reference of its training set is damaged; fetch the model again.")
        return made

    def stored(self) -> dict[str, torch.Tensor]:
        """As it is stored."""
        return {**vars(self), "axes": self.axes.half().contiguous()}

    def distance(self, features: torch.Tensor) -> torch.Tensor:
        """(n,) Mahalanobis distance of (n, features), over the root of how many features there are: about 1.

        Raises:
            CardError: the features are those of another network.
        """
        if features.shape[1:] != self.mean.shape:
            raise CardError("The card's reference of its training set is that of another network.")
        off = features.float() - self.mean
        along = off @ self.axes.T
        beside = (off**2).sum(1) - (along**2).sum(1)
        squared = ((along / self.deviation) ** 2).sum(1) + beside.clamp(min=0) / self.rest**2
        return (squared / len(self.mean)).sqrt()


@contextmanager
def features_of(network: nn.Module) -> Iterator[list[torch.Tensor]]:
    """While it is open, what goes into the last linear layer of a network, batch by batch.

    Raises:
        CardError: the network has no such layer.
    """
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise CardError("The network has no linear layer at its end, so its features can't be told.")
    caught: list[torch.Tensor] = []

    def catch(module: nn.Module, given: tuple[Any, ...]) -> None:
        caught.append(given[0].detach().float().cpu())

    handle = linear[-1].register_forward_pre_hook(catch)
    try:
        yield caught
    finally:
        handle.remove()
