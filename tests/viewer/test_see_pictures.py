"""Photographs and single pictures: one view, in pixels, paged through; large ones in parts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.volume import Geometry, SeriesInfo, Volume
from tests.viewer.hand import CTRL, Hand, circle, pixels, wait_until, wheel
from viewer.features import paging
from viewer.features.opening import Opener
from viewer.features.paging import Paging
from viewer.layers import Window
from viewer.render.detail import Detail, halved, is_large
from viewer.session import View
from viewer.widgets.main_window import MainWindow
from viewer.widgets.status_line import banner_text, layer_text

AXIAL = View.AXIAL
#: Colour of each picture of the folder, which have different sizes.
COLOURS = ((200, 40, 40), (40, 200, 40), (40, 40, 200))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    place.mkdir()
    for number, colour in enumerate(COLOURS, 1):
        Image.new("RGB", (200 + 50 * number, 150), colour).save(place / f"{number}.png")
    return place


def open_folder(window: MainWindow, folder: Path) -> Opener:
    if window.findChild(Paging) is None:
        paging.install(window)
    opener = window.findChild(Opener)
    opener.tree.forget()
    opener.open_paths([folder], show=True)
    wait_until(lambda: not opener.busy)
    assert window.session.volume.info.description == "1.png"
    return opener


def picture_volume(voxels: np.ndarray, units: str = "", **attributes: str) -> Volume:
    info = SeriesInfo("1.2.3", modality="XC", description="a picture", attributes=attributes)
    return Volume(voxels, Geometry.picture(voxels.shape[:3]), "XC", units, info)


def test_a_picture_fills_the_layout_in_its_colours_and_says_pixels(seeing: MainWindow, folder: Path) -> None:
    open_folder(seeing, folder)
    panes = seeing.panes
    assert [view for view, pane in panes.planes.items() if pane.isVisible()] == [AXIAL]
    assert not panes.three_d.isVisible()
    pane = panes.planes[AXIAL]
    image = pixels(pane)
    assert tuple(image[image.shape[0] // 2, image.shape[1] // 2]) == COLOURS[0]
    annotations = pane.scene.annotations
    assert annotations.scale.endswith(" px")
    assert annotations.letters == ("", "", "", "")
    assert annotations.title == "1.png   picture 1 / 3"
    assert "250×150 pixels, no millimetres known" in seeing.banner.full_text
    assert "mm" not in seeing.banner.full_text.replace("no millimetres", "")
    assert layer_text(seeing.session.base, (3.0, 4.0, 0.0)) == "R 200  G 40  B 40"
    assert layer_text(seeing.session.base, (-3.0, 4.0, 0.0)) == "–"


def test_wheel_keys_and_menu_page_through_a_folder_and_stop_at_its_ends(seeing: MainWindow, folder: Path) -> None:
    opener = open_folder(seeing, folder)
    pane = seeing.panes.planes[AXIAL]

    def shown() -> str:
        wait_until(lambda: not opener.busy)
        return seeing.session.volume.info.description

    wheel(pane, -1)
    assert shown() == "2.png"
    QTest.keyClick(pane, Qt.Key.Key_PageDown)
    assert shown() == "3.png"
    assert pane.scene.annotations.title == "3.png   picture 3 / 3"
    QTest.keyClick(pane, Qt.Key.Key_PageDown)
    assert shown() == "3.png"
    QTest.keyClick(pane, Qt.Key.Key_Left)
    assert shown() == "2.png"
    QTest.keyClick(pane, Qt.Key.Key_PageUp, CTRL)
    wheel(pane, 1)
    assert shown() == "1.png"


def test_page_down_pages_right_after_a_folder_was_opened_from_the_tree(seeing: MainWindow, folder: Path) -> None:
    seeing.findChild(Opener).tree.setFocus()
    opener = open_folder(seeing, folder)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_PageDown)
    wait_until(lambda: not opener.busy)
    assert seeing.session.volume.info.description == "2.png"


def test_pages_that_are_asked_for_while_one_is_read_are_counted(seeing: MainWindow, folder: Path) -> None:
    opener = open_folder(seeing, folder)
    pane = seeing.panes.planes[AXIAL]
    wheel(pane, -1)
    wheel(pane, -1)
    wait_until(lambda: not opener.busy)
    assert seeing.session.volume.info.description == "3.png"


def test_what_is_drawn_on_a_picture_is_in_square_pixels_and_comes_back_with_it(hand: Hand, folder: Path) -> None:
    opener = open_folder(hand.window, folder)
    pane = hand.pane(AXIAL)
    hand.key(Qt.Key.Key_B)
    toolbox = hand.editing.toolbox
    toolbox.set_radius(10)
    assert toolbox.unit == "px"
    hand.drag(AXIAL, [(u, v, 0.0) for u, v in circle((120, 70), 30, 40)])
    (roi,) = hand.session.structures.rois
    u, v, u_end, v_end = roi.area(0).bounds
    assert (u, v, u_end, v_end) == pytest.approx((80, 30, 160, 110), abs=2)
    assert roi.size(hand.session.volume.geometry) == pytest.approx(roi.area(0).area)
    hand.key(Qt.Key.Key_Escape)
    wheel(pane, -1)
    wait_until(lambda: not opener.busy)
    assert hand.session.structures.rois == ()
    wheel(pane, 1)
    wait_until(lambda: not opener.busy)
    assert [again.planes[0].area for again in hand.session.structures.rois] == [roi.planes[0].area]


def test_of_many_pictures_those_have_thumbnails_that_are_in_view(seeing: MainWindow, tmp_path: Path) -> None:
    """A folder may hold thousands, and making all of them took the time of whoever looked at the first."""
    for number in range(60):
        Image.new("RGB", (8, 6), (200, 40, 40)).save(tmp_path / f"{number:02d}.png")
    opener = seeing.findChild(Opener)
    opener.tree.forget()
    seeing.panel("Studies").show()
    seeing.panel("Studies").raise_()
    opener.open_paths([tmp_path], show=True)
    wait_until(lambda: not opener.busy)

    def is_drawn(number: int) -> bool:
        item = opener.tree.item_of(str(tmp_path / f"{number:02d}.png"))
        return item.icon(0).pixmap(52, 52).toImage().pixelColor(26, 26).red() == 200

    wait_until(lambda: is_drawn(0))
    wait_until(lambda: not opener.tree.without_picture())
    assert not is_drawn(59)
    opener.tree.scrollToBottom()
    wait_until(lambda: is_drawn(59))
    assert not is_drawn(30)


def test_four_views_come_back_with_a_volume(seeing: MainWindow, folder: Path) -> None:
    open_folder(seeing, folder)
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), (4, 5, 6))
    seeing.session.open(Volume(np.zeros((4, 5, 6), np.int16), geometry, "CT", "HU"))
    QApplication.processEvents()
    assert all(pane.isVisible() for pane in seeing.panes.planes.values())
    assert seeing.panes.planes[AXIAL].scene.annotations.scale.endswith("m")


def test_frames_are_gone_through_in_their_order(seeing: MainWindow) -> None:
    seeing.session.open(picture_volume(np.zeros((5, 20, 30), np.uint8)))
    pane = seeing.panes.planes[AXIAL]
    QTest.keyClick(pane, Qt.Key.Key_Home)
    wheel(pane, -1)
    assert pane.scene.plane == 1
    assert pane.scene.annotations.title == "a picture   frame 2 / 5"
    assert "30×20 pixels, 5 frames" in banner_text(seeing.session.volume)


def test_the_window_and_the_letters_are_those_that_the_file_states(seeing: MainWindow) -> None:
    stated = {
        "WindowCenter": "300\\50", "WindowWidth": "200\\20", "PhotometricInterpretation": "MONOCHROME1",
        "PatientOrientation": "P\\FR",
    }  # fmt: skip
    seeing.session.open(picture_volume(np.full((1, 20, 30), 900, np.int16), **stated))
    assert seeing.session.window == Window(300.0, 200.0)
    assert seeing.session.colour_map == "inverted grey"
    pane = seeing.panes.planes[AXIAL]
    assert pane.scene.annotations.letters == ("A", "P", "HL", "FR")
    image = pixels(pane)
    assert image[image.shape[0] // 2, image.shape[1] // 2].max() == 0


def test_halving_keeps_means_and_edges() -> None:
    picture = np.array([[0, 4, 9], [8, 4, 9], [100, 100, 7]], np.uint8)
    assert halved(picture).tolist() == [[4, 9], [100, 7]]
    tall = np.random.default_rng(5).integers(0, 65536, (1200, 6), dtype=np.uint16)
    means = tall.reshape(600, 2, 3, 2).mean(axis=(1, 3))
    assert np.abs(halved(tall) - means).max() <= 0.5


def test_of_a_large_picture_vtk_is_given_what_is_on_the_screen(seeing: MainWindow) -> None:
    rows, columns = 3000, 4000
    voxels = np.zeros((1, rows, columns, 3), np.uint8)
    voxels[..., 0] = np.linspace(0, 255, columns).astype(np.uint8)
    voxels[..., 1] = np.linspace(0, 255, rows).astype(np.uint8)[:, None]
    volume = picture_volume(voxels, "rgb")
    assert is_large(volume)
    seeing.session.open(volume)
    pane = seeing.panes.planes[AXIAL]

    def agrees(tolerance: int) -> None:
        image = pixels(pane)
        for u, v in ((-0.3, -0.3), (0.35, -0.2), (0.0, 0.3)):
            x, y = int((0.5 + u) * pane.width()), int((0.5 + v) * pane.height())
            column, row = (round(c) for c in pane.scene.grid_from_pixel(x, y)[:2])
            if 0 <= row < rows and 0 <= column < columns:
                assert np.abs(image[y, x].astype(int) - voxels[0, row, column]).max() <= tolerance, (u, v)

    agrees(3)
    for _ in range(8):
        pane.scene.zoom(1.5, (100, 80))
        # A pixel of the screen is less than a pixel of the picture and a half; the slopes rise by one in twelve.
        agrees(2)
    pane.scene.pan(-200, -150)
    agrees(2)


def test_what_vtk_holds_of_a_picture_is_bounded_by_the_screen(application: QApplication) -> None:
    volume = picture_volume(np.zeros((1, 6000, 9000), np.uint8))
    detail = Detail(volume)
    width, height = 1500, 1000
    for mm_per_pixel in (6.0, 3.1, 1.3, 1.0, 0.2):
        middle = np.array([4500.0, 3000.0])
        reach = np.array([width, height]) / 2 * mm_per_pixel
        image = detail.image(0, np.array([middle - reach, middle + reach]), mm_per_pixel)
        assert image.GetNumberOfPoints() <= 5 * width * height
        low, high = np.array(image.GetBounds()).reshape(3, 2)[:2].T
        assert (low <= np.maximum(middle - reach, 4)).all()
        assert (high >= np.minimum(middle + reach, [8995, 5995])).all()
        again = detail.image(0, np.array([middle - reach, middle + reach]) + mm_per_pixel * 100, mm_per_pixel)
        assert again is image
