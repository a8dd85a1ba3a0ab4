"""Of two labels each place gets the likelier one, at the least length of border between them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from engine.operations.kinds import Made, expect, expect_labels
from engine.values import Labels, Share, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps


class Params(Strict):
    """Tell two labels apart so that neighbours agree: the least sum of doubt and border (a cut of a graph).

    Args:
        labels: the two.
        smoothness: what a border between two neighbours costs, in units of the log of the odds.
        level: places where the two together reach it are cut; elsewhere is neither.
    """

    labels: Annotated[Labels, Field(min_length=2, max_length=2)]
    smoothness: Annotated[float, Field(ge=0, le=100)] = 1.0
    level: Share = 0.5

    @model_validator(mode="after")
    def _two(self) -> "Params":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a cut tells two labels apart, and is given the same twice")
        return self


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Maps of the two labels."""
    expect(given, ("maps",))
    expect_labels(params.labels, given[0])
    return Made("maps", params.labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps":
    """Each of the two where it won, with the probability of both together."""
    from engine.inference.graph_cut import least_cut
    from engine.inference.maps import Maps

    maps: Maps = inputs[0]
    chances = maps.dense(params.labels).astype(np.float32)
    both = np.clip(chances.sum(axis=0), 0, 1)
    context.progress(0.0, "Telling two labels apart")
    first = least_cut(chances[0], chances[1], both >= params.level, params.smoothness)
    made = np.stack([np.where(first, both, 0), np.where(first, 0, both)])
    made *= both >= params.level
    return Maps.from_dense(params.labels, maps.prepared, made, exclusive=True)
