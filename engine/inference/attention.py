"""A classifier that also says how much each view of a bag counts: gated attention.

The gate is that of Ilse, Tomczak and Welling, Attention-based deep multiple instance learning (ICML 2018), equation 9:
w tanh(V h) * sigmoid(U h) of a view's features h, which a softmax over the views makes weights. What is weighed are the
views' probabilities, not their features (as in Javed et al., Additive MIL, NeurIPS 2022), so that the share of each
view in the score is exact.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from engine.errors import CardError
from engine.inference.networks import build_network


class GatedAttention(nn.Module):
    """Logits of each view, and behind them the logarithm of its weight, but for a constant of the bag.

    Args:
        encoder: a network as `build_network` takes it; the values that it gives (`num_classes`) are the features.
        num_classes: labels.
        hidden: units of the gate.

    Input as the encoder's. Output (views, num_classes + 1).
    """

    def __init__(self, encoder: Mapping[str, Any], num_classes: int, hidden: int = 32) -> None:
        super().__init__()
        features = encoder.get("num_classes")
        if not isinstance(features, int):
            raise CardError("The encoder of a network with attention says how many features it gives ('num_classes').")
        self.encoder = build_network(encoder)
        self.values, self.gates = nn.Linear(features, hidden), nn.Linear(features, hidden)
        self.weigh = nn.Linear(hidden, 1, bias=False)
        self.logits = nn.Linear(features, num_classes)

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Of each view."""
        features = torch.relu(self.encoder(views))
        weight = self.weigh(torch.tanh(self.values(features)) * torch.sigmoid(self.gates(features)))
        return torch.cat([self.logits(features), weight], dim=1)
