"""The scores of several views of one patient as one, alike in a run and in training."""

from collections.abc import Sequence

import numpy as np
import torch

from engine.errors import CardError
from engine.inference.scores import Scores
from engine.operations.pool import Params

#: Probabilities are kept so far from 0 and 1, where a logarithm of them is taken.
TINY = 1e-6


def pooled(values: torch.Tensor, how: str, level: float = 0.5, attention: torch.Tensor | None = None) -> torch.Tensor:
    """(..., labels) of (..., views, labels) probabilities.

    Args:
        values: of at least one view; for "max", "noisy_or" and "share" there may be none, which is 0.
        how: a word of `engine.operations.pool`.
        level: from which on a view counts, for "share".
        attention: (..., views) logarithms of how much each view counts, for "attention".
    """
    if not values.shape[-2]:
        return values.new_zeros((*values.shape[:-2], values.shape[-1]))
    if how == "max":
        return values.amax(-2)
    if how == "noisy_or":
        return 1 - (1 - values).prod(-2)
    if how == "share":
        return (values >= level).to(values.dtype).mean(-2)
    if how == "vote":
        votes = torch.nn.functional.one_hot(values.argmax(-1), values.shape[-1])
        return votes.to(values.dtype).mean(-2)
    if how == "attention":
        assert attention is not None, "checked with the card"
        return (torch.softmax(attention, -1)[..., None] * values).sum(-2)
    return values.mean(-2)


def pool_scores(params: Params, given: Sequence[Scores]) -> Scores:
    """The scores of all views of all inputs as those of one view.

    Raises:
        CardError: there is no view, and none is no answer.
    """
    labels = given[0].labels
    values = np.concatenate([scores.columns(labels) for scores in given])
    if not len(values) and params.pool in {"mean", "vote", "attention"}:
        raise CardError("Nothing was found in this image that could be classified.")
    weights = [scores.attention for scores in given if scores.attention is not None]
    attention = torch.from_numpy(np.concatenate(weights)) if len(weights) == len(given) else None
    made = pooled(torch.from_numpy(values), params.pool, params.level, attention)
    return Scores(labels, made[None].numpy(), max(scores.strangeness for scores in given))
