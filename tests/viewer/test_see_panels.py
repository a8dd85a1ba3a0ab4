"""Histogram, presets, status line, banner, shortcuts page, layout."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QTabBar, QToolButton
from pytestqt.qtbot import QtBot

from engine.volume import SeriesInfo, Volume
from tests.synthetic import make_geometry
from tests.viewer.hand import NONE, at, drag, pixels, rgb
from tests.viewer.see import CENTRE, phantom
from viewer.features.viewing import save_screenshot
from viewer.layers import Layer, Window
from viewer.looks import CT_PRESETS, default_window, presets
from viewer.render.plane_scene import PlaneScene
from viewer.session import View
from viewer.widgets import vtk_pane
from viewer.widgets.histogram import HistogramPanel
from viewer.widgets.main_window import MainWindow
from viewer.widgets.plane_pane import PlanePane
from viewer.widgets.shortcuts import ShortcutsPage
from viewer.widgets.status_line import position_text, window_text


def mr() -> Volume:
    voxels = np.zeros((20, 20, 20), dtype=np.int16)
    voxels[5:15, 5:15, 5:15] = np.random.default_rng(0).integers(100, 1100, (10, 10, 10))
    return Volume(voxels, make_geometry((20, 20, 20)), "MR", "", SeriesInfo(modality="MR"))


def test_region_of_the_histogram_is_the_window(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    panel = seeing.findChild(HistogramPanel)
    assert panel.plot.region.getRegion() == pytest.approx((-160, 240))
    panel.plot.region.setRegion((-100, 500))
    assert seeing.session.window == Window(200, 600)
    seeing.session.set_window(Window(0, 80))
    assert panel.plot.region.getRegion() == pytest.approx((-40, 40))
    panel.centre.setValue(30)
    assert seeing.session.window == Window(30, 80)


def test_dragging_the_edge_of_the_region_changes_the_window(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    panel = seeing.findChild(HistogramPanel)
    seeing.panel("Window").show()
    seeing.panel("Window").raise_()
    QTest.qWait(100)
    view = panel.plot.getViewBox()

    def pixel(value: float) -> QPoint:
        top = view.viewRange()[1][1]
        from pyqtgraph import Point

        return panel.plot.mapFromScene(view.mapViewToScene(Point(value, top / 2)))

    high = seeing.session.window.high
    drag(panel.plot.viewport(), pixel(high), pixel(high + 150), Qt.MouseButton.LeftButton, steps=6)
    assert seeing.session.window.high == pytest.approx(high + 150, abs=40)
    assert seeing.session.window.low == pytest.approx(-160)


def test_number_keys_choose_ct_windows(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    pane = seeing.panes.planes[View.AXIAL]
    pane.setFocus()
    for number, (_, centre, width) in enumerate(CT_PRESETS):
        QTest.keyClick(pane, Qt.Key(Qt.Key.Key_1 + number))
        assert seeing.session.window == Window(centre, width)
    assert seeing.findChild(HistogramPanel).presets.currentText().endswith(CT_PRESETS[-1][0])


def test_mr_windows_are_percentiles_of_what_is_above_the_background() -> None:
    volume = mr()
    names = [name for name, _, _ in presets(volume)]
    assert names[0] == "Percentiles 1–99"
    window = presets(volume)[0][1]
    inside = volume.voxels[5:15, 5:15, 5:15]
    assert (window.low, window.high) == pytest.approx(tuple(np.percentile(inside, [1, 99])))


def test_pet_is_read_in_inverted_grey_or_hot(seeing: MainWindow) -> None:
    pet = Volume(np.zeros((4, 8, 8), np.float32), make_geometry((4, 8, 8)), "PT", "SUVbw")
    seeing.session.open(pet)
    assert seeing.session.colour_map == "inverted grey"
    assert {colours for _, _, colours in presets(pet)} == {"inverted grey", "hot"}
    QTest.keyClick(seeing.panes.planes[View.AXIAL], Qt.Key.Key_5)
    assert seeing.session.colour_map == "hot"
    assert (seeing.session.window.low, seeing.session.window.high) == (0, 10)


def test_status_line_tells_position_value_layer_and_acquired_plane(seeing: MainWindow) -> None:
    volume = phantom()
    pet = Volume(
        np.full((5, 5, 5), 3.25, np.float32),
        make_geometry((5, 5, 5), (20.0, 20.0, 20.0), CENTRE - 40),
        "PT",
        "SUVbw",
    )
    seeing.session.open(volume)
    seeing.session.add_layer(Layer(pet, pet, Window(5, 10)))
    pane = seeing.panes.planes[View.AXIAL]
    point = volume.geometry.lps_from_kji([seeing.session.plane, 26, 27])[0]
    seeing.session.move_cursor(volume.geometry.lps_from_kji([26, 26, 27])[0])
    QTest.mouseMove(pane, at(pane, point))
    QTest.qWait(20)
    line = seeing.status_line
    shown = pane.event_at
    assert shown is not None
    assert line.value.text() == "1000 HU"
    assert line.over.text() == "PT 3.25 SUVbw"
    assert line.plane.text() == "Plane 27 of 40"
    assert line.position.text().startswith("L ")
    assert position_text((-1.25, 3.0, -7.5)) == "R 1.2  P 3.0  F 7.5 mm"


def test_status_line_follows_the_image_under_a_mouse_at_rest(seeing: MainWindow) -> None:
    volume = phantom()
    seeing.session.open(volume)
    pane, line = seeing.panes.planes[View.AXIAL], seeing.status_line
    seeing.session.move_cursor(volume.geometry.lps_from_kji([26, 26, 27])[0])
    QTest.mouseMove(pane, at(pane, volume.geometry.lps_from_kji([26, 26, 27])[0]))
    QTest.qWait(20)
    assert (line.plane.text(), line.value.text()) == ("Plane 27 of 40", "1000 HU")
    seeing.session.move_cursor(volume.geometry.lps_from_kji([3, 20, 20])[0])
    assert line.plane.text() == "Plane 4 of 40"
    assert line.value.text() == f"{volume.voxels[3, 26, 27]} HU".replace("-", "−") != "1000 HU"
    where = line.position.text()
    QTest.keyClick(pane, Qt.Key.Key_Plus)
    assert line.position.text() != where


def test_banner_tells_how_far_apart_uneven_planes_are(seeing: MainWindow) -> None:
    moved = np.zeros((4, 3))
    moved[3, 2] = 4.5
    for offsets, told in ((moved, "5×4×4, 0.9×1.1 mm, planes 2.5 to 7 mm apart"), (0 * moved, "5×4×4, 0.9×1.1×2.5 mm")):
        geometry = make_geometry((4, 4, 5), offsets=offsets)
        seeing.session.open(Volume(np.zeros(geometry.shape, np.int16), geometry, "CT", "HU"))
        assert seeing.banner.full_text.endswith(told)


def test_banner_gives_up_descriptions_before_the_patient_and_uneven_planes(seeing: MainWindow) -> None:
    moved = np.zeros((4, 3))
    moved[3, 2] = 4.5
    geometry = make_geometry((4, 4, 5), offsets=moved)
    info = SeriesInfo(
        patient_name="Doe^Jane", patient_id="4711", study_date="20260102",
        study_description="Radiotherapy planning of the pelvis", description="Pelvis, standard kernel, contrast",
    )  # fmt: skip
    seeing.session.open(Volume(np.zeros(geometry.shape, np.int16), geometry, "CT", "HU", info=info))
    banner = seeing.banner
    whole = banner.full_text
    width = banner.fontMetrics().horizontalAdvance
    for share, gone in ((1.0, "…"), (0.7, "standard"), (0.45, "×4×4, ")):
        banner.resize(int(share * width(whole)) + banner.width() - banner.contentsRect().width(), banner.height())
        shown = banner.text()
        assert gone not in shown and (shown == whole) is (share == 1.0)
        assert shown.startswith("Doe Jane  4711") and "2026-01-02" in shown and "CT" in shown
        assert shown.endswith("planes 2.5 to 7 mm apart") and banner.toolTip() == whole


def test_a_narrow_grey_window_is_not_told_as_none() -> None:
    assert window_text(-600, 1500) == "C −600  W 1500"
    assert window_text(1.0, 0.001) == "C 1.0000  W 0.0010"
    assert window_text(-0.003, 19.5) == "C 0.00  W 19.50"


def test_banner_names_patient_and_series(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    assert seeing.banner.full_text.startswith("Doe Jane")
    assert "40×40×40, 2×2×2 mm" in seeing.banner.full_text
    assert seeing.windowTitle() == "Doe Jane – Planimeter"
    seeing.session.close()
    assert seeing.banner.full_text == "Nothing open" and seeing.windowTitle() == "Planimeter"


def test_shortcuts_page_lists_every_key_that_there_is(seeing: MainWindow) -> None:
    QTest.keyClick(seeing.panes.planes[View.AXIAL], Qt.Key.Key_F1)
    page = seeing.findChild(ShortcutsPage)
    text = page.page.toPlainText()
    for _, action in seeing.listed_actions:
        for key in action.shortcuts():
            assert key.toString() in text
    page.close()


def test_layout_comes_back_at_the_next_start(seeing: MainWindow) -> None:
    from viewer.features import viewing

    first = MainWindow()
    viewing.install(first)
    first.show()
    first.resize(1111, 777)
    first.panel("Layers").hide()
    QApplication.processEvents()
    first.close()
    second = MainWindow()
    viewing.install(second)
    second.restore()
    second.show()
    QApplication.processEvents()
    assert (second.width(), second.height()) == (1111, 777)
    assert second.panel("Layers").isHidden() and not second.panel("Window").isHidden()
    second.close()
    for window in (first, second):
        window.deleteLater()


def test_a_closed_window_leaves_nothing_in_memory(seeing: MainWindow) -> None:
    import gc
    import weakref

    from viewer.features import opening, viewing

    window = MainWindow()
    opening.install(window)
    viewing.install(window)
    window.show()
    window.session.open(phantom())
    QApplication.processEvents()
    kept = [weakref.ref(one) for one in (window, window.session, window.panes, window.panes.three_d.scene)]
    voxels = weakref.ref(window.session.volume)
    window.close()
    window.deleteLater()
    del window
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
    gc.collect()
    assert [ref() for ref in kept] == [None] * 4
    assert voxels() is None


def test_screenshot_is_what_the_window_shows(seeing: MainWindow, tmp_path) -> None:
    from PySide6.QtGui import QImage

    from engine.errors import WriteError

    seeing.session.open(phantom())
    pixels(seeing.panes.planes[View.AXIAL])
    save_screenshot(seeing, tmp_path / "window.png")
    picture = QImage(str(tmp_path / "window.png"))
    assert picture.width() == round(seeing.width() * seeing.devicePixelRatio())
    pane = seeing.panes.planes[View.AXIAL]
    bright = pane.mapTo(seeing, at(pane, CENTRE))
    assert picture.pixelColor(bright).red() > 60
    with pytest.raises(WriteError):
        save_screenshot(seeing, tmp_path / "absent" / "window.png")


def test_nothing_open_takes_every_event_quietly(seeing: MainWindow) -> None:
    from tests.viewer.hand import wheel

    for pane in seeing.panes.planes.values():
        wheel(pane, 2)
        QTest.mouseClick(pane, Qt.MouseButton.LeftButton, NONE)
        QTest.keyClick(pane, Qt.Key.Key_1)
        QTest.keyClick(pane, Qt.Key.Key_PageDown)
    drag(seeing.panes.three_d, QPoint(10, 10), QPoint(60, 60), Qt.MouseButton.LeftButton)
    assert seeing.session.volume is None and seeing.messages.sentences == []


def test_what_is_told_of_a_series_goes_when_another_opens(seeing: MainWindow) -> None:
    seeing.session.open(replace(phantom(), notes=("One plane is missing.",)))
    seeing.tell_of_series(["A contour lies off the planes."])
    seeing.show_message("Exported.")
    assert len(seeing.messages.sentences) == 3
    seeing.session.open(phantom())
    assert seeing.messages.sentences == ["Exported."]


def test_notes_of_a_series_are_told(seeing: MainWindow) -> None:
    seeing.session.open(replace(phantom(), notes=("One plane is missing.",)))
    assert "One plane is missing." in seeing.messages.sentences


def test_importing_the_window_loads_no_torch() -> None:
    code = "import sys, viewer.features.application, viewer.features.viewing, viewer.features.opening; "
    code += "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'monai')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("part", "window"),
    [
        ("HEAD", "Brain"),
        ("Brain", "Brain"),
        ("HEAD_NECK", "Head and neck"),
        ("CHEST", "Mediastinum"),
        ("ABDOMEN", "Abdomen"),
        ("PELVIS", "Soft tissue"),
        ("EXTREMITY", "Soft tissue"),
        ("THIGH", "Soft tissue"),
        ("", "Soft tissue"),
    ],
)
def test_a_ct_opens_with_the_window_of_its_part_of_the_body(part: str, window: str) -> None:
    volume = phantom()
    info = replace(volume.info, attributes={"BodyPartExamined": part})
    found = default_window(replace(volume, modality="CT", units="HU", info=info))
    assert [name for name, centre, width in CT_PRESETS if Window(centre, width) == found] == [window]


def test_a_machine_without_opengl_is_told_what_the_views_need(
    seeing: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vtk_pane.QOpenGLContext, "create", lambda self: False)
    pane = PlanePane(PlaneScene(View.AXIAL, seeing.session))
    pane.resize(300, 200)
    seeing.session.open(phantom())
    pane.scene.show()
    assert pane.draw().isNull()
    shown = rgb(pane.grab().toImage())
    assert shown[0, 0].max() == 0 and (shown.max(axis=2) > 150).sum() > 100
    pane.release()


def test_names_of_panels_that_share_a_place_are_whole_and_reached_by_arrows(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    names = ["Structures", "Studies", "Window", "Layers", "Findings", "Measures", "History"]
    for name in names:
        window.add_panel(name, QLabel(name))
    window.arrange({"right": (names,)}, {"right": 250})
    window.resize(700, 500)
    window.show()
    qtbot.waitExposed(window)
    bar = next(bar for bar in window.findChildren(QTabBar) if bar.count() == len(names))
    assert bar.elideMode() is Qt.TextElideMode.ElideNone
    arrows = [button for button in bar.findChildren(QToolButton) if button.isVisible()]
    assert bar.width() < sum(bar.tabRect(n).width() for n in range(bar.count())) and len(arrows) == 2
    assert all(button.width() >= 16 for button in arrows)
    window.close()
