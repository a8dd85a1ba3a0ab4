"""Probabilities of the leaves of a taxonomy are summed to their parents."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from engine.operations.kinds import Made, expect, expect_labels
from engine.values import Identifier, Labels, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.scores import Scores


class Params(Strict):
    """Sum the probabilities of leaves to their parents: `parents` names the leaves of each."""

    parents: Annotated[dict[Identifier, Annotated[Labels, Field(min_length=1)]], Field(min_length=1, max_length=2000)]


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The parents."""
    expect(given, ("maps", "scores"))
    for leaves in params.parents.values():
        expect_labels(leaves, given[0])
    return Made(given[0].kind, tuple(params.parents))


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps | Scores":
    """The sums; of probabilities no more than 1."""
    from engine.inference.maps import Maps
    from engine.inference.scores import Scores

    first: Maps | Scores = inputs[0]
    names = tuple(params.parents)
    if isinstance(first, Scores):
        sums = [first.columns(leaves).sum(axis=1) for leaves in params.parents.values()]
        return Scores(names, np.stack(sums, axis=1), first.strangeness)
    parents = [first.dense(leaves).astype(np.float32).sum(axis=0) for leaves in params.parents.values()]
    return Maps.from_dense(names, first.prepared, np.clip(np.stack(parents), 0, 1))
