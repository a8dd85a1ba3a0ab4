"""Weights in a file of `torch.save`, taken out without running anything of it."""

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.cards.weights import LARGEST_WEIGHTS
from engine.errors import CardError
from engine.importing.finite import check_finite
from engine.inference.networks import build_network

#: What a file of weights may ask for beyond what torch itself lets pass: numbers of NumPy, under both its names.
_NUMBERS: dict[str, Callable[..., Any] | type] = {
    "numpy._core.multiarray.scalar": np._core.multiarray.scalar,  # type: ignore[attr-defined]
    "numpy.core.multiarray.scalar": np._core.multiarray.scalar,  # type: ignore[attr-defined]
    "numpy.dtype": np.dtype,
    "numpy.dtypes.Float64DType": np.dtypes.Float64DType,
    "numpy.dtypes.Float32DType": np.dtypes.Float32DType,
    "numpy.dtypes.Int64DType": np.dtypes.Int64DType,
    "numpy.dtypes.Int32DType": np.dtypes.Int32DType,
    "numpy.dtypes.BoolDType": np.dtypes.BoolDType,
}


def read_checkpoint(path: Path, where: str) -> Mapping[str, Any]:
    """What is in a checkpoint: tensors, numbers, texts, and lists and dicts of them. Nothing in it is executed.

    Args:
        path: of the file.
        where: its name for people.

    Raises:
        CardError: it is damaged, too large, or asks for anything else, which is named.
    """
    _check_archive(path, where)
    try:
        asked = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except Exception as error:  # an unpickler that is fed anything raises anything
        raise CardError(f"{where} is damaged or cut short, so it was not read; fetch it again.") from error
    foreign = sorted(set(asked) - set(_NUMBERS))
    if foreign:
        raise CardError(f"{where} asks to run '{foreign[0][:100]}', which weights have no need of; nothing of it ran.")
    try:
        with torch.serialization.safe_globals([(value, name) for name, value in _NUMBERS.items()]):
            values = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # an unpickler that is fed anything raises anything
        raise CardError(f"{where} is damaged or cut short, so it was not read; fetch it again.") from error
    if not isinstance(values, Mapping):
        raise CardError(f"{where} holds no named values, so it is no checkpoint.")
    return values


def tensors_of(values: object, where: str) -> dict[str, torch.Tensor]:
    """The tensors of a state dict, in float32 where they are floating, without the prefixes of wrapped networks.

    Raises:
        CardError: it is none.
    """
    if not isinstance(values, Mapping) or not values:
        raise CardError(f"{where} holds no weights.")
    found = {}
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise CardError(f"{where} holds something among its weights that is none.")
        short = name.removeprefix("module.").removeprefix("_orig_mod.").removeprefix("module.")
        found[short] = value.float() if value.is_floating_point() else value
    return found


def write_weights(
    weights: Mapping[str, torch.Tensor], network: Mapping[str, Any], target: Path, where: str, described: str
) -> None:
    """Write tensors as safetensors, once they are known to be those of a network.

    Args:
        weights: by the names of its layers.
        network: as `build_network` takes it.
        target: file.
        where: they come from, for people.
        described: where the network is, for people.

    Raises:
        CardError: they are not, one of their values is no number, or the disk is full.
    """
    wanted = {name: value.shape for name, value in _built(network).state_dict().items()}
    for name in (*wanted, *weights):
        if name not in weights or name not in wanted or weights[name].shape != wanted[name]:
            raise CardError(
                f"The weights in {where} are not those of the network {described} ('{name[:100]}' differs)."
            )
    check_finite(weights, where)
    try:
        save_file(_apart(weights), target)
    except SafetensorError as error:
        raise CardError(
            f"The weights in {where} could not be written to the temporary folder {tempfile.gettempdir()}; make room "
            "there and import again."
        ) from error


def _apart(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Whole tensors: one that shares its memory with an earlier one is copied, since a file holds each by itself."""
    held: set[int] = set()
    found = {}
    for name, value in weights.items():
        place = value.untyped_storage().data_ptr()
        found[name] = value.clone(memory_format=torch.contiguous_format) if place in held else value.contiguous()
        held.add(place)
    return found


def _built(network: Mapping[str, Any]) -> torch.nn.Module:
    """The network without the memory of its weights, where it can be built so."""
    try:
        with torch.device("meta"):
            return build_network(network)
    except CardError as error:
        if "meta tensors" not in str(error):
            raise
    return build_network(network)


def _check_archive(path: Path, where: str) -> None:
    """A checkpoint is a zip whose parts are stored as they are; anything else is refused unread."""
    if not path.is_file():
        raise CardError(f"{where} is missing.")
    if path.stat().st_size > LARGEST_WEIGHTS:
        raise CardError(f"{where} is larger than {LARGEST_WEIGHTS // 1024**3} GB, so it was not read.")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError) as error:
        raise CardError(f"{where} is damaged, cut short, or in a form that is older than torch 1.6.") from error
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise CardError(f"{where} is packed as no checkpoint is, so it was not read.")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise CardError(f"{where} claims to hold more than its own size, so it was not read.")
