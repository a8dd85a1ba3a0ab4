"""Values are shifted and scaled to mean 0 and deviation 1."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from engine.preprocessing.plan import Plan
from engine.values import Strict
from engine.volume import Float32Array

Percentile = Annotated[float, Field(ge=0, le=100)]


class Params(Strict):
    """Shift and scale to mean 0 and deviation 1, by given figures or by those of the image.

    Args:
        over: which voxels figures are taken from where they are not given.
        mean, deviation: one a channel; both or none, none for the image's own, which must have one channel then.
        clip: (low, high) that values are clipped to first.
        clip_percentiles: likewise, as percentiles of the image's own values.
    """

    over: Literal["image", "body", "nonzero"] = "image"
    mean: Annotated[tuple[float, ...], Field(max_length=256)] = ()
    deviation: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=256)] = ()
    clip: tuple[float, float] | None = None
    clip_percentiles: tuple[Percentile, Percentile] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(self.mean) != len(self.deviation):
            raise ValueError("a normalisation has as many means as deviations")
        if self.clip is not None and self.clip_percentiles is not None:
            raise ValueError("a normalisation clips to values or to percentiles, not to both")
        for ends in (self.clip, self.clip_percentiles):
            if ends is not None and ends[0] >= ends[1]:
                raise ValueError("the low end of a clip must lie below its high end")
        return self

    @property
    def looks(self) -> bool:
        """True when figures are taken from the image."""
        return not self.mean or self.clip_percentiles is not None


def channels(params: Params, plan: Plan, count: int) -> int:
    """As many as there were."""
    if params.mean and len(params.mean) != count:
        raise ValueError(f"{len(params.mean)} means are given, and there are {count} channels")
    if params.looks and count != 1:
        raise ValueError("figures are taken from an image of one channel; normalise before the windows, or give them")
    if params.looks and params.over == "body" and not plan.is_masked:
        raise ValueError("figures of the body need 'mask_body' before")
    return count


def settle(params: Params, values: Float32Array, outside: float) -> Params:
    """The same with figures in place of the image's own."""
    if not params.looks:
        return params
    chosen = values.ravel()
    if params.over == "body":
        chosen = values[values != np.float32(outside)]
    elif params.over == "nonzero":
        chosen = values[values != 0]
    if not len(chosen):
        chosen = values.ravel()
    clip = params.clip
    if params.clip_percentiles is not None:
        low, high = (float(value) for value in np.percentile(chosen, params.clip_percentiles))
        clip = (low, high) if low < high else None
    if params.mean:
        return params.model_copy(update={"clip": clip, "clip_percentiles": None})
    clipped = chosen if clip is None else np.clip(chosen, *clip)
    mean, deviation = float(clipped.mean()), max(float(clipped.std()), 1e-6)
    return Params(over=params.over, mean=(mean,), deviation=(deviation,), clip=clip)


def apply(params: Params, given: list[Float32Array]) -> list[Float32Array]:
    """Each channel by its figures."""
    clipped = given if params.clip is None else [np.clip(channel, *params.clip) for channel in given]
    return [
        (channel - np.float32(mean)) / np.float32(deviation)
        for channel, mean, deviation in zip(clipped, params.mean, params.deviation, strict=True)
    ]
