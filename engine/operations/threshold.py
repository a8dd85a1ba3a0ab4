"""Everything between two values is a structure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import model_validator

from engine.operations.kinds import Made, expect
from engine.values import Identifier, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.preprocess import Prepared


class Params(Strict):
    """Everything from `low` to `high`, both included, in the image's units; None for no limit."""

    label: Identifier
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _rising(self) -> "Params":
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("the low end of a threshold lies above its high end")
        return self


def makes(params: Params, given: Sequence[Made]) -> Made:
    """A map of the label."""
    expect(given, ("image",))
    return Made("maps", (params.label,))


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps":
    """1 where the value lies between the two, else 0."""
    from engine.inference.maps import Maps

    image: Prepared = inputs[0]
    low = -np.inf if params.low is None else params.low
    high = np.inf if params.high is None else params.high
    mask = (image.values >= low) & (image.values <= high)
    return Maps.from_dense((params.label,), image, mask[None].astype(np.float32))
