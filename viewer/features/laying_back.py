"""The layers that lay over a series come back with it, read again from their files."""

from typing import Any

from PySide6.QtCore import QObject, QTimer

from engine.progress import Progress
from viewer.features.opening import Opener
from viewer.jobs import Task, run_in_background
from viewer.left_layers import LaidBack, LeftLayer, from_json, kept_layers, read_layers
from viewer.widgets.main_window import MainWindow


class LayingBack(QObject):
    """Lays over the open series what lay there when it was left. What fails is told, and the series stays open."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._coming: tuple[LeftLayer, ...] = ()
        self._task: Task | None = None
        window.session.volume_changed.connect(self._stop)
        window.closing.connect(self._stop)

    def now(self) -> list[dict[str, Any]]:
        """The layers over the open series, in JSON; with those that are still being read."""
        shown = kept_layers(self._window.session.layers)
        return [layer.as_json() for layer in (*shown, *self._coming)]

    def put_back(self, held: object) -> None:
        """Read the layers that `now` gave, and lay them over the open series, but for those that lie there."""
        there = self._window.session.layers
        self._coming = tuple(left for left in from_json(held) if not any(left.shown_by(layer) for layer in there))
        if self._coming:
            # The list of studies is filled a moment after the series is on the screen.
            QTimer.singleShot(0, self, self._begin)

    def _begin(self) -> None:
        wanted, volume = self._coming, self._window.session.volume
        opener = self._window.findChild(Opener)
        if volume is None or not wanted:
            return
        assert isinstance(opener, Opener), "every window can open"
        listed = opener.tree.series

        def work(progress: Progress) -> LaidBack:
            return read_layers(wanted, listed, volume, progress)

        def finished(back: LaidBack) -> None:
            if self._task is task:
                for catalogue in back.catalogues:
                    opener.tree.show_catalogue(catalogue)
                opener.mark_open()
                self._lay(back)

        def ended(sentence: str = "") -> None:
            if self._task is task:
                self._coming = ()
                if sentence:
                    self._window.show_message(sentence, "error")

        self._task = task = run_in_background(work, finished=finished, failed=ended, cancelled=ended, parent=self)
        opener.loading.follow(task, f"Reading {wanted[0].label}")

    def _lay(self, back: LaidBack) -> None:
        session = self._window.session
        self._coming = ()
        for layer in back.layers:
            # A person may have laid it there meanwhile.
            if not any(there.shows(layer.volume) for there in session.layers):
                session.add_layer(layer)
        for problem in back.problems:
            self._window.show_message(problem, "warning")

    def _stop(self) -> None:
        self._coming = ()
        if self._task is not None:
            self._task.cancel()
            self._task = None
