"""A checkpoint of nnU-Net v2 as safetensors, for the network that its plans describe."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.cards.weights import sha256_of
from engine.errors import CardError
from engine.importing.checkpoint import read_checkpoint, tensors_of
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


def write_fold(source: Source, checkpoint: Path, network: dict[str, Any], target: Path) -> Fold:
    """Convert a checkpoint's weights, once they are known to be those of the network.

    Raises:
        CardError: they are not, or the file is damaged or asks to run something.
    """
    where = source.told(checkpoint)
    source.count(checkpoint)
    values = read_checkpoint(checkpoint, where)
    weights = _renamed(tensors_of(values.get("network_weights"), where))
    with torch.device("meta"):
        built = build_network(network)
    wanted = {name: value.shape for name, value in built.state_dict().items()}
    for name in (*wanted, *weights):
        if name not in weights or name not in wanted or weights[name].shape != wanted[name]:
            raise CardError(
                f"The weights in {where} are not those of the network in its plans ('{name[:100]}' differs)."
            )
    try:
        save_file({name: value.contiguous() for name, value in weights.items()}, target)
    except SafetensorError as error:
        raise CardError(
            f"The weights in {where} could not be written to the temporary folder {tempfile.gettempdir()}; make room "
            "there and import again."
        ) from error
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
