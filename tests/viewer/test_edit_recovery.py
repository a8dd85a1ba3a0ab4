"""A window that is killed while someone draws loses nothing: the session is offered back, whole."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.edits import Direction, replay
from engine.journal import Journal, Kind, unfinished
from engine.opening import open_volume
from engine.structures import StructureSet
from tests.viewer.hand import Hand
from viewer.features.recovery import RecoveryBar
from viewer.session import View

STROKES = 14

#: Draws, undoes and redoes by mouse and keys, the same each time; says what stands after each step.
VICTIM = f"""
import sys
from pathlib import Path
import numpy as np
from PySide6.QtCore import Qt
from engine.opening import open_volume
from engine.structures import StructureSet
from tests.viewer.hand import CTRL, Hand
from tests.viewer.test_edit_recovery import digest
from viewer.session import View

hand = Hand()
hand.open(open_volume(Path(sys.argv[1])))
steps = np.random.default_rng(7)
for stroke in range({STROKES}):
    if stroke % 5 == 4:
        hand.key(Qt.Key.Key_Z, CTRL)
    elif stroke == 10:
        hand.key(Qt.Key.Key_Z, CTRL)
        print(digest(hand.session.structures), flush=True)
        hand.key(Qt.Key.Key_Y, CTRL)
    elif stroke == 6:
        hand.key(Qt.Key.Key_Delete)
    else:
        hand.key((Qt.Key.Key_B, Qt.Key.Key_B, Qt.Key.Key_E)[stroke % 3])
        start = np.array([250.0, 300.0]) + steps.uniform(-20, 60, 2)
        path = start + np.cumsum(steps.uniform(-8, 12, (8, 2)), axis=0)
        hand.drag(View.AXIAL, hand.on_plane(path))
    print(digest(hand.session.structures), flush=True)
print("done", flush=True)
"""


def digest(structures: StructureSet) -> str:
    """All contours, bit for bit."""
    return json.dumps(
        [
            [roi.number, roi.name, roi.provenance.edited, [[k, c.area.wkb_hex] for k, c in roi.planes.items()]]
            for roi in structures.rois
        ]
    )


@pytest.fixture(scope="module")
def image(shared_data: Path) -> Path:
    return sorted((shared_data / "openkbp" / "train" / "imagesTr").glob("*.nii.gz"))[3]


def start(image: Path, data: Path) -> subprocess.Popen:
    environment = {**os.environ, "PLANIMETER_DATA": str(data), "PLANIMETER_SETTINGS": str(data / "settings.ini")}
    return subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(image)], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_a_killed_window_comes_back_whole_at_the_stroke_that_was_on_its_way(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: object
) -> None:
    whole = start(image, tmp_path / "whole")
    output, _ = whole.communicate(timeout=120)
    *states, done = output.splitlines()
    assert done == "done" and len(set(states)) > STROKES // 2
    states = ["[]", *states]

    volume = open_volume(image)
    chance = random.Random(11)
    for trial in range(2):
        data = tmp_path / f"killed {trial}"
        victim = start(image, data)
        assert victim.stdout is not None
        seen = [victim.stdout.readline().strip() for _ in range(chance.randrange(1, STROKES - 2))]
        time.sleep(chance.uniform(0.0, 0.15))
        victim.send_signal(signal.SIGKILL)
        seen += [line.strip() for line in victim.stdout]
        victim.wait()
        assert seen == states[1 : len(seen) + 1]

        monkeypatch.setenv("PLANIMETER_DATA", str(data))
        (record,) = unfinished()
        assert record.subject.sources == (str(image),) or record.subject.series_uid
        journal = Journal.resume(record.id)
        saved = journal.replay(volume.geometry)
        journal.abandon()
        document, finished, undone = replay(saved.base, saved.steps)
        structures = document.structures
        # Between the step on disk and its line on the pipe there is a moment.
        assert digest(structures) in states[len(seen) : len(seen) + 2]
        applied = sum({Direction.DO: 1, Direction.REDO: 1, Direction.UNDO: -1}[way] for way, _ in saved.steps)
        assert len(finished) == applied

    hand = Hand()
    try:
        bar = hand.window.findChild(RecoveryBar)
        hand.wait_until(lambda: bool(bar.records))
        bar.restore_button.click()
        hand.wait_until(lambda: not bar.records)
        assert digest(hand.session.structures) == digest(structures)
        assert hand.window.recording.session_id == record.id
        if undone:
            assert hand.history.redo_text == undone[-1].text
        hand.pane(View.AXIAL).setFocus()
        for step in reversed(finished):
            assert hand.history.undo_text == step.text
            hand.history.undo()
        assert digest(hand.session.structures) == "[]" and not hand.history.undo_text
        kinds = [entry.kind for entry in hand.window.recording.entries()]
        assert kinds.count(Kind.RESUMED) == 1 and kinds[-1] is Kind.UNDO, "the same journal goes on"
    finally:
        hand.close()
    assert unfinished() == []
