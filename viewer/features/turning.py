"""Oblique planes: the crosshair's handles turn them, a key turns them back."""

from PySide6.QtCore import QObject
from PySide6.QtGui import QKeySequence

from viewer.widgets.main_window import MainWindow

_KEY = "Shift+T"


def install(window: MainWindow) -> None:
    """Add the way back to the View menu."""
    Turning(window)


class Turning(QObject):
    """Says how one comes back. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._was_turned = False
        self.action = window.add_action(
            "View",
            "Reset orientation",
            lambda: window.session.turn(None),
            shortcut=_KEY,
            for_series=True,
            tip="Turn oblique planes back to those of the series; the handles on the crosshair turn them, "
            "with Shift in steps of 5°",
        )
        window.session.turned_changed.connect(self._changed)
        window.session.volume_changed.connect(self._changed)

    def _changed(self) -> None:
        turned = self._window.session.turned is not None
        if turned and not self._was_turned:
            key = QKeySequence(_KEY).toString(QKeySequence.SequenceFormat.NativeText)
            self._window.show_message(f"Oblique planes are for seeing and measuring: {key} turns them back.")
        self._was_turned = turned
