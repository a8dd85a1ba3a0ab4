"""Weights files: found beside their card and nowhere else, and compared with its SHA-256 before they are used."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

from engine.errors import CardError
from engine.values import Short, Strict

#: A larger file is refused unread.
LARGEST_WEIGHTS = 4 * 1024**3
_LARGEST_HEADER = 25_000_000


class Weights(Strict):
    """A file of weights in the card's folder.

    Args:
        file: plain name of a safetensors or ONNX file beside the card; no folders.
        sha256: of the whole file, lower-case hexadecimal.
    """

    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}\.(safetensors|onnx)$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    licence: Short = ""


def find_weights(folder: Path, weights: Weights) -> Path:
    """The file, after the checks that cost nothing: it is there, a plain file, in the folder, and not too large.

    Raises:
        CardError: one of them fails.
    """
    path = folder / weights.file
    if path.is_symlink() or path.parent.resolve() != folder.resolve():
        raise CardError(f"The weights {path} are a link to another place, which a model may not have; copy the file.")
    if not path.is_file():
        raise CardError(f"The weights {path} are missing; put the file beside its card.")
    size = path.stat().st_size
    if size > LARGEST_WEIGHTS:
        raise CardError(f"The weights {path} are larger than {LARGEST_WEIGHTS // 1024**3} GB, so they were not read.")
    if size < 8:
        raise CardError(f"The weights {path} are cut short ({size} bytes); fetch the file again.")
    return path


def read_weights(folder: Path, weights: Weights) -> bytes:
    """The bytes of the file, which are those of the card's SHA-256 and hold the tensors that their header promises.

    The same bytes are to be loaded (`inference.packing.unpacked`), so that nothing can change between check and use.

    Raises:
        CardError: the file is missing, cut short, altered, or no safetensors file where it says that it is one.
    """
    path = find_weights(folder, weights)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CardError(f"The weights {path} could not be read: {error.strerror}.") from error
    if hashlib.sha256(data).hexdigest() != weights.sha256:
        raise CardError(f"The weights {path} are not those of the card (SHA-256 differs); fetch the model again.")
    if path.suffix == ".onnx":
        return data
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(_LARGEST_HEADER, len(data) - 8):
        raise CardError(f"The weights {path} are cut short or not a safetensors file.")
    try:
        header = json.loads(data[8 : 8 + length])
        promised = max(
            (entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise CardError(f"The weights {path} are not a readable safetensors file.") from error
    if promised != len(data) - 8 - length:
        raise CardError(f"The weights {path} are cut short or not a safetensors file.")
    return data


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, lower-case hexadecimal: what a card must say."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
