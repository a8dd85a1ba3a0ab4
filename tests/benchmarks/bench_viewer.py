"""The window: start-up, scrolling with three linked planes, memory with a large study open.

Each figure is measured as a user meets it: from the command or the event to the frame on the screen.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from shapely import MultiPolygon, Point

from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry, Volume
from tests.synthetic import write_series
from viewer.features.application import build_window
from viewer.session import View
from viewer.widgets.main_window import MainWindow

#: Opens the window as `planimeter open` does, and tells when it has painted and answered an event.
START = """
import time
from PySide6.QtTest import QTest
from viewer.features.application import build_window, create_application
application = create_application()
window = build_window()
window.show()
panes = list(window.panes.planes.values())
while not all(pane.frames for pane in panes):
    application.processEvents()
window.panes.toggle_enlarged(panes[0].view)
before = panes[0].frames
while panes[0].frames == before:
    application.processEvents()
print(time.time(), flush=True)
window.close()
"""

#: Opens a folder and prints the peak memory before and after, bytes.
MEMORY = """
import sys, time
from pathlib import Path
from viewer.features.application import build_window, create_application
from viewer.features.opening import Opener

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

application = create_application()
window = build_window()
window.show()
for _ in range(50):
    application.processEvents()
    time.sleep(0.01)
bare = peak()
opener = window.findChild(Opener)
done = []
opener.opened.connect(lambda: done.append(""))
opener.failed.connect(done.append)
opener.open_paths([Path(sys.argv[1])])
while not done:
    application.processEvents()
    time.sleep(0.005)
assert done == [""], done
for index in range(60):
    for pane in window.panes.planes.values():
        pane.scroll_planes(7)
    application.processEvents()
    time.sleep(0.01)
print(bare, peak(), window.session.volume.voxels.nbytes, flush=True)
window.close()
"""


def quantiles(values: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    return statistics.median(values), float(np.percentile(values, 95))


def head(shape: tuple[int, int, int], count: int = 20) -> tuple[Volume, StructureSet]:
    """A noisy ellipsoid with `count` structures of 100 vertices on a third of its planes each."""
    planes, rows, columns = shape
    rng = np.random.default_rng(0)
    v, u = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    inside = u**2 / 0.6 + v**2 / 0.8 < 1
    voxels = np.empty(shape, dtype=np.int16)
    voxels[...] = np.where(inside, rng.integers(-60, 120, (rows, columns), dtype=np.int16), -1000)
    voxels[::2] += 20
    spacing = 400.0 / columns
    geometry = Geometry.regular((-200, -200, 0), np.eye(3), (spacing, spacing, 2.0), shape)
    rois = []
    for number in range(1, count + 1):
        u0, v0 = rng.uniform(100, 300, 2)
        first = int(rng.integers(0, 2 * planes // 3))
        drawn = {
            k: PlaneContours(MultiPolygon([Point(u0, v0).buffer(15 + 10 * np.sin(k / 9), quad_segs=25)]))
            for k in range(first, first + planes // 3)
        }
        colour = tuple(int(c) for c in rng.integers(80, 255, 3))
        rois.append(Roi(number, f"Structure {number}", colour=(colour[0], colour[1], colour[2]), planes=drawn))
    return Volume(voxels, geometry, "CT", "HU"), StructureSet(geometry, tuple(rois))


def quiet(window: MainWindow) -> None:
    """Wait for the surfaces of the 3D view and its frame."""
    until = time.monotonic() + 120
    since = time.monotonic()
    while time.monotonic() < until and time.monotonic() - since < 1.0:
        QApplication.processEvents()
        if window.panes.three_d.scene.busy:
            since = time.monotonic()
        time.sleep(0.005)


def step(window: MainWindow, act: Callable[[], None], views: tuple[View, ...]) -> float:
    """ms from an event to the frames of `views` on the screen."""
    panes = [window.panes.planes[view] for view in views]
    before = [pane.frames for pane in panes]
    start = time.perf_counter()
    act()
    while any(pane.frames == frames for pane, frames in zip(panes, before, strict=True)):
        QApplication.processEvents()
    return 1000 * (time.perf_counter() - start)


def turn_wheel(window: MainWindow, view: View, notches: int) -> None:
    """One turn of the wheel over a pane."""
    pane = window.panes.planes[view]
    here = QPointF(pane.rect().center())
    no_button, no_key = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    phase = Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(
        here, pane.mapToGlobal(here), QPoint(), QPoint(0, 120 * notches), no_button, no_key, phase, False
    )
    QApplication.sendEvent(pane, event)


def scrolling() -> None:
    """Wheel steps in each view, and moves of the crosshair that change all three planes."""
    window = build_window()
    window.resize(1440, 1100)
    window.show()
    # A busy machine stretches the first two; the processor time of all threads does not care.
    print(f"{'scrolling, ms a step':<44}{'median':>9}{'p95':>9}{'CPU':>9}")
    every = (View.AXIAL, View.SAGITTAL, View.CORONAL)
    for planes, size, count in ((100, 512, 20), (300, 512, 100), (100, 1024, 20)):
        volume, structures = head((planes, size, size), count)
        print(f" {size}² × {planes} planes, {count} structures")
        window.session.open(volume, structures)
        window.messages.dismiss_all()
        quiet(window)
        start = window.session.cursor_lps
        acts: dict[str, Callable[..., None]] = {
            f"wheel over {view.value}": lambda n, view=view: turn_wheel(window, view, -1 if n < 20 else 1)
            for view in every
        }
        acts["all three planes at once"] = lambda n, start=start: window.session.move_cursor(
            start + 0.8 * n * np.ones(3)
        )
        for name, act in acts.items():
            used = time.process_time()
            median, p95 = quantiles([step(window, partial(act, n + 1), every) for n in range(40)])
            used = 1000 * (time.process_time() - used) / 40
            print(f"  {name:<42}{median:9.1f}{p95:9.1f}{used:9.1f}", flush=True)
    window.guards.clear()
    window.close()


def start_up() -> None:
    """From the command to a window that has painted and answered, with warm files; and the bare imports."""
    times: list[float] = []
    used: list[float] = []
    for _ in range(6):
        start, before = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
        out = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
        times.append(float(out.stdout.split()[-1]) - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    median, p95 = quantiles(times[1:])
    print(f"{'start-up, s, 5 warm starts':<44}{'median':>9}{'p95':>9}{'CPU':>9}")
    print(f"  {'command to a window that answers':<42}{median:9.2f}{p95:9.2f}{statistics.median(used[1:]):9.2f}")


def memory() -> None:
    """Peak memory above the bare program with a CT of 1,000 planes of 512² open, over the bytes of its voxels."""
    with tempfile.TemporaryDirectory() as folder:
        geometry = Geometry.regular((-200, -200, 0), np.eye(3), (0.8, 0.8, 1.0), (1000, 512, 512))
        plane = np.random.default_rng(0).integers(-1000, 1500, (1, 512, 512), dtype=np.int16)
        write_series(Path(folder) / "ct", np.broadcast_to(plane, geometry.shape), geometry)
        command = [sys.executable, "-c", MEMORY, str(Path(folder) / "ct")]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    bare, peak, voxels = (int(number) for number in out[-3:])
    print("memory, 1,000 planes of 512²")
    print(
        f"  bare {bare / 1e6:.0f} MB, peak {peak / 1e6:.0f} MB, voxels {voxels / 1e6:.0f} MB: "
        f"{(peak - bare) / voxels:.2f} × the voxels above the bare program"
    )


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["PLANIMETER_DATA"] = scratch
        os.environ["PLANIMETER_SETTINGS"] = f"{scratch}/settings.ini"
        start_up()
        scrolling()
        memory()


if __name__ == "__main__":
    main()
