"""Decodes compressed planes in helper processes, several at a time, so that damaged data cannot end the program."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dicom.planes import StoredPlane
from engine.errors import ReadError

#: Seconds after which a decoder that has not finished a job is taken to hang.
TIMEOUT_S = 60.0
#: Frames of one multi-frame file that are one job.
FRAMES_PER_JOB = 4
_MAX_DECODERS = 4


def decoded(planes: Sequence[StoredPlane]) -> Generator[NDArray[Any], None, None]:
    """The stored values of compressed planes (rows, columns), in their order.

    Raises:
        ReadError: a plane's data is damaged: the decoder refused it, crashed, or did not end.
    """
    jobs = _jobs(planes)
    count = min(os.cpu_count() or 1, _MAX_DECODERS, len(jobs))
    waiting: deque[Future[list[NDArray[Any]]]] = deque()
    try:
        with ThreadPoolExecutor(count, thread_name_prefix="decoding") as pool:
            try:
                for job in jobs:
                    waiting.append(pool.submit(_decode, job))
                    if len(waiting) > 2 * count:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
    finally:
        close_decoders(but=1)


def _jobs(planes: Sequence[StoredPlane]) -> list[list[StoredPlane]]:
    """Neighbouring planes of one file together, a few at a time."""
    jobs: list[list[StoredPlane]] = []
    for plane in planes:
        if jobs and jobs[-1][-1].image is plane.image and len(jobs[-1]) < FRAMES_PER_JOB:
            jobs[-1].append(plane)
        else:
            jobs.append([plane])
    return jobs


def _decode(planes: Sequence[StoredPlane]) -> list[NDArray[Any]]:
    path = planes[0].image.path
    decoder = _borrow()
    healthy = False
    try:
        values = decoder.decode(path, [(plane.frame or 1) - 1 for plane in planes])
        healthy = True
        return values
    finally:
        _give_back(decoder, healthy)


class _Decoder:
    """One helper process."""

    def __init__(self) -> None:
        package_root = str(Path(__file__).resolve().parents[2])
        paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.dicom.decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def decode(self, path: Path, frames: list[int]) -> list[NDArray[Any]]:
        hanging = threading.Event()

        def stop() -> None:
            hanging.set()
            self._process.kill()

        timer = threading.Timer(TIMEOUT_S, stop)
        timer.start()
        try:
            return self._exchange(path, frames)
        except (OSError, EOFError) as error:
            how = "its decoding does not end" if hanging.is_set() else "it crashes the decoder"
            raise ReadError(f"{path.name} is damaged: {how}.") from error
        finally:
            timer.cancel()

    def _exchange(self, path: Path, frames: list[int]) -> list[NDArray[Any]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps({"path": str(path), "frames": frames}).encode() + b"\n")
        stdin.flush()
        found = []
        for _ in frames:
            line = stdout.readline()
            if not line:
                raise EOFError
            head = json.loads(line)
            if "error" in head:
                raise ReadError(f"{path.name} is damaged: its pixel data cannot be decoded.")
            values = np.empty(head["shape"], head["type"])
            buffer = values.reshape(-1).view(np.uint8).data
            if stdout.readinto(buffer) != len(buffer):  # type: ignore[attr-defined]
                raise EOFError
            found.append(values)
        return found

    def close(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


_idle: list[_Decoder] = []
_lock = threading.Lock()


def _borrow() -> _Decoder:
    with _lock:
        while _idle:
            decoder = _idle.pop()
            if decoder.is_alive:
                return decoder
            decoder.close()
    return _Decoder()


def _give_back(decoder: _Decoder, healthy: bool) -> None:
    """Keep a healthy process for the next plane: starting one takes longer than decoding many."""
    if healthy:
        with _lock:
            if len(_idle) < _MAX_DECODERS:
                _idle.append(decoder)
                return
    decoder.close()


def close_decoders(but: int = 0) -> None:
    """End the helper processes that wait for work, all `but` some."""
    with _lock:
        waiting = _idle[but:]
        del _idle[but:]
    for decoder in waiting:
        decoder.close()


atexit.register(close_decoders)
