"""The panels of structures, operations and history do what they say, each change as one step."""

import numpy as np
import pytest
import shapely
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QComboBox, QLineEdit, QToolButton, QWidget
from shapely import Point

from engine.contouring import measure
from engine.journal import Kind
from engine.structures import Generation, Provenance, Roi
from tests.viewer.hand import CTRL, NONE, SHIFT, Hand, has_colour
from viewer.edits.planes import areas_of
from viewer.history import add
from viewer.session import View
from viewer.widgets.structures_model import Column

BRAINSTEM, CORD, PAROTID_R, PAROTID_L, LARYNX = 1, 2, 3, 4, 6


@pytest.fixture
def hand(listing: Hand) -> Hand:
    return listing


def cell(hand: Hand, number: int, column: Column) -> QPoint:
    """Where a cell of the list is."""
    view = hand.editing.structures.view
    index = hand.editing.structures._index(number, column)
    view.scrollTo(index)
    return view.visualRect(index).center()


def click(hand: Hand, number: int, column: Column, modifiers: Qt.KeyboardModifier = NONE) -> None:
    view = hand.editing.structures.view
    at = cell(hand, number, column)
    if column in (Column.SHOWN, Column.LOCKED):
        # The box is at the left of its cell.
        at.setX(view.visualRect(hand.editing.structures._index(number, column)).left() + 9)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, modifiers, at)
    hand.settle()


def test_the_list_shows_what_there_is(hand: Hand) -> None:
    model = hand.editing.structures.model
    geometry = hand.session.volume.geometry
    for row, roi in enumerate(hand.session.structures.rois):
        shown = {column: model.index(row, column).data() for column in Column}
        assert shown[Column.NAME] == roi.name and shown[Column.TYPE] == roi.roi_type
        assert shown[Column.DRAWN_BY] == "a-model 1.0"
        assert float(shown[Column.VOLUME]) == pytest.approx(measure.volume_cm3(areas_of(roi), geometry), abs=0.006)


def test_the_volume_follows_the_strokes(hand: Hand) -> None:
    row = hand.editing.structures.model.row_of(PAROTID_L)

    def shown() -> float:
        return float(hand.editing.structures.model.index(row, Column.VOLUME).data())

    before = shown()
    hand.go_to(next(iter(hand.session.active_roi.planes)))
    hand.key(Qt.Key.Key_B)
    hand.drag(View.AXIAL, hand.on_plane([(100, 100), (150, 100)]))
    geometry = hand.session.volume.geometry
    added = Point(100, 100).buffer(5).area + 50 * 10
    assert shown() - before == pytest.approx(added * geometry.plane_spacing / 1000, rel=0.05)
    assert hand.editing.structures.model.index(row, Column.DRAWN_BY).data() == "a-model 1.0, edited"
    hand.key(Qt.Key.Key_Z, CTRL)
    assert shown() == before


def test_a_click_makes_a_structure_active_and_a_double_click_goes_to_its_centre(hand: Hand) -> None:
    click(hand, BRAINSTEM, Column.VOLUME)
    assert hand.session.active == BRAINSTEM
    view = hand.editing.structures.view
    click(hand, CORD, Column.DRAWN_BY)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, NONE, cell(hand, CORD, Column.DRAWN_BY))
    hand.settle()
    geometry = hand.session.volume.geometry
    cord = hand.session.structures[CORD]
    plane = hand.session.plane
    at = geometry.plane_from_lps(plane, [hand.session.cursor_lps])[0]
    assert cord.area(plane).distance(Point(at)) < max(geometry.spacing_uv)
    planes = list(cord.planes)
    assert abs(plane - np.mean(planes)) < len(planes) / 4


def test_the_boxes_show_hide_and_lock_as_steps(hand: Hand) -> None:
    click(hand, PAROTID_L, Column.SHOWN)
    assert not hand.session.structures[PAROTID_L].visible and hand.history.undo_text == "Hide Parotid_L"
    click(hand, PAROTID_L, Column.LOCKED)
    assert hand.session.structures[PAROTID_L].locked and hand.history.undo_text == "Lock Parotid_L"
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.key(Qt.Key.Key_Z, CTRL)
    roi = hand.session.structures[PAROTID_L]
    assert roi.visible and not roi.locked


def test_a_hidden_structure_is_not_drawn_and_all_are_hidden_and_shown_by_a_key(hand: Hand) -> None:
    roi = hand.session.active_roi
    plane = list(roi.planes)[len(roi.planes) // 2]
    hand.go_to(plane)
    edge = hand.on_plane([shapely.get_coordinates(roi.area(plane))[0]])[0]
    at = hand.pixel(View.AXIAL, edge)
    assert has_colour(hand.picture(View.AXIAL), at, roi.colour)
    hand.key(Qt.Key.Key_V, SHIFT)
    assert not any(one.visible for one in hand.session.structures.rois)
    assert hand.history.undo_text == f"Hide {len(hand.session.structures.rois)} structures"
    assert not has_colour(hand.picture(View.AXIAL), at, roi.colour)
    hand.key(Qt.Key.Key_V, SHIFT)
    assert all(one.visible for one in hand.session.structures.rois)
    assert has_colour(hand.picture(View.AXIAL), at, roi.colour)


def editor(hand: Hand, kind: type[QWidget]) -> QWidget:
    return hand.editing.structures.view.viewport().findChild(kind) or hand.editing.structures.view.findChild(kind)


def test_a_structure_is_added_and_named_with_a_suggestion(hand: Hand) -> None:
    count = len(hand.session.structures.rois)
    hand.key(Qt.Key.Key_N, CTRL)
    line = editor(hand, QLineEdit)
    assert isinstance(line, QLineEdit) and line.hasFocus()
    line.selectAll()
    QTest.keyClicks(line, "bladd")
    hand.settle(50)
    completions = line.completer().completionModel()
    assert "Bladder" in [completions.index(row, 0).data() for row in range(completions.rowCount())]
    line.completer().popup().hide()
    line.setText("Bladder")
    QTest.keyClick(line, Qt.Key.Key_Return)
    hand.settle()
    roi = hand.session.active_roi
    assert len(hand.session.structures.rois) == count + 1
    assert (roi.name, roi.roi_type, roi.is_empty) == ("Bladder", "ORGAN", True)
    assert hand.history.undo_text == "Rename ROI 1 to Bladder"
    assert roi.colour not in [other.colour for other in hand.session.structures.rois if other is not roi]
    # Letters that are tools elsewhere are letters in a name.
    assert hand.editing.toolbox.active == ""


def test_a_stroke_while_names_are_suggested_keeps_the_name_and_draws(hand: Hand) -> None:
    hand.editing.toolbox.choose("brush")
    hand.key(Qt.Key.Key_N, CTRL)
    line = editor(hand, QLineEdit)
    assert isinstance(line, QLineEdit)
    QTest.keyClicks(line, "blad")
    popup = line.completer().popup()
    hand.wait_until(popup.isVisible)
    pane = hand.pane(View.AXIAL)
    # As the system sends it: whatever is pressed while a list is open goes to the list.
    here = popup.mapFromGlobal(pane.mapToGlobal(pane.rect().center()))
    QTest.mousePress(popup.windowHandle(), Qt.MouseButton.LeftButton, NONE, here)
    hand.settle(50)
    assert pane.hasFocus()
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, NONE, pane.rect().center())
    hand.settle()
    roi = hand.session.active_roi
    assert (roi.name, list(roi.planes)) == ("blad", [hand.session.plane])
    assert hand.history.undo_text == f"Brush on plane {hand.session.plane + 1} of blad"
    hand.history.undo()
    assert hand.history.undo_text == "Rename ROI 1 to blad"


def test_f2_in_the_list_renames_and_shift_with_an_arrow_selects(hand: Hand) -> None:
    click(hand, BRAINSTEM, Column.VOLUME)
    hand.key(Qt.Key.Key_Down, SHIFT)
    assert hand.editing.structures.selected == {BRAINSTEM, CORD}
    click(hand, BRAINSTEM, Column.TYPE)
    hand.key(Qt.Key.Key_F2)
    line = editor(hand, QLineEdit)
    assert isinstance(line, QLineEdit) and line.text() == "Brainstem"
    hand.key(Qt.Key.Key_Escape)
    # The editor goes with the next turn of the loop.
    hand.settle(20)
    assert hand.window.panel("Studies").isVisible()


@pytest.mark.parametrize(("name", "said"), [("Parotid_R", "already"), ("  ", "needs a name")])
def test_a_name_that_is_taken_or_empty_is_refused(hand: Hand, name: str, said: str) -> None:
    hand.key(Qt.Key.Key_R)
    line = editor(hand, QLineEdit)
    assert isinstance(line, QLineEdit)
    line.setText(name)
    QTest.keyClick(line, Qt.Key.Key_Return)
    hand.settle()
    assert hand.session.active_roi.name == "Parotid_L" and hand.history.undo_text == ""
    assert said in hand.window.messages.sentences[-1]


def test_the_type_is_chosen_from_the_terms_of_dicom(hand: Hand) -> None:
    view = hand.editing.structures.view
    view.edit(hand.editing.structures._index(PAROTID_L, Column.TYPE))
    hand.settle()
    box = editor(hand, QComboBox)
    assert isinstance(box, QComboBox) and box.currentText() == "ORGAN"
    box.setCurrentText("AVOIDANCE")
    box.activated.emit(box.currentIndex())
    hand.settle()
    assert hand.session.active_roi.roi_type == "AVOIDANCE"
    assert hand.history.undo_text == "Type of Parotid_L: AVOIDANCE"


@pytest.mark.parametrize("column", [Column.NAME, Column.TYPE])
def test_a_key_after_a_click_on_the_active_row_is_a_tools_and_no_new_name(hand: Hand, column: Column) -> None:
    view = hand.editing.structures.view
    before = hand.session.active_roi
    for _ in range(2):
        click(hand, PAROTID_L, column)
        QTest.qWait(QApplication.doubleClickInterval() + 20)
    assert view.state() != QAbstractItemView.State.EditingState
    QTest.keyClick(view, Qt.Key.Key_B)
    hand.settle()
    assert hand.editing.toolbox.active == "brush" and hand.session.active_roi is before


def test_a_double_click_on_the_type_lets_it_be_chosen(hand: Hand) -> None:
    view = hand.editing.structures.view
    at = cell(hand, PAROTID_L, Column.TYPE)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, NONE, at)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, NONE, at)
    hand.settle()
    box = editor(hand, QComboBox)
    assert isinstance(box, QComboBox) and box.currentText() == "ORGAN"
    QTest.keyClick(box, Qt.Key.Key_Escape)
    hand.settle()
    assert view.state() != QAbstractItemView.State.EditingState and hand.session.active_roi.roi_type == "ORGAN"


def test_a_duplicate_has_the_same_contours_and_its_own_name_and_number(hand: Hand) -> None:
    original = hand.session.active_roi
    hand.key(Qt.Key.Key_D, CTRL)
    copy = hand.session.active_roi
    assert copy.number not in [roi.number for roi in hand.session.structures.rois if roi is not copy]
    assert copy.name == "Parotid_L copy" and copy.planes == original.planes and copy.uid == ""


def test_the_selected_structures_are_deleted_in_one_step_unless_one_is_locked(hand: Hand) -> None:
    before = hand.session.structures
    click(hand, CORD, Column.VOLUME)
    click(hand, PAROTID_R, Column.VOLUME, CTRL)
    hand.editing.structures.toggle_locked()
    hand.key(Qt.Key.Key_Delete, CTRL)
    assert len(hand.session.structures.rois) == len(before.rois)
    assert "are locked" in hand.window.messages.sentences[-1]
    hand.key(Qt.Key.Key_L)
    hand.key(Qt.Key.Key_Delete, CTRL)
    assert {roi.number for roi in before.rois} - {roi.number for roi in hand.session.structures.rois} == {
        CORD,
        PAROTID_R,
    }
    hand.key(Qt.Key.Key_Z, CTRL)
    assert [roi.number for roi in hand.session.structures.rois] == [roi.number for roi in before.rois]


def test_the_list_is_sorted_by_a_click_on_a_head(hand: Hand) -> None:
    view = hand.editing.structures.view
    head = view.header()
    at = QPoint(head.sectionViewportPosition(Column.VOLUME) + 20, head.height() // 2)
    QTest.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, NONE, at)
    shown = [float(view.model().index(row, Column.VOLUME).data()) for row in range(view.model().rowCount())]
    assert shown == sorted(shown) and len(shown) > 4
    view.header().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)


def test_comma_and_full_stop_go_through_the_structures(hand: Hand) -> None:
    numbers = [roi.number for roi in hand.session.structures.rois]
    hand.session.set_active(numbers[0])
    hand.key(Qt.Key.Key_Period)
    assert hand.session.active == numbers[1]
    hand.key(Qt.Key.Key_Comma)
    hand.key(Qt.Key.Key_Comma)
    assert hand.session.active == numbers[-1]


def redo_button(hand: Hand) -> QToolButton:
    buttons = hand.window.messages.findChildren(QToolButton)
    return next(button for button in buttons if button.text() == "Redo" and button.isVisible())


def test_undoing_a_run_says_what_went_and_offers_it_back(hand: Hand) -> None:
    structures = hand.session.structures
    model = Provenance(Generation.AUTOMATIC, algorithm="a-model")
    drawn = Roi(9, "Bladder", planes=structures[PAROTID_L].planes, provenance=model)
    hand.history.do(add(structures, (drawn,), text="A model (1 structure)", tool="a-model 1.0"))
    hand.window.messages.dismiss_all()
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.window.messages.sentences == ["Undone: A model (1 structure)."]
    QTest.mouseClick(redo_button(hand), Qt.MouseButton.LeftButton)
    assert 9 in hand.session.structures and hand.window.messages.sentences == []


def test_the_offer_to_redo_goes_when_something_else_would_be_done_again(hand: Hand) -> None:
    structures = hand.session.structures
    hand.key(Qt.Key.Key_B)
    hand.drag(View.AXIAL, hand.on_plane([(100, 100), (150, 100)]))
    hand.history.do(add(hand.session.structures, (Roi(9, "Bladder"),), text="A model", tool="a-model 1.0"))
    hand.window.messages.dismiss_all()
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.window.messages.sentences == ["Undone: A model."]
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.window.messages.sentences == [], "a stroke is seen to go"
    assert [roi.number for roi in hand.session.structures.rois] == [roi.number for roi in structures.rois]


def test_the_history_tells_what_was_done_undone_and_by_whom(hand: Hand) -> None:
    hand.window.panel("History").show()
    hand.window.panel("History").raise_()
    hand.key(Qt.Key.Key_B)
    hand.drag(View.AXIAL, hand.on_plane([(100, 100), (150, 100)]))
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.key(Qt.Key.Key_Y, CTRL)
    hand.session.mark_seen(frozenset({(BRAINSTEM, 40)}))
    model = hand.editing.history.model
    hand.wait_until(lambda: len(model.entries) == 5)
    assert [entry.kind for entry in model.entries] == [Kind.SEEN, Kind.REDO, Kind.UNDO, Kind.DO, Kind.BASE]
    row = [model.index(3, column).data() for column in range(model.columnCount())]
    text = f"Brush on plane {hand.session.plane + 1} of Parotid_L"
    assert row[1] == text and row[2] == "brush" and row[3]
    assert model.index(2, 1).data() == f"Undo: {text}" and model.index(1, 1).data() == f"Redo: {text}"
    assert model.index(3, 1).data(Qt.ItemDataRole.FontRole) is None
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.wait_until(lambda: len(model.entries) == 6)
    assert model.index(4, 1).data(Qt.ItemDataRole.FontRole).strikeOut(), "what is taken back is struck out"
    hand.window.panel("Structures").raise_()
    hand.key(Qt.Key.Key_Y, CTRL)
    assert not hand.editing.history._soon.isActive(), "behind another tab it reads nothing"
    hand.window.panel("History").raise_()
    hand.wait_until(lambda: len(model.entries) == 7)


def ancestors(widget: QWidget) -> list[QWidget]:
    parent = widget.parentWidget()
    return [] if parent is None else [parent, *ancestors(parent)]


def test_no_two_controls_share_a_key_and_each_says_what_it_does(hand: Hand) -> None:
    keys: dict[str, list[str]] = {}
    for _, action in hand.window.listed_actions:
        assert action.toolTip(), action.text()
        for sequence in action.shortcuts():
            keys.setdefault(sequence.toString(), []).append(action.text())
            assert sequence.toString() in action.toolTip() or sequence.toString() == "Esc", action.text()
    assert {key: texts for key, texts in keys.items() if len(texts) > 1} == {}
    for panel in (hand.editing.structures, hand.editing.operations, hand.editing.history):
        for widget in panel.findChildren(QWidget):
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and type(widget).__module__.startswith("PySide6"):
                family = [widget, *ancestors(widget)]
                assert any(one.toolTip() for one in family[:2]) or any(isinstance(one, QComboBox) for one in family)
