"""Each channel is seen through windows."""

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from engine.preprocessing.plan import Plan
from engine.values import Strict
from engine.volume import Float32Array


class Params(Strict):
    """One channel a window: clipped to [low, high] and scaled to -1..1."""

    windows: Annotated[tuple[tuple[float, float], ...], Field(min_length=1, max_length=16)]

    @model_validator(mode="after")
    def _rising(self) -> "Params":
        if any(low >= high for low, high in self.windows):
            raise ValueError("the low end of a window must lie below its high end")
        return self


def channels(params: Params, plan: Plan, count: int) -> int:
    """So many for each channel as there are windows."""
    return count * len(params.windows)


def settle(params: Params, values: Float32Array, outside: float) -> Params:
    """The windows, which no image changes."""
    return params


def apply(params: Params, given: list[Float32Array]) -> list[Float32Array]:
    """Each channel through each window, scaled to -1..1."""
    return [
        ((channel - np.float32(low)) / np.float32(high - low)).clip(0, 1) * 2 - 1
        for channel in given
        for low, high in params.windows
    ]
