"""Cine: the planes of a view one after the other, round and round."""

from functools import partial

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QActionGroup

from viewer.session import View
from viewer.widgets.main_window import MainWindow

#: Planes a second that can be chosen, and the first choice.
SPEEDS, USUAL = (5, 10, 20, 30), 10


def install(window: MainWindow) -> None:
    """Add it to the View menu."""
    Cine(window)


class Cine(QObject):
    """Scrolls the view that was read last. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._view = View.AXIAL
        self._timer = QTimer(self, interval=1000 // USUAL)
        self._timer.timeout.connect(self._next)
        self.action = window.add_action(
            "View",
            "Cine",
            self._toggle,
            shortcut="Ctrl+P",
            checkable=True,
            for_series=True,
            tip="Play through the planes of the view under the mouse; again to stop",
        )
        menu, group = window.menu("View").addMenu("Cine speed"), QActionGroup(self)
        for speed in SPEEDS:
            choice = menu.addAction(f"{speed} planes a second", partial(self.set_speed, speed))
            choice.setCheckable(True)
            choice.setChecked(speed == USUAL)
            group.addAction(choice)
        window.session.leaving.connect(self._stop)
        window.closing.connect(self._stop)

    def set_speed(self, planes_a_second: int) -> None:
        """Play so fast; slower where drawing takes longer."""
        self._timer.setInterval(1000 // planes_a_second)

    def _toggle(self) -> None:
        if self.action.isChecked():
            read = self._window.panes.read
            self._view = View.AXIAL if read is View.THREE_D else read
            self._timer.start()
        else:
            self._timer.stop()

    def _stop(self) -> None:
        self.action.setChecked(False)

    def _next(self) -> None:
        scene = self._window.panes.planes[self._view].scene
        if scene.frame is not None:
            scene.step(scene.frame.onward)
