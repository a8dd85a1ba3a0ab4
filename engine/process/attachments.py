"""Volumes that lie in shared memory for the inference process: copied once, used by run after run."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from engine.process.messages import Attach, Detach, SharedVolume
from engine.volume import Volume

Send = Callable[[Attach | Detach], None]


@dataclass(frozen=True, eq=False)
class _Attachment:
    token: int
    volume: Volume
    memory: SharedMemory


class Attachments:
    """The volumes that the inference process has been given.

    Args:
        send: tells the process.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._tokens = itertools.count(1)
        self._attached: list[_Attachment] = []

    def __bool__(self) -> bool:
        return bool(self._attached)

    def keep_only(self, volumes: Iterable[Volume]) -> None:
        """Take all other volumes back."""
        wanted = list(volumes)
        kept = [each for each in self._attached if any(each.volume is volume for volume in wanted)]
        for each in self._attached:
            if each not in kept:
                self._send(Detach(each.token))
                _free(each)
        self._attached = kept

    def token_of(self, volume: Volume) -> int:
        """The process's name for a volume, which is copied to shared memory where it is not there yet.

        Raises:
            OSError, ValueError, MemoryError: there is no room for it.
        """
        for each in self._attached:
            if each.volume is volume:
                return each.token
        voxels = volume.voxels
        memory = SharedMemory(create=True, size=max(voxels.nbytes, 1))
        np.ndarray(voxels.shape, voxels.dtype, buffer=memory.buf)[...] = voxels
        attachment = _Attachment(next(self._tokens), volume, memory)
        self._attached.append(attachment)
        part = str(volume.info.attributes.get("BodyPartExamined", ""))
        shared = SharedVolume(memory.name, voxels.dtype.str, volume.geometry, volume.modality, volume.units, part)
        self._send(Attach(attachment.token, shared))
        return attachment.token

    def lost(self) -> None:
        """The process has ended: what it was given is free again."""
        for each in self._attached:
            _free(each)
        self._attached = []


def _free(attachment: _Attachment) -> None:
    attachment.memory.close()
    attachment.memory.unlink()
