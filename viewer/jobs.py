"""Work that must not hold up the window: functions on threads, and the engine's messages, both as Qt signals.

All signals arrive in the thread of the window, whatever they are connected to.
"""

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from engine.answers import RunOptions
from engine.errors import CancelledError, PlanimeterError
from engine.memory import ran_out
from engine.process.client import EngineClient
from engine.process.messages import Failed, Finished, Message
from engine.process.messages import Progress as MessageProgress
from engine.progress import Progress, stoppable
from engine.volume import Volume

log = logging.getLogger("planimeter")

Result = TypeVar("Result")

#: Least time between two reports of progress that reach the window, s.
REPORT_INTERVAL_S = 0.04


def sentence_for(error: BaseException) -> str:
    """What to tell the user about `error`: one sentence; an error nobody foresaw goes to the log as well."""
    if isinstance(error, PlanimeterError):
        return str(error)
    if ran_out(error):
        return "There is not enough memory for this; close other programs or open a smaller series."
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror or error}{where}."
    # The message may quote a patient's values, so the log has the places alone.
    places = "".join(traceback.format_tb(error.__traceback__))
    log.error("unforeseen %s\n%s", type(error).__name__, places)
    return f"Something unforeseen happened inside the program ({type(error).__name__}); nothing was changed by it."


class Task(QObject):
    """A function that runs on a thread of its own. Exactly one of `finished`, `failed`, `cancelled` ends it.

    Args:
        work: called as `work(progress)` on the thread; `progress` raises `CancelledError` after `cancel()`. It must
            not touch widgets, the session or the history: what it returns is given to `finished` instead.
        parent: when it goes, the thread is asked to stop, and nothing more is told.
    """

    progressed = Signal(float, str)
    finished = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    ended = Signal()

    _reported = Signal(float, str)
    _done = Signal(object, object)

    def __init__(self, work: Callable[[Progress], Any], parent: QObject | None = None) -> None:
        # Not as Qt's child: what Qt destroys with a window, the thread may be emitting from.
        super().__init__()
        self._work = work
        self._stop = threading.Event()
        self._abandoned = False
        if parent is not None:
            parent.destroyed.connect(self._abandon)
        self._last_report = 0.0
        self._running = False
        # The thread emits the private signals; their slots run where this object lives, and emit the public ones.
        self._reported.connect(self._report, Qt.ConnectionType.QueuedConnection)
        self._done.connect(self._end, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name="planimeter task", daemon=True)

    @property
    def running(self) -> bool:
        """True from `start()` until one of the ending signals."""
        return self._running

    def start(self) -> "Task":
        """Begin; returns itself."""
        self._running = True
        _alive.add(self)
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask to stop; `cancelled` follows at the next report of progress unless the work ends first."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Block until the thread ends, for tests and at exit; False when it still runs."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _abandon(self) -> None:
        self._abandoned = True
        self._stop.set()

    def _run(self) -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = self._work(stoppable(self._throttled, self._stop.is_set))
        except Exception as caught:
            error = caught
        try:
            self._done.emit(result, error)
        except RuntimeError:
            # The program ends, and Qt's half of this object with it.
            _alive.discard(self)

    def _throttled(self, fraction: float, stage: str) -> None:
        now = time.monotonic()
        if fraction >= 1.0 or now - self._last_report >= REPORT_INTERVAL_S:
            self._last_report = now
            self._reported.emit(fraction, stage)

    def _report(self, fraction: float, stage: str) -> None:
        if self._running and not self._stop.is_set():
            self.progressed.emit(fraction, stage)

    def _end(self, result: Any, error: BaseException | None) -> None:
        # The thread is about to end; without it nobody but the window's thread can be the last to hold this object,
        # and Qt objects must not be destroyed on another thread than their own.
        self._thread.join()
        self._running = False
        _alive.discard(self)
        if self._abandoned:
            return
        if error is None:
            self.finished.emit(result)
        elif isinstance(error, CancelledError):
            self.cancelled.emit()
        else:
            self.failed.emit(sentence_for(error))
        self.ended.emit()


#: Running tasks, so that one without another owner is not collected under its thread.
_alive: set[Task] = set()


def run_in_background(
    work: Callable[[Progress], Any],
    *,
    finished: Callable[[Any], None] | None = None,
    failed: Callable[[str], None] | None = None,
    progressed: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], None] | None = None,
    parent: QObject | None = None,
) -> Task:
    """Start `work(progress)` on a thread and connect what is given; see `Task`."""
    task = Task(work, parent)
    for signal, slot in (
        (task.finished, finished),
        (task.failed, failed),
        (task.progressed, progressed),
        (task.cancelled, cancelled),
    ):
        if slot is not None:
            signal.connect(slot)
    return task.start()


class LatestTask:
    """One task at a time: a new one takes the place of the one that runs, whose end is not told any more.

    Args:
        parent: tasks end with it.
        failed: told why, where one fails.
    """

    def __init__(self, parent: QObject, failed: Callable[[str], None]) -> None:
        self._parent, self._failed = parent, failed
        self._task: Task | None = None

    def run(self, work: Callable[[Progress], Result], finished: Callable[[Result], None]) -> None:
        """Start a task, in place of the last."""
        self.stop()
        self._task = task = Task(work, self._parent)
        # What ends while it is asked to stop is told by nobody.
        task.finished.connect(lambda result: finished(result) if self._task is task else None)
        task.failed.connect(lambda told: self._failed(told) if self._task is task else None)
        task.ended.connect(task.deleteLater)
        task.start()

    def stop(self) -> None:
        """Let nothing more come of the last one."""
        if self._task is not None:
            self._task.cancel()
            self._task = None


class EngineJobs(QObject):
    """The inference process as the window sees it: its messages as signals, one run at a time.

    Args:
        client: for tests; the window makes its own.
    """

    progressed = Signal(object)
    finished = Signal(object)
    failed = Signal(object)
    cancelled = Signal(object)

    _told = Signal(object)

    def __init__(self, client: EngineClient | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._told.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    @property
    def client(self) -> EngineClient:
        """The engine's client; made, without its process, when it is first asked for."""
        if self._client is None:
            self._client = EngineClient(self._listen)
        return self._client

    def start_ahead(self, delay_ms: int = 1500) -> None:
        """Start the inference process once the window is up, so that the first run need not wait for it."""
        QTimer.singleShot(delay_ms, self, self.client.start)

    @property
    def is_ready(self) -> bool:
        """Whether the inference process is up and waits for work."""
        return self._client is not None and self._client.wait_ready(0)

    def run(self, card_folder: Path, inputs: Mapping[str, Volume], *, device: str, options: RunOptions) -> int:
        """Run a card on images by role; the number of the job, which its messages carry. Raises EngineError: closed."""
        return self.client.run(card_folder, inputs, device=device, options=options)

    def cancel(self, job: int) -> None:
        """Stop a job within 2 s; `cancelled` follows."""
        self.client.cancel(job)

    def close(self) -> None:
        """End the inference process; nothing happens when it never began."""
        if self._client is not None:
            self._client.close()

    def _listen(self, message: Message) -> None:
        with contextlib.suppress(RuntimeError):  # the window, and Qt's half of this object, may be gone already
            self._told.emit(message)

    def _tell(self, message: Message) -> None:
        if isinstance(message, MessageProgress):
            self.progressed.emit(message)
        elif isinstance(message, Finished):
            self.finished.emit(message)
        elif isinstance(message, Failed):
            self.failed.emit(message)
        else:
            self.cancelled.emit(message)
