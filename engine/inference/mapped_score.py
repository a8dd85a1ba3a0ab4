"""The score that a map is of: the log odds of a label, from a classifier's logits.

The log odds are against the other labels of which one holds, as the card calibrates them: a softmax does not change
where all logits rise, so a single logit says nothing by itself. Labels that are summed are taken together.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cards.saliency import Mapped
from engine.inference.context import Context
from engine.operations.classify import Mirror
from engine.progress import Progress

#: (views, labels) logits → (views,) scores.
Target = Callable[[torch.Tensor], torch.Tensor]


class Maker(Protocol):
    """Makes maps of a network by one method."""

    def __call__(
        self, views: NDArray[np.float32], targets: Sequence[Target], mirrors: Sequence[Mirror], progress: Progress
    ) -> list[NDArray[np.float32]]:
        """(rows, columns) of each target, coarse, over the whole of one view (1, channels, rows, columns)."""


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
