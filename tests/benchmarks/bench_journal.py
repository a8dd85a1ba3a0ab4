"""What the journal costs: storing steps so that they are on the disk, and putting a session back.

20 structures on 300 planes with 100 points a contour, as read from an RTSTRUCT (the text of the file is kept too).
"""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from shapely import MultiPolygon, Polygon

from engine.edits import AnswerChange, Step
from engine.journal import About, Journal
from engine.structures import PlaneContours, RawContour, Roi, StructureSet
from engine.volume import Volume
from tests.synthetic import make_geometry
from viewer.history import History, add, redraw
from viewer.recording import Recording
from viewer.reopening import kept_in
from viewer.session import Session

ROIS, PLANES, POINTS, STROKES = 20, 300, 100, 200


def structures() -> StructureSet:
    """Circles with all digits, and the text that a file would have had for them."""
    geometry = make_geometry((PLANES, 64, 64), spacing=(1.0, 1.0, 3.0))
    angle = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    random = np.random.default_rng(3)
    rois = []
    for number in range(1, ROIS + 1):
        planes = {}
        for plane in range(PLANES):
            ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (10 + random.random((POINTS, 1))) + 30
            text = "\\".join(f"{u:.3f}\\{v:.3f}\\{plane * 3:.1f}" for u, v in ring)
            planes[plane] = PlaneContours(MultiPolygon([Polygon(ring)]), (RawContour(text),))
        rois.append(Roi(number, f"ROI {number}", planes=planes))
    return StructureSet(geometry, tuple(rois))


def timed(label: str, work: Callable[[], object], repeats: int) -> None:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    print(f"{label:48} {statistics.median(seconds) * 1e3:9.1f} {np.percentile(seconds, 95) * 1e3:9.1f}")


def main() -> None:
    """Print milliseconds, median and p95."""
    loaded = structures()
    volume = Volume(np.zeros(loaded.geometry.shape, np.int16), loaded.geometry, "CT", "HU")
    print(f"{'journal, ms':48} {'median':>9} {'p95':>9}")
    with tempfile.TemporaryDirectory() as folder:
        session = Session()
        history = History(session)
        recording = Recording(session, history, Path(folder))
        timed("open (the window goes on)", lambda: session.open(volume, loaded), 1)
        timed("structures stored behind it", lambda: recording.session_id, 1)
        random = np.random.default_rng(4)

        def stroke() -> None:
            roi, plane = session.structures[int(random.integers(1, ROIS + 1))], int(random.integers(PLANES))
            area = MultiPolygon([roi.area(plane).geoms[0].buffer(0.3 * random.random())])
            history.do(redraw(roi, {plane: area}, text="Brush", tool="brush"))

        timed("a stroke", stroke, STROKES)
        timed("undo", history.undo, 50)

        def hide_all() -> None:
            rois = session.structures.rois
            changes = tuple(
                AnswerChange(roi, dataclasses.replace(roi, visible=not roi.visible), i) for i, roi in enumerate(rois)
            )
            history.do(Step("Hide all", "properties", changes))

        timed("hide all", hide_all, 10)

        def model_result() -> None:
            now = session.structures
            fresh = tuple(
                dataclasses.replace(
                    roi,
                    number=now.next_number() + n,
                    planes={plane: PlaneContours(contours.area) for plane, contours in roi.planes.items()},
                )
                for n, roi in enumerate(loaded.rois)
            )
            history.do(add(now, fresh, text="Model", tool="model"))

        timed(f"a model's result, {ROIS * PLANES} contours", model_result, 3)
        found = recording.session_id
        journal = recording._ready()
        assert journal is not None
        journal.abandon()
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
        again = Session()
        restored = Recording(again, History(again), Path(folder))

        def put_back() -> None:
            journal = Journal.resume(found, Path(folder))
            restored.open(volume, volume, kept_in(journal, volume, About()), journal)

        timed("a session put back", put_back, 1)
        print(f"{size:.0f} MB on disk")
        restored.end()
        recording.end()


if __name__ == "__main__":
    main()
