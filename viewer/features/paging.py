"""Pictures that lie together, such as those of a folder, are paged through: the wheel, the arrows, Page Up and Down."""

from functools import partial

from PySide6.QtCore import QObject

from engine.stored.catalogue import Series
from viewer.features.opening import Opener
from viewer.session import View
from viewer.widgets.main_window import MainWindow
from viewer.widgets.typing import is_typing


def install(window: MainWindow) -> None:
    """Let the panes page."""
    opener = window.findChild(Opener)
    assert isinstance(opener, Opener), "every window has its opener"
    Paging(window, opener)


class Paging(QObject):
    """Opens the next picture of the same study, and says which of them is open. A child of the window."""

    def __init__(self, window: MainWindow, opener: Opener) -> None:
        super().__init__(window)
        self._window, self._opener = window, opener
        self._coming: Series | None = None
        window.panes.paged.connect(self.page)
        window.session.volume_changed.connect(self._tell)
        window.session.volume_changed.connect(self._take_keys)
        opener.scanned.connect(self._tell)
        opener.opened.connect(self._arrived)
        opener.failed.connect(self._arrived)
        add = window.add_action
        for text, key, pages in (("Next picture", "Ctrl+PgDown", 1), ("Previous picture", "Ctrl+PgUp", -1)):
            add("View", text, partial(self.page, pages), shortcut=key, tip=f"Open the {text.lower()}", for_series=True)

    def page(self, pages: int) -> None:
        """Open the picture so many on in the list; at its ends nothing happens."""
        pictures = self._pictures()
        # While one is on its way, the next is counted from there.
        here = self._place(pictures, self._coming)
        if here is None:
            return
        place = min(max(here + pages, 0), len(pictures) - 1)
        if place != here:
            self._coming = pictures[place]
            self._opener.open_series(pictures[place])

    def _pictures(self) -> list[Series]:
        """What there is to page through, in its order: the pictures of the study that is open."""
        volume = self._window.session.volume
        if volume is None or volume.geometry.in_patient:
            return []
        here = (volume.info.study_uid, volume.info.patient_id)
        return [
            series
            for series in self._opener.tree.series
            if series.handler.pages and not series.problem and (series.info.study_uid, series.info.patient_id) == here
        ]

    def _place(self, pictures: list[Series], coming: Series | None = None) -> int | None:
        volume = self._window.session.volume
        info = coming.info if coming is not None else volume.info if volume is not None else None
        return next((place for place, series in enumerate(pictures) if series.info == info), None)

    def _arrived(self, _: str = "") -> None:
        self._coming = None

    def _take_keys(self) -> None:
        """The Page keys page from the first picture on, wherever it was opened from."""
        volume = self._window.session.volume
        if volume is not None and not volume.geometry.in_patient and not is_typing():
            self._window.panes.planes[View.AXIAL].setFocus()

    def _tell(self) -> None:
        pictures = self._pictures()
        place = self._place(pictures)
        page = f"picture {place + 1} / {len(pictures)}" if place is not None and len(pictures) > 1 else ""
        pane = self._window.panes.planes[View.AXIAL]
        pane.scene.annotations.set_page(page)
        pane.update()
