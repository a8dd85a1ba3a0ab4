"""The menu of a structure of another series that is seen on the open one: what it is, and a copy of it to change."""

from PySide6.QtCore import QObject, QPoint

from engine.errors import PlanimeterError
from engine.structures import Roi
from engine.volume import Volume
from viewer.companions import Companion
from viewer.edits.companions import add_copy, drawn_on
from viewer.jobs import LatestTask
from viewer.widgets.companions_list import CompanionsList
from viewer.widgets.context_menu import popup_menu
from viewer.widgets.main_window import MainWindow
from viewer.widgets.structures_model import swatch


def install(window: MainWindow) -> None:
    """Give the rows of other series their menu."""
    CompanionMenu(window)


class CompanionMenu(QObject):
    """Opens the menu, and copies on a thread. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._task = LatestTask(self, lambda told: window.show_message(told, "error"))
        rows = window.findChild(CompanionsList)
        assert isinstance(rows, CompanionsList), "every window has the list"
        rows.asked.connect(self._open)
        window.session.volume_changed.connect(self._task.stop)
        window.closing.connect(self._task.stop)

    def _open(self, companion: Companion, number: int | None, at: QPoint) -> None:
        volume = self._window.session.volume
        if volume is None:
            return
        roi = companion.structures[number] if number is not None else None
        title = f"Structures of {companion.name}" if roi is None else f"{roi.name} of {companion.name}"
        menu = popup_menu(self._window, title, None if roi is None else swatch(roi.colour))
        other = companion.info.series_uid != volume.info.series_uid
        told = f"Drawn on {companion.name}: open that to edit it" if other else "Read from a file to be compared with"
        menu.addAction(told.replace("&", "&&")).setEnabled(False)
        if roi is not None:
            menu.addAction("Copy onto this series").triggered.connect(lambda: self.copy(companion, roi))
        menu.popup(at)

    def copy(self, companion: Companion, roi: Roi) -> None:
        """Draw a structure of another series on the open one's planes, as one step."""
        volume = self._window.session.volume
        assert volume is not None, "asked for with a series open"
        self._task.run(
            lambda progress: drawn_on(companion, roi, volume, progress),
            lambda copy: self._take(companion, roi, copy, volume),
        )

    def _take(self, companion: Companion, roi: Roi, copy: Roi, volume: Volume) -> None:
        window = self._window
        if window.session.volume is not volume:
            return
        try:
            made = add_copy(window.session, window.history, copy, companion.name)
        except PlanimeterError as error:
            window.show_message(str(error))
            return
        there, here = roi.size(companion.structures.geometry), made.size(volume.geometry)
        left = " Its points and open contours stayed there." if roi.loose else ""
        window.show_message(
            f"{made.name} was copied from {companion.name}: {here:.2f} cm³ on these planes, {there:.2f} cm³ there. "
            f"Later changes there do not come here.{left}"
        )
