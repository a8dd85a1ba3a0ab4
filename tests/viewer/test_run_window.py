"""The whole window, with every feature in it."""

from collections import defaultdict
from threading import Event
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from engine.answers import RunOptions
from engine.cards.roles import Traits
from engine.errors import ReadError
from engine.progress import Progress
from engine.volume import Volume
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.roles_form import Image


@pytest.fixture
def window(qtbot: QtBot) -> Any:
    from viewer.features.application import build_window

    window = build_window()
    with qtbot.waitExposed(window):
        window.show()
    yield window
    window.guards.clear()
    window.close()
    window.deleteLater()


def test_no_two_controls_share_a_key(window: Any) -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for action in window.findChildren(QAction):
        for key in action.shortcuts():
            owners[key.toString()].add(action.text())
    for button in window.findChildren(QAbstractButton):
        if not button.shortcut().isEmpty():
            owners[button.shortcut().toString()].add(button.text())
    assert {key: names for key, names in owners.items() if len(names) > 1} == {}


def test_every_control_has_a_tooltip(window: Any) -> None:
    kinds = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit)
    bare = [
        f"{type(child).__name__} in {type(child.parent()).__name__}"
        for child in window.findChildren(QWidget)
        if isinstance(child, kinds) and not child.toolTip() and not _is_part(child)
    ]
    assert bare == []


def test_a_tooltip_names_the_key(window: Any) -> None:
    silent = [
        action.text()
        for _, action in window.listed_actions
        if not action.shortcut().isEmpty() and action.shortcut().toString() not in action.toolTip()
    ]
    assert silent == []


def test_a_key_brings_a_panel_behind_a_tab_to_the_front_and_hides_it_from_there(window: Any, qtbot: QtBot) -> None:
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window, 5000)
    behind, front = window.panel("Review"), window.panel("Auto-contour")
    qtbot.waitUntil(lambda: not front.visibleRegion().isEmpty())
    assert behind.visibleRegion().isEmpty()
    QTest.keyClick(window, Qt.Key.Key_F10)
    qtbot.waitUntil(lambda: not behind.visibleRegion().isEmpty())
    assert not behind.isHidden() and front.visibleRegion().isEmpty()
    entry = next(action for _, action in window.listed_actions if action.text() == "Review")
    assert entry.isChecked()
    QTest.keyClick(window, Qt.Key.Key_F10)
    qtbot.waitUntil(behind.isHidden)
    assert not entry.isChecked() and not front.isHidden()


def _is_part(child: QWidget) -> bool:
    """Whether Qt made it as a part of another control, such as the field inside a spin box."""
    parent = child.parent()
    return isinstance(parent, (QAbstractSpinBox, QComboBox, QTabBar)) or child.objectName().startswith("qt_")


def test_the_list_of_structures_has_its_room_again_after_a_run(window: Any, qtbot: QtBot) -> None:
    window.resize(1272, 768)
    panel = window.findChild(CardsPanel)
    # The window reads the cards by itself, and would list others in the middle of the run.
    qtbot.waitUntil(lambda: len(panel.cards) > 1, timeout=20_000)
    panel.select("external")
    qtbot.wait(50)
    room = window.panel("Structures").height()
    told = Event()

    def read(progress: Progress) -> Volume:
        told.wait(10)
        raise ReadError("Something that takes several lines to be told. " * 8)

    panel._start(panel.selected, {"image": Image("", Traits("CT"), None, read)}, RunOptions())
    qtbot.wait(50)
    during = window.panel("Structures").height()
    told.set()
    qtbot.waitUntil(lambda: not panel.is_running, timeout=5000)
    assert during < room - 30, "the progress takes room"
    qtbot.waitUntil(lambda: window.panel("Structures").height() >= room - 10, timeout=3000)
