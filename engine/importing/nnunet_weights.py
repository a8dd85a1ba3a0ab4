"""A checkpoint of nnU-Net v2 as safetensors, for the network that its plans describe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.cards.weights import sha256_of
from engine.errors import CardError
from engine.importing.checkpoint import read_checkpoint, tensors_of, write_weights
from engine.importing.source import Source
from engine.inference.networks import build_network


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


def write_fold(source: Source, checkpoint: Path, network: dict[str, Any], patch: Sequence[int], target: Path) -> Fold:
    """Convert a checkpoint's weights, once they are known to be those of the network, which takes such a patch.

    Raises:
        CardError: they are not, or the file is damaged or asks to run something.
    """
    where = source.told(checkpoint)
    source.count(checkpoint)
    values = read_checkpoint(checkpoint, where)
    weights = _renamed(tensors_of(values.get("network_weights"), where))
    write_weights(weights, network, target, where, "in its plans")
    _check_patch(network, patch, where)
    mirrors = values.get("inference_allowed_mirroring_axes")
    axes = tuple(int(axis) for axis in mirrors) if isinstance(mirrors, list | tuple) else ()
    given = values.get("init_args")
    configuration = str(given.get("configuration", "")) if isinstance(given, dict) else ""
    return Fold(sha256_of(target), axes, configuration)


def _check_patch(network: dict[str, Any], patch: Sequence[int], where: str) -> None:
    """Refuse a network that can't take a patch; no value is computed."""
    shape = (1, network["in_channels"], *patch)
    try:
        with torch.device("meta"), torch.inference_mode():
            answer = build_network(network).eval()(torch.zeros(shape))
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:160]
        raise CardError(f"The network of {where} can't take the patch of its plans ({reason}).") from error
    if answer.shape[2:] != shape[2:]:
        raise CardError(f"The network of {where} does not give one value a class for each voxel of its patch.")


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
