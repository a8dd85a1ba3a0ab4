"""Weights files in a quarter of their size: kernels as whole numbers of one byte, with a scale for each first index."""

import torch
from safetensors.torch import load

from engine.errors import CardError

_SCALE = ".scale"
_LARGEST = 127


def packed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights as they are stored: kernels (of four or more axes) as int8 with their scales, all else as float16.

    A kernel is `values * scale`, the scale being of the largest value of each first index; what that rounds off is
    less than half a hundredth of the largest.
    """
    found = {}
    for name, value in weights.items():
        if value.is_floating_point() and value.ndim >= 4:
            axes = tuple(range(1, value.ndim))
            scale = value.float().abs().amax(axes, keepdim=True).clamp(min=1e-12) / _LARGEST
            found[name] = torch.round(value.float() / scale).to(torch.int8).contiguous()
            found[name + _SCALE] = scale
        else:
            found[name] = value.to(torch.float16).contiguous() if value.is_floating_point() else value
    return found


def unpacked(data: bytes) -> dict[str, torch.Tensor]:
    """The weights of a safetensors file, packed or not; kernels are float32.

    Raises:
        CardError: a scale does not fit its kernel.
        SafetensorError: it is no such file.
    """
    stored = load(data)
    found = {}
    for name, value in stored.items():
        if name.endswith(_SCALE) and name.removesuffix(_SCALE) in stored:
            continue
        scale = stored.get(name + _SCALE)
        if scale is None:
            found[name] = value
            continue
        if scale.shape != (*value.shape[:1], *[1] * (value.ndim - 1)) or not scale.is_floating_point():
            raise CardError(f"The weights are damaged: the scale of '{name}' does not fit it.")
        found[name] = value.float() * scale.float()
    return found
