"""A process that does one piece of work, and tells of it in lines of JSON.

Each line is {"fraction", "stage"}; the last is {"done"}, {"failed"} or {"stopped"}. The process is asked to stop by the
end of its standard input, so it stops as well when whoever started it is gone.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, TextIO

from engine.errors import CancelledError, PlanimeterError
from engine.memory import ran_out
from engine.progress import Progress, stoppable

#: Least time between two lines, s.
_SELDOM = 0.05
#: How often `progress` is asked while nothing is told, s.
_ASKED = 0.2


def work_in_process(
    module: str, arguments: Sequence[str], progress: Progress, *, grace_s: float = 0.0
) -> dict[str, object]:
    """Run `python -m module arguments` to its end.

    Args:
        module: its `main` calls `tell_of`.
        arguments: for it.
        progress: told what it tells, and asked meanwhile; may stop it.
        grace_s: how long it may take to stop, before it is killed.

    Returns:
        Its last line; empty where it ended without a word.

    Raises:
        CancelledError: stopped; the process has ended.
    """
    environment = dict(os.environ)
    # The process must find the same engine, wherever this one was found.
    places = [str(Path(__file__).parents[2]), *environment.get("PYTHONPATH", "").split(os.pathsep)]
    environment["PYTHONPATH"] = os.pathsep.join(place for place in places if place)
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment, text=True
        )
        assert process.stdin is not None and process.stdout is not None
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(process.stdout, lines), name="planimeter lines", daemon=True).start()
        try:
            try:
                return _followed(lines, progress)
            except CancelledError:
                process.stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(grace_s)
                raise
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                process.stdin.close()


def tell_of(work: Callable[[Progress], object], failure: str) -> None:
    """For the process: do the work and print the lines.

    Args:
        work: given what it reports to, which raises `CancelledError` once standard input has ended; what it returns
            is told as JSON.
        failure: what is said before the reason of an error that nobody foresaw, such as "The model could not be read".
    """
    teller = _Teller(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # what a library prints must not run into the lines
    stop = threading.Event()
    threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
    try:
        result = work(stoppable(teller.report, stop.is_set))
    except CancelledError:
        teller.tell(stopped=True)
    except PlanimeterError as error:
        teller.tell(failed=str(error))
    except Exception as error:  # a fault of the program must reach the user as a sentence
        if ran_out(error):
            teller.tell(failed="Memory ran out; close other programs.")
            return
        if isinstance(error, OSError):
            teller.tell(failed=f"{failure}: {error.strerror or error}.")
            return
        text = " ".join(str(error).split())[:300]
        teller.tell(failed=f"{failure} ({type(error).__name__}: {text}).")
    else:
        teller.tell(done=True if result is None else result)


class _Teller:
    def __init__(self, sink: TextIO) -> None:
        self._sink, self._last = sink, 0.0

    def report(self, fraction: float, stage: str) -> None:
        now = time.monotonic()
        if now - self._last >= _SELDOM:
            self._last = now
            self.tell(fraction=fraction, stage=stage)

    def tell(self, **values: Any) -> None:
        # Whoever listened may be gone; the work then ends by the end of standard input, as it does when asked to.
        with contextlib.suppress(OSError):
            print(json.dumps(values), file=self._sink, flush=True)


def _wait_for_end(stop: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    stop.set()


def _read(source: IO[str], lines: "queue.SimpleQueue[str | None]") -> None:
    with source:
        for line in source:
            lines.put(line)
    lines.put(None)


def _followed(lines: "queue.SimpleQueue[str | None]", progress: Progress) -> dict[str, object]:
    last: dict[str, object] = {}
    fraction, stage = 0.0, "starting"
    while True:
        try:
            line = lines.get(timeout=_ASKED)
        except queue.Empty:
            progress(fraction, stage)
            continue
        if line is None:
            return last
        last = json.loads(line)
        if "stage" in last:
            fraction, stage = float(str(last["fraction"])), str(last["stage"])
            progress(fraction, stage)
