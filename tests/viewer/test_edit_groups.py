"""The list of structures in groups: divided, folded, shown, hidden and locked as one, with search and sort."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.structures import Generation, Provenance, Roi, StructureSet
from engine.volume import Volume
from tests.viewer.hand import CTRL, LEFT, NONE, Hand, answer
from tests.viewer.menu import choose, lines, opened
from tests.viewer.see import CENTRE, ball, phantom
from viewer.edits.structures import ROI_TYPES
from viewer.features.application import build_window
from viewer.features.groups import Groups
from viewer.grouping import GROUPINGS, divided
from viewer.widgets.structures_model import Column

BY_TYPE, BY_SOURCE = GROUPINGS[1], GROUPINGS[2]


def patient(volume: Volume) -> StructureSet:
    model = Provenance(Generation.AUTOMATIC, algorithm="some-model")
    kinds = (
        ("PTV_60", "PTV", None), ("Heart", "ORGAN", model), ("GTVp", "GTV", None), ("BODY", "EXTERNAL", model),
        ("Lung_L", "ORGAN", model), ("zHelp", "AVOIDANCE", None), ("Note", "", None),
    )  # fmt: skip
    return StructureSet(
        volume.geometry,
        tuple(
            replace(
                ball(volume.geometry, CENTRE, 4.0 + number, number), name=name, roi_type=roi_type,
                provenance=drawn or Provenance(),
            )
            for number, (name, roi_type, drawn) in enumerate(kinds, start=1)
        ),
    )  # fmt: skip


@pytest.fixture
def grouped(window: Hand) -> Iterator[Hand]:
    """Seven structures, divided by type, the heart being active."""
    volume = phantom()
    window.open(volume, patient(volume))
    window.session.set_active(2)
    panel = window.editing.structures
    panel.search.clear()
    panel._folded.clear()
    window.window.panel("Structures").raise_()
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    window.window.findChild(Groups).choose(BY_TYPE)
    yield window
    window.window.findChild(Groups).choose(GROUPINGS[0])


def tree(hand: Hand) -> list[tuple[str, list[str]]]:
    """(group, names under it) as they stand in the view."""
    model = hand.editing.structures.view.model()
    out = []
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        inside = [model.index(place, Column.NAME, index).data() for place in range(model.rowCount(index))]
        out.append((model.index(row, Column.NAME).data(), inside))
    return out


def group(hand: Hand, name: str):
    model = hand.editing.structures.view.model()
    found = [model.index(row, Column.NAME) for row in range(model.rowCount())]
    return next(index for index in found if str(index.data()).startswith(name))


def click(hand: Hand, index, column: Column, at: QPoint | None = None) -> None:
    view = hand.editing.structures.view
    rect = view.visualRect(index.siblingAtColumn(column))
    QTest.mouseClick(view.viewport(), LEFT, NONE, at if at is not None else rect.center())
    hand.settle()


TYPED = [
    ("Targets  2", ["PTV_60", "GTVp"]),
    ("Organs  2", ["Heart", "Lung_L"]),
    ("Body  1", ["BODY"]),
    ("Helpers  1", ["zHelp"]),
    ("Without a type  1", ["Note"]),
]


def test_every_interpreted_type_has_a_group() -> None:
    rois = [Roi(number, roi_type, roi_type=roi_type) for number, roi_type in enumerate(ROI_TYPES)]
    assert sum(len(group.rows) for group in divided(rois, BY_TYPE, {})) == len(rois)
    named = {group.name: [rois[row].roi_type for row in group.rows] for group in divided(rois, BY_TYPE, {})}
    assert named["Without a type"] == [""]
    assert divided([Roi(1, "x", roi_type="SOMETHING NEW")], BY_TYPE, {})[0].name == "Without a type"


def test_the_list_is_divided_by_type_by_who_drew_it_and_not_at_all(grouped: Hand) -> None:
    assert tree(grouped) == TYPED
    grouped.key(Qt.Key.Key_G, CTRL)
    assert tree(grouped) == [
        ("By hand  4", ["PTV_60", "GTVp", "zHelp", "Note"]), ("By a model  3", ["Heart", "BODY", "Lung_L"])
    ]  # fmt: skip
    grouped.key(Qt.Key.Key_G, CTRL)
    assert [name for name, _ in tree(grouped)] == ["PTV_60", "Heart", "GTVp", "BODY", "Lung_L", "zHelp", "Note"]
    assert grouped.session.active == 2


def test_a_groups_signs_turn_over_for_all_of_it_as_one_step(grouped: Hand) -> None:
    before = grouped.session.structures
    click(grouped, group(grouped, "Organs"), Column.SHOWN)
    assert [roi.name for roi in grouped.session.structures.rois if not roi.visible] == ["Heart", "Lung_L"]
    assert grouped.history.undo_text == "Hide 2 structures" and grouped.session.active == 2
    click(grouped, group(grouped, "Targets"), Column.LOCKED)
    assert [roi.name for roi in grouped.session.structures.rois if roi.locked] == ["PTV_60", "GTVp"]
    grouped.key(Qt.Key.Key_Z, CTRL)
    grouped.key(Qt.Key.Key_Z, CTRL)
    assert grouped.session.structures.rois == before.rois


def test_a_group_of_which_some_are_shown_is_shown_whole_by_a_click(grouped: Hand) -> None:
    view = grouped.editing.structures.view
    signs = [view.viewport().grab(view.visualRect(group(grouped, "Organs").siblingAtColumn(0))).toImage()]
    grouped.editing.structures.toggle_visible()
    grouped.settle()
    signs.append(view.viewport().grab(view.visualRect(group(grouped, "Organs").siblingAtColumn(0))).toImage())
    assert signs[0] != signs[1], "that some are hidden is seen"
    click(grouped, group(grouped, "Organs"), Column.SHOWN)
    assert all(roi.visible for roi in grouped.session.structures.rois)


def test_a_folded_group_stays_folded_through_edits_and_a_search_looks_into_it(grouped: Hand) -> None:
    panel = grouped.editing.structures
    index = group(grouped, "Organs")
    at = panel.view.visualRect(index).center()
    QTest.mouseClick(panel.view.viewport(), LEFT, NONE, at)
    QTest.mouseDClick(panel.view.viewport(), LEFT, NONE, at)
    assert not panel.view.isExpanded(index.siblingAtColumn(0))
    grouped.key(Qt.Key.Key_N, CTRL)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    folded = group(grouped, "Organs").siblingAtColumn(0)
    assert not panel.view.isExpanded(folded) and panel.view.isExpanded(group(grouped, "Targets").siblingAtColumn(0))
    panel.search.setText("lung")
    shown = tree(grouped)
    assert ("Organs  2", ["Lung_L"]) in shown and len(shown) == 2, "and the active structure stays"
    assert panel.view.isExpanded(group(grouped, "Organs").siblingAtColumn(0))
    panel.search.setFocus()
    QTest.keyClick(panel.search, Qt.Key.Key_Return)
    assert grouped.session.active_roi.name == "Lung_L"
    assert panel.view.isExpanded(group(grouped, "Organs").siblingAtColumn(0)), "what is active is seen"


def test_sorting_keeps_the_groups_in_place_and_sorts_inside(grouped: Hand) -> None:
    view = grouped.editing.structures.view
    for order, organs in (
        (Qt.SortOrder.AscendingOrder, ["Heart", "Lung_L"]),
        (Qt.SortOrder.DescendingOrder, ["Lung_L", "Heart"]),
    ):
        view.sortByColumn(Column.VOLUME, order)
        assert [name for name, _ in tree(grouped)] == [name for name, _ in TYPED]
        assert dict(tree(grouped))["Organs  2"] == organs
    view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    assert tree(grouped) == TYPED


def test_a_selected_group_means_all_of_it_and_leaves_the_active_structure(grouped: Hand) -> None:
    click(grouped, group(grouped, "Targets"), Column.NAME)
    assert grouped.session.active == 2 and grouped.editing.structures.selected == {1, 3}
    grouped.editing.structures.ask_menu()
    menu = opened()
    assert menu.actions()[0].text() == "2 structures" and "Show only these" in lines(menu)
    choose(menu, "Show only these")
    assert [roi.name for roi in grouped.session.structures.rois if roi.visible] == ["PTV_60", "GTVp"]


def test_comma_and_full_stop_go_through_the_groups(grouped: Hand) -> None:
    went = []
    for _ in range(7):
        grouped.key(Qt.Key.Key_Period)
        went.append(grouped.session.active_roi.name)
    assert went == ["Lung_L", "BODY", "zHelp", "Note", "PTV_60", "GTVp", "Heart"]


def test_a_structure_moves_to_another_group_with_its_type(grouped: Hand) -> None:
    view = grouped.editing.structures.view
    index = grouped.editing.structures._index(7, Column.TYPE)
    assert view.model().setData(index, "GTV")
    assert ("Targets  3", ["PTV_60", "GTVp", "Note"]) in tree(grouped) and len(tree(grouped)) == 4
    grouped.key(Qt.Key.Key_Z, CTRL)
    assert tree(grouped) == TYPED


def test_own_groups_come_first_and_come_back_with_the_session(grouped: Hand) -> None:
    grouped.window.findChild(Groups).choose(GROUPINGS[0])
    answer("  Boost & more ")
    grouped.editing.structures.ask_menu()
    choose(opened(), "Put into a group…")
    assert tree(grouped)[:3] == [("Boost & more  1", ["Heart"]), TYPED[0], ("Organs  1", ["Lung_L"])]
    assert grouped.history.undo_text == "", "no edit"
    kept = grouped.window.recording.current()
    first = grouped.session.volume
    grouped.open(phantom())
    grouped.window.recording.open(first, first, kept)
    assert tree(grouped)[0] == ("Boost & more  1", ["Heart"])
    grouped.session.set_active(2)
    grouped.editing.structures.ask_menu()
    choose(opened(), "Take out of its group")
    assert tree(grouped) == TYPED


def test_the_next_window_is_divided_as_the_last(grouped: Hand) -> None:
    grouped.window.findChild(Groups).choose(BY_SOURCE)
    other = build_window()
    assert other.findChild(Groups)._panel.tree.grouping is BY_SOURCE
    other.close()
