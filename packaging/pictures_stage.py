"""A window with the structures of a model, and a hand at its mouse and keys, for the pictures."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDockWidget, QWidget
from shapely import MultiPolygon

from engine.structures import Roi, StructureSet
from viewer.features.editing import Editing
from viewer.history import change, redraw
from viewer.session import View
from viewer.widgets.main_window import MainWindow
from viewer.widgets.plane_pane import PlanePane

NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SIZE = (1000, 680)
Places = Sequence[Sequence[float]]


class Stage:
    """A window with the structures of a model, and a hand at its mouse and keys.

    Args:
        window: shows the built-in study.
        save: writes a widget as a picture of a name.
        settle: lets what waits be drawn.
        until: lets the window work until something has happened.
        scratch: a folder for what is written on the way.
    """

    def __init__(
        self,
        window: MainWindow,
        save: Callable[[QWidget, str], None],
        settle: Callable[[], None],
        until: Callable[[Callable[[], bool], str], None],
        scratch: Path,
    ) -> None:
        self.window, self.save, self.settle, self.until, self.scratch = window, save, settle, until, scratch
        editing = window.findChild(Editing)
        assert editing is not None and window.session.structures is not None, "a series with structures is open"
        self.editing, self.box = editing, editing.toolbox
        self.session, self.history = window.session, window.history
        self.view = View.AXIAL

    @property
    def structures(self) -> StructureSet:
        """What is drawn now."""
        assert self.session.structures is not None, "a series is open"
        return self.session.structures

    @property
    def pane(self) -> PlanePane:
        """The one in which the hand works."""
        return self.window.panes.planes[self.view]

    def roi(self, name: str) -> Roi:
        """A structure by its name."""
        return next(roi for roi in self.structures.rois if roi.name == name)

    def middle_plane(self, roi: Roi) -> int:
        """The middle one of the planes on which it is drawn."""
        return sorted(roi.planes)[len(roi.planes) // 2]

    def lps(self, plane: int, place: Sequence[float]) -> tuple[float, float, float]:
        """A place of a plane, `(u, v)` mm."""
        x, y, z = self.structures.geometry.lps_from_plane(plane, place)[0].tolist()
        return x, y, z

    def alone(self, view: View, point_lps: Sequence[float], zoom: float = 1.0) -> None:
        """Let a view fill the window, with a point in its middle and no panels."""
        self.view = view
        self.show_panels()
        if self.window.panes.enlarged is not view:
            self.window.panes.toggle_enlarged(view)
        self.settle()
        self.window.panes.fit()
        self.session.move_cursor(point_lps)
        self.settle()
        pane = self.pane
        x, y = pane.scene.pixel_from_lps(point_lps)
        pane.scene.pan(pane.width() / 2 - x, pane.height() / 2 - y)
        pane.scene.zoom(zoom)
        self.settle()
        self.focus()

    def four(self, *panels: str) -> None:
        """The four views, with panels beside them or without any."""
        if self.window.panes.enlarged is not None:
            self.window.panes.toggle_enlarged(self.window.panes.enlarged)
        self.window.panes.show_layout("four")
        self.show_panels(*panels)
        self.settle()
        self.window.panes.fit()
        self.focus()

    def show_panels(self, *names: str) -> None:
        """These panels alone."""
        for dock in self.window.findChildren(QDockWidget):
            dock.setVisible(dock.windowTitle() in names)
        for name in names:
            self.window.panel(name).raise_()
        self.settle()

    def focus(self) -> None:
        """Have the keys in the view."""
        self.window.activateWindow()
        self.until(self.window.isActiveWindow, "the window's turn")
        self.pane.setFocus()

    def tool(self, name: str, radius_mm: float | None = None) -> None:
        """Take a tool up."""
        self.box.choose(name)
        if radius_mm is not None:
            self.box.set_radius(radius_mm)

    def spot(self, point_lps: Sequence[float]) -> QPoint:
        """The pixel over a point."""
        x, y = self.pane.scene.pixel_from_lps(point_lps)
        ratio = self.pane.devicePixelRatioF()
        return QPoint(round(x / ratio), round(y / ratio))

    def press(self, point_lps: Sequence[float], keys: Qt.KeyboardModifier = NONE) -> None:
        """Press the left button."""
        QTest.mouseMove(self.pane, self.spot(point_lps))
        QTest.mousePress(self.pane, LEFT, keys, self.spot(point_lps))
        QApplication.processEvents()

    def move(self, *points_lps: Sequence[float]) -> None:
        """Move the mouse along."""
        for point in points_lps:
            QTest.mouseMove(self.pane, self.spot(point))
            QApplication.processEvents()

    def release(self, point_lps: Sequence[float], keys: Qt.KeyboardModifier = NONE) -> None:
        """Let go."""
        QTest.mouseRelease(self.pane, LEFT, keys, self.spot(point_lps))
        QApplication.processEvents()

    def drag(self, points_lps: Places, keys: Qt.KeyboardModifier = NONE) -> None:
        """Press, move along, let go."""
        self.press(points_lps[0], keys)
        self.move(*points_lps[1:])
        self.release(points_lps[-1], keys)

    def click(self, point_lps: Sequence[float]) -> None:
        """A single click, slow enough to be one."""
        self.drag([point_lps])
        QTest.qWait(QApplication.doubleClickInterval() + 20)

    def key(self, key: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
        """Type."""
        QTest.keyClick(QApplication.focusWidget() or self.window, key, keys)
        self.settle()

    def fresh(self, name: str, colour: tuple[int, int, int] = (255, 90, 90)) -> Roi:
        """An empty structure, active."""
        self.editing.structures.add()
        roi = self.session.active_roi
        assert roi is not None, "the one that was added"
        self.history.do(change(self.structures, replace(roi, name=name, colour=colour), text=f"Rename to {name}"))
        return self.structures[roi.number]

    def draw(self, roi: Roi, areas: dict[int, MultiPolygon]) -> None:
        """Give a structure contours."""
        step = redraw(self.structures[roi.number], areas, text="Draw", tool="brush")
        if step is not None:
            self.history.do(step)

    def operate(self, name: str, subject: Roi, **values: float) -> None:
        """Choose an operation on a structure, and wait for its preview."""
        self.session.set_active(subject.number)
        self.editing.show_operation(name)
        panel = self.editing.operations
        for key, value in values.items():
            panel.set_value(key, value)
        panel.want()
        self.until(lambda: self.editing.live.proposed is not None, f"the preview of {name}")
        self.settle()
