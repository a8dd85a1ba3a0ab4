"""The scores of several views, or of several series, become one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from engine.operations.kinds import Made, expect, expect_labels
from engine.values import Share, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.scores import Scores

How = Literal["mean", "max", "noisy_or", "vote", "share"]


class Params(Strict):
    """One score a label for all views of the inputs (slices, tiles, crops, montages, series).

    Args:
        pool: "mean"; "max"; "noisy_or", that it holds in one view at least, were they independent; "vote", the share of
            the views whose likeliest label it is; "share", that of the views which reach `level`.
        level: for "share".
    """

    pool: How
    level: Share = 0.5


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The labels of the inputs, which have the same."""
    expect(given, ("scores",), more=("scores",))
    for other in given[1:]:
        expect_labels(given[0].labels, other)
    return given[0]


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Scores":
    """The scores of one view.

    Raises:
        CardError: there is no view, and none is no answer.
    """
    from engine.inference.pooling import pool_scores

    return pool_scores(params, inputs)
