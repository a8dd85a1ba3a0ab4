"""The optional extra `planimeter[openvino]`: networks on a processor by OpenVINO, faster than by PyTorch.

To convert a network takes seconds, so it pays only for large images; what is converted is kept as long as the process.
"""

import importlib.util
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import EngineError

#: As many voxels through a network, mirrored copies counted, as it takes to make up for converting it.
WORTHWHILE = 8_000_000

_MOST_KEPT = 6
_kept: dict[tuple[str, tuple[int, ...], torch.dtype], "Converted"] = {}


def is_installed() -> bool:
    """True where the extra is installed."""
    return importlib.util.find_spec("openvino") is not None


class Converted(nn.Module):
    """A network for images of one shape.

    Args:
        network: float32, on the CPU.
        shape: of the input, (1, channels, ...).
        precision: of its layers, float32 or bfloat16.

    Raises:
        EngineError: OpenVINO can't run it.
    """

    def __init__(self, network: nn.Module, shape: Sequence[int], precision: torch.dtype) -> None:
        super().__init__()
        openvino = _imported()
        hints = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == torch.bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        try:
            with warnings.catch_warnings(), torch.no_grad():
                # The shape is fixed, so what the trace takes for constant is constant.
                warnings.simplefilter("ignore")
                model = openvino.convert_model(network, example_input=torch.zeros(tuple(shape)))
            model.reshape(list(shape))
            self._run = openvino.Core().compile_model(model, "CPU", hints)
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
            raise EngineError(f"OpenVINO could not convert the network: {reason}.") from error

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The network's output, float32."""
        found = self._run(np.ascontiguousarray(image.numpy()))[0]
        # The memory is used again for the next tile.
        return torch.from_numpy(found.copy())


def converted(network: nn.Module, name: str, shape: Sequence[int], precision: torch.dtype) -> Converted:
    """The network converted, or as it was converted before in this process.

    Args:
        network, shape, precision: as for `Converted`.
        name: that tells these weights from any others.
    """
    key = (name, tuple(shape), precision)
    if key not in _kept:
        while len(_kept) >= _MOST_KEPT:
            del _kept[next(iter(_kept))]
        _kept[key] = Converted(network, shape, precision)
    return _kept[key]


def _imported() -> Any:
    # Its converter would report each use to its makers where this package is there; Planimeter reports nothing.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino  # noqa: PLC0415 - optional

    return openvino
