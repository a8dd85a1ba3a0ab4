"""What crosses between the program and the inference process: frozen values, framed on the process's own pipes."""

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from engine.answers import Result, RunOptions
from engine.volume import Geometry

_LENGTH = struct.Struct("<Q")
#: Nothing longer is ever sent: voxels travel in shared memory.
_LONGEST = 1 << 30


@dataclass(frozen=True)
class SharedVolume:
    """Where the voxels of an image lie, and what they mean; patient data other than these stay at home.

    `body_part` is DICOM's BodyPartExamined.
    """

    memory: str
    dtype: str
    geometry: Geometry
    modality: str
    units: str
    body_part: str = ""


@dataclass(frozen=True)
class Attach:
    """Here is a volume, to be called `token` in runs to come."""

    token: int
    volume: SharedVolume


@dataclass(frozen=True)
class Detach:
    """The volume called `token` is not needed any more."""

    token: int


@dataclass(frozen=True)
class Run:
    """Run the card in `card_folder`. `device` is "auto", "cpu", "cuda" or "mps".

    `inputs` has the token of an attached volume for each role of the card's inputs that is given.
    """

    job: int
    card_folder: str
    inputs: Mapping[str, int]
    device: str
    options: RunOptions


@dataclass(frozen=True)
class Stop:
    """Stop the job at the next tile."""

    job: int


@dataclass(frozen=True)
class Ready:
    """The process is up.

    Args:
        seconds: since it was started.
        network_blocked: how the process is kept from the network: "namespace", "guard", or "" where it is not.
        read_only: it can write nowhere but to the temporary folder.
    """

    seconds: float
    network_blocked: str
    read_only: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a job is. `tile` of `tiles` while the network runs, else 0 of 0."""

    job: int
    fraction: float
    stage: str
    tile: int = 0
    tiles: int = 0
    device: str = ""


@dataclass(frozen=True, eq=False)
class Finished:
    """A job's result, whole; `seconds` is how long it took."""

    job: int
    result: Result
    seconds: float


@dataclass(frozen=True)
class Failed:
    """A job that came to nothing, and why, in one sentence.

    `unsuitable` when the card refuses the image, and a person may override that (`RunOptions.override`).
    """

    job: int
    sentence: str
    unsuitable: bool = False


@dataclass(frozen=True)
class Cancelled:
    """A job that was stopped as asked; nothing of it is left."""

    job: int


Message = Progress | Finished | Failed | Cancelled
Wire = Attach | Detach | Run | Stop | Ready | Message


def send(stream: IO[bytes], message: Wire) -> None:
    """Write one message. Raises OSError or ValueError when the other side is gone."""
    data = pickle.dumps(message, protocol=5)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Wire | None:
    """Read one message; None when the other side is gone."""
    head = _read(stream, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    data = _read(stream, length) if length <= _LONGEST else None
    if data is None:
        return None
    message = pickle.loads(data)  # from our own process, over a pipe that nobody else can write to
    assert isinstance(message, Wire)
    return message


def _read(stream: IO[bytes], count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = stream.read(count - len(parts))
        except (OSError, ValueError):
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
