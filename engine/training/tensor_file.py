"""Tensors to a file that appears whole or not at all."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.cards.weights import Weights
from engine.safe_file import whole_file, write_errors

#: How safetensors tells an error of the file system, which it raises as one of its own.
_SYSTEM = re.compile(r"I/O error: (.+?)(?: \(os error (\d+)\))?$")


def write_tensors(tensors: Mapping[str, torch.Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors, each contiguous, into a file of safetensors.

    Raises:
        WriteError: there is no room, or it can't be written for another reason; what stood there is unchanged.
    """
    with write_errors(path, "try"), whole_file(path) as file:
        try:
            save_file(dict(tensors), file, metadata=None if metadata is None else dict(metadata))
        except SafetensorError as error:
            told = _SYSTEM.search(str(error))
            if told is None:
                raise
            raise OSError(int(told[2] or 0), told[1]) from error


def write_weights(tensors: Mapping[str, torch.Tensor], path: Path, licence: str = "") -> Weights:
    """Write tensors as `write_tensors` does, and return what a card says of the file."""
    write_tensors(tensors, path)
    return Weights(file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), licence=licence)
