"""A checkpoint of nnU-Net v2 as safetensors, for the network that its plans describe."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.cards.weights import sha256_of
from engine.importing.checkpoint import read_checkpoint, tensors_of, write_weights
from engine.importing.source import Source


@dataclass(frozen=True)
class Fold:
    """What a checkpoint says beside its weights.

    Args:
        sha256: of the file that was written.
        mirrors: axes of the tile that may be mirrored.
        configuration: that it was trained in, "" where it does not say.
    """

    sha256: str
    mirrors: tuple[int, ...]
    configuration: str


def write_fold(source: Source, checkpoint: Path, network: dict[str, Any], target: Path) -> Fold:
    """Convert a checkpoint's weights, once they are known to be those of the network.

    Raises:
        CardError: they are not, or the file is damaged or asks to run something.
    """
    where = source.told(checkpoint)
    source.count(checkpoint)
    values = read_checkpoint(checkpoint, where)
    weights = _renamed(tensors_of(values.get("network_weights"), where))
    write_weights(weights, network, target, where, "in its plans")
    mirrors = values.get("inference_allowed_mirroring_axes")
    axes = tuple(int(axis) for axis in mirrors) if isinstance(mirrors, list | tuple) else ()
    given = values.get("init_args")
    configuration = str(given.get("configuration", "")) if isinstance(given, dict) else ""
    return Fold(sha256_of(target), axes, configuration)


def _renamed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each layer once, by the name that it has in `StagedUNet`; layers that only training uses are left out."""
    heads = [name for name in weights if name.startswith("decoder.seg_layers.") and name.endswith(".weight")]
    last = max((int(name.split(".")[2]) for name in heads if name.split(".")[2].isdigit()), default=-1)
    found = {}
    for name, value in weights.items():
        if name.startswith("decoder.encoder.") or ".all_modules." in name:
            continue
        if name.startswith("decoder.seg_layers."):
            if name.split(".")[2] == str(last):
                found[f"decoder.head.{name.rpartition('.')[2]}"] = value
            continue
        found[name] = value
    return found
