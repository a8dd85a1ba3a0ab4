"""Two windows on one series: the second only looks until it takes the work over, and then the first only looks."""

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.structures import StructureSet
from tests.viewer.hand import LEFT, NONE, Hand, own_data, wait_until
from tests.viewer.see import CENTRE, ball, phantom
from viewer.edits import structures
from viewer.features.windows import Windows
from viewer.session import View


@pytest.fixture(scope="module")
def pair(application: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hand, Hand]]:
    with own_data(tmp_path_factory.mktemp("two")):
        hands = Hand(), Hand()
        yield hands
        for hand in hands:
            hand.close()


@pytest.fixture
def hands(pair: tuple[Hand, Hand]) -> tuple[Hand, Hand]:
    for hand in pair:
        hand.session.close()
    for hand in pair:
        volume = phantom()
        hand.open(volume, StructureSet(volume.geometry, (ball(volume.geometry, CENTRE, 12),)))
    return pair


def windows(hand: Hand) -> Windows:
    found = hand.window.findChild(Windows)
    assert found is not None
    return found


def stroke(hand: Hand) -> None:
    hand.window.activateWindow()
    assert QTest.qWaitForWindowActive(hand.window, 5000)
    hand.editing.toolbox.choose("brush")
    hand.drag(View.AXIAL, [CENTRE + np.array((x, 0, 0)) for x in (10, 20)])


def said(hand: Hand) -> str:
    return " ".join(hand.window.messages.sentences)


def test_the_second_window_says_so_and_changes_nothing(hands: tuple[Hand, Hand]) -> None:
    first, second = hands
    assert not windows(first).bar.isVisible()
    assert windows(second).bar.isVisible() and "Read only" in windows(second).bar.text.text()
    before = second.session.structures
    stroke(second)
    assert second.session.structures is before and "Read only" in said(second)
    structures.add_empty(second.session, second.history)
    assert second.session.structures is before and second.session.active == 1
    stroke(first)
    assert first.history.undo_text


def test_structures_can_be_hidden_where_nothing_can_be_changed(hands: tuple[Hand, Hand]) -> None:
    _, second = hands
    structures.set_visible(second.session, second.history, [1], False)
    assert not second.session.structures[1].visible
    structures.set_locked(second.session, second.history, [1], True)
    assert not second.session.structures[1].locked


def test_taking_over_lets_the_second_draw_and_the_first_only_look(hands: tuple[Hand, Hand]) -> None:
    first, second = hands
    stroke(first)
    drawn = first.session.structures
    QTest.mouseClick(windows(second).bar.take_over, LEFT, NONE)
    stroke(second)
    assert second.history.undo_text and not windows(second).bar.isVisible()
    # Whether or not the first has looked meanwhile: no edit comes in between.
    stroke(first)
    first.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert first.session.structures is drawn
    assert "took this series over" in said(first)


def test_a_window_learns_by_itself_that_its_series_was_taken_over(hands: tuple[Hand, Hand]) -> None:
    first, second = hands
    windows(second).take_over()
    wait_until(windows(first).bar.isVisible, 5)
    assert windows(first).read_only


def test_a_series_that_was_left_is_free(hands: tuple[Hand, Hand]) -> None:
    first, second = hands
    first.session.close()
    second.session.close()
    second.open(phantom())
    assert not windows(second).read_only


def test_the_second_window_may_draw_once_the_first_has_let_go_and_is_told_what_it_lacks(
    hands: tuple[Hand, Hand],
) -> None:
    first, second = hands
    first.session.close()
    wait_until(lambda: not windows(second).bar.isVisible(), 5)
    assert "has let this series go" in said(second)
    stroke(second)
    assert second.history.undo_text
