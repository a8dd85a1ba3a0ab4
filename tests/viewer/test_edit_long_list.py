"""A list of sixty structures: found by a word, sorted as a person counts, with room for names and large volumes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from engine.palette import palette
from engine.structures import Generation, Provenance, StructureSet
from engine.tg263 import standard_names
from engine.volume import Volume
from tests.viewer.hand import CTRL, LEFT, NONE, Hand, own_data, wait_until
from tests.viewer.see import CENTRE, ball, phantom
from viewer.widgets.structures_model import Column, volume_text

LONG = "OAR_0_external_acoustic_structure_left_inner_ear_0cture"
FIRST = ["PTV_100", "PTV_50", "PTV_5", LONG]


def sixty(volume: Volume) -> StructureSet:
    names = [*FIRST, *list(standard_names())[:56]]
    rois = [
        replace(ball(volume.geometry, CENTRE, 6, number, palette(number)), name=name)
        for number, name in enumerate(names, start=1)
    ]
    model = Provenance(Generation.AUTOMATIC, algorithm="some-model")
    rois[1] = replace(rois[1], provenance=model)
    rois[2] = replace(rois[2], visible=False, locked=True)
    return StructureSet(volume.geometry, tuple(rois))


@pytest.fixture(scope="module")
def window_hand(application: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    with own_data(tmp_path_factory.mktemp("list")):
        hand = Hand()
        yield hand
        hand.close()


@pytest.fixture
def hand(window_hand: Hand) -> Hand:
    volume = phantom()
    window_hand.open(volume, sixty(volume))
    window_hand.editing.structures.search.clear()
    return window_hand


def names(hand: Hand) -> list[str]:
    model = hand.editing.structures.view.model()
    return [model.index(row, Column.NAME).data() for row in range(model.rowCount())]


def search(hand: Hand, text: str) -> None:
    hand.key(Qt.Key.Key_F, CTRL)
    for letter in text:
        QTest.keyClick(hand.window.windowHandle(), letter)
    hand.settle()


def place(hand: Hand, row: int, column: Column) -> QPoint:
    view = hand.editing.structures.view
    return view.visualRect(view.model().index(row, column)).center()


def test_a_search_keeps_what_holds_every_word_and_the_active_structure(hand: Hand) -> None:
    hand.session.set_active(4)
    search(hand, "_r parot")
    assert names(hand) == [LONG, "Parotid_R"]
    assert hand.session.active == 4, "a search must not change what the tools draw on"
    search(hand, "some-model")
    assert names(hand) == ["PTV_50", LONG]


def test_return_makes_the_first_match_active_and_shows_all_again(hand: Hand) -> None:
    search(hand, "spinalcord")
    QTest.keyClick(hand.window.windowHandle(), Qt.Key.Key_Return)
    hand.settle()
    assert hand.session.active_roi.name == "SpinalCord"
    assert len(names(hand)) == 60 and hand.editing.structures.search.text() == ""
    view = hand.editing.structures.view
    assert view.currentIndex().siblingAtColumn(Column.NAME).data() == "SpinalCord"


def test_another_active_structure_takes_the_place_of_the_one_before_in_a_search(hand: Hand) -> None:
    search(hand, "parotid")
    hand.session.set_active(3)
    assert names(hand) == ["PTV_5", "Parotid_L", "Parotid_R"] and hand.session.active == 3


def test_escape_gives_the_search_up_and_keeps_the_tool(hand: Hand) -> None:
    hand.editing.toolbox.choose("brush")
    search(hand, "nothing of this name")
    assert names(hand) == ["PTV_100"]
    QTest.keyClick(hand.window.windowHandle(), Qt.Key.Key_Return)
    hand.settle()
    assert hand.session.active == 1
    QTest.keyClick(hand.window.windowHandle(), Qt.Key.Key_Escape)
    hand.settle()
    assert len(names(hand)) == 60 and hand.editing.toolbox.active == "brush"


def test_names_are_sorted_by_the_numbers_in_them(hand: Hand) -> None:
    view = hand.editing.structures.view
    view.sortByColumn(Column.NAME, Qt.SortOrder.AscendingOrder)
    assert [name for name in names(hand) if name.startswith("PTV_")] == ["PTV_5", "PTV_50", "PTV_100"]
    view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    assert names(hand)[:4] == FIRST


def test_a_click_anywhere_on_a_sign_turns_it_over_and_a_second_one_back(hand: Hand) -> None:
    view = hand.editing.structures.view
    for column, state in ((Column.SHOWN, "visible"), (Column.LOCKED, "locked")):
        before = getattr(hand.session.structures[1], state)
        rect = view.visualRect(view.model().index(0, column))
        QTest.mouseClick(view.viewport(), LEFT, NONE, rect.topLeft() + QPoint(2, 2))
        assert getattr(hand.session.structures[1], state) is not before
        cursor = hand.session.cursor_lps
        QTest.mouseClick(view.viewport(), LEFT, NONE, rect.bottomRight() - QPoint(2, 2))
        assert getattr(hand.session.structures[1], state) is before and hand.session.cursor_lps is cursor


def test_signs_tell_what_is_shown_locked_and_drawn_by_whom(hand: Hand) -> None:
    view = hand.editing.structures.view
    pictures = {}
    view.clearSelection()
    for row in (0, 1, 2):
        for column in (Column.SHOWN, Column.LOCKED, Column.DRAWN_BY):
            rect = view.visualRect(view.model().index(row, column)).adjusted(4, 3, -4, -3)
            image = view.viewport().grab(rect).toImage()
            colours = [image.pixelColor(x, y).lightness() for x in range(image.width()) for y in range(image.height())]
            assert max(colours) - min(colours) > 50, "a state that is off is seen too"
            pictures[row, column] = image
    assert pictures[1, Column.SHOWN] != pictures[2, Column.SHOWN]
    assert pictures[1, Column.LOCKED] != pictures[2, Column.LOCKED]
    assert pictures[1, Column.DRAWN_BY] != pictures[2, Column.DRAWN_BY]


def test_a_cut_name_is_told_whole_under_the_mouse(hand: Hand) -> None:
    view = hand.editing.structures.view
    at = place(hand, 3, Column.NAME)
    QApplication.sendEvent(view.viewport(), QHelpEvent(QEvent.Type.ToolTip, at, view.viewport().mapToGlobal(at)))
    wait_until(QToolTip.isVisible, 5)
    assert LONG in QToolTip.text()
    QToolTip.hideText()


def test_a_volume_has_room_however_large_it_is(hand: Hand) -> None:
    assert [volume_text(value) for value in (0.031, 7.226, 99.94, 365.44, 36544.2)] == [
        "0.03", "7.23", "99.94", "365.4", "36544",
    ]  # fmt: skip
    view = hand.editing.structures.view
    room = view.columnWidth(Column.VOLUME)
    for text in ("36544", "999.9"):
        assert view.fontMetrics().horizontalAdvance(text) + 8 < room
    assert view.columnWidth(Column.NAME) > max(
        view.columnWidth(column) for column in Column if column is not Column.NAME
    )


def test_names_get_their_part_of_a_wide_window_unless_a_person_moved_the_edge(hand: Hand) -> None:
    window, dock = hand.window, hand.window.panel("Structures")
    usual = dock.width()
    window.resize(2400, 950)
    wait_until(lambda: dock.width() > usual * 1.3, 5)
    window.resize(1500, 950)
    wait_until(lambda: dock.width() < usual * 1.1, 5)
    window.resizeDocks([dock], [usual + 60], Qt.Orientation.Horizontal)
    hand.settle(50)
    window.resize(2400, 950)
    hand.settle(200)
    assert abs(dock.width() - (usual + 60)) <= 2
    window.resizeDocks([dock], [usual], Qt.Orientation.Horizontal)
    window.resize(1500, 950)
