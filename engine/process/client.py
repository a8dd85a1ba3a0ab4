"""The program's side of the inference process: starts it, feeds it, watches it, stops it, and starts it anew.

All state belongs to one thread of the client's own, which takes events from a queue; the public methods only put
events there, so they can be called from any thread and never wait.
"""

import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.answers import RunOptions
from engine.errors import EngineError
from engine.memory import RAN_OUT, says_memory_ran_out
from engine.process.attachments import Attachments
from engine.process.messages import (
    Attach,
    Cancelled,
    Detach,
    Failed,
    Finished,
    Message,
    Progress,
    Ready,
    Run,
    Stop,
    Wire,
    receive,
    send,
)
from engine.volume import Volume

#: A job that has not stopped this long after it was asked to is stopped with its process, s.
CANCEL_PATIENCE = 1.0
#: Volumes are kept in shared memory this long after a run, s, so that the next run on them need not copy them.
KEEP_S = 60.0
_RESTART = "Run it again: a new engine process starts by itself."


@dataclass
class _Job:
    number: int
    card_folder: Path
    inputs: Mapping[str, Volume]
    device: str
    options: RunOptions


@dataclass(frozen=True)
class _Received:
    process: subprocess.Popen[bytes]
    message: Wire | None  # None: the process's pipe has ended


@dataclass(frozen=True)
class _Cancel:
    job: int


class _Start:
    pass


class _Release:
    pass


class _Close:
    pass


class EngineClient:
    """One inference process at a time, one job at a time; further jobs wait their turn.

    Args:
        listener: called with each message of a job, on the client's thread; without one they gather for `poll`.
        warm: have the process load what networks need as it starts, so that the first run need not.
    """

    def __init__(self, listener: Callable[[Message], None] | None = None, *, warm: bool = True) -> None:
        self._listener = listener
        self._warm = warm
        self._numbers = itertools.count(1)
        self._events: queue.SimpleQueue[_Start | _Close | _Release | _Cancel | _Job | _Received] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._pending: deque[_Job] = deque()
        self._current: _Job | None = None
        self._kill_at: float | None = None
        self._release_at = 0.0
        self._attachments = Attachments(self._send)
        self._complaints: deque[str] = deque(maxlen=40)
        self._ready = threading.Event()
        self.ready: Ready | None = None
        self._thread = threading.Thread(target=self._serve, name="engine client", daemon=True)
        self._thread.start()

    # --- from any thread ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process ahead of need; returns at once."""
        self._events.put(_Start())

    def run(
        self,
        card_folder: Path,
        inputs: Mapping[str, Volume],
        *,
        device: str = "auto",
        options: RunOptions | None = None,
    ) -> int:
        """Run a card on volumes by the roles of its inputs; returns the job's number at once.

        The job ends with exactly one `Finished`, `Failed` or `Cancelled`. Voxels are copied when its turn comes, and
        not again for the next run on the same volumes, unless that comes more than `KEEP_S` later.
        """
        if not self._thread.is_alive():
            raise EngineError("The engine has been closed, so nothing more can be run; start the program again.")
        job = _Job(next(self._numbers), card_folder, dict(inputs), device, options or RunOptions())
        self._events.put(job)
        return job.number

    def cancel(self, job: int) -> None:
        """Stop a job, within 2 s: at the next tile, or together with its process. Unknown and past jobs are ignored."""
        self._events.put(_Cancel(job))

    def release(self) -> None:
        """Give back the memory of volumes that no run is using, which would be kept for the next run."""
        self._events.put(_Release())

    def poll(self) -> list[Message]:
        """The messages that have come since the last call, where there is no listener."""
        messages = []
        while not self._messages.empty():
            messages.append(self._messages.get())
        return messages

    def wait(
        self, job: int, timeout: float | None = None, progress: Callable[[Progress], None] | None = None
    ) -> Message:
        """Wait for a job's last message, for callers that have nothing else to do (and no listener).

        Raises:
            EngineError: it took longer than `timeout` s.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                # A short wait lets Ctrl-C through on every platform.
                message = self._messages.get(timeout=0.2)
            except queue.Empty:
                if end is not None and time.monotonic() > end:
                    raise EngineError(f"The run took longer than {timeout:g} s.") from None
                continue
            if isinstance(message, Progress):
                if progress is not None and message.job == job:
                    progress(message)
            elif message.job == job:
                return message

    def wait_ready(self, timeout: float) -> bool:
        """True once the process is up; False after `timeout` s."""
        return self._ready.wait(timeout)

    def close(self) -> None:
        """End the process; jobs that have not ended are cancelled. Returns when all is released."""
        self._events.put(_Close())
        self._thread.join(timeout=10)

    @property
    def process_id(self) -> int | None:
        """Of the running process; None when there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    # --- on the client's thread --------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            try:
                event = self._events.get(timeout=self._patience())
            except queue.Empty:
                self._waited()
                continue
            if isinstance(event, _Close):
                break
            try:
                self._handle(event)
            except Exception as error:  # whatever happens, the job must end with a message and the memory be released
                self._end(Failed(self._current.number if self._current else 0, f"The engine failed: {error}."))
        self._shut_down()

    def _patience(self) -> float | None:
        """How long to wait for the next event, s."""
        if self._kill_at is not None:
            return max(self._kill_at - time.monotonic(), 0)
        if self._current is None and self._attachments:
            return max(self._release_at - time.monotonic(), 0)
        return None

    def _waited(self) -> None:
        """Nothing has happened for `_patience()`."""
        if self._kill_at is not None:
            self._stop_hard()
        else:
            self._attachments.keep_only(())

    def _handle(self, event: "_Start | _Release | _Cancel | _Job | _Received") -> None:
        if isinstance(event, _Start):
            self._ensure_process()
        elif isinstance(event, _Release):
            if self._current is None:
                self._attachments.keep_only(())
        elif isinstance(event, _Job):
            self._pending.append(event)
            self._next()
        elif isinstance(event, _Cancel):
            self._cancel(event.job)
        elif event.process is self._process:
            if event.message is None:
                self._process_ended()
            else:
                self._take(event.message)

    def _take(self, message: Wire) -> None:
        if isinstance(message, Ready):
            self.ready = message
            self._ready.set()
        elif isinstance(message, Progress):
            if self._current is not None and message.job == self._current.number and self._kill_at is None:
                self._tell(message)
        elif isinstance(message, Finished | Failed | Cancelled) and (
            self._current is not None and message.job == self._current.number
        ):
            # A result that came after the user asked to stop is not wanted any more.
            self._end(Cancelled(message.job) if self._kill_at is not None else message)

    def _cancel(self, number: int) -> None:
        for job in self._pending:
            if job.number == number:
                self._pending.remove(job)
                self._tell(Cancelled(number))
                return
        if self._current is not None and self._current.number == number and self._kill_at is None:
            self._kill_at = time.monotonic() + CANCEL_PATIENCE
            self._send(Stop(number))

    def _next(self) -> None:
        """Hand the next job to the process, when it is free."""
        if self._current is not None or not self._pending:
            return
        job = self._current = self._pending.popleft()
        try:
            self._ensure_process()
            self._attachments.keep_only(job.inputs.values())
            tokens = {role: self._attachments.token_of(volume) for role, volume in job.inputs.items()}
        except (OSError, ValueError, MemoryError) as error:
            self._end(Failed(job.number, f"The engine could not take the image ({error}); close other programs."))
            return
        self._send(Run(job.number, str(job.card_folder), tokens, job.device, job.options))

    def _end(self, message: Message) -> None:
        """The current job is over: tell, and go on with the next."""
        job, self._current, self._kill_at = self._current, None, None
        if job is not None:
            self._release_at = time.monotonic() + KEEP_S
            self._tell(message)
        self._next()

    def _tell(self, message: Message) -> None:
        if self._listener is not None:
            self._listener(message)
        else:
            self._messages.put(message)

    def _send(self, message: Attach | Detach | Run | Stop) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        # When the process has ended, the reader's thread tells.
        with contextlib.suppress(OSError, ValueError):
            send(process.stdin, message)

    def _ensure_process(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._ready.clear()
        self._complaints.clear()
        command = [sys.executable, "-m", "engine.process.worker", str(time.time()), "warm" if self._warm else "cold"]
        environment = dict(os.environ)
        # The process must find the same engine, wherever this one was found.
        places = [str(Path(__file__).parents[2]), *environment.get("PYTHONPATH", "").split(os.pathsep)]
        environment["PYTHONPATH"] = os.pathsep.join(place for place in places if place)
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        self._process = process
        for target in (self._read, self._listen):
            threading.Thread(target=target, args=(process,), name="engine pipe", daemon=True).start()

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        while (message := receive(process.stdout)) is not None:
            self._events.put(_Received(process, message))
        self._events.put(_Received(process, None))

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._complaints.append(line.decode(errors="replace").rstrip())

    def _process_ended(self) -> None:
        process = self._process
        assert process is not None
        try:
            code = process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        _close_pipes(process)
        self._process = None
        self._attachments.lost()
        self._ready.clear()
        if self._current is not None:
            number = self._current.number
            stopping = self._kill_at is not None
            self._end(Cancelled(number) if stopping else Failed(number, f"{_how(code, self._complaints)} {_RESTART}"))

    def _stop_hard(self) -> None:
        """The process did not stop in time: end it, so that its memory and the processor are free."""
        self._kill_at = time.monotonic() + 60
        if self._process is not None:
            self._process.kill()
            self._process_ended()

    def _shut_down(self) -> None:
        jobs = [*([self._current] if self._current is not None else []), *self._pending]
        self._current = None
        self._pending.clear()
        process = self._process
        if process is not None:
            if jobs:
                process.kill()
            elif process.stdin is not None:
                process.stdin.close()  # the end of its input is the end of the process
            try:
                process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _close_pipes(process)
            self._process = None
        self._attachments.lost()
        for job in jobs:
            self._tell(Cancelled(job.number))


def _close_pipes(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            # Closing flushes, and there may be nobody left to flush to.
            with contextlib.suppress(OSError):
                pipe.close()


def _how(code: int, complaints: "deque[str]") -> str:
    """One sentence on how a process with this exit status ended."""
    if any(says_memory_ran_out(line) for line in complaints):
        return f"The engine process ended. {RAN_OUT}"
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else str(-code)
        reason = ", most likely because memory ran out" if name == "SIGKILL" else ""
        return f"The engine process was ended by {name}{reason}; close other programs or choose a smaller image."
    last = complaints[-1] if complaints else ""
    return f"The engine process ended unexpectedly (exit status {code}{': ' + last[:200] if last else ''})."
