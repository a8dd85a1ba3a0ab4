"""Series of several volumes, such as the phases of a 4D CT: a slider shows any of them under the same structures.

What is chosen is read and laid right over the open volume, hiding it, with the same grey levels; structures, journal
and undo stay with the open volume, which is the one that models run on and export refers to. The bar says so.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QBoxLayout

from engine.later import later
from engine.progress import Progress
from engine.resample import onto_regular_grid
from engine.stored.catalogue import Series
from engine.volume import Volume
from viewer.features.opening import Opener
from viewer.jobs import Task, run_in_background
from viewer.layers import LayersChanged
from viewer.widgets.main_window import MainWindow
from viewer.widgets.phase_bar import PhaseBar

if TYPE_CHECKING:
    from engine.stored import read
else:
    read = later("engine.stored.read")


def install(window: MainWindow) -> None:
    """Add the bar under the banner."""
    opener = window.findChild(Opener)
    assert isinstance(opener, Opener), "every window has its opener"
    Phases(window, opener)


class Phases(QObject):
    """Fills the bar from the study tree, and shows what it stands on. A child of the window."""

    def __init__(self, window: MainWindow, opener: Opener) -> None:
        super().__init__(window)
        self._window, self._opener = window, opener
        self._members: list[Series] = []
        self._base = 0
        self._seen: Volume | None = None
        self._task: Task | None = None
        self.bar = PhaseBar()
        middle = window.banner.parentWidget()
        layout = middle.layout() if middle is not None else None
        assert isinstance(layout, QBoxLayout), "messages, banner and panes lie under each other"
        layout.insertWidget(layout.indexOf(window.banner) + 1, self.bar)
        self.bar.chosen.connect(self.show_member)
        self.bar.open_requested.connect(self._work_on)
        window.session.volume_changed.connect(self._on_volume)
        window.session.layers_changed.connect(self._on_layers)
        opener.scanned.connect(self._on_volume)
        window.closing.connect(self._stop)

    def show_member(self, place: int) -> None:
        """Show a volume of the series in place of the open one; the open one itself uncovers it."""
        self._stop()
        volume = self._window.session.volume
        if volume is None or not 0 <= place < len(self._members):
            return
        if place == self._base:
            self._uncover()
            return
        series = self._members[place]

        def work(progress: Progress) -> tuple[Volume, Volume]:
            volume = read.read_series(series, progress)
            return volume, onto_regular_grid(volume)

        def finished(result: tuple[Volume, Volume]) -> None:
            if self._task is task and self._window.session.volume is volume:
                self._cover(*result)

        def failed(sentence: str) -> None:
            if self._task is task:
                self._window.show_message(sentence, "error")
                self.bar.set_place(self._base)
                self._uncover()

        task = run_in_background(work, finished=finished, failed=failed, parent=self)
        self._task = task
        self._opener.loading.follow(task, f"Reading {read.name_of(series)}")

    @property
    def busy(self) -> bool:
        """True while a volume is being read."""
        return self._task is not None and self._task.running

    def _on_volume(self) -> None:
        volume = self._window.session.volume
        known = [series for series in self._opener.tree.series if series.is_image and not series.problem]
        own = next((series for series in known if volume is not None and _is_of(volume, series)), None)
        same = [s for s in known if own is not None and own.axis and s.axis == own.axis]
        members = [s for s in same if own is not None and s.info.series_uid == own.info.series_uid]
        members.sort(key=lambda series: series.order)
        base = members.index(own) if own in members else 0
        if (members, base) == (self._members, self._base):
            return
        self._stop()
        self._uncover()
        self._members, self._base = members, base
        self.bar.set_members(own.axis if own is not None else "", [series.member for series in members], self._base)

    def _on_layers(self, _: LayersChanged | None = None) -> None:
        """Keep the grey levels of what is seen those of the open volume, which the window's controls change."""
        session = self._window.session
        place = self._place()
        if self._seen is None or session.base is None:
            return
        if place is None:
            # It was taken away in the list of layers.
            self._seen = None
            self.bar.set_place(self._base)
            return
        base, layer = session.base, session.layers[place]
        session.change_layer(place, replace(layer, window=base.window, colour_map=base.colour_map))

    def _place(self) -> int | None:
        """Index of the layer that shows the chosen volume."""
        layers = self._window.session.layers
        return next((n for n, layer in enumerate(layers) if n and layer.volume is self._seen), None)

    def _cover(self, volume: Volume, display: Volume) -> None:
        self._uncover()
        session = self._window.session
        base = session.base
        assert base is not None, "shown over an open series"
        self._seen = volume
        session.add_layer(replace(base, volume=volume, display=display, opacity=1.0, visible=True))
        # Under what lies over the open volume, such as a PET.
        session.move_layer(len(session.layers) - 1, 1)

    def _uncover(self) -> None:
        self._seen = None
        session = self._window.session
        for place in reversed(range(1, len(session.layers))):
            # Also one that came back with a series that is opened again.
            volume = session.layers[place].volume
            if any(_is_of(volume, series) for series in self._members) and self._covers(place):
                session.remove_layer(place)

    def _covers(self, place: int) -> bool:
        base, layer = self._window.session.layers[0], self._window.session.layers[place]
        return (layer.opacity, layer.colour_map) == (1.0, base.colour_map)

    def _work_on(self) -> None:
        place = self.bar.slider.value()
        self._uncover()
        self.bar.set_place(self._base)
        self._opener.open_series(self._members[place])

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None


def _is_of(volume: Volume, series: Series) -> bool:
    """Whether a volume was read from a series; of files that name no modality its values may have told that."""
    return replace(volume.info, modality=series.info.modality) == series.info
