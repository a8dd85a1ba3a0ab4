"""The menus of the right button: on the contours in the views, and on the rows of the list of structures."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from PySide6.QtCore import QObject, QPoint, QPointF
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from engine.errors import PlanimeterError
from viewer.edits.clipboard import Clipboard
from viewer.features.approving import Approving
from viewer.features.editing import Editing
from viewer.features.groups import Groups
from viewer.features.layouts import Layouts
from viewer.features.menu_table import ENTRIES, Desk, Spot, copy_contour, paste_contour
from viewer.features.menu_table_3d import SPACE_ENTRIES
from viewer.features.statistics import Statistics
from viewer.features.styles import Styles
from viewer.features.volumes import Volumes
from viewer.tools.events import EventKind, ViewEvent
from viewer.tools.under import structure_under
from viewer.widgets.context_menu import Entry, fill_menu, popup_menu
from viewer.widgets.main_window import MainWindow
from viewer.widgets.plane_pane import PlanePane
from viewer.widgets.structures_model import swatch

Part = TypeVar("Part", bound=QObject)


def install(window: MainWindow) -> None:
    """Give the views and the list their menus."""
    Menus(window)


class Menus(QObject):
    """Opens the menus, by the mouse or a key. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._desk = Desk(
            window, _part(window, Editing), _part(window, Approving), _part(window, Layouts),
            _part(window, Statistics), _part(window, Styles), _part(window, Groups), _part(window, Volumes),
            Clipboard(window.session, window.history),
        )  # fmt: skip
        for text, slot, key, tip in (
            ("Copy the contour of this plane", lambda: self._for_active(copy_contour), "Ctrl+C",
             "Take what the active structure has on the plane of the crosshair"),
            ("Paste onto this plane", lambda: self._for_active(paste_contour), "Ctrl+V",
             "Add the contour that was copied to the active structure, on the plane of the crosshair"),
        ):  # fmt: skip
            window.add_action(
                "Structures", text, slot, shortcut=key, tip=tip, for_series=True, under="Contour of this plane"
            )
        window.add_action(
            "Structures", "Menu of the structure", self.open_by_key, shortcut="Shift+F10", for_series=True,
            tip="What can be done to the active structure here, as by the right button",
        )  # fmt: skip
        window.panes.asked.connect(self._on_contour)
        window.panes.three_d.asked.connect(self._on_space)
        self._desk.editing.structures.asked.connect(self._on_rows)

    def open_by_key(self) -> None:
        """Open the menu where the keys are: of the selected rows, or of the active structure at the crosshair."""
        focus, panel = QApplication.focusWidget(), self._desk.editing.structures
        if focus is not None and panel.isAncestorOf(focus):
            panel.ask_menu()
            return
        panes = self._window.panes
        pane = focus if isinstance(focus, PlanePane) else panes.planes.get(panes.read, panes.plane_panes[0])
        pane.ask_menu()

    # Inside ---------------------------------------------------------------------------------------------------------

    def _on_contour(self, event: ViewEvent, at: QPoint) -> None:
        session = self._window.session
        # By a key the menu is about what the other keys are about.
        under = None if event.kind is EventKind.KEY else structure_under(session, event)
        roi = under if under is not None else session.active_roi
        self._open(Spot(self._desk, (roi.number,) if roi is not None else (), event.plane, event.point_lps), at)

    def _on_space(self, pixel: QPointF, at: QPoint) -> None:
        session, pane = self._window.session, self._window.panes.three_d
        if session.structures is not None:
            number, point_lps = pane.scene.at(*(pixel * pane.devicePixelRatioF()).toTuple())
            spot = Spot(self._desk, (number,) if number is not None else (), session.plane, point_lps)
            self._open(spot, at, SPACE_ENTRIES)

    def _on_rows(self, at: QPoint) -> None:
        session = self._window.session
        if session.structures is not None:
            self._open(Spot(self._desk, tuple(self._desk.editing.structures.selected), session.plane), at)

    def _open(self, spot: Spot, at: QPoint, entries: Sequence[Entry[Spot] | None] = ENTRIES) -> None:
        rois = spot.rois
        title = rois[0].name if len(rois) == 1 else f"{len(rois)} structures" if rois else "No structure here"
        menu = popup_menu(self._window, title, swatch(rois[0].colour) if len(rois) == 1 else None)
        actions = [action for group, action in self._window.listed_actions if group in ("Structures", "View")]
        native = QKeySequence.SequenceFormat.NativeText
        keys = {action.text(): action.shortcut().toString(native) for action in actions}
        fill_menu(menu, entries, spot, keys, self._attempt)
        menu.popup(at)

    def _attempt(self, work: Callable[[], object]) -> None:
        try:
            work()
        except PlanimeterError as error:
            self._window.show_message(str(error))

    def _for_active(self, work: Callable[[Spot], None]) -> None:
        session = self._window.session
        if session.active is None or session.active_roi is None:
            self._window.show_message("Choose a structure first.")
            return
        spot = Spot(self._desk, (session.active,), session.plane)
        self._attempt(lambda: work(spot))


def _part(window: MainWindow, kind: type[Part]) -> Part:
    part = window.findChild(kind)
    assert isinstance(part, kind), f"every window has its {kind.__name__}"
    return part
