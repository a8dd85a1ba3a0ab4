"""Long names in narrow columns are shortened so that they can be told apart."""

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QStyleOptionViewItem, QTableWidget, QTableWidgetItem
from pytestqt.qtbot import QtBot

from viewer.widgets.long_names import LongNames, shortened

LEVELS = ("PTV_7000_High_eval_cropped_minus_5mm", "PTV_7000_Low_eval_cropped_minus_5mm")
PLANS = ("Parotid_L_minus_PTV_7000_boost_plan_A", "Parotid_L_minus_PTV_7000_boost_plan_B")
SIDES = ("Sub_L_of_the_second_plan_of_the_boost", "Sub_R_of_the_second_plan_of_the_boost")
NAMES = (*LEVELS, *PLANS, *SIDES, "Larynx")


@pytest.mark.parametrize("room", [10, 14, 18, 24, 36])
def test_what_fits_is_written_whole_and_all_else_differs(room: int) -> None:
    shown = [shortened(name, NAMES, lambda text: len(text) <= room) for name in NAMES]
    assert all(len(text) <= room for text in shown)
    assert len(set(shown)) == len(NAMES)
    assert shown[-1] == "Larynx"


def test_the_middle_goes_first_where_ends_tell_names_apart() -> None:
    assert [shortened(name, NAMES, lambda text: len(text) <= 13) for name in PLANS] == [
        "Paroti…plan_A",
        "Paroti…plan_B",
    ]


def test_without_room_there_are_dots_and_no_error() -> None:
    for room in range(4):
        assert {shortened(name, NAMES, lambda text, room=room: len(text) <= room)[-1:] for name in LEVELS} <= {"…", "m"}


def test_a_column_that_is_too_narrow_shows_names_that_differ_also_when_they_change(qtbot: QtBot) -> None:
    table = QTableWidget(2, 1)
    qtbot.addWidget(table)
    delegate = LongNames(table)
    for row, name in enumerate(PLANS):
        table.setItem(row, 0, QTableWidgetItem(name))

    def shown() -> list[str]:
        texts = []
        for row in range(2):
            option = QStyleOptionViewItem()
            option.initFrom(table)
            option.widget, option.rect = table, QRect(0, 0, 140, 20)
            delegate.initStyleOption(option, table.model().index(row, 0))
            assert option.fontMetrics.horizontalAdvance(option.text) < 140
            texts.append(option.text)
        return texts

    assert len(set(shown())) == 2
    for row, name in enumerate(LEVELS):
        table.item(row, 0).setText(name)
    assert len(set(shown())) == 2
    assert shown()[0] != shown()[1] and "…" in shown()[0]
