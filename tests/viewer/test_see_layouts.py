"""The views are laid out by keys, remembered by kind of study; images and planes beside each other stay linked."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.structures import StructureSet
from tests.viewer.hand import CTRL, SHIFT, Hand, rgb, wheel
from tests.viewer.see import CENTRE, ball, phantom
from viewer.looks import layer_over
from viewer.render.plane_scene import PlaneScene
from viewer.session import View
from viewer.widgets.plane_pane import PlanePane


@pytest.fixture
def scan(window: Hand) -> Hand:
    window.open(phantom(), StructureSet(phantom().geometry, (ball(phantom().geometry, CENTRE + 5, 9.0),)))
    window.window.panes.show_layout("four")
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    return window


def shown(hand: Hand) -> list[View]:
    hand.settle(30)
    return [pane.scene.view if isinstance(pane, PlanePane) else View.THREE_D for pane in hand.window.panes.shown]


def scenes(hand: Hand) -> list[PlaneScene]:
    return [pane.scene for pane in hand.window.panes.shown if isinstance(pane, PlanePane)]


def test_the_layouts_are_on_keys(scan: Hand) -> None:
    scan.window.panes.read = View.SAGITTAL
    scan.key(Qt.Key.Key_1, CTRL)
    assert shown(scan) == [View.SAGITTAL]
    scan.key(Qt.Key.Key_3, CTRL)
    assert shown(scan) == [View.AXIAL, View.SAGITTAL, View.CORONAL]
    heights = {pane.height() for pane in scan.window.panes.shown}
    assert len({pane.y() for pane in scan.window.panes.shown}) == 1 and min(heights) > 500
    scan.key(Qt.Key.Key_4, CTRL)
    large, *small = scan.window.panes.shown
    assert shown(scan)[0] is View.SAGITTAL and len(small) == 3
    assert all(large.width() > 1.8 * other.width() for other in small)
    scan.key(Qt.Key.Key_2, CTRL)
    assert shown(scan) == list(View)


def test_a_kind_of_study_opens_in_the_layout_that_it_was_read_in(scan: Hand) -> None:
    scan.key(Qt.Key.Key_3, CTRL)
    scan.session.open(phantom(modality="MR"))
    scan.key(Qt.Key.Key_2, CTRL)
    scan.session.open(phantom())
    assert scan.window.panes.layout_shown.key == "row"
    scan.session.open(phantom(modality="MR"))
    assert scan.window.panes.layout_shown.key == "four"


def test_images_lie_beside_each_other_and_scroll_by_position(scan: Hand) -> None:
    base = scan.session.volume
    coarse = phantom(size=20, spacing=4.0, modality="MR")
    bright = replace(coarse, voxels=np.full_like(coarse.voxels, 900), info=replace(coarse.info, series_uid="7"))
    scan.key(Qt.Key.Key_5, CTRL)
    assert scan.window.panes.layout_shown.key == "four", "there is nothing to lie beside the only image"
    scan.session.add_layer(layer_over(bright, bright))
    scan.window.panes.read = View.AXIAL
    scan.key(Qt.Key.Key_5, CTRL)
    left, right = scan.window.panes.shown
    before = left.scene.index
    wheel(right, 2, keys=CTRL)
    assert left.scene.framing == right.scene.framing
    assert left.scene.framing[0] > 1.3, "and are zoomed as one"
    wheel(right, -3)
    assert left.scene.index == right.scene.index == before - 3
    scan.settle(60)
    assert left.scene.annotations.title.endswith("CT") and right.scene.annotations.title.endswith("MR")
    scan.session.move_cursor(base.geometry.lps_from_kji([[20, 20, 20]])[0])
    scan.settle(60)
    spots = [rgb(pane.grab().toImage())[pane.height() // 3, pane.width() // 3] for pane in (left, right)]
    assert spots[0].tolist() != spots[1].tolist(), "each shows its own image"
    window = scan.session.window
    assert right.scene.layer == 1
    QTest.mousePress(right, Qt.MouseButton.RightButton, pos=right.rect().center())
    QTest.mouseMove(right, right.rect().center() + right.rect().center() / 4)
    QTest.mouseRelease(right, Qt.MouseButton.RightButton, pos=right.rect().center())
    assert scan.session.window == window, "dragging over an image changes that image's window"
    scan.session.remove_layer(1)
    assert len(scan.window.panes.shown) == 1


def test_nine_planes_follow_the_crosshair_and_end_with_the_series(scan: Hand) -> None:
    geometry = scan.session.volume.geometry
    scan.session.move_cursor(geometry.lps_from_kji([[20, 20, 20]])[0])
    scan.window.panes.read = View.AXIAL
    scan.key(Qt.Key.Key_6, CTRL)
    assert [scene.plane for scene in scenes(scan)] == list(range(24, 15, -1)), "from head to feet, as one scrolls"
    scan.session.move_cursor(geometry.lps_from_kji([[1, 20, 20]])[0])
    assert [scene.is_beyond for scene in scenes(scan)] == [False] * 6 + [True] * 3
    wheel(scan.window.panes.shown[0], 2)
    assert [scene.plane for scene in scenes(scan)][:5] == [7, 6, 5, 4, 3]
    scan.key(Qt.Key.Key_2, CTRL)
    assert len(scan.window.panes.plane_panes) == 3, "panes of a layout go with it"


def test_a_tool_draws_on_the_plane_of_its_tile(scan: Hand) -> None:
    geometry = scan.session.volume.geometry
    scan.session.move_cursor(geometry.lps_from_kji([[20, 20, 20]])[0])
    scan.window.panes.read = View.AXIAL
    scan.key(Qt.Key.Key_6, CTRL)
    tile = scan.window.panes.shown[2]
    scan.editing.toolbox.choose("brush")
    before = scan.session.active_roi
    QTest.mousePress(tile, Qt.MouseButton.LeftButton, pos=tile.rect().center() / 2)
    QTest.mouseRelease(tile, Qt.MouseButton.LeftButton, pos=tile.rect().center() / 2)
    after = scan.session.active_roi
    changed = [k for k in range(40) if before.planes.get(k) is not after.planes.get(k)]
    assert changed == [22]


def test_the_structure_fills_the_views(scan: Hand) -> None:
    scan.key(Qt.Key.Key_Z, SHIFT)
    for pane in scan.window.panes.planes.values():
        low, high = (
            np.array(pane.scene.pixel_from_lps(CENTRE + 5 + way * 9)) for way in (np.full(3, -1), np.full(3, 1))
        )
        share = np.abs(high - low) / (pane.width(), pane.height())
        assert share.max() == pytest.approx(0.7, abs=0.08)
        assert np.allclose((low + high) / 2, (pane.width() / 2, pane.height() / 2), atol=0.06 * pane.width())


def test_cine_plays_through_the_planes_and_stops(scan: Hand) -> None:
    scene = scan.pane(View.AXIAL).scene
    scan.window.panes.read = View.AXIAL
    before = scene.index
    scan.key(Qt.Key.Key_P, CTRL)
    scan.wait_until(lambda: scene.index != before)
    scan.key(Qt.Key.Key_P, CTRL)
    there = scene.index
    QTest.qWait(250)
    assert scene.index == there
    scan.session.move_cursor(scan.session.volume.geometry.lps_from_kji([[0, 20, 20]])[0])
    scan.key(Qt.Key.Key_P, CTRL)
    scan.wait_until(lambda: scene.index == 39)
    scan.key(Qt.Key.Key_P, CTRL)


def test_the_views_have_the_screen_alone_and_give_it_back(scan: Hand) -> None:
    window = scan.window
    visible = window.panel("Structures").isVisible(), window.menuBar().isVisible()
    scan.key(Qt.Key.Key_F11, SHIFT)
    assert window.isFullScreen() and not window.menuBar().isVisible()
    assert not window.panel("Structures").isVisible()
    scan.wait_until(window.isActiveWindow)
    scan.key(Qt.Key.Key_F11, SHIFT)
    assert not window.isFullScreen()
    assert (window.panel("Structures").isVisible(), window.menuBar().isVisible()) == visible
