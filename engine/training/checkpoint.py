"""What a training run must keep to go on where it stopped: tensors as safetensors, the rest as text in its header."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from engine.errors import ReadError
from engine.training.tensor_file import write_tensors


@dataclass
class Progression:
    """Where a run is: steps taken, minutes spent, the best validation score (a mean) and validations since it.

    `learned` are fingerprints of the images that it has learned from, where the kind of network keeps them.
    """

    step: int = 0
    minutes: float = 0.0
    best: float = -1.0
    stale: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    learned: list[str] = field(default_factory=list)


class MovingAverage:
    """An exponential moving average of a network's weights.

    Args:
        network: whose weights are averaged.
        decay: weight of the past; less in the first steps, so that the random start is soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after step number `step`."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)


def save(
    path: Path,
    network: nn.Module,
    average: MovingAverage,
    optimizer: torch.optim.Optimizer,
    progression: Progression,
) -> None:
    """Write a checkpoint, complete or not at all.

    Raises:
        WriteError: it can't be written.
    """
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.weights.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    write_tensors(tensors, path, {"progression": json.dumps(vars(progression))})


def load(path: Path, network: nn.Module, average: MovingAverage, optimizer: torch.optim.Optimizer) -> Progression:
    """Bring all three back to where `save` found them.

    Raises:
        ReadError: the file is damaged, or belongs to another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        progression = Progression(**json.loads(metadata["progression"]))
        network.load_state_dict(_under(tensors, "network."))
        for name, value in _under(tensors, "average.").items():
            average.weights[name].copy_(value)
        states: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _under(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            states.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
        for parameter, state in optimizer.state.items():
            for key, value in state.items():
                # The fused optimizer pairs values by their place in memory, so both need the same layout.
                if value.shape == parameter.shape:
                    state[key] = torch.empty_like(parameter).copy_(value).detach()
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ReadError(
            f"The checkpoint {path} is damaged or belongs to another network; start in an empty folder."
        ) from error
    return progression


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
