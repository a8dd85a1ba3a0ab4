"""The image itself is seen in 3D, by looks that suit its kind, coarser while it turns."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from engine.volume import Geometry, Volume
from tests.viewer.hand import SHIFT, Hand, rgb
from tests.viewer.see import phantom
from viewer.features.volumes import Volumes
from viewer.render import volume_part
from viewer.render.volume_looks import VOLUME_LOOKS, looks_of
from viewer.render.volume_part import MOST_VOXELS, thinned
from viewer.widgets.surface_pane import SurfacePane


@pytest.fixture
def scan(window: Hand) -> Hand:
    window.open(phantom())
    window.window.panes.show_layout("four")
    scene = window.window.panes.three_d.scene
    scene.set_planes_visible(False)
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    return window


def lit(hand: Hand) -> np.ndarray:
    """(rows, columns) of the 3D view that are brighter than its background."""
    pane = hand.window.panes.three_d
    hand.wait_until(lambda: not pane.scene.busy)
    pane.repaint()
    picture = rgb(pane.grab().toImage())
    middle = picture[40:-40, 40:-40].max(axis=2)
    return np.asarray(middle > 45)


def test_a_key_goes_through_the_looks_of_a_ct_and_back_to_the_surfaces(scan: Hand) -> None:
    assert not lit(scan).any()
    volumes = scan.window.findChild(Volumes)
    assert [look.name for look in volumes.looks] == [look.name for look in VOLUME_LOOKS if look.name[:2] == "CT"]
    scan.key(Qt.Key.Key_O, SHIFT)
    bone = lit(scan)
    scan.key(Qt.Key.Key_O, SHIFT)
    skin = lit(scan)
    # The bright block alone is bone; the cube about it is soft tissue.
    assert 0 < bone.sum() < 0.3 * skin.sum()
    for _ in range(len(volumes.looks) - 1):
        scan.key(Qt.Key.Key_O, SHIFT)
    assert not lit(scan).any()


def test_a_look_goes_with_the_kind_of_image(scan: Hand) -> None:
    volumes = scan.window.findChild(Volumes)
    scan.key(Qt.Key.Key_O, SHIFT)
    scan.session.open(phantom(modality="MR"))
    assert {look.name[:2] for look in volumes.looks} == {"MR"}
    assert not lit(scan).any(), "a look for CT is none for MR"
    scan.session.close()
    assert volumes.looks == ()


def test_it_is_cast_coarsely_while_it_turns_and_finely_at_rest(scan: Hand) -> None:
    scan.key(Qt.Key.Key_O, SHIFT)
    lit(scan)
    pane = scan.window.panes.three_d
    assert isinstance(pane, SurfacePane)
    mapper = pane.scene._volume._mapper
    here = pane.rect().center()
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, pos=here)
    assert mapper.GetImageSampleDistance() == volume_part._MOVING
    QTest.mouseMove(pane, here + QPoint(30, 0))
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=here + QPoint(30, 0))
    assert mapper.GetImageSampleDistance() == volume_part._RESTING


def test_a_large_volume_is_thinned_where_its_voxels_are_finest() -> None:
    voxels = np.zeros((100, 400, 400), np.int16)
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (0.8, 0.8, 3.0), voxels.shape)
    image = thinned(Volume(voxels, geometry, "CT", "HU"))
    assert np.prod(image.GetDimensions()) <= MOST_VOXELS and image.GetDimensions()[2] == 100
    # The same extent, to a voxel.
    assert image.GetSpacing()[0] * image.GetDimensions()[0] == pytest.approx(320, abs=2)


def test_a_few_planes_are_no_volume() -> None:
    voxels = np.zeros((3, 40, 40), np.int16)
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 1), voxels.shape)
    assert looks_of(Volume(voxels, geometry, "CT", "HU")) == ()
