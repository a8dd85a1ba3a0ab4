"""The steps that change values and move none, by MONAI's own transforms."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import (
    NormalizeIntensity,
    ScaleIntensity,
    ScaleIntensityRange,
    ScaleIntensityRangePercentiles,
    ThresholdIntensity,
)

from engine.operations.image_steps import Cut, Normalise, ScaleAll, ScalePercentiles, ScaleRange
from engine.volume import Float32Array


def valued(data: Float32Array, step: object) -> Float32Array:
    """(channels, ...) values after a step that moves nothing."""
    return np.ascontiguousarray(torch.as_tensor(_valued(torch.from_numpy(data), step)).numpy(), np.float32)


def _valued(values: torch.Tensor, step: object) -> torch.Tensor:
    does: Any
    if isinstance(step, ScaleRange):
        does = ScaleIntensityRange(step.low, step.high, step.to_low, step.to_high, step.clip)
    elif isinstance(step, ScalePercentiles):
        does = ScaleIntensityRangePercentiles(
            step.low, step.high, step.to_low, step.to_high, step.clip, step.relative, step.each_channel
        )
    elif isinstance(step, ScaleAll):
        does = ScaleIntensity(step.to_low, step.to_high, step.factor, step.each_channel)
    elif isinstance(step, Normalise):
        mean, deviation = _figures(step.mean, step.each_channel), _figures(step.deviation, step.each_channel)
        does = NormalizeIntensity(mean, deviation, step.nonzero, step.each_channel)
    else:
        assert isinstance(step, Cut)
        does = ThresholdIntensity(step.threshold, step.above, step.value)
    made: torch.Tensor = does(values)
    return made


def _figures(given: Sequence[float], each_channel: bool) -> Any:
    if not given:
        return None
    return list(given) if each_channel else given[0]
