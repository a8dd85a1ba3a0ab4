"""The mouse works as a person is used to: which button does what, and which way the wheel goes."""

import pytest
from PySide6.QtCore import QPoint, Qt

from tests.viewer.hand import Hand, drag, wheel
from tests.viewer.see import phantom
from viewer.features.mouse import MouseSettings
from viewer.session import View
from viewer.widgets.mouse import MOUSE_STYLES
from viewer.widgets.plane_pane import PlanePane

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
DEFAULT, WINDOW, PLANES = MOUSE_STYLES


@pytest.fixture
def scan(window: Hand) -> Hand:
    window.open(phantom())
    window.window.panes.show_layout("four")
    yield window
    chosen = window.window.findChild(MouseSettings)
    chosen.choose(DEFAULT)
    chosen.wheel.setChecked(False)


def pane(hand: Hand) -> PlanePane:
    hand.settle()
    return hand.pane(View.AXIAL)


def test_the_left_button_may_change_the_window_and_a_click_still_sets_the_crosshair(scan: Hand) -> None:
    scan.window.findChild(MouseSettings).choose(WINDOW)
    axial = pane(scan)
    middle, before, cursor = axial.rect().center(), scan.session.window, scan.session.cursor_lps
    drag(axial, middle, middle + QPoint(60, 0), LEFT)
    assert scan.session.window.width > 1.1 * before.width
    assert (scan.session.cursor_lps == cursor).all()
    drag(axial, middle + QPoint(40, 30), middle + QPoint(40, 30), LEFT)
    assert not (scan.session.cursor_lps == cursor).all()
    zoom = axial.scene.mm_per_pixel
    drag(axial, middle, middle - QPoint(0, 60), RIGHT)
    assert axial.scene.mm_per_pixel < 0.9 * zoom


def test_the_left_button_may_go_through_the_planes(scan: Hand) -> None:
    scan.window.findChild(MouseSettings).choose(PLANES)
    axial = pane(scan)
    before = axial.scene.index
    drag(axial, axial.rect().center(), axial.rect().center() + QPoint(0, 30), LEFT)
    assert axial.scene.index == before - 5, "down on the screen is down the patient"


def test_the_wheel_may_go_the_other_way(scan: Hand) -> None:
    axial = pane(scan)
    before = axial.scene.index
    wheel(axial, 2)
    there = axial.scene.index
    scan.window.findChild(MouseSettings).wheel.setChecked(True)
    wheel(axial, 2)
    assert there != before and axial.scene.index == before
