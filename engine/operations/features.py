"""What a classifier makes of its views just before its scores, as numbers for a head."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from engine.operations.kinds import Made, expect
from engine.values import Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.features import Features


class Params(Strict):
    """The features of a classifier, those of its several networks one behind the other.

    Args:
        over: how the views of an image become one: their mean, or the largest of each.
    """

    over: Literal["mean", "max"] = "mean"


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Features whose number the network decides."""
    expect(given, ("scores",))
    return Made("features")


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Features":
    """One row of features.

    Raises:
        CardError: the input is no classifier, so it has no features.
    """
    from engine.errors import CardError
    from engine.inference.features import Features, numbered

    seen = inputs[0].features
    if seen is None:
        raise CardError(f"The model '{context.card.id}' wants features of what is no classifier.")
    row = seen.mean(axis=0, keepdims=True) if params.over == "mean" else seen.max(axis=0, keepdims=True)
    return Features(numbered(row.shape[1]), row, inputs[0].strangeness)
