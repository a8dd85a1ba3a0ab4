"""A brush step on 512² planes with 20 and 100 structures: from the mouse event to the painted frame, and our own part.

Real mouse events in a real window. "own" is the tool's work on one event and the outline that it hands to the pane;
"frame" is everything from the event until the pane has swapped its buffers. A stroke's last event also stores the step
in the journal, flushed to the disk. The axial stroke and the sagittal stroke take turns.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from shapely import MultiPolygon, Point

from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Volume
from tests.synthetic import make_geometry
from viewer.features.application import build_window
from viewer.features.editing import Editing
from viewer.session import Cut, View
from viewer.tools.events import Preview, ViewEvent
from viewer.widgets.plane_pane import PlanePane

#: Brushes that are timed beside brush and eraser, each in one view.
OTHERS = (
    ("ball", View.AXIAL), ("ball", View.SAGITTAL), ("threshold brush", View.AXIAL), ("smart brush", View.AXIAL),
)  # fmt: skip
SHAPE, SPACING = (100, 512, 512), (0.98, 0.98, 3.0)
STROKES, STEPS = 12, 60
LEFT = Qt.MouseButton.LeftButton


def structures(geometry, count: int = 20) -> StructureSet:
    """`count` wobbly tubes of 400 points a plane, one of them in the middle."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    rois = []
    for n in range(count):
        centre = np.array([250.0, 250.0]) + (0 if n == 0 else 150) * np.array([np.cos(n), np.sin(n)])
        radius = 30 + 2 * np.sin(9 * angle) + 0.5 * np.sin(40 * angle)
        ring = centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        hole = [Point(centre).buffer(8).exterior.coords] if n % 2 else []
        area = MultiPolygon([(ring, hole)])
        planes = {plane: PlaneContours(area) for plane in range(10, 90)}
        rois.append(Roi(n + 1, f"Tube {n + 1}", (40 + 2 * n, 220 - 2 * n, 120), planes=planes))
    return StructureSet(geometry, tuple(rois))


class Timed:
    """The host of the panes, with a clock around what it does for one event."""

    def __init__(self, host) -> None:
        self._host = host
        self.reset()

    def reset(self) -> None:
        """Begin to measure the next event."""
        self.spent = 0.0
        self.processor = 0.0

    @contextmanager
    def _clock(self) -> Iterator[None]:
        start, processor = time.perf_counter(), time.thread_time()
        yield
        self.spent += time.perf_counter() - start
        self.processor += time.thread_time() - processor

    def handle(self, event: ViewEvent) -> bool:
        with self._clock():
            return self._host.handle(event)

    def wants_key(self, key: str) -> bool:
        return self._host.wants_key(key)

    def preview(self, view: View, at: tuple[Cut, float] | None = None) -> Preview | None:
        with self._clock():
            return self._host.preview(view, at)

    def cursor_name(self, view: View) -> str:
        return self._host.cursor_name(view)


@contextmanager
def own_folder() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLANIMETER_DATA"] = folder
        os.environ["PLANIMETER_SETTINGS"] = str(Path(folder) / "settings.ini")
        yield


def until_painted(pane: PlanePane, act: Callable[[], None]) -> float:
    """Seconds from before `act` until the pane has swapped buffers."""
    swapped: list[float] = []
    pane.painted.connect(lambda: swapped.append(time.perf_counter()))
    start = time.perf_counter()
    act()
    while not swapped and time.perf_counter() - start < 2.0:
        QApplication.processEvents()
    pane.painted.disconnect()
    return (swapped[0] if swapped else time.perf_counter()) - start


def stroke(pane: PlanePane, timed: Timed, figures: dict[str, list[float]]) -> None:
    middle = pane.rect().center()
    path = [middle + QPoint(round(50 * np.cos(i / 6)), round(35 * np.sin(i / 6))) for i in range(STEPS)]
    QTest.mouseMove(pane, path[0])
    QTest.mousePress(pane, LEFT, Qt.KeyboardModifier.NoModifier, path[0])
    for point in path[1:]:
        timed.reset()
        figures["frame"].append(until_painted(pane, lambda point=point: QTest.mouseMove(pane, point)))
        figures["own"].append(timed.spent)
        figures["processor"].append(timed.processor)
    start = time.perf_counter()
    QTest.mouseRelease(pane, LEFT, Qt.KeyboardModifier.NoModifier, path[-1])
    figures["release"].append(time.perf_counter() - start)
    QApplication.processEvents()


def main() -> None:
    """Print milliseconds, median and p95."""
    with own_folder():
        window = build_window()
        window.guards.clear()
        window.resize(1440, 900)
        window.show()
        window.activateWindow()
        QTest.qWaitForWindowActive(window, 5000)
        geometry = make_geometry(SHAPE, spacing=SPACING)
        voxels = np.random.default_rng(1).integers(-20, 20, SHAPE, dtype=np.int16)
        rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
        # Bright stripes, of which a disc meets one or two, as it does organs.
        voxels += (200 * ((rows + columns) // 12 % 2)).astype(np.int16)
        window.session.open(Volume(voxels, geometry, "CT", "HU"), structures(geometry))
        editing = window.findChild(Editing)
        timed = Timed(editing.live)
        window.panes.set_tool_host(timed)
        editing.toolbox.choose("brush")
        editing.toolbox.set_radius(10)
        QTest.qWait(1500)
        figures = {
            view: {"own": [], "processor": [], "frame": [], "release": []} for view in (View.AXIAL, View.SAGITTAL)
        }
        for n in range(STROKES):
            editing.toolbox.choose(("brush", "eraser")[n % 2])
            for view, found in figures.items():
                stroke(window.panes.planes[view], timed, found)
        others: dict[str, dict[str, list[float]]] = {
            f"{name}, {view.value}": {"own": [], "processor": [], "frame": [], "release": []} for name, view in OTHERS
        }
        many: dict[str, list[float]] = {"own": [], "processor": [], "frame": [], "release": []}
        for (name, view), found in zip(OTHERS, others.values(), strict=True):
            editing.toolbox.choose(name)
            QTest.qWait(1500)
            for _ in range(STROKES // 3):
                stroke(window.panes.planes[view], timed, found)
        window.session.open(Volume(voxels, geometry, "CT", "HU"), structures(geometry, 100))
        editing.toolbox.choose("brush")
        QTest.qWait(8000)
        for _ in range(STROKES // 2):
            stroke(window.panes.planes[View.AXIAL], timed, many)
        others["brush, 100 structures"] = many
        labels = {
            "own": "own computing",
            "processor": "own, processor time",
            "frame": "event to frame",
            "release": "release, journal on disk",
        }
        print(f"{'brush step, ms':38} {'median':>8} {'p95':>8}   n")
        for view, found in figures.items():
            for name, seconds in found.items():
                median, p95 = (1000 * value for value in (statistics.median(seconds), np.percentile(seconds, 95)))
                print(f"{view.value + ': ' + labels[name]:38} {median:8.2f} {p95:8.2f}   {len(seconds)}")
        for name, found in others.items():
            for key in ("processor", "frame", "release"):
                median, p95 = (1000 * value for value in (statistics.median(found[key]), np.percentile(found[key], 95)))
                print(f"{name + ': ' + labels[key]:38} {median:8.2f} {p95:8.2f}   {len(found[key])}")
        window.close()


if __name__ == "__main__":
    main()
