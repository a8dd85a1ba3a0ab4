"""Names typed at any speed, wherever the mouse rests: every letter is part of the name, none is a shortcut."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QWidget

from tests.viewer.hand import CTRL, Hand, own_data, wait_until
from tests.viewer.see import phantom
from viewer.edits import structures
from viewer.session import View
from viewer.widgets.structures_model import Column

#: Each begins like names that are suggested, so that the suggestions close in the middle of it; together they hold most
#: letters that are shortcuts.
NAMES = ("PTV_70", "OAR_left", "GTVp brick.,", "CTV_zxfvlkecb")


@pytest.fixture(scope="module")
def typist(application: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    with own_data(tmp_path_factory.mktemp("names")):
        hand = Hand()
        yield hand
        hand.close()


def pane_of(hand: Hand, view: View) -> QWidget:
    panes = hand.window.panes
    return panes.three_d if view is View.THREE_D else panes.planes[view]


def rest_mouse(hand: Hand, view: View) -> None:
    pane = pane_of(hand, view)
    QCursor.setPos(pane.mapToGlobal(QPoint(0, 0)))
    QCursor.setPos(pane.mapToGlobal(pane.rect().center()))
    hand.settle(20)


def write(hand: Hand, text: str, pause_ms: int) -> None:
    """Type as on a keyboard: keys go to the window, which gives them to suggestions, shortcuts or the focus."""
    for letter in text:
        QTest.keyClick(hand.window.windowHandle(), letter)
        hand.settle(pause_ms)


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("pause_ms", [1, 30])
def test_a_name_typed_with_the_mouse_over_a_view_is_kept_whole(typist: Hand, view: View, pause_ms: int) -> None:
    typist.open(phantom())
    for number, name in enumerate(NAMES, start=1):
        rest_mouse(typist, view)
        typist.key(Qt.Key.Key_N, CTRL)
        write(typist, name, pause_ms)
        assert isinstance(QApplication.focusWidget(), QLineEdit)
        QTest.keyClick(typist.window.windowHandle(), Qt.Key.Key_Return)
        typist.settle(20)
        roi = typist.session.structures.rois[-1]
        assert (roi.number, roi.name, roi.locked, roi.visible) == (number, name, False, True)
        assert typist.editing.toolbox.active == ""


def test_return_takes_a_whole_suggested_name_at_once(typist: Hand) -> None:
    typist.open(phantom())
    rest_mouse(typist, View.AXIAL)
    typist.key(Qt.Key.Key_N, CTRL)
    write(typist, "Parotid_L", 1)
    QTest.keyClick(typist.window.windowHandle(), Qt.Key.Key_Return)
    typist.settle(20)
    assert [roi.name for roi in typist.session.structures.rois] == ["Parotid_L"]
    assert not isinstance(QApplication.focusWidget(), QLineEdit)


def test_a_suggestion_chosen_by_arrow_and_return_is_the_name(typist: Hand) -> None:
    typist.open(phantom())
    typist.key(Qt.Key.Key_N, CTRL)
    write(typist, "brainst", 1)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Return):
        QTest.keyClick(typist.window.windowHandle(), key)
        typist.settle(20)
    assert [roi.name for roi in typist.session.structures.rois] == ["Brainstem"]
    assert not isinstance(QApplication.focusWidget(), QLineEdit)


def test_keys_act_in_the_view_again_once_the_name_is_written(typist: Hand) -> None:
    typist.open(phantom())
    rest_mouse(typist, View.SAGITTAL)
    typist.key(Qt.Key.Key_N, CTRL)
    write(typist, "PTV_70", 1)
    QTest.keyClick(typist.window.windowHandle(), Qt.Key.Key_Return)
    typist.settle(20)
    pane = pane_of(typist, View.SAGITTAL)
    QCursor.setPos(pane.mapToGlobal(pane.rect().center() + QPoint(5, 5)))
    wait_until(pane.hasFocus, 5)
    write(typist, "b", 1)
    assert typist.editing.toolbox.active == "brush"


def test_a_mouse_that_wanders_over_the_views_ends_no_name(typist: Hand) -> None:
    typist.open(phantom())
    typist.key(Qt.Key.Key_N, CTRL)
    for letter, view in zip("GTVlkv", [*View, View.AXIAL, View.CORONAL], strict=True):
        rest_mouse(typist, view)
        write(typist, letter, 1)
    QTest.keyClick(typist.window.windowHandle(), Qt.Key.Key_Return)
    typist.settle(20)
    assert [roi.name for roi in typist.session.structures.rois] == ["GTVlkv"]


def test_a_letter_in_the_list_of_types_is_no_shortcut(typist: Hand) -> None:
    typist.open(phantom())
    typist.key(Qt.Key.Key_N, CTRL)
    QTest.keyClick(typist.window.windowHandle(), Qt.Key.Key_Return)
    typist.settle(20)
    panel = typist.editing.structures
    panel.view.edit(panel.view.currentIndex().siblingAtColumn(Column.TYPE))
    wait_until(lambda: isinstance(QApplication.focusWidget(), QComboBox), 5)
    write(typist, "p", 1)
    assert typist.editing.toolbox.active == ""
    QTest.keyClick(typist.window.windowHandle(), Qt.Key.Key_Return)
    typist.settle(20)


def test_no_letter_that_is_a_shortcut_acts_in_any_text_field(typist: Hand) -> None:
    typist.open(phantom())
    typist.key(Qt.Key.Key_N, CTRL)
    QTest.keyClick(typist.window.windowHandle(), Qt.Key.Key_Return)
    acted: list[str] = []
    single = [a for _, a in typist.window.listed_actions if len(a.shortcut().toString()) == 1]
    assert len(single) > 10
    for action in single:
        action.triggered.connect(lambda *_, action=action: acted.append(action.text()))
    fields = [field for field in typist.window.findChildren(QLineEdit) if field.isVisible() and field.isEnabled()]
    assert fields
    for field in fields:
        field.setFocus()
        for action in single:
            write(typist, action.shortcut().toString().lower(), 0)
    assert acted == []


def test_the_type_comes_with_the_name_until_somebody_chooses_it(typist: Hand) -> None:
    typist.open(phantom())
    number = structures.add_empty(typist.session, typist.history)

    def named(name: str) -> str:
        structures.rename(typist.session, typist.history, number, name)
        return typist.session.structures[number].roi_type

    assert [named(name) for name in ("CTV_50", "PTV70", "zPTV_ring", "Parotid_L")] == ["CTV", "PTV", "CONTROL", "ORGAN"]
    structures.set_type(typist.session, typist.history, number, "AVOIDANCE")
    assert named("GTVp") == "AVOIDANCE"
    typist.history.undo()
    assert typist.session.structures[number].name == "Parotid_L"
