"""The unit of an image's values, where its file gives them in several: such as activity and SUV of a PET.

Choosing another reads the image anew; structures, undo and journal stay.
"""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu

from engine.later import later
from engine.progress import Progress
from engine.resample import onto_regular_grid
from engine.volume import Volume
from viewer.features.opening import Opener
from viewer.jobs import Task, run_in_background
from viewer.looks import layer_over
from viewer.widgets.layers_panel import LayersPanel
from viewer.widgets.main_window import MainWindow

if TYPE_CHECKING:
    from engine.stored import read
else:
    read = later("engine.stored.read")


def install(window: MainWindow) -> None:
    """Add the View menu's entry, and answer the rows of the Layers panel."""
    opener, layers = window.findChild(Opener), window.findChild(LayersPanel)
    assert isinstance(opener, Opener) and isinstance(layers, LayersPanel), "opening and viewing come first"
    Units(window, opener, layers)


class Units(QObject):
    """Reads a layer in the unit that is chosen. A child of the window."""

    def __init__(self, window: MainWindow, opener: Opener, layers: LayersPanel) -> None:
        super().__init__(window)
        self._window, self._opener = window, opener
        self._task: Task | None = None
        self.menu: QMenu = window.menu("View").addMenu("Values in")
        layers.units_wanted.connect(self.choose)
        window.session.volume_changed.connect(self._show)
        window.closing.connect(self._stop)
        self._show()

    def _show(self) -> None:
        """Offer the units of the open series."""
        volume = self._window.session.volume
        self.menu.clear()
        self.menu.setEnabled(volume is not None and bool(volume.other_units))
        if volume is None:
            return
        now = self.menu.addAction(volume.units or "no unit")
        now.setCheckable(True)
        now.setChecked(True)
        now.setEnabled(False)
        for name in volume.other_units:
            self.menu.addAction(name).triggered.connect(partial(self.choose, 0, name))

    def choose(self, index: int, units: str, _: bool = False) -> None:
        """Read a layer, the base being 0, in another unit and show that in its place."""
        self._stop()
        before = self._window.session.layers[index].volume
        series = next((series for series in self._opener.tree.series if series.info == before.info), None)
        if series is None:
            self._window.show_message("Its files are not in the list of studies any more; open their folder first.")
            return

        def work(progress: Progress) -> tuple[Volume, Volume]:
            volume = read.read_series(series, progress, units)
            return volume, onto_regular_grid(volume)

        def finished(result: tuple[Volume, Volume]) -> None:
            if self._task is task:
                self._exchange(before, *result)

        self._task = task = run_in_background(work, finished=finished, failed=self._window.show_message, parent=self)
        self._opener.loading.follow(task, f"Reading {read.name_of(series)} in {units}")

    def _exchange(self, before: Volume, volume: Volume, display: Volume) -> None:
        session, recording = self._window.session, self._window.recording
        place = next((index for index, layer in enumerate(session.layers) if layer.volume is before), None)
        if place is None:
            return
        if place:
            old = session.layers[place]
            new = layer_over(volume, display, old.transform)
            session.exchange_layer(
                place, replace(new, colour_map=old.colour_map, opacity=old.opacity, visible=old.visible)
            )
            return
        kept = recording.current()
        assert kept is not None, "the base is an open series"
        recording.open(volume, display, kept)
        self._opener.mark_open()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
