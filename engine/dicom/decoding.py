"""Decodes compressed planes in helper processes, several at a time, so that damaged data cannot end the program."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dicom.pixel_format import unread_stream
from engine.dicom.planes import StoredImage, StoredPlane
from engine.dicom.watched import nobody
from engine.errors import ReadError

#: Seconds after which a decoder that has not finished a job is taken to hang.
TIMEOUT_S = 60.0
#: How long "stop" goes unheard while a plane is decoded, s.
_LISTEN_S = 0.1
#: Frames of one multi-frame file that are one job.
FRAMES_PER_JOB = 4
_MAX_DECODERS = 4


def decoded(
    planes: Sequence[StoredPlane], colour: bool = False, listen: Callable[[], None] = nobody
) -> Generator[NDArray[Any] | ReadError, None, None]:
    """The stored values of compressed planes (rows, columns), in their order; with `colour` uint8 (rows, columns, 3).

    Where a plane's data is damaged, so that the decoder refuses it, crashes, or does not end, or is of a kind that is
    not supported, the error that says so takes the place of its values.

    Args:
        listen: called now and then while a plane takes long; what it raises ends the decoders at once.
    """
    jobs = _jobs(planes)
    crew = _Crew(colour)
    count = min(os.cpu_count() or 1, _MAX_DECODERS, len(jobs))
    waiting: deque[Future[list[NDArray[Any] | ReadError]]] = deque()
    try:
        with ThreadPoolExecutor(count, thread_name_prefix="decoding") as pool:
            try:
                for job in jobs:
                    waiting.append(pool.submit(_decode, job, crew))
                    if len(waiting) > 2 * count:
                        yield from _awaited(waiting.popleft(), listen)
                while waiting:
                    yield from _awaited(waiting.popleft(), listen)
            finally:
                crew.dismiss()
                for future in waiting:
                    future.cancel()
    finally:
        close_decoders(but=1)


def _awaited(job: Future[list[NDArray[Any] | ReadError]], listen: Callable[[], None]) -> list[NDArray[Any] | ReadError]:
    while not job.done():
        wait([job], _LISTEN_S)
        listen()
    return job.result()


def _jobs(planes: Sequence[StoredPlane]) -> list[list[StoredPlane]]:
    """Neighbouring planes of one file together, a few at a time."""
    jobs: list[list[StoredPlane]] = []
    for plane in planes:
        if jobs and jobs[-1][-1].image is plane.image and len(jobs[-1]) < FRAMES_PER_JOB:
            jobs[-1].append(plane)
        else:
            jobs.append([plane])
    return jobs


def _decode(planes: Sequence[StoredPlane], crew: "_Crew", again: bool = True) -> list[NDArray[Any] | ReadError]:
    decoder = _borrow()
    healthy = False
    try:
        crew.join(decoder)
        values = decoder.decode(planes, crew.colour)
        healthy = True
        return [*values]
    except (_EndlessError, _DismissedError) as error:
        return [error] * len(planes)
    except ReadError as error:
        # What ends a decoder may be a lack of memory: once more. And one frame of a job need not cost the others.
        if crew.dismissed or (len(planes) == 1 and not (again and isinstance(error, _CrashError))):
            return [error] * len(planes)
    finally:
        crew.leave(decoder)
        _give_back(decoder, healthy)
    return [value for plane in planes for value in _decode([plane], crew, again=len(planes) > 1)]


class _EndlessError(ReadError):
    """The decoder did not end."""


class _CrashError(ReadError):
    """The decoder ended too early."""


class _DismissedError(ReadError):
    """Nobody waits for the plane any more."""


class _Crew:
    """The helper processes that work on one reading; dismissed, they end whatever they are at."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour
        self.dismissed = False
        self._busy: set[_Decoder] = set()
        self._lock = threading.Lock()

    def join(self, decoder: "_Decoder") -> None:
        """Let a process work for it.

        Raises:
            _DismissedError: it is dismissed.
        """
        with self._lock:
            if self.dismissed:
                raise _DismissedError("The reading was stopped.")
            self._busy.add(decoder)

    def leave(self, decoder: "_Decoder") -> None:
        """A process has done its work."""
        with self._lock:
            self._busy.discard(decoder)

    def dismiss(self) -> None:
        """End what still works, and let nothing begin."""
        with self._lock:
            self.dismissed = True
            for decoder in self._busy:
                decoder.kill()


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

    def decode(self, planes: Sequence[StoredPlane], colour: bool) -> list[NDArray[Any]]:
        """The values of planes of one file.

        Raises:
            ReadError: one is damaged or not supported.
        """
        image = planes[0].image
        hanging = threading.Event()

        def stop() -> None:
            hanging.set()
            self._process.kill()

        timer = threading.Timer(TIMEOUT_S, stop)
        timer.start()
        try:
            return self._exchange(image, [(plane.frame or 1) - 1 for plane in planes], colour)
        except (OSError, EOFError) as error:
            if hanging.is_set():
                raise _EndlessError(f"{image.path.name} is damaged: its decoding does not end.") from error
            raise _CrashError(f"{image.path.name} is damaged: it crashes the decoder.") from error
        finally:
            timer.cancel()

    def _exchange(self, image: StoredImage, frames: list[int], colour: bool) -> list[NDArray[Any]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        job = {"path": str(image.path), "frames": frames, "elements": _corrected(image), "colour": colour}
        stdin.write(json.dumps(job).encode() + b"\n")
        stdin.flush()
        found = []
        for _ in frames:
            line = stdout.readline()
            if not line:
                raise EOFError
            head = json.loads(line)
            if "error" in head:
                raise ReadError(_why_not(image))
            values = np.empty(head["shape"], head["type"])
            buffer = values.reshape(-1).view(np.uint8).data
            if stdout.readinto(buffer) != len(buffer):  # type: ignore[attr-defined]
                raise EOFError
            found.append(values)
        return found

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _corrected(image: StoredImage) -> dict[str, str | int]:
    """Elements that describe the pixels, where the file lacks some or says what is not so."""
    if not image.remarks:
        return {}
    return {
        "TransferSyntaxUID": image.transfer_syntax,
        "SamplesPerPixel": image.samples,
        "PhotometricInterpretation": image.photometric,
        "BitsAllocated": image.bits_allocated,
        "BitsStored": image.bits_stored,
        "HighBit": image.high_bit,
        "PixelRepresentation": int(image.signed),
    }


def _why_not(image: StoredImage) -> str:
    """Why the decoder refused a file."""
    with image.path.open("rb") as file:
        unread = unread_stream(file, image.offset)
    if unread:
        return f"{image.path.name} is compressed in a way that is not read: {unread} is not supported."
    return f"{image.path.name} is damaged: its pixel data cannot be decoded."


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
