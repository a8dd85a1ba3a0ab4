"""The scores of several views, or of several series, become one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from engine.operations.kinds import Made, expect, expect_labels
from engine.values import Share, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.scores import Scores

How = Literal["mean", "max", "noisy_or", "vote", "share", "attention"]


class Params(Strict):
    """One score a label for all views of the inputs (slices, tiles, crops, montages, series).

    Args:
        pool: "mean"; "max"; "noisy_or", that it holds in one view at least, were they independent; "vote", the share of
            the views whose likeliest label it is; "share", that of the views which reach `level`; "attention", the mean
            by the weights that the classifier gives its views (`attention`).
        level: for "share".
    """

    pool: How
    level: Share = 0.5


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The labels of the inputs, which have the same."""
    expect(given, ("scores",), more=("scores",))
    if params.pool == "attention" and not all(made.weighed for made in given):
        raise ValueError("a pool by attention needs a classifier that says how much each view counts ('attention')")
    for other in given[1:]:
        expect_labels(given[0].labels, other)
    return replace(given[0], weighed=False)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Scores":
    """The scores of one view.

    Raises:
        CardError: there is no view, and none is no answer.
    """
    from engine.inference.pooling import pool_scores

    return pool_scores(params, inputs)
