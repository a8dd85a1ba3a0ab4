"""Layouts on keys, remembered by kind of study; the whole screen for the views; zoom to the structure."""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDockWidget, QToolBar, QWidget

from engine.structures import Roi
from engine.volume import Geometry
from viewer.widgets.layouts import LAYOUTS
from viewer.widgets.main_window import MainWindow
from viewer.widgets.settings import settings


def install(window: MainWindow) -> None:
    """Add the layouts to the View menu."""
    Layouts(window)


class Layouts(QObject):
    """Knows which layout each kind of study was last read in. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._kind = ""
        self._hidden: list[QWidget] = []
        add = window.add_action
        window.menu("View").addSeparator()
        for number, layout in enumerate(LAYOUTS, 1):
            add(
                "View", layout.title, partial(self.choose, layout.key), shortcut=f"Ctrl+{number}", tip=layout.tip,
                for_series=True,
            )  # fmt: skip
        self.full = add(
            "View",
            "Views alone on the screen",
            self._toggle_full,
            shortcut="Shift+F11",
            checkable=True,
            tip="Give the whole screen to the views, without panels; the same key brings the panels back",
        )
        add(
            "View",
            "Zoom to structure",
            self.zoom_to_structure,
            shortcut="Shift+Z",
            for_series=True,
            tip="Let the active structure fill the views",
        )
        window.session.volume_changed.connect(self._on_volume)

    def choose(self, key: str) -> None:
        """Lay the panes out so, and the next study of this kind too."""
        panes = self._window.panes
        if key == "beside" and len(self._window.session.layers) < 2:
            self._window.show_message(
                "There is one image only: lay another series over it first (right click on it in Studies)."
            )
            return
        panes.show_layout(key)
        if self._kind:
            settings().setValue(f"layout/{self._kind}", key)

    def zoom_to_structure(self, number: int | None = None) -> None:
        """Let a structure fill every view, with the crosshair in its middle; the active one by default."""
        session = self._window.session
        structures = session.structures
        number = session.active if number is None else number
        roi = structures[number] if structures is not None and number is not None and number in structures else None
        if roi is None or structures is None or roi.is_empty:
            self._window.show_message("Choose a structure with contours first.")
            return
        corners = _corners(roi, structures.geometry)
        session.move_cursor(corners.mean(axis=0))
        for pane in self._window.panes.plane_panes:
            pane.scene.zoom_to(corners)

    # Inside ---------------------------------------------------------------------------------------------------------

    def _on_volume(self) -> None:
        volume = self._window.session.volume
        kind = (volume.modality or "other") if volume is not None else ""
        if not kind or kind == self._kind:
            return
        self._kind = kind
        key = str(settings().value(f"layout/{kind}", ""))
        if key not in {"", "beside", self._window.panes.layout_shown.key}:
            self._window.panes.show_layout(key)

    def _toggle_full(self) -> None:
        window = self._window
        if self.full.isChecked():
            parts = [*window.findChildren(QDockWidget), *window.findChildren(QToolBar)]
            self._hidden = [part for part in (*parts, window.menuBar(), window.statusBar()) if part.isVisible()]
            for part in self._hidden:
                part.hide()
            window.showFullScreen()
            window.show_message("Shift+F11 brings the panels back.")
        else:
            window.showNormal()
            for part in self._hidden:
                part.show()
            self._hidden = []


def _corners(roi: Roi, geometry: Geometry) -> NDArray[np.float64]:
    """(n, 3) LPS mm of the corners of the boxes around a structure's contours."""
    out = []
    for plane, contours in roi.planes.items():
        if not contours.area.is_empty:
            u0, v0, u1, v1 = contours.area.bounds
            out.append(geometry.lps_from_plane(plane, [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]))
    return np.concatenate(out)
