"""Work that must not hold up the window: functions on threads, and the engine's messages, both as Qt signals.

All signals arrive in the thread of the window, whatever they are connected to.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from engine.errors import CancelledError, PlanimeterError
from engine.progress import Progress, stoppable

log = logging.getLogger("planimeter")

#: Least time between two reports of progress that reach the window, s.
REPORT_INTERVAL_S = 0.04


def sentence_for(error: BaseException) -> str:
    """What to tell the user about `error`: one sentence; an error nobody foresaw goes to the log as well."""
    if isinstance(error, PlanimeterError):
        return str(error)
    if isinstance(error, MemoryError):
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
        parent: the task ends with it; the thread is asked to stop.
    """

    progressed = Signal(float, str)
    finished = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    ended = Signal()

    _reported = Signal(float, str)
    _done = Signal(object, object)

    def __init__(self, work: Callable[[Progress], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._stop = threading.Event()
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
            # The window went away meanwhile, and Qt's half of this object with it.
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
        self._running = False
        _alive.discard(self)
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
