"""Mouse and keys in the panes, where no tool takes them, and the tool's first right to them."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from shapely import MultiPolygon

from tests.viewer.hand import NONE, at, drag, wait_until, wheel
from tests.viewer.see import CENTRE, TURNS, ball, phantom, structures
from viewer.session import Cut, View
from viewer.tools.events import Button, EventKind, Preview, ViewEvent
from viewer.widgets.main_window import MainWindow

LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier

#: Where a notch towards the user leads: the feet, the patient's left, the back.
ONWARDS = {View.AXIAL: (0, 0, -1), View.SAGITTAL: (1, 0, 0), View.CORONAL: (0, 1, 0)}


class Recorder:
    """A tool that notes what it is offered and takes it, or not."""

    def __init__(self, takes: bool) -> None:
        self.takes = takes
        self.events: list[ViewEvent] = []

    def handle(self, event: ViewEvent) -> bool:
        self.events.append(event)
        return self.takes

    def wants_key(self, key: str) -> bool:
        return False

    def preview(self, view: View, cut: object = None) -> Preview | None:
        return None

    def cursor_name(self, view: View) -> str:
        return "cross"


@pytest.mark.parametrize("turn", [0, 5, 13])
def test_wheel_scrolls_towards_feet_left_and_back(seeing: MainWindow, turn: int) -> None:
    seeing.session.open(phantom(TURNS[turn]))
    for view, pane in seeing.panes.planes.items():
        start = seeing.session.cursor_lps
        wheel(pane, -1)
        assert np.allclose(seeing.session.cursor_lps - start, 2.0 * np.array(ONWARDS[view]))
        wheel(pane, 1)
        assert np.allclose(seeing.session.cursor_lps, start)
        wheel(pane, -1, keys=SHIFT)
        assert np.allclose(seeing.session.cursor_lps - start, 20.0 * np.array(ONWARDS[view]))
        seeing.session.move_cursor(start)


def test_scrolling_stops_at_the_first_and_last_plane(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    pane = seeing.panes.planes[View.AXIAL]
    for key, index in ((Qt.Key.Key_Home, 39), (Qt.Key.Key_Up, 39), (Qt.Key.Key_End, 0), (Qt.Key.Key_PageUp, 10)):
        QTest.keyClick(pane, key)
        assert pane.scene.index == index
    assert seeing.session.plane == 10


def test_left_click_and_drag_put_the_crosshair_there_in_all_views(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    pane = seeing.panes.planes[View.AXIAL]
    target = seeing.session.cursor_lps + np.array([10.0, -16.0, 0.0])
    QTest.mouseClick(pane, LEFT, NONE, at(pane, target))
    assert np.abs(seeing.session.cursor_lps - target).max() <= pane.scene.mm_per_pixel
    other = target + np.array([12.0, 20.0, 0.0])
    drag(pane, at(pane, target), at(pane, other), LEFT)
    assert np.abs(seeing.session.cursor_lps - other).max() <= pane.scene.mm_per_pixel
    sagittal = seeing.panes.planes[View.SAGITTAL].scene
    assert sagittal.index == sagittal.frame.index_from_lps(other)


def test_right_drag_changes_the_window_and_middle_drag_moves_the_image(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    pane = seeing.panes.planes[View.CORONAL]
    before = seeing.session.window
    cursor = seeing.session.cursor_lps
    drag(pane, QPoint(100, 100), QPoint(160, 100), RIGHT)
    assert seeing.session.window.width > before.width * 1.1
    assert seeing.session.window.centre == before.centre
    drag(pane, QPoint(100, 100), QPoint(100, 140), RIGHT)
    assert seeing.session.window.centre > before.centre
    spot = pane.scene.pixel_from_lps(CENTRE)
    drag(pane, QPoint(100, 100), QPoint(130, 120), MIDDLE)
    assert np.allclose(pane.scene.pixel_from_lps(CENTRE), np.array(spot) + np.array([30, 20]))
    assert np.array_equal(seeing.session.cursor_lps, cursor)


def test_control_wheel_zooms_about_the_mouse(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    pane = seeing.panes.planes[View.AXIAL]
    point = CENTRE + np.array([14.0, 10.0, 0.0])
    here = at(pane, point)
    under = pane.scene.grid_from_pixel(here.x(), here.y())
    before = pane.scene.mm_per_pixel
    wheel(pane, 3, here, CONTROL)
    assert pane.scene.mm_per_pixel == pytest.approx(before / 1.2**3)
    assert np.allclose(pane.scene.grid_from_pixel(here.x(), here.y()), under)
    QTest.keyClick(pane, Qt.Key.Key_0)
    assert pane.scene.mm_per_pixel == pytest.approx(before)


def test_double_click_enlarges_a_view_and_shows_all_again(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    panes = seeing.panes
    small = panes.planes[View.CORONAL].width()
    QTest.mouseDClick(panes.planes[View.CORONAL], LEFT)
    assert panes.enlarged is View.CORONAL
    assert [view for view, pane in panes.planes.items() if pane.isVisible()] == [View.CORONAL]
    QTest.qWait(50)
    assert panes.planes[View.CORONAL].width() > 1.8 * small
    QTest.mouseDClick(panes.planes[View.CORONAL], LEFT)
    assert all(pane.isVisible() for pane in panes.planes.values()) and panes.three_d.isVisible()
    QTest.mouseDClick(panes.three_d, LEFT)
    assert panes.enlarged is View.THREE_D


def test_a_tool_is_offered_events_first_and_what_it_takes_does_not_navigate(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    pane = seeing.panes.planes[View.AXIAL]
    cursor = seeing.session.cursor_lps
    for takes in (True, False):
        tool = Recorder(takes)
        seeing.panes.set_tool_host(tool)
        drag(pane, QPoint(100, 100), QPoint(140, 130), LEFT)
        wheel(pane, -1)
        QTest.keyClick(pane, Qt.Key.Key_BracketLeft)
        kinds = [event.kind for event in tool.events]
        assert kinds[0] is EventKind.PRESS and tool.events[0].button is Button.LEFT
        assert EventKind.WHEEL in kinds and tool.events[-1].key == "BracketLeft"
        assert np.array_equal(seeing.session.cursor_lps, cursor) is takes
    seeing.panes.set_tool_host(None)


@pytest.mark.parametrize("turn", [0, 9, 21])
def test_events_say_where_they_are_in_the_patient_and_in_the_cut(seeing: MainWindow, turn: int) -> None:
    volume = phantom(TURNS[turn])
    seeing.session.open(volume)
    tool = Recorder(True)
    seeing.panes.set_tool_host(tool)
    geometry = volume.geometry
    for pane in seeing.panes.planes.values():
        point = seeing.session.cursor_lps + geometry.directions @ np.array([6.0, -8.0, 4.0])
        QTest.mouseClick(pane, LEFT, NONE, at(pane, point))
        event = tool.events[-1]
        frame = pane.scene.frame
        on_cut = point + geometry.directions[:, frame.across] * (
            (event.point_lps - point) @ geometry.directions[:, frame.across]
        )
        assert np.abs(event.point_lps - on_cut).max() <= pane.scene.mm_per_pixel
        k, j, i = geometry.kji_from_lps(event.point_lps)[0]
        u, v = i * geometry.spacing_uv[0], j * geometry.spacing_uv[1]
        w = k * geometry.plane_spacing
        expected = {Cut.PLANE: (u, v), Cut.ROW: (u, w), Cut.COLUMN: (v, w)}[event.cut]
        assert event.point_cut == pytest.approx(expected)
        assert event.index == pytest.approx({Cut.PLANE: k, Cut.ROW: j, Cut.COLUMN: i}[event.cut])
        assert event.plane == round(k)
        assert event.pixel_mm == pytest.approx(pane.scene.mm_per_pixel)
    seeing.panes.set_tool_host(None)


def test_surfaces_follow_an_edit_without_holding_up_the_window(seeing: MainWindow) -> None:
    volume = phantom()
    roi = ball(volume.geometry, CENTRE, 22)
    seeing.session.open(volume, structures(volume.geometry, roi))
    scene = seeing.panes.three_d.scene
    assert scene.busy
    wait_until(lambda: not scene.busy)
    bounds = np.array(scene.surfaces[1].GetBounds())
    middle = volume.geometry.kji_from_lps(CENTRE)[0][::-1] * 2.0
    assert np.abs((bounds[::2] + bounds[1::2]) / 2 - middle).max() < 1.5
    assert np.abs((bounds[1::2] - bounds[::2]) - 44).max() < 3
    from viewer.history import delete, redraw

    step = redraw(roi, {k: MultiPolygon([roi.area(k).buffer(6)]) for k in roi.planes}, text="Grow", tool="test")
    assert step is not None
    seeing.history.do(step)
    assert scene.surfaces[1].GetBounds() == tuple(bounds)
    wait_until(lambda: not scene.busy)
    assert scene.surfaces[1].GetBounds()[1] - bounds[1] == pytest.approx(6, abs=1.5)
    seeing.history.do(delete(seeing.session.structures, frozenset([1]), text="Delete"))
    assert not scene.surfaces


def test_turning_the_3d_view_says_from_where_it_is_seen(seeing: MainWindow) -> None:
    seeing.session.open(phantom(TURNS[11]))
    pane = seeing.panes.three_d
    assert pane.scene.seen_from.startswith("A")
    drag(pane, QPoint(20, 100), QPoint(20 + pane.width() // 2, 100), LEFT, steps=10)
    assert pane.scene.seen_from.startswith("R")
