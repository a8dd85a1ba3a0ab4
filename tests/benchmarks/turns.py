"""Scrolling and brushing in two checkouts in turns, so that whatever else the machine does falls on both.

    python tests/benchmarks/turns.py BEFORE AFTER [ROUNDS]

Both windows stay open on the same series with 20 structures; each round is a few steps in one, then in the other. Run
it under a virtual screen, as packaging/bench.sh does. The driver is that of this checkout for both sides.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

STEPS = 20


class Side:
    """A checkout whose window waits for its turn."""

    def __init__(self, name: str, checkout: Path, scratch: Path) -> None:
        self.name = name
        #: Name of what is done → (ms by the clock, ms of all processors) of each step.
        self.times: dict[str, list[tuple[float, float]]] = defaultdict(list)
        scratch.mkdir()
        environment = os.environ | {
            "PYTHONPATH": str(checkout),
            "PLANIMETER_DATA": str(scratch),
            "PLANIMETER_SETTINGS": str(scratch / "settings.ini"),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, "--side"],
            cwd=checkout,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self) -> None:
        """Let it work once."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        for name, times in json.loads(self._process.stdout.readline()).items():
            self.times[name] += times

    def end(self) -> None:
        """Close its window."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def measure() -> None:
    """In a checkout: open the window, then answer each line of the standard input with the times of one round, ms."""
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    from tests.benchmarks.bench_viewer import head, quiet, step, turn_wheel
    from viewer.features.application import build_window
    from viewer.features.editing import Editing
    from viewer.session import View

    left, no_key = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    every = (View.AXIAL, View.SAGITTAL, View.CORONAL)
    window: Any = build_window()
    window.guards.clear()
    window.resize(1440, 1100)
    window.show()
    volume, structures = head((100, 512, 512))
    window.session.open(volume, structures)
    window.messages.dismiss_all()
    toolbox: Any = window.findChild(Editing).toolbox
    quiet(window)
    middle = window.session.cursor_lps

    def timed(act: Callable[[], None], views: tuple[View, ...]) -> tuple[float, float]:
        used = time.process_time()
        return step(window, act, views), 1000 * (time.process_time() - used)

    def stroke(view: View) -> tuple[list[tuple[float, float]], tuple[float, float]]:
        pane = window.panes.planes[view]
        at = pane.rect().center()
        toolbox.choose("brush")
        toolbox.set_radius(10)
        QTest.mouseMove(pane, at)
        QTest.mousePress(pane, left, no_key, at)
        path = [at + QPoint(round(40 * np.sin(n / 4)), round(30 * np.cos(n / 4)) - 30) for n in range(1, STEPS)]
        times = [timed(partial(QTest.mouseMove, pane, point), (view,)) for point in path]
        start, used = time.perf_counter(), time.process_time()
        QTest.mouseRelease(pane, left, no_key, path[-1])
        release = (1000 * (time.perf_counter() - start), 1000 * (time.process_time() - used))
        toolbox.choose("")
        window.history.undo()
        quiet(window)
        return times, release

    for _ in sys.stdin:
        out: dict[str, list[tuple[float, float]]] = {}
        # A window behind another is cheaper to draw.
        window.raise_()
        window.session.move_cursor(middle)
        quiet(window)
        for view in every:
            acts: list[Callable[[], None]] = [
                partial(turn_wheel, window, view, -1 if n < STEPS // 2 else 1) for n in range(STEPS)
            ]
            out[f"wheel over {view.value}"] = [timed(act, every) for act in acts]
        out["all three planes at once"] = [
            timed(partial(window.session.move_cursor, middle + 0.8 * n * np.ones(3)), every)
            for n in range(1, STEPS + 1)
        ]
        window.session.move_cursor(middle)
        for view in every[:2]:
            out[f"brush over {view.value}"], release = stroke(view)
            out[f"release over {view.value}"] = [release]
        print(json.dumps(out), flush=True)
    window.close()


def main(before: str, after: str, rounds: str = "8") -> None:
    """Print both sides by the clock, and by the time of all processors, which a busy machine stretches less."""
    with tempfile.TemporaryDirectory() as scratch:
        sides = [
            Side(name, Path(checkout).resolve(), Path(scratch) / name)
            for name, checkout in (("before", before), ("after", after))
        ]
        for number in range(int(rounds)):
            for side in sides if number % 2 else reversed(sides):
                side.turn()
        for side in sides:
            side.end()
    first, second = (side.times for side in sides)
    heads = ("median", "after", "p95", "after", "CPU", "after", "ratio")
    print(f"{'512², 20 structures, ms':<26}" + "".join(f"{head:>8}" for head in heads))
    for name in first:
        (clock, used), (clock_after, used_after) = (np.array(times[name]).T for times in (first, second))
        row = [
            function(times) for function in (np.median, partial(np.percentile, q=95)) for times in (clock, clock_after)
        ]
        row += [np.median(used), np.median(used_after)]
        print(f"{name:<26}" + "".join(f"{value:8.1f}" for value in row) + f"{row[-1] / row[-2]:8.2f}")


if __name__ == "__main__":
    measure() if sys.argv[1:] == ["--side"] else main(*sys.argv[1:])
