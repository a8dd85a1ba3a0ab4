"""Structures of several networks over one another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.operations.kinds import PLACES, Made, expect, words
from engine.values import Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.outlines import Outlines


class Params(Strict):
    """All labels of the inputs; where two inputs draw, the later one wins."""


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The labels of all."""
    expect(given, PLACES, more=PLACES)
    if any(made.kind != given[0].kind for made in given):
        raise ValueError(f"its inputs are {words([given[0].kind])} all, or none of them is")
    labels = tuple(label for made in given for label in made.labels)
    if len(set(labels)) != len(labels):
        raise ValueError("two of its inputs have the same label")
    return Made(given[0].kind, labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps | Outlines":
    """One over another.

    Raises:
        CardError: they lie on different grids.
    """
    from engine.errors import CardError
    from engine.inference.maps import Maps
    from engine.inference.outlines import Outlines

    if isinstance(inputs[0], Outlines):
        return Outlines.overlaid(inputs)
    if any(not given.prepared.geometry.same_grid(inputs[0].prepared.geometry) for given in inputs[1:]):
        raise CardError(f"The model '{context.card.id}' lays networks over one another that see different grids.")
    return Maps.overlaid(inputs)
