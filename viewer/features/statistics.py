"""What a structure amounts to: its size, its extent, and the grey values in it on every image that is shown."""

from PySide6.QtCore import QObject

from engine.progress import Progress
from engine.structure_values import greys, sizes
from engine.structures import Roi
from engine.volume import Geometry
from viewer.jobs import LatestTask
from viewer.layers import Layer
from viewer.measured import number_text
from viewer.widgets.main_window import MainWindow
from viewer.widgets.structure_statistics import Row, StructureStatistics


def install(window: MainWindow) -> None:
    """Add the entry to the Structures menu."""
    Statistics(window)


class Statistics(QObject):
    """Computes on a thread and shows the table. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._task = LatestTask(self, lambda told: window.show_message(told, "error"))
        self.dialog = StructureStatistics(window)
        window.add_action(
            "Structures", "Statistics…", self.show, shortcut="Ctrl+Shift+T", for_series=True,
            tip="Size, extent, and mean, SD and extremes of the grey values in the active structure",
        )  # fmt: skip
        window.session.volume_changed.connect(self._forget)
        window.closing.connect(self._task.stop)

    def show(self, number: int | None = None) -> None:
        """Show the table of a structure; of the active one by default."""
        session = self._window.session
        number = session.active if number is None else number
        structures, volume = session.structures, session.volume
        if structures is None or volume is None or number is None or number not in structures:
            self._window.show_message("Choose a structure with contours first.")
            return
        roi = structures[number]
        if roi.is_empty:
            self._window.show_message(f"{roi.name} has no contours yet, so there is nothing to measure.")
            return
        layers = tuple(layer for layer in session.layers if layer.visible and not layer.derived)
        self._task.run(
            lambda progress: _rows(roi, layers, volume.geometry, progress),
            lambda rows: self.dialog.show_rows(f"{roi.name}, as it is now", rows),
        )

    def _forget(self) -> None:
        self._task.stop()
        self.dialog.hide()


def _rows(roi: Roi, layers: tuple[Layer, ...], geometry: Geometry, progress: Progress) -> list[Row]:
    rows = [(value.name, number_text(value)) for value in sizes(roi, geometry)]
    for layer in layers:
        values = greys(roi, geometry, layer.volume, layer.transform, progress)
        if values:
            rows += [(layer.name, ""), *((value.name, number_text(value)) for value in values)]
    return rows
