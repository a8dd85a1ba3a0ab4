"""The right button: on contours in the views and on rows of the list, what works there and nothing else."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from shapely import MultiPolygon, box

from engine.structure_values import greys, sizes
from engine.structures import PlaneContours, Roi, StructureSet
from engine.transform import Transform
from engine.volume import Geometry, Volume
from tests.viewer.hand import CTRL, SHIFT, Hand
from tests.viewer.menu import RIGHT, choose, dismiss, lines, opened, right_click
from tests.viewer.see import CENTRE, ball, phantom
from viewer.edits.planes import drawn_planes
from viewer.features.statistics import Statistics
from viewer.session import View
from viewer.widgets.structures_model import Column

AXIAL = View.AXIAL
TARGET, ORGAN, BODY = 1, 2, 3


@pytest.fixture
def at_work(window: Hand) -> Hand:
    """A body with a ball and a structure of two squares, on plane 20, the ball being active."""
    volume = phantom()
    geometry = volume.geometry
    squares = MultiPolygon([box(50, 50, 58, 58), box(50, 20, 58, 28)])
    outline = PlaneContours(MultiPolygon([box(5, 5, 75, 75)]))
    rois = (
        ball(geometry, CENTRE, 10.0, TARGET),
        Roi(ORGAN, "R&D", (255, 0, 0), "ORGAN", {plane: PlaneContours(squares) for plane in range(18, 23)}),
        Roi(BODY, "BODY", (0, 0, 255), "EXTERNAL", dict.fromkeys(range(10, 31), outline)),
    )
    window.open(volume, StructureSet(geometry, rois))
    window.session.set_active(TARGET)
    window.go_to(20)
    window.window.panel("Structures").raise_()
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    return window


def spot(hand: Hand, u: float, v: float) -> QPoint:
    return hand.pixel(AXIAL, hand.on_plane([(u, v)])[0])


def menu_at(hand: Hand, u: float, v: float):
    return right_click(hand.pane(AXIAL), spot(hand, u, v))


def test_a_right_click_is_about_the_structure_under_the_mouse_and_changes_nothing_by_itself(at_work: Hand) -> None:
    before, window = at_work.session.structures, at_work.session.window
    for (u, v), name in (((54, 54), "R&D"), ((39, 39), "Ball 1"), ((5, 40), "BODY"), ((10, 70), "Ball 1")):
        menu = menu_at(at_work, u, v)
        assert menu.actions()[0].text() == name, "inside, on a line, and else the active one"
        dismiss(menu)
    assert at_work.session.structures is before and at_work.session.active == TARGET
    assert at_work.session.window == window


def test_a_right_drag_still_changes_the_window_and_opens_no_menu(at_work: Hand) -> None:
    pane, start, before = at_work.pane(AXIAL), spot(at_work, 54, 54), at_work.session.window
    QTest.mousePress(pane, RIGHT, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(pane, start + QPoint(60, 0))
    QTest.mouseMove(pane, start)
    QTest.mouseRelease(pane, RIGHT, Qt.KeyboardModifier.NoModifier, start)
    at_work.settle(50)
    assert QApplication.activePopupWidget() is None
    QTest.mousePress(pane, RIGHT, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(pane, start + QPoint(60, 0))
    at_work.settle()
    assert at_work.session.window.width > before.width
    QTest.mouseRelease(pane, RIGHT, Qt.KeyboardModifier.NoModifier, start + QPoint(60, 0))


def test_only_what_works_is_offered(at_work: Hand) -> None:
    offered = lines(menu_at(at_work, 54, 54))
    dismiss(opened())
    assert {"Make active", "Rename", "Hide", "Lock", "Delete R&D", "Zoom to", "Go to first plane, 19"} <= set(offered)
    assert "Piece under the mouse > Keep it alone on plane 21" in offered
    assert not {"Show", "Show all", "Unlock", "Review > Reopen…"} & set(offered)
    assert not any(text.startswith("Paste") for text in offered)
    at_work.editing.structures.toggle_locked()
    offered = lines(menu_at(at_work, 39, 39))
    dismiss(opened())
    assert {"Unlock", "Duplicate", "Copy contour of plane 21", "Derive or change > Margin…"} <= set(offered)
    assert not {"Make active", "Rename", "Lock", "Delete Ball 1", "Delete on plane 21"} & set(offered)
    assert not any(text.startswith(("Piece", "Derive or change > Smooth")) for text in offered)


def test_hide_show_only_and_lock_are_steps_on_that_structure_alone(at_work: Hand) -> None:
    choose(menu_at(at_work, 54, 54), "Hide")
    assert [roi.visible for roi in at_work.session.structures.rois] == [True, False, True]
    assert at_work.history.undo_text == "Hide R&D" and at_work.session.active == TARGET
    choose(menu_at(at_work, 39, 39), "Show only this")
    assert [roi.visible for roi in at_work.session.structures.rois] == [True, False, False]
    choose(menu_at(at_work, 39, 39), "Show all")
    assert all(roi.visible for roi in at_work.session.structures.rois)
    choose(menu_at(at_work, 54, 54), "Lock")
    assert [roi.locked for roi in at_work.session.structures.rois] == [False, True, False]


def test_the_piece_under_the_mouse_goes_and_stays_and_other_planes_stay_the_same_objects(at_work: Hand) -> None:
    before = at_work.session.structures[ORGAN]
    choose(menu_at(at_work, 54, 24), "Piece under the mouse > Delete it on plane 21")
    now = at_work.session.structures[ORGAN]
    assert now.area(20).equals(box(50, 50, 58, 58)) and now.planes[19] is before.planes[19]
    assert at_work.history.undo_text == "Delete a piece on plane 21 of R&D" and at_work.session.active == TARGET
    at_work.go_to(19)
    choose(menu_at(at_work, 54, 24), "Piece under the mouse > Keep it alone in space")
    now = at_work.session.structures[ORGAN]
    assert now.area(19).equals(box(50, 20, 58, 28)) and now.area(20).is_empty
    at_work.key(Qt.Key.Key_Z, CTRL)
    at_work.key(Qt.Key.Key_Z, CTRL)
    assert at_work.session.structures[ORGAN].planes == before.planes


def test_a_contour_is_copied_to_another_plane_and_structure_and_what_is_there_stays(at_work: Hand) -> None:
    squares = at_work.session.structures[ORGAN].area(20)
    choose(menu_at(at_work, 54, 54), "Copy contour of plane 21")
    ball_before = at_work.session.structures[TARGET]
    choose(menu_at(at_work, 39, 39), "Paste plane 21 of R&D on plane 21")
    now = at_work.session.structures[TARGET]
    assert now.area(20).equals(ball_before.area(20).union(squares)) and now.planes[19] is ball_before.planes[19]
    at_work.go_to(30)
    at_work.key(Qt.Key.Key_V, CTRL)
    assert at_work.session.structures[TARGET].area(30) is squares
    assert at_work.history.undo_text == "Paste plane 21 of R&D on plane 31 of Ball 1"
    at_work.key(Qt.Key.Key_V, CTRL)
    assert "covers that" in at_work.window.messages.sentences[-1]
    at_work.key(Qt.Key.Key_C, CTRL)
    at_work.go_to(31)
    at_work.key(Qt.Key.Key_V, CTRL)
    assert at_work.history.undo_text == "Paste plane 31 of Ball 1 on plane 32 of Ball 1"
    other = phantom()
    at_work.open(other, StructureSet(other.geometry, (ball(other.geometry, CENTRE, 9),)))
    at_work.key(Qt.Key.Key_V, CTRL)
    assert "No contour was copied on this series" in at_work.window.messages.sentences[-1]


def test_going_to_the_ends_and_zooming(at_work: Hand) -> None:
    drawn = drawn_planes(at_work.session.structures[TARGET])
    choose(menu_at(at_work, 39, 39), f"Go to first plane, {drawn[0] + 1}")
    assert at_work.session.plane == drawn[0]
    at_work.go_to(20)
    choose(menu_at(at_work, 39, 39), f"Go to last plane, {drawn[-1] + 1}")
    assert at_work.session.plane == drawn[-1]
    at_work.go_to(20)
    scale = at_work.pane(AXIAL).scene.mm_per_pixel
    choose(menu_at(at_work, 54, 54), "Zoom to")
    assert at_work.pane(AXIAL).scene.mm_per_pixel < scale


def test_an_operation_is_shown_on_the_structure_that_was_pointed_at(at_work: Hand) -> None:
    choose(menu_at(at_work, 54, 54), "Derive or change > Margin…")
    assert at_work.session.active == ORGAN
    assert at_work.editing.operations.isVisible() and at_work.editing.operations.operation.name == "margin"


def test_the_menu_of_the_list_is_about_the_selected_rows(at_work: Hand) -> None:
    panel = at_work.editing.structures
    view = panel.view
    place = [view.visualRect(view.model().index(row, Column.NAME)).center() for row in range(3)]
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place[1])
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, CTRL, place[2])
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place[2], view.viewport().mapToGlobal(place[2]))
    QApplication.sendEvent(view.viewport(), event)
    menu = opened()
    assert menu.actions()[0].text() == "2 structures"
    assert {"Hide", "Show only these", "Delete 2 structures"} <= set(lines(menu)) and "Rename" not in lines(menu)
    choose(menu, "Delete 2 structures")
    assert [roi.number for roi in at_work.session.structures.rois] == [TARGET]


def test_the_menu_opens_by_a_key_in_a_view_and_in_the_list_and_is_worked_by_keys(at_work: Hand) -> None:
    for widget in (at_work.pane(AXIAL), at_work.editing.structures.view):
        widget.setFocus()
        at_work.key(Qt.Key.Key_F10, SHIFT)
        menu = opened()
        assert menu.actions()[0].text() == "Ball 1"
        hide = next(action for action in menu.actions() if action.text().startswith("Hide"))
        assert hide.text() == "Hide\tV", "the key that does the same is told"
        while menu.activeAction() is not hide:
            QTest.keyClick(menu, Qt.Key.Key_Down)
        QTest.keyClick(menu, Qt.Key.Key_Return)
        at_work.settle()
        assert not at_work.session.structures[TARGET].visible
        at_work.key(Qt.Key.Key_Z, CTRL)


def test_a_structure_on_a_cut_across_the_planes_is_pointed_at_too(at_work: Hand) -> None:
    at_work.session.move_cursor(at_work.on_plane([(54, 54)])[0])
    at_work.settle()
    pane = at_work.pane(View.SAGITTAL)
    menu = right_click(pane, at_work.pixel(View.SAGITTAL, at_work.on_plane([(54, 54)], 21)[0]))
    assert menu.actions()[0].text() == "R&D"
    choose(menu, "Delete on plane 22")
    assert sorted(at_work.session.structures[ORGAN].planes) == [18, 19, 20, 22]


def test_in_a_window_that_only_looks_nothing_that_edits_is_offered(at_work: Hand) -> None:
    at_work.history.refusal = lambda: "another window works on it"
    try:
        offered = lines(menu_at(at_work, 54, 54))
        dismiss(opened())
    finally:
        at_work.history.refusal = str
    assert {"Make active", "Hide", "Zoom to", "Statistics…", "Copy contour of plane 21"} <= set(offered)
    assert not any(
        text.startswith(("Rename", "Lock", "Delete", "Piece", "Derive", "Review", "Add", "Colour")) for text in offered
    )


# Statistics -----------------------------------------------------------------------------------------------------------


def test_statistics_are_those_of_the_voxels_inside(at_work: Hand) -> None:
    shown = at_work.window.findChild(Statistics)
    choose(menu_at(at_work, 54, 54), "Statistics…")
    at_work.wait_until(shown.dialog.isVisible)
    rows = dict(line.split("\t") for line in shown.dialog.text.splitlines())
    volume, roi = at_work.session.volume, at_work.session.structures[ORGAN]
    rows_v, columns_u = np.mgrid[:40, :40] * 2.0
    inside = (columns_u > 50) & (columns_u < 58) & (((rows_v > 50) & (rows_v < 58)) | ((rows_v > 20) & (rows_v < 28)))
    values = volume.voxels[18:23][:, inside].astype(float)
    # A centre on the near line is inside, on the far one it isn't.
    assert int(rows["Voxels"]) == 5 * 2 * 16 and rows["Planes"] == "5" and rows["Pieces in space"] == "2"
    assert rows["Volume"] == f"{roi.volume_cm3(volume.geometry):.2f} cm³"
    assert values.min() == float(rows["Minimum"].split()[0].replace("−", "-"))
    assert (
        rows["Right to left"] == "8.0 mm" and rows["Front to back"] == "38.0 mm" and rows["Feet to head"] == "10.0 mm"
    )
    shown.dialog.close()


def test_statistics_on_another_image_are_those_of_the_same_place() -> None:
    """Of an image of twice the spacing whose values are its place, the mean is the middle of the structure."""
    fine = Geometry.regular((0, 0, 0), np.eye(3), (1.0, 1.0, 2.0), (30, 60, 60))
    disc = MultiPolygon([box(10, 10, 30, 30)])
    roi = Roi(1, "Box", planes={plane: PlaneContours(disc) for plane in range(5, 15)})
    coarse = Geometry.regular((0.5, 0.5, -1.0), np.eye(3), (2.0, 2.0, 4.0), (15, 30, 30))
    where = coarse.lps_from_kji(np.indices(coarse.shape).reshape(3, -1).T)
    for axis, middle in enumerate((20.0, 20.0, 19.0)):
        image = Volume(where[:, axis].reshape(coarse.shape).astype(np.float32), coarse, "PT", "")
        own = {value.name: value.value for value in greys(roi, fine, image, Transform.identity())}
        assert own["Voxels"] == 10 * 10 * 5
        assert own["Mean"] == pytest.approx(middle, abs=0.51 if axis < 2 else 1.01)
    sized = {value.name: value.value for value in sizes(roi, fine)}
    assert sized["Volume"] == pytest.approx(20 * 20 * 20 / 1000) and sized["Feet to head"] == pytest.approx(20.0)
