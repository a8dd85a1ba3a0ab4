"""The right button in the 3D view: the structure that is seen there, the point on it, and how all is looked at."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from engine.structures import StructureSet
from tests.viewer.hand import Hand, drag
from tests.viewer.menu import choose, dismiss, lines, right_click
from tests.viewer.see import CENTRE, ball, phantom
from viewer.features.volumes import Volumes

NEAR, FAR = 1, 2


@pytest.fixture
def seen(window: Hand) -> Hand:
    """Two balls, one behind the other as they are seen from the front, and no planes between them."""
    volume = phantom()
    behind = (CENTRE[0], CENTRE[1] + 30, CENTRE[2])
    rois = (ball(volume.geometry, CENTRE, 8.0, NEAR), ball(volume.geometry, behind, 12.0, FAR))
    window.open(volume, StructureSet(volume.geometry, rois))
    window.window.panes.show_layout("four")
    scene = window.window.panes.three_d.scene
    scene.set_planes_visible(False)
    scene.reset_camera((0.0, -1.0, 0.0))
    window.wait_until(lambda: not scene.busy and len(scene.surfaces) == 2)
    scene.poll()
    window.window.panes.three_d.repaint()
    return window


def pane(hand: Hand):
    return hand.window.panes.three_d


def spot(hand: Hand, point_lps) -> QPoint:
    """Where a point of the patient is in the 3D view."""
    scene, view = pane(hand).scene, pane(hand)
    renderer = scene.renderer
    grid = hand.session.display.geometry
    point = (np.asarray(point_lps) - grid.origins_lps[0]) @ grid.directions
    renderer.SetWorldPoint(*point, 1.0)
    renderer.WorldToDisplay()
    x, y, _ = renderer.GetDisplayPoint()
    ratio = view.devicePixelRatioF()
    return QPoint(round(x / ratio), round(view.height() - y / ratio))


def test_it_is_about_the_structure_that_is_seen_there_and_goes_to_the_point_on_it(seen: Hand) -> None:
    at = spot(seen, CENTRE)
    menu = right_click(pane(seen), at)
    assert menu.actions()[0].text() == "Ball 1"
    choose(menu, "Go to this point")
    # Its front, towards the camera.
    assert seen.session.cursor_lps == pytest.approx((CENTRE[0], CENTRE[1] - 8, CENTRE[2]), abs=2)
    choose(right_click(pane(seen), at), "Hide")
    assert not seen.session.structures[NEAR].visible and seen.history.undo_text
    pane(seen).repaint()
    menu = right_click(pane(seen), at)
    assert menu.actions()[0].text() == "Ball 2", "what lies behind it is seen now"
    choose(menu, "Make active")
    assert seen.session.active == FAR
    menu = right_click(pane(seen), QPoint(4, 40))
    assert menu.actions()[0].text() == "No structure here" and "Hide" not in lines(menu)
    choose(menu, "Show all")
    assert seen.session.structures[NEAR].visible


def test_a_plane_before_a_structure_is_what_is_seen(seen: Hand) -> None:
    scene = pane(seen).scene
    scene.set_planes_visible(True)
    seen.session.move_cursor((CENTRE[0] + 20, CENTRE[1] - 12, CENTRE[2] - 20))
    pane(seen).repaint()
    number, point = scene.at(*(np.array(spot(seen, CENTRE).toTuple()) * pane(seen).devicePixelRatioF()))
    assert number is None and point[1] == pytest.approx(CENTRE[1] - 12, abs=1.1)


def test_looks_and_sides_are_chosen_and_a_drag_is_no_click(seen: Hand) -> None:
    menu = right_click(pane(seen), QPoint(4, 40))
    choose(menu, "Look from > The head")
    assert pane(seen).scene.seen_from == "H"
    volumes = seen.window.findChild(Volumes)
    choose(right_click(pane(seen), QPoint(4, 40)), "Image in 3D > CT: bone")
    assert volumes.look is volumes.looks[0]
    menu = right_click(pane(seen), QPoint(4, 40))
    under = next(action.menu() for action in menu.actions() if action.text() == "Image in 3D")
    assert [action.text() for action in under.actions() if action.isChecked()] == ["CT: bone"]
    dismiss(menu)
    volumes.choose(None)
    camera = pane(seen).scene.renderer.GetActiveCamera()
    before = camera.GetDistance()
    drag(pane(seen), QPoint(40, 40), QPoint(40, 20), Qt.MouseButton.RightButton)
    QTest.qWait(20)
    assert camera.GetDistance() != before and seen.window.findChild(type(menu)) is not menu
