"""The inference process: takes runs from standard input, gives messages on standard output, and ends with its parent.

`engine.process.client` starts it as `python -m engine.process.worker STARTED WARM`. Before anything else is loaded it
gives up the network and the right to write files. Voxels come in shared memory; what goes back are polygons.
"""

import contextlib
import os
import queue
import sys
import threading
import time
from typing import IO

from engine.process.confinement import give_up_writing, leave_network

# First of all, while the process has one thread: most of what is imported below starts threads.
_BLOCKED = leave_network() if __name__ == "__main__" else ""
_READ_ONLY = give_up_writing() if __name__ == "__main__" else False

from multiprocessing import resource_tracker  # noqa: E402
from multiprocessing.shared_memory import SharedMemory  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from engine.cards.registry import load_card  # noqa: E402
from engine.errors import CancelledError, CardError, PlanimeterError, UnsuitableInputError  # noqa: E402
from engine.inference.run import run_card  # noqa: E402
from engine.memory import RAN_OUT, ran_out  # noqa: E402
from engine.process.messages import (  # noqa: E402
    Attach,
    Cancelled,
    Detach,
    Failed,
    Finished,
    Message,
    Progress,
    Ready,
    Run,
    SharedVolume,
    Stop,
    receive,
    send,
)
from engine.volume import COLOUR, SeriesInfo, Volume  # noqa: E402

#: Progress is told at most this often, s.
_SELDOM = 0.05


class _Reports:
    """A job's `engine.progress.Progress` and teller of tiles, which sends messages and stops when asked."""

    def __init__(self, job: int, worker: "Worker") -> None:
        self.job, self.worker = job, worker
        self.last = 0.0
        self.tile = self.tiles = 0
        self.device = ""

    def __call__(self, fraction: float, stage: str) -> None:
        if self.job in self.worker.stopped:
            raise CancelledError(f"Stopped as asked while: {stage}.")
        now = time.monotonic()
        if now - self.last >= _SELDOM:
            self.last = now
            self.worker.tell(Progress(self.job, fraction, stage, self.tile, self.tiles, self.device))

    def on_tile(self, tile: int, tiles: int, device: str) -> None:
        """Remember which tile the next report is about."""
        self.tile, self.tiles, self.device = tile, tiles, device


class Worker:
    """One process's loop: a thread reads the pipe, the main thread works."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self.source, self.sink = source, sink
        self.stopped: set[int] = set()
        self._tasks: queue.SimpleQueue[Attach | Detach | Run] = queue.SimpleQueue()
        self._attached: dict[int, _Attached] = {}
        self._telling = threading.Lock()

    def tell(self, message: Message | Ready) -> None:
        """Send a message home; a parent that is gone ends the process."""
        try:
            with self._telling:
                send(self.sink, message)
        except (OSError, ValueError):
            os._exit(1)

    def serve(self) -> None:
        """Work until the parent is gone."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            task = self._tasks.get()
            if isinstance(task, Run):
                self.tell(self._work(task))
                self.stopped.discard(task.job)
                _give_memory_back()
            elif isinstance(task, Attach):
                self._attached[task.token] = _Attached(task.volume)
            elif task.token in self._attached:
                self._attached.pop(task.token).close()

    def _read(self) -> None:
        while (message := receive(self.source)) is not None:
            if isinstance(message, Stop):
                self.stopped.add(message.job)
            elif isinstance(message, Attach | Detach | Run):
                self._tasks.put(message)
        # The pipe is closed: the parent has ended, or wants this process to. Nothing here is worth finishing.
        os._exit(0)

    def _work(self, run: Run) -> Message:
        began = time.perf_counter()
        try:
            reports = _Reports(run.job, self)
            loaded = load_card(Path(run.card_folder))
            if loaded.problem:
                raise CardError(loaded.problem)
            inputs = {role: self._attached[token].volume for role, token in run.inputs.items()}
            result = run_card(
                loaded, inputs, device=run.device, options=run.options, progress=reports, on_tile=reports.on_tile
            )
        except CancelledError:
            return Cancelled(run.job)
        except UnsuitableInputError as error:
            return Failed(run.job, str(error), unsuitable=error.overridable)
        except PlanimeterError as error:
            return Failed(run.job, str(error))
        except Exception as error:  # a fault of the program must reach the user as a sentence, not end the process
            if ran_out(error):
                return Failed(run.job, RAN_OUT)
            text = " ".join(str(error).split())[:300]
            return Failed(run.job, f"The engine failed ({type(error).__name__}: {text}).")
        seconds = time.perf_counter() - began
        return Finished(run.job, result, seconds)


class _Attached:
    """A volume whose voxels are the parent's shared memory, read-only."""

    def __init__(self, shared: SharedVolume) -> None:
        self._memory = SharedMemory(shared.memory)
        if os.name == "posix":
            # The parent owns the memory; this process's tracker would unlink it, and complain (bpo-38119).
            resource_tracker.unregister(f"/{self._memory.name}", "shared_memory")
        shape = (*shared.geometry.shape, 3) if shared.units == COLOUR else shared.geometry.shape
        voxels = np.ndarray(shape, np.dtype(shared.dtype), buffer=self._memory.buf)
        voxels.setflags(write=False)
        info = SeriesInfo(attributes={"BodyPartExamined": shared.body_part})
        self.volume = Volume(voxels, shared.geometry, shared.modality, shared.units, info)

    def close(self) -> None:
        """Let go of the memory; the volume must not be used any more."""
        del self.volume
        try:
            self._memory.close()
        except BufferError:
            # An exception's traceback can still hold the array; the mapping then goes with it.
            self._memory._mmap = None  # type: ignore[attr-defined]


def _give_memory_back() -> None:
    """Return what a run has freed to the system, which the C library would keep for later."""
    import ctypes  # noqa: PLC0415
    import gc  # noqa: PLC0415

    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def main() -> None:
    """Serve the parent."""
    started = float(sys.argv[1]) if len(sys.argv) > 1 else time.time()
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not run into the messages
    worker = Worker(source, sink)
    if sys.argv[2:] == ["warm"]:
        import engine.inference.networks  # noqa: F401, PLC0415
    worker.tell(Ready(time.time() - started, _BLOCKED, _READ_ONLY))
    worker.serve()


if __name__ == "__main__":
    main()
