"""Offers sessions back that a crash or a power cut left: a quiet bar above the panes, never a dialog in the way."""

from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton

from engine.errors import MismatchError, PlanimeterError, ReadError
from engine.journal import SessionRecord, discard, unfinished
from engine.progress import Progress, part
from engine.stored.read import read_series
from engine.stored.scan import scan
from engine.volume import Volume
from viewer.jobs import Task, run_in_background, sentence_for
from viewer.widgets.main_window import MainWindow
from viewer.widgets.progress_bar import ProgressBar
from viewer.widgets.theme import ACCENT, RAISED


def install(window: MainWindow) -> None:
    """Look for such sessions once the window is up."""
    bar = RecoveryBar(window)
    middle = window.centralWidget()
    layout = middle.layout() if middle is not None else None
    assert isinstance(layout, QBoxLayout)
    layout.insertWidget(0, bar)
    QTimer.singleShot(0, bar, bar.look)


class RecoveryBar(QFrame):
    """One session at a time, the latest first: restore it, keep it for later, or close it for good."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.records: list[SessionRecord] = []
        self._task: Task | None = None
        self.setStyleSheet(f"RecoveryBar {{ background: {RAISED}; border-left: 3px solid {ACCENT}; }}")
        self.text = QLabel(self)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.progress = ProgressBar(self, worded=True)
        self.progress.setFixedWidth(220)
        self.restore_button = QPushButton("Restore", self)
        self.restore_button.setToolTip("Open its series again and put every step back, undo and redo included")
        self.later_button = QPushButton("Keep for later", self)
        self.later_button.setToolTip("Leave it; it is offered again at the next start")
        self.discard_button = QPushButton("Discard", self)
        self.discard_button.setToolTip("Close it for good; its journal stays on disk and is not offered again")
        self.restore_button.clicked.connect(self.restore)
        self.later_button.clicked.connect(self.later)
        self.discard_button.clicked.connect(self.discard)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.progress)
        for button in (self.restore_button, self.later_button, self.discard_button):
            layout.addWidget(button)
        self.hide()
        window.closing.connect(self._stop)

    def look(self) -> None:
        """Find the sessions, on a thread."""
        damaged: list[str] = []

        def found(records: list[SessionRecord]) -> None:
            for sentence in damaged:
                self._window.show_message(sentence, "warning")
            self.offer(records)

        run_in_background(lambda progress: unfinished(damaged=damaged.append), finished=found, parent=self)

    def offer(self, records: list[SessionRecord]) -> None:
        """Offer these sessions."""
        self.records = list(records)
        self._show()

    def _show(self) -> None:
        self.progress.setVisible(self._task is not None)
        for button in (self.restore_button, self.discard_button):
            button.setEnabled(self._task is None)
        self.later_button.setText("Keep for later" if self._task is None else "Stop")
        self.setVisible(bool(self.records))
        if self.records:
            more = f" ({len(self.records) - 1} more after this one.)" if len(self.records) > 1 else ""
            self.text.setText(describe(self.records[0], datetime.now(UTC)) + more)

    def _next(self) -> None:
        self.records = self.records[1:]
        self._show()

    # What the buttons do --------------------------------------------------------------------------------------------

    def later(self) -> None:
        """Leave the session for the next start; or stop restoring it."""
        if self._task is not None:
            self._task.cancel()
        else:
            self._next()

    def discard(self) -> None:
        """Close the session in its journal."""
        try:
            discard(self.records[0].id)
        except PlanimeterError as error:
            self._window.show_message(str(error), "error")
        self._next()

    def restore(self) -> None:
        """Open the series of the session and put its steps back."""
        record = self.records[0]
        if not self._window.may_leave():
            return
        self._task = run_in_background(
            lambda progress: _read(record, progress),
            progressed=self.progress.show_part,
            finished=lambda volumes: self._put_back(record, volumes),
            failed=self._failed,
            cancelled=lambda: self._failed(""),
            parent=self,
        )
        self.progress.show_part(0.0, "Opening its series")
        self._show()

    def _put_back(self, record: SessionRecord, volumes: list[Volume]) -> None:
        self._task = None
        reason = ""
        for volume in volumes:
            self._window.session.open(volume)
            try:
                self._window.recording.restore(record.id)
            except MismatchError as error:
                reason = str(error)
                continue
            except Exception as error:
                reason = sentence_for(error)
            else:
                reason = ""
                self._window.show_message(f"The session was put back with its {record.steps} steps.")
            break
        if reason:
            self._failed(reason)
        else:
            self._next()

    def _failed(self, sentence: str) -> None:
        """The session stays on offer."""
        self._task = None
        if sentence:
            self._window.show_message(f"The session could not be put back: {sentence}", "error")
        self._show()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()


def describe(record: SessionRecord, now: datetime) -> str:
    """The session in one sentence."""
    minutes = max(0, round((now - record.last).total_seconds() / 60))
    if minutes < 60:
        ago = f"{minutes} min ago" if minutes else "just now"
    elif minutes < 48 * 60:
        ago = f"{minutes // 60} h ago"
    else:
        ago = f"{minutes // (24 * 60)} days ago"
    steps = f"{record.steps} step{'' if record.steps == 1 else 's'}"
    return f"A session was not closed: {record.subject.label or 'a series'}, {steps}, last {ago} by {record.user}."


def _read(record: SessionRecord, progress: Progress) -> list[Volume]:
    """The series that the session may belong to: more than one where a UID stands for several stacks of planes.

    Raises:
        ReadError: its files are gone, or hold other series now.
    """
    paths = [Path(source) for source in record.subject.sources]
    gone = [path for path in paths if not path.exists()]
    if gone or not paths:
        where = str(gone[0]) if gone else "unknown"
        raise ReadError(f"its images are not where they were ({where}); bring them back, then restore it.")
    catalogue = scan(paths, part(progress, 0.0, 0.3))
    found = [series for series in catalogue.images() if series.info.series_uid == record.subject.series_uid]
    if not found:
        raise ReadError(f"its series is not in {paths[0]} any more; bring it back, then restore it.")
    share = 0.7 / len(found)
    return [
        read_series(series, part(progress, 0.3 + share * n, 0.3 + share * (n + 1))) for n, series in enumerate(found)
    ]
