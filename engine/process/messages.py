"""What crosses between the program and the inference process: frozen values, framed on the process's own pipes."""

import pickle
import struct
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import IO, Any

from engine.structures import Roi
from engine.volume import Geometry

_LENGTH = struct.Struct("<Q")
#: Nothing longer is ever sent: voxels travel in shared memory.
_LONGEST = 1 << 30


@dataclass(frozen=True)
class RunOptions:
    """What a person may choose for one run.

    Args:
        override: run although a refusal that may be overridden speaks against it.
        precision: "auto", or "float32" for full precision whatever the device.
        flips: average mirrored copies; None for what the card says.
        overlap: of neighbouring tiles, 0 to 0.9; None for what the card says.
        air: "filled" or "kept", for body outlines; None for what the card says.
        bands: add the inner and outer contours of the card's calibration as ROIs of their own.
    """

    override: bool = False
    precision: str = "auto"
    flips: bool | None = None
    overlap: float | None = None
    air: str | None = None
    bands: bool = False


@dataclass(frozen=True)
class SharedVolume:
    """Where the voxels of a run lie, and what they mean; patient data other than the voxels stay at home."""

    memory: str
    dtype: str
    geometry: Geometry
    modality: str
    units: str


@dataclass(frozen=True)
class Run:
    """Run the card in `card_folder` on `volume`. `device` is "auto", "cpu", "cuda" or "mps"."""

    job: int
    card_folder: str
    volume: SharedVolume
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


@dataclass(frozen=True)
class Score:
    """A classifier's answer: `value` of the card's output `label`, positive from `threshold` on."""

    label: str
    name: str
    value: float
    threshold: float


@dataclass(frozen=True, eq=False)
class Finished:
    """A job's result, whole.

    Args:
        rois: numbered from 1; they refer to the planes of the volume that was given.
        seconds: of the run.
        device: what it ran on.
        notes: sentences for the user.
        stages: (name, seconds) of each part of the run.
        scores: of the card's outputs that are no structures.
    """

    job: int
    rois: tuple[Roi, ...]
    seconds: float
    device: str
    notes: tuple[str, ...] = ()
    stages: tuple[tuple[str, float], ...] = ()
    scores: tuple[Score, ...] = ()


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
Wire = Run | Stop | Ready | Message


@dataclass(frozen=True, eq=False)
class _PackedRoi:
    """A ROI on the wire: its read-only mappings as plain dicts, which can be pickled."""

    fields: dict[str, Any] = field(default_factory=dict)


def send(stream: IO[bytes], message: Wire) -> None:
    """Write one message. Raises OSError or ValueError when the other side is gone."""
    if isinstance(message, Finished):
        packed: Any = replace(message, rois=tuple(_pack(roi) for roi in message.rois))  # type: ignore[misc]
    else:
        packed = message
    data = pickle.dumps(packed, protocol=5)
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
    if isinstance(message, Finished):
        message = replace(message, rois=tuple(Roi(**packed.fields) for packed in message.rois))  # type: ignore[attr-defined]
    assert isinstance(message, Wire)
    return message


def _pack(roi: Roi) -> _PackedRoi:
    values = {name: getattr(roi, name) for name in roi.__dataclass_fields__}
    plain = {name: dict(value) if isinstance(value, MappingProxyType) else value for name, value in values.items()}
    return _PackedRoi(plain)


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
