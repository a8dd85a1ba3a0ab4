"""What a later network says counts only as far as an earlier one believes that there is something to say."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from engine.operations.kinds import Made, expect, expect_labels
from engine.values import Identifier, Share, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.scores import Scores


class Params(Strict):
    """The first input, by the score of `label` in the second.

    Args:
        label: of the second input.
        how: "product", probabilities given the label times that of the label; "level", all of it or nothing.
        level: from which on the label is believed, for "level".
    """

    label: Identifier
    how: Literal["product", "level"] = "product"
    level: Share = 0.5


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The labels of the first input."""
    expect(given, ("scores", "maps"), ("scores",))
    expect_labels((params.label,), given[1])
    return given[0]


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Scores | Maps":
    """The first input, weighed; the user is told where all of it is left out."""
    import numpy as np

    from engine.inference.maps import Maps
    from engine.inference.scores import Scores

    first: Maps | Scores
    first, judge = inputs
    believed = judge.of(params.label)
    if params.how == "level":
        believed = float(believed >= params.level)
        if not believed:
            context.note(f"Nothing more was asked, since '{params.label}' is not believed to hold.")
    if isinstance(first, Maps):
        weighed = (first.dense(first.labels) * np.float16(believed)).astype(np.float32)
        return Maps.from_dense(first.labels, first.prepared, weighed, first.exclusive)
    strangeness = max(first.strangeness, judge.strangeness)
    return replace(first, values=first.values * np.float32(believed), strangeness=strangeness)
