"""Sessions that a crash left are offered back, whole."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from engine.journal import About, SessionRecord, State, Subject, recent, unfinished
from engine.stored.read import read_series
from engine.stored.scan import scan
from tests.synthetic import make_geometry, make_voxels, write_series
from tests.viewer.hand import click_in_next_box
from viewer.features import recovery, sessions
from viewer.features.recovery import RecoveryBar
from viewer.features.sessions import Sessions, describe
from viewer.layers import Window

#: Opens a series, draws on it, and is killed without a chance to clean up.
VICTIM = """
import os, signal, sys
from pathlib import Path
from shapely import MultiPolygon, box
from engine.opening import open_volume
from engine.structures import PlaneContours, Roi
from viewer.history import History, add, redraw
from viewer.recording import Recording
from viewer.session import Session

session = Session()
history = History(session)
recording = Recording(session, history)
session.open(open_volume(Path(sys.argv[1]), sys.argv[2] or None))
planes = {1: PlaneContours(MultiPolygon([box(2, 2, 9, 9)]))}
history.do(add(session.structures, (Roi(1, "Parotid_L", planes=planes),), text="Draw", tool="polygon"))
history.do(redraw(session.structures[1], {2: MultiPolygon([box(3, 3, 7, 7)])}, text="Brush", tool="brush"))
session.mark_seen(frozenset({(1, 2)}))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def series(tmp_path: Path) -> Path:
    folder = tmp_path / "series"
    folder.mkdir()
    geometry = make_geometry((5, 16, 20))
    write_series(folder, make_voxels(geometry.shape), geometry)
    return folder


def work_and_die(folder: Path, uid: str = "") -> None:
    """A session on a series, whose process is killed."""
    command = [sys.executable, "-c", VICTIM, str(folder), uid]
    assert subprocess.run(command, check=False, env={**os.environ}).returncode == -signal.SIGKILL


@pytest.fixture
def left_behind(series: Path) -> Path:
    """The series of a session whose process was killed."""
    work_and_die(series)
    return series


@pytest.fixture
def window(qtbot: QtBot) -> Any:
    from viewer.features.application import create_application
    from viewer.widgets.main_window import MainWindow

    create_application()
    window = MainWindow()
    sessions.install(window)
    recovery.install(window)
    with qtbot.waitExposed(window):
        window.show()
    yield window
    window.close()
    window.deleteLater()


def test_a_killed_session_comes_back_with_its_undo_and_its_marks(qtbot: QtBot, left_behind: Path, window: Any) -> None:
    bar = window.findChild(RecoveryBar)
    qtbot.waitUntil(bar.isVisible)
    assert "2 steps" in bar.text.text()
    bar.restore_button.click()
    qtbot.waitUntil(lambda: not bar.isVisible(), timeout=10_000)
    session = window.session
    assert [roi.name for roi in session.structures.rois] == ["Parotid_L"]
    assert sorted(session.structures[1].planes) == [1, 2]
    assert session.marked_seen == {(1, 2)}
    window.history.undo()
    assert sorted(session.structures[1].planes) == [1]
    window.close()
    assert unfinished() == []


def test_leaving_the_window_gives_no_less_than_a_crash(qtbot: QtBot, left_behind: Path, window: Any) -> None:
    bar, sessions = window.findChild(RecoveryBar), window.findChild(Sessions)
    qtbot.waitUntil(bar.isVisible)
    bar.restore_button.click()
    qtbot.waitUntil(lambda: window.session.volume is not None and not bar.isVisible(), timeout=10_000)
    window.history.undo()
    window.session.move_cursor((3.0, 4.0, 0.0))
    window.session.set_window(Window(11.0, 222.0))
    left = window.session.left()
    window.recording.end()

    window.session.close()
    sessions.refresh()
    qtbot.waitUntil(lambda: bool(sessions.records))
    (record,) = sessions.records
    assert (record.state, record.about.patient_id) == (State.LEFT, "SYN-1")
    assert not bar.isVisible(), "what was closed on purpose is not pressed on anybody"
    (entry,) = [action.text() for action in window.menu("File").findChildren(QMenu)[0].actions()]
    assert "Phantom Synthetic" in entry and "3 steps, not exported, just now" in entry
    sessions.choose(record)
    qtbot.waitUntil(lambda: window.session.volume is not None, timeout=10_000)
    now = window.session.left()
    assert (now.cursor_lps, now.window, now.seen) == (left.cursor_lps, left.window, left.seen)
    assert [sorted(roi.planes) for roi in now.document.structures.rois] == [[1]]
    assert window.history.redo_text == "Brush"


def test_an_open_series_is_offered_its_own_session_and_no_other(
    qtbot: QtBot, left_behind: Path, tmp_path: Path, window: Any
) -> None:
    bar = window.findChild(RecoveryBar)
    qtbot.waitUntil(bar.isVisible)
    (own,) = scan([left_behind]).images()
    volume = read_series(own)
    window.session.open(replace(volume, info=replace(volume.info, series_uid="1.9")))
    qtbot.waitUntil(lambda: not bar.isVisible())
    window.session.open(volume)
    qtbot.waitUntil(bar.isVisible)
    bar.silence()
    assert not bar.isVisible()


def test_of_two_stacks_with_one_uid_the_right_one_is_opened(qtbot: QtBot, series: Path, window: Any) -> None:
    other = make_geometry((5, 16, 20), origin=(0, 0, 300), directions=((1, 0, 0), (0, 0, 1), (0, -1, 0)))

    def another_image(ds: Any, plane: int) -> None:
        ds.SOPInstanceUID = f"{ds.SOPInstanceUID[:50]}.{plane + 100}"

    names = [f"9{plane}.dcm" for plane in range(5)]
    write_series(series, make_voxels(other.shape, seed=1), other, names=names, edit=another_image)
    stacks = list(scan([series]).series())
    assert len(stacks) == 2
    assert stacks[0].info.series_uid == stacks[1].info.series_uid
    work_and_die(series, stacks[1].uid)
    expected = read_series(stacks[1]).geometry
    bar = window.findChild(RecoveryBar)
    bar.look()
    qtbot.waitUntil(bar.isVisible)
    bar.restore_button.click()
    qtbot.waitUntil(lambda: not bar.isVisible(), timeout=10_000)
    assert window.session.volume.geometry.same_grid(expected)
    assert sorted(window.session.structures[1].planes) == [1, 2]


def test_keep_for_later_offers_it_again_and_discard_does_not(qtbot: QtBot, left_behind: Path, window: Any) -> None:
    bar = window.findChild(RecoveryBar)
    qtbot.waitUntil(bar.isVisible)
    bar.later_button.click()
    assert not bar.isVisible()
    bar.look()
    qtbot.waitUntil(bar.isVisible)
    click_in_next_box("Keep")
    bar.discard_button.click()
    assert bar.isVisible() and len(unfinished()) == 1
    click_in_next_box("Discard")
    bar.discard_button.click()
    assert not bar.isVisible()
    assert unfinished() == [] and recent() == []


def test_a_session_whose_images_are_gone_stays_on_offer(qtbot: QtBot, left_behind: Path, window: Any) -> None:
    left_behind.rename(left_behind.with_name("elsewhere"))
    bar = window.findChild(RecoveryBar)
    qtbot.waitUntil(bar.isVisible)
    bar.restore_button.click()
    qtbot.waitUntil(lambda: any("not where they were" in s for s in window.messages.sentences))
    assert bar.isVisible()
    assert bar.restore_button.isEnabled()
    left_behind.with_name("elsewhere").rename(left_behind)
    bar.restore_button.click()
    qtbot.waitUntil(lambda: not bar.isVisible(), timeout=10_000)
    assert window.session.volume is not None


def test_nothing_left_behind_shows_nothing(qtbot: QtBot, window: Any) -> None:
    qtbot.wait(200)
    assert not window.findChild(RecoveryBar).isVisible()


@pytest.mark.parametrize(
    ("ago", "words"), [(0.4, "just now"), (25, "25 min ago"), (300, "5 h ago"), (9000, "6 days ago")]
)
def test_the_offer_says_what_and_when(ago: float, words: str) -> None:
    now = datetime.now(UTC)
    last = now - timedelta(minutes=ago)
    subject, about = Subject("1.2", "1", "CT · 20260101 · HN", ()), About("DOE^JANE", "4711")
    record = SessionRecord("1", subject, "kim", "0", last, last, 1, False, State.LOST, about)
    name = "DOE JANE · CT · 2026-01-01 · HN"
    assert describe(record, now) == f"A session was not closed: {name}, 1 step, last {words} by kim."
