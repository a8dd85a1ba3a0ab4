"""Offers a session back: one that a crash left, or one on the series that was opened. Never a dialog in the way."""

from datetime import UTC, datetime

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton

from engine.journal import SessionRecord, State
from viewer.features.sessions import Sessions, describe
from viewer.recording import Kept
from viewer.widgets.main_window import MainWindow
from viewer.widgets.progress_bar import ProgressBar
from viewer.widgets.theme import ACCENT, RAISED

#: The widest that the bar gets, and the room above it for what the views are called, px.
_WIDEST, _CAPTIONS = 900, 30


def install(window: MainWindow) -> None:
    """Lay the bar over the panes, below the captions of the upper ones."""
    sessions = window.findChild(Sessions)
    assert isinstance(sessions, Sessions), "every window knows the saved sessions"
    RecoveryBar(window, sessions)


class RecoveryBar(QFrame):
    """One session at a time, the latest first: continue it, keep it for later, or discard it.

    While nothing is open it offers what was not closed; over an open series only sessions on that series that hold
    work no file has. It takes no room of its own: the views stay where they are whenever it comes and goes.
    """

    def __init__(self, window: MainWindow, sessions: Sessions) -> None:
        super().__init__(window.panes)
        self._window, self._sessions = window, sessions
        self.records: list[SessionRecord] = []
        self._declined: set[str] = set()
        self._settled = ""
        self._quiet = False
        self.setStyleSheet(f"RecoveryBar {{ background: {RAISED}; border-left: 3px solid {ACCENT}; }}")
        self.text = QLabel(self)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.progress = ProgressBar(self, worded=True)
        self.progress.setFixedWidth(220)
        self.restore_button = QPushButton("Continue", self)
        self.restore_button.setToolTip("Open its series again and put every step back, undo and redo included")
        self.later_button = QPushButton("Keep for later", self)
        self.later_button.setToolTip("Leave it; File, Recent has it")
        self.discard_button = QPushButton("Discard…", self)
        self.discard_button.setToolTip("Give it up; its journal stays on disk and is not offered again")
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
        window.panes.installEventFilter(self)
        sessions.changed.connect(self._show)
        sessions.progressed.connect(self.progress.show_part)
        window.session.volume_changed.connect(self._on_volume)
        window.recording.put_back.connect(self._on_put_back)

    def look(self) -> None:
        """Look into the folder again, and offer also what was kept for later."""
        self._declined.clear()
        self._sessions.refresh()

    def silence(self) -> None:
        """Offer nothing from now on, so that a picture shows the study alone."""
        self._quiet = True
        self._show()

    # What the buttons do --------------------------------------------------------------------------------------------

    def later(self) -> None:
        """Leave the session where it is; or stop putting it back."""
        if self._sessions.busy:
            self._sessions.stop()
        else:
            self._declined.add(self.records[0].id)
            self._show()

    def discard(self) -> None:
        """Give the session up, after a question."""
        self._sessions.discard(self.records[0])

    def restore(self) -> None:
        """Open the series of the session and put its steps back."""
        self._sessions.choose(self.records[0])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Follow the edge."""
        if event.type() == QEvent.Type.Resize and watched is self.parentWidget():
            self._lay_out()
        return super().eventFilter(watched, event)

    # Inside ---------------------------------------------------------------------------------------------------------

    def _on_volume(self) -> None:
        self._settled = ""
        self._show()

    def _on_put_back(self, kept: Kept) -> None:
        # Where nothing had been done here, what was done elsewhere is still worth an offer.
        if kept.done or kept.undone:
            self._settled = kept.info.series_uid
        self._show()

    def _offers(self) -> list[SessionRecord]:
        records = [record for record in self._sessions.records if record.id not in self._declined]
        volume = self._window.session.volume
        if volume is None:
            return [record for record in records if not record.closed]
        uid = volume.info.series_uid
        if not uid or uid == self._settled:
            return []
        worth = (State.LOST, State.LEFT)
        return [record for record in records if record.subject.series_uid == uid and record.state in worth]

    def _show(self) -> None:
        busy = self._sessions.busy
        if not busy:
            self.records = [] if self._quiet else self._offers()
        self.progress.setVisible(busy)
        for button in (self.restore_button, self.discard_button):
            button.setEnabled(not busy)
        self.later_button.setText("Stop" if busy else "Keep for later")
        self.setVisible(busy or bool(self.records))
        if self.records:
            more = f" ({len(self.records) - 1} more after this one.)" if len(self.records) > 1 else ""
            self.text.setText(describe(self.records[0], datetime.now(UTC)) + more)
        else:
            self.text.setText("A session is being put back." if busy else "")
        self._lay_out()

    def _lay_out(self) -> None:
        panes = self._window.panes
        width = max(1, min(panes.width(), _WIDEST))
        top = _CAPTIONS if self._window.session.volume is not None else 0
        height = self.heightForWidth(width)
        self.setGeometry((panes.width() - width) // 2, top, width, height)
        self.raise_()
        self._window.messages.leave_room(0 if self.isHidden() else height)
