"""Work on threads: where the signals arrive, and how a task ends."""

import threading
import time

import pytest
from pytestqt.qtbot import QtBot

from engine.errors import ReadError
from engine.progress import Progress
from viewer.jobs import Task, run_in_background


def test_every_signal_arrives_in_the_thread_of_the_window(qtbot: QtBot) -> None:
    threads: list[threading.Thread] = []

    def work(progress: Progress) -> int:
        threads.append(threading.current_thread())
        progress(0.5, "half")
        return 7

    results: list[int] = []
    task = Task(work)
    task.progressed.connect(lambda fraction, stage: threads.append(threading.current_thread()))
    task.finished.connect(lambda result: (results.append(result), threads.append(threading.current_thread())))
    with qtbot.waitSignal(task.ended, timeout=5000):
        task.start()
    assert results == [7]
    assert threads[0] is not threading.main_thread()
    assert threads[1:] == [threading.main_thread()] * 2


def test_cancel_ends_the_work_at_its_next_report(qtbot: QtBot) -> None:
    rounds = 0

    def work(progress: Progress) -> None:
        nonlocal rounds
        for rounds in range(10_000):  # noqa: B007
            progress(0.0, "turning")
            time.sleep(0.002)

    ends: list[str] = []
    task = run_in_background(work, finished=lambda _: ends.append("finished"), cancelled=lambda: ends.append("stopped"))
    qtbot.wait(20)
    with qtbot.waitSignal(task.ended, timeout=2000):
        task.cancel()
    assert ends == ["stopped"]
    assert rounds < 1000


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ReadError("The file is a letter, not an image."), "The file is a letter, not an image."),
        (OSError(28, "No space left on device", "/data/rt.dcm"), "No space left on device (/data/rt.dcm)."),
        (KeyError("Doe^Jane"), "KeyError"),
    ],
)
def test_an_error_becomes_one_sentence(
    qtbot: QtBot, caplog: pytest.LogCaptureFixture, error: Exception, expected: str
) -> None:
    def work(progress: Progress) -> None:
        raise error

    task = Task(work)
    with qtbot.waitSignal(task.failed, timeout=5000) as caught:
        task.start()
    assert expected in caught.args[0]
    assert "\n" not in caught.args[0]
    assert "Doe" not in caplog.text + caught.args[0]


def test_a_task_outlives_nothing_that_was_deleted(qtbot: QtBot) -> None:
    from PySide6.QtCore import QObject
    from shiboken6 import delete

    owner = QObject()
    go = threading.Event()
    task = run_in_background(lambda progress: go.wait(5), parent=owner)
    delete(owner)
    go.set()
    assert task.wait(5)


def test_work_that_reports_while_its_owner_goes_is_stopped_and_tells_nothing_more(qtbot: QtBot) -> None:
    from PySide6.QtCore import QObject
    from shiboken6 import delete

    owner, told, reporting = QObject(), [], threading.Event()

    def work(progress: Progress) -> None:
        while True:
            # The end is never held back, so that the thread emits all the time.
            progress(1.0, "on and on")
            reporting.set()

    task = run_in_background(
        work,
        parent=owner,
        progressed=lambda *report: told.append(report),
        cancelled=lambda: told.append("cancelled"),
    )
    assert reporting.wait(5)
    delete(owner)
    told.clear()
    assert task.wait(5)
    qtbot.waitUntil(lambda: not task.running)
    assert not told
