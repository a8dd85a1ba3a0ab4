"""The start screen, and what menus end with: Quit and About."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMessageBox

from engine import __version__
from engine.later import later
from viewer.features.opening import Opener
from viewer.features.sessions import Sessions, name_of, state_of
from viewer.jobs import run_in_background
from viewer.widgets.main_window import MainWindow
from viewer.widgets.settings import recent_places
from viewer.widgets.start_screen import Row, StartScreen

if TYPE_CHECKING:
    from engine import demo
else:
    demo = later("engine.demo")

_MOST_SESSIONS = 6


def install(window: MainWindow) -> None:
    """Cover the views while nothing is open; to be installed last."""
    opener, sessions = window.findChild(Opener), window.findChild(Sessions)
    assert isinstance(opener, Opener) and isinstance(sessions, Sessions), (
        "every window can open, and knows its sessions"
    )
    Starting(window, opener, sessions)


class Starting(QObject):
    """Fills the start screen. A child of the window."""

    def __init__(self, window: MainWindow, opener: Opener, sessions: Sessions) -> None:
        super().__init__(window)
        self._window, self._opener, self._sessions = window, opener, sessions
        add, file = window.add_action, window.menu("File")
        built_in = add(
            "Help", "Open the built-in study", self.open_built_in, tip="An average of many that shows nobody"
        )
        add("Help", "About Planimeter", lambda: show_about(window), tip="Version, licence, and what it is not for")
        file.addSeparator()
        add("File", "Quit", window.close, shortcut="Ctrl+Q", tip="Close Planimeter; every session is kept")
        ways = [action for action in file.actions() if action.text().startswith("Open")]
        self.screen = StartScreen(window.panes, [*ways, built_in])
        sessions.changed.connect(self._fill)
        window.session.volume_changed.connect(self._show)
        self._fill()
        self._show()

    def open_built_in(self) -> None:
        """Write the built-in study where it isn't yet, and open it."""

        def written(folder: Path) -> None:
            self._opener.open_paths([folder], show=True)

        failed = partial(self._window.show_message, level="error")
        run_in_background(lambda progress: demo.built_in_study(), finished=written, failed=failed, parent=self)

    def _show(self) -> None:
        nothing = self._window.session.volume is None
        if nothing:
            self._fill()
            self.screen.raise_()
        self.screen.setVisible(nothing)

    def _fill(self) -> None:
        if self._window.session.volume is not None:
            return
        now = datetime.now(UTC)
        sessions = [
            Row(
                name_of(record),
                state_of(record, now),
                "Open its series again and put every step back, undo and redo included",
                partial(self._sessions.go_on, record),
                partial(self._sessions.discard, record),
            )
            for record in self._sessions.records[:_MOST_SESSIONS]
        ]
        places = [
            Row(path.name or str(path), str(path.parent), "Open it", partial(self._open, path))
            for path in recent_places()
        ]
        self.screen.show_lists((("Continue", sessions), ("Opened lately", places)))

    def _open(self, path: Path) -> None:
        self._opener.open_paths([path], show=True)


def show_about(window: MainWindow) -> None:
    """Say what this is."""
    box = QMessageBox(QMessageBox.Icon.NoIcon, "About Planimeter", "", parent=window)
    box.setText(f"Planimeter {__version__}")
    box.setInformativeText(
        "Contours CT, MR and PET studies, and exports RTSTRUCT that is read back and compared with the screen.\n\n"
        "For research only. Not a medical device. Every contour needs a clinician's eye.\n\nApache License 2.0. "
        "It sends nothing anywhere."
    )
    box.open()
