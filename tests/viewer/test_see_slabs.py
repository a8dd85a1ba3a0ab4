"""Slabs: several planes as one in every plane view, told in the title, switched by keys."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.slab import Projection, Slab
from engine.volume import Geometry, Volume
from tests.viewer.hand import CTRL, SHIFT, Hand, rgb
from tests.viewer.see import phantom
from viewer.layers import Window
from viewer.looks import layer_over
from viewer.session import View


@pytest.fixture
def spots(window: Hand) -> Hand:
    """A bright voxel 8 mm above the crosshair, another 8 mm to the left of it, in water."""
    volume = phantom()
    voxels = np.zeros_like(volume.voxels)
    voxels[24:27, 19:22, 19:22] = 1000
    voxels[19:22, 19:22, 24:27] = 1000
    window.session.set_slab(None)
    window.open(replace(volume, voxels=voxels))
    window.window.panes.show_layout("four")
    window.window.panes.set_crosshair(False)
    window.session.set_window(Window(500, 1000))
    window.session.move_cursor(volume.geometry.lps_from_kji([[20, 20, 20]])[0])
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    return window


def bright(hand: Hand, view: View, kji: tuple[float, float, float]) -> int:
    """Grey of the view over a voxel."""
    hand.settle(80)
    pane = hand.pane(view)
    point = hand.session.volume.geometry.lps_from_kji([kji])[0]
    at = hand.pixel(view, point)
    return int(rgb(pane.grab().toImage().scaled(pane.size()))[at.y(), at.x()].max())


def test_a_key_shows_the_highest_value_of_the_slab_and_the_title_says_so(spots: Hand) -> None:
    assert bright(spots, View.AXIAL, (20, 20, 20)) < 30 and bright(spots, View.SAGITTAL, (20, 20, 20)) < 30
    spots.key(Qt.Key.Key_Y)
    assert spots.session.slab == Slab(Projection.MAXIMUM, 30.0)
    assert "what is drawn lies on the plane in their middle alone" in spots.window.messages.sentences[-1]
    assert bright(spots, View.AXIAL, (20, 20, 20)) > 220 and bright(spots, View.SAGITTAL, (20, 20, 20)) > 220
    assert spots.pane(View.AXIAL).scene.annotations.title.endswith("MIP 30 mm")
    for _ in range(3):
        spots.key(Qt.Key.Key_Y, CTRL | SHIFT)
    assert spots.pane(View.AXIAL).scene.annotations.title.endswith("MIP 15 mm")
    assert bright(spots, View.AXIAL, (20, 20, 20)) < 30, "the voxel 8 mm away lies outside"
    spots.key(Qt.Key.Key_Y, SHIFT)
    assert bright(spots, View.AXIAL, (20, 20, 20)) > 220
    spots.key(Qt.Key.Key_Y)
    assert spots.session.slab.projection is Projection.MINIMUM and bright(spots, View.AXIAL, (20, 20, 20)) < 30
    spots.key(Qt.Key.Key_Y)
    assert 10 < bright(spots, View.AXIAL, (20, 20, 20)) < 120
    spots.key(Qt.Key.Key_Y)
    assert spots.session.slab is None and bright(spots, View.AXIAL, (20, 20, 20)) < 30
    assert "mm" not in spots.pane(View.AXIAL).scene.annotations.title


def test_a_slab_follows_the_crosshair(spots: Hand) -> None:
    spots.key(Qt.Key.Key_Y)
    spots.session.move_cursor(spots.session.volume.geometry.lps_from_kji([[35, 20, 20]])[0])
    assert bright(spots, View.AXIAL, (35, 20, 20)) < 30
    spots.session.move_cursor(spots.session.volume.geometry.lps_from_kji([[30, 20, 20]])[0])
    assert bright(spots, View.AXIAL, (30, 20, 20)) > 220


def test_an_image_on_another_grid_is_projected_through_the_same_slab(spots: Hand) -> None:
    base = spots.session.volume
    geometry = Geometry.regular(
        base.geometry.origins_lps[0] + (0.7, 0.4, 0.9), np.eye(3), (2.5, 2.5, 2.5), (31, 31, 31)
    )
    values = np.zeros((31, 31, 31), np.int16)
    k, j, i = np.rint(geometry.kji_from_lps(base.geometry.lps_from_kji([[26, 30, 20]]))[0]).astype(int)
    values[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = 1000
    other = Volume(values, geometry, "MR", info=replace(base.info, series_uid="8"))
    over = replace(layer_over(other, other), window=Window(500, 1000), opacity=1.0)
    spots.session.add_layer(over)
    assert bright(spots, View.AXIAL, (20, 30, 20)) < 30
    spots.key(Qt.Key.Key_Y)
    assert bright(spots, View.AXIAL, (20, 30, 20)) > 150
    spots.session.set_slab(Slab(Projection.MAXIMUM, 5.0))
    assert bright(spots, View.AXIAL, (20, 30, 20)) < 30
