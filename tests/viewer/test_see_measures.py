"""What is measured with the mouse is kept, listed and exported as it is, on the plane where it was drawn."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QFileDialog

from engine.dicom.report_read import read_report
from engine.journal import Kind
from engine.volume import Volume
from tests.rtstruct.study import make_study
from tests.viewer.hand import CTRL, NONE, SHIFT, Hand, click_in_next_box
from tests.viewer.see import phantom
from viewer.features.measuring import ask_file, save
from viewer.looks import layer_over
from viewer.session import View
from viewer.widgets.measures_panel import MeasuresPanel

AXIAL, SAGITTAL = View.AXIAL, View.SAGITTAL
#: A measure lies where the mouse was, to a screen pixel or two.
PIXELS = 2.0


@pytest.fixture
def scan(window: Hand) -> Hand:
    """A cube of soft tissue in air, with a bright block; 40 planes of 2 mm."""
    window.open(phantom())
    window.go_to(27)
    # Keys reach the active window alone.
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    return window


def within(hand: Hand, view: View = AXIAL) -> float:
    return PIXELS * hand.pane(view).scene.mm_per_pixel


def measures(hand: Hand) -> tuple:
    return hand.session.document.measures


def panel(hand: Hand) -> MeasuresPanel:
    found = hand.window.findChild(MeasuresPanel)
    hand.window.panel("Measures").raise_()
    hand.settle()
    return found


def labels(hand: Hand, view: View = AXIAL) -> list[str]:
    hand.settle(60)
    return [text for text, _ in hand.pane(view).scene.measures.labels]


def test_a_drag_measures_a_distance_on_the_acquired_plane(scan: Hand) -> None:
    ends = scan.on_plane([(20, 30), (56, 57)])
    scan.key(Qt.Key.Key_M)
    scan.drag(AXIAL, ends)
    (measure,) = measures(scan)
    np.testing.assert_allclose(measure.points, ends, atol=within(scan))
    geometry = scan.session.volume.geometry
    np.testing.assert_allclose(measure.points @ geometry.normal, geometry.positions[27], atol=1e-9)
    length = float(np.linalg.norm(measure.points[1] - measure.points[0]))
    assert labels(scan) == [f"1  {length:.1f} mm"] and length == pytest.approx(45, abs=2 * within(scan))


def test_two_clicks_do_as_well_and_escape_drops_the_first(scan: Hand) -> None:
    ends = scan.on_plane([(20, 30), (56, 57)])
    scan.key(Qt.Key.Key_M)
    scan.click(AXIAL, ends[1])
    scan.move(AXIAL, ends[0])
    assert len(labels(scan)) == 1, "the length is told while it is drawn"
    scan.key(Qt.Key.Key_Escape)
    assert labels(scan) == [] and measures(scan) == ()
    scan.click(AXIAL, ends[0])
    scan.click(AXIAL, ends[1])
    np.testing.assert_allclose(measures(scan)[0].points, ends, atol=within(scan))


def test_no_measure_is_of_no_size(scan: Hand) -> None:
    near, far = scan.on_plane([(20, 30), (56, 57)])
    scan.key(Qt.Key.Key_M)
    scan.click(AXIAL, near)
    QTest.mouseDClick(scan.pane(AXIAL), Qt.MouseButton.LeftButton, NONE, scan.pixel(AXIAL, near))
    QTest.mouseRelease(scan.pane(AXIAL), Qt.MouseButton.LeftButton, NONE, scan.pixel(AXIAL, near))
    assert measures(scan) == ()
    scan.click(AXIAL, far)
    (measure,) = measures(scan)
    scan.drag(AXIAL, [far, near])
    assert measures(scan) == (measure,) and "would be one" in scan.window.messages.sentences[-1]
    scan.key(Qt.Key.Key_E, SHIFT)
    scan.click(AXIAL, scan.on_plane([(40, 20)])[0])
    assert measures(scan) == (measure,) and "drag from its middle" in scan.window.messages.sentences[-1]


def test_an_angle_is_a_drag_and_a_click(scan: Hand) -> None:
    first, corner, last = scan.on_plane([(60, 30), (20, 30), (20, 60)])
    scan.key(Qt.Key.Key_L, SHIFT)
    scan.drag(AXIAL, [first, corner])
    assert measures(scan) == ()
    scan.click(AXIAL, last)
    assert labels(scan) == [f"1  {labels(scan)[0].split()[1]}"]
    assert float(labels(scan)[0].split()[1].rstrip("°")) == pytest.approx(90, abs=3)


def test_an_ellipse_has_the_statistics_of_the_voxels_inside(scan: Hand) -> None:
    middle, corner = scan.on_plane([(54, 54), (62, 66)])
    scan.key(Qt.Key.Key_E, SHIFT)
    scan.drag(AXIAL, [middle, corner])
    (measure,) = measures(scan)
    centre, first, second = measure.points
    geometry, voxels = scan.session.volume.geometry, scan.session.volume.voxels
    flat = geometry.plane_from_lps(27, [centre, first, second])
    half = np.abs(flat[1:] - flat[0]).max(axis=1)
    assert sorted(half) == pytest.approx([8, 12], abs=within(scan))
    rows, columns = np.indices(voxels.shape[1:])
    axes = np.abs(flat[1:] - flat[0])
    u, v = (8, 12) if axes[0, 0] > axes[0, 1] else (12, 8)
    u, v = (half[0], half[1]) if axes[0, 0] > axes[0, 1] else (half[1], half[0])
    inside = ((columns * 2.0 - flat[0, 0]) / u) ** 2 + ((rows * 2.0 - flat[0, 1]) / v) ** 2 < 1
    values = voxels[27][inside]
    area, spread, extremes = labels(scan)[0].split("\n")
    assert area == f"1  {np.pi * u * v / 100:.2f} cm²"
    expected = f"{values.mean():.1f} ± {values.std():.1f} HU".replace("-", "−")
    assert spread == expected and values.std() > 0
    assert extremes == f"{values.min()} … {values.max()} HU".replace("-", "−")


def test_a_region_is_drawn_by_hand_on_a_cut_across_the_planes(scan: Hand) -> None:
    geometry = scan.session.volume.geometry
    corners = [(10, 20, 10), (10, 20, 30), (30, 20, 30), (30, 20, 10)]
    path = np.repeat(geometry.lps_from_kji([(k, j, i) for k, i, j in corners]), 1, axis=0)
    path = [path[i] + t * (path[(i + 1) % 4] - path[i]) for i in range(4) for t in np.linspace(0, 1, 6)]
    scan.session.move_cursor(geometry.lps_from_kji([[20, 20, 20]])[0])
    scan.key(Qt.Key.Key_F, SHIFT)
    scan.drag(SAGITTAL, path)
    (measure,) = measures(scan)
    assert measure.kind == "region" and abs(np.dot(measure.normal_lps, (1, 0, 0))) == pytest.approx(1)
    assert labels(scan, SAGITTAL)[0].startswith("1  16.") or labels(scan, SAGITTAL)[0].startswith("1  15.")
    assert labels(scan) == [], "it lies across the other views"


def test_a_measure_is_seen_on_its_plane_alone(scan: Hand) -> None:
    scan.key(Qt.Key.Key_M)
    scan.drag(AXIAL, scan.on_plane([(20, 30), (56, 57)]))
    assert len(labels(scan)) == 1
    scan.go_to(26)
    assert labels(scan) == []
    scan.go_to(27)
    assert len(labels(scan)) == 1


def test_an_end_can_be_dragged_and_every_step_can_be_undone(scan: Hand) -> None:
    ends = scan.on_plane([(20, 30), (56, 57)])
    scan.key(Qt.Key.Key_M)
    scan.drag(AXIAL, ends)
    before = measures(scan)
    (elsewhere,) = scan.on_plane([(40, 20)])
    scan.drag(AXIAL, [ends[1], elsewhere])
    (moved,) = measures(scan)
    np.testing.assert_allclose(moved.points, [before[0].points[0], elsewhere], atol=2 * within(scan))
    assert scan.history.undo_text == "Move Distance 1"
    scan.key(Qt.Key.Key_Z, CTRL)
    assert measures(scan) == before
    scan.key(Qt.Key.Key_Z, CTRL)
    assert measures(scan) == () and labels(scan) == []
    scan.key(Qt.Key.Key_Y, CTRL)
    assert measures(scan) == before
    kinds = [entry.kind for entry in scan.window.recording.entries()]
    assert kinds[-5:] == [Kind.DO, Kind.DO, Kind.UNDO, Kind.UNDO, Kind.REDO]


def hover(hand: Hand, point_lps: list[float]) -> None:
    """The mouse over a point, no button held: sent, as the pointer of a virtual screen may rest elsewhere."""
    pane, here = hand.pane(AXIAL), hand.pixel(AXIAL, point_lps).toPointF()
    none = Qt.MouseButton.NoButton
    move = QMouseEvent(QMouseEvent.Type.MouseMove, here, pane.mapToGlobal(here), none, none, NONE)
    QApplication.sendEvent(pane, move)


def test_delete_over_a_handle_takes_the_measure_away_and_no_contour(scan: Hand) -> None:
    ends = scan.on_plane([(20, 30), (56, 57)])
    scan.key(Qt.Key.Key_M)
    scan.drag(AXIAL, ends)
    hover(scan, ends[0])
    scan.key(Qt.Key.Key_Delete)
    assert measures(scan) == ()
    assert scan.history.undo_text == "Delete Distance 1"


def test_measures_can_be_deleted_and_exported_only_where_there_are_some(scan: Hand) -> None:
    actions = {action.text(): action for action in scan.window.menu("Measure").actions()}
    buttons = actions["Delete measure"], actions["Export measures…"]
    assert not any(button.isEnabled() for button in buttons)
    scan.key(Qt.Key.Key_M)
    scan.drag(AXIAL, scan.on_plane([(20, 30), (56, 57)]))
    assert all(button.isEnabled() for button in buttons)


def test_the_list_names_measures_brings_them_into_view_and_deletes_them(scan: Hand) -> None:
    scan.key(Qt.Key.Key_M)
    scan.drag(AXIAL, scan.on_plane([(20, 30), (56, 57)]))
    scan.go_to(5)
    listed = panel(scan)
    item = listed.list.topLevelItem(0)
    assert re.fullmatch(r"1  Distance", item.text(0)) and item.text(1).endswith(" mm")
    place = listed.list.visualItemRect(item).center()
    QTest.mouseClick(listed.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert scan.session.plane == 27
    item.setText(0, "1  Lesion")
    assert measures(scan)[0].name == "Lesion" and listed.list.topLevelItem(0).text(0) == "1  Lesion"
    QTest.mouseClick(
        listed.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place + QPoint(0, 1)
    )
    listed.delete()
    assert measures(scan) == () and listed.empty.isVisible()


def test_delete_in_the_list_deletes_what_is_chosen_there_and_no_contour(scan: Hand) -> None:
    scan.key(Qt.Key.Key_B)
    scan.drag(AXIAL, scan.on_plane([(40, 40), (50, 40)]))
    (roi,) = scan.session.structures.rois
    scan.key(Qt.Key.Key_M)
    for down in (0, 20):
        scan.drag(AXIAL, scan.on_plane([(20, 30 + down), (56, 57 + down)]))
    listed = panel(scan).list
    listed.setFocus()
    listed.setCurrentItem(listed.topLevelItem(0))
    scan.key(Qt.Key.Key_F2)
    assert listed.state() is QAbstractItemView.State.EditingState
    scan.key(Qt.Key.Key_Escape)
    listed.setFocus()
    scan.key(Qt.Key.Key_Delete)
    assert [measure.number for measure in measures(scan)] == [2]
    assert scan.session.structures.rois == (roi,) and not roi.is_empty


def pet(volume: Volume) -> Volume:
    """The phantom as a PET of coarser voxels."""
    values = np.random.default_rng(2).uniform(1, 9, volume.voxels.shape).astype(np.float32)
    return replace(volume, voxels=values, modality="PT", units="SUVbw", info=replace(volume.info, description="FDG"))


def test_every_image_that_is_shown_is_measured_and_the_table_says_all_of_it(scan: Hand, tmp_path: Path) -> None:
    over = pet(scan.session.volume)
    scan.session.add_layer(layer_over(over, over))
    scan.key(Qt.Key.Key_E, SHIFT)
    scan.drag(AXIAL, scan.on_plane([(40, 40), (50, 52)]))
    save(scan.window, panel(scan), tmp_path / "measures.csv")
    with (tmp_path / "measures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = {(row["image"], row["quantity"]): row for row in rows}
    assert table["CT", "Mean"]["unit"] == "HU" and float(table["CT", "Mean"]["value"]) == 0
    assert table["PT  FDG", "SUVpeak"]["unit"] == "SUVbw"
    tips = [item.child(n).toolTip(0) for item in [panel(scan).list.topLevelItem(0)] for n in range(item.childCount())]
    assert sum("can exceed the region's maximum" in tip for tip in tips) == 1
    assert 4 < float(table["PT  FDG", "SUVpeak"]["value"]) < float(table["PT  FDG", "Maximum"]["value"]) < 9
    assert {row["plane"] for row in rows} == {"28"} and table["", "Area"]["unit"] == "mm²"
    assert table["CT", "Voxels"]["value"] == table["PT  FDG", "Voxels"]["value"]
    scan.session.change_layer(1, replace(scan.session.layers[1], visible=False))
    assert not any("FDG" in row.image for row in panel(scan).rows()), "what is hidden is not measured"


def test_a_profile_is_drawn_as_a_curve(scan: Hand) -> None:
    scan.key(Qt.Key.Key_P, SHIFT)
    scan.drag(AXIAL, scan.on_plane([(0, 54), (78, 54)]))
    listed = panel(scan)
    listed.list.setCurrentItem(listed.list.topLevelItem(0))
    (curve,) = listed.plot.listDataItems()
    at, values = curve.getData()
    assert at[-1] == pytest.approx(78, abs=2 * within(scan))
    assert (values.min(), values.max()) == pytest.approx((-1000, 1000)), (
        "from air through tissue and the block into air"
    )


def test_measures_are_saved_as_a_certified_report_and_opened_again(window: Hand, tmp_path: Path) -> None:
    volume = make_study(tmp_path / "ct")
    window.open(volume)
    window.go_to(2)
    window.editing.toolbox.choose("measure distance")
    start, stop = window.on_plane([(8.0, 8.0), (20.0, 17.0)])
    window.drag(AXIAL, [start, stop])
    (measure,) = measures(window)
    path = tmp_path / "measures.dcm"
    save(window.window, panel(window), path)
    (finding,) = read_report(path, volume).findings
    (length,) = finding.assessment.stated
    assert length.value == pytest.approx(float(np.linalg.norm(measure.points[1] - measure.points[0])), rel=1e-9)
    assert (tmp_path / "measures.dcm.certificate.json").exists() and finding.evidence.plane == 2
    window.open(phantom())
    window.editing.toolbox.choose("measure distance")
    window.drag(AXIAL, window.on_plane([(20.0, 20.0), (40.0, 30.0)]))
    save(window.window, panel(window), tmp_path / "none.dcm")
    assert not (tmp_path / "none.dcm").exists()
    assert "no DICOM image" in window.window.messages.sentences[-1]
    window.editing.toolbox.choose("")


def test_a_report_is_not_written_over_another_without_a_question(
    scan: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "measures.dcm"
    other.write_bytes(b"somebody's")
    typed = (str(tmp_path / "measures.csv"), "DICOM structured report (*.dcm)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: typed)
    said = click_in_next_box("Keep")
    ask_file(scan.window, panel(scan))
    assert "measures.dcm exists" in said[0] and other.read_bytes() == b"somebody's"
