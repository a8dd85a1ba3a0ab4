"""Long names in narrow columns are shortened so that they can be told apart."""

import pytest
from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QStyleOptionViewItem, QTableWidget, QTableWidgetItem, QTreeWidget, QTreeWidgetItem
from pytestqt.qtbot import QtBot

from viewer.widgets.long_names import LongFirstLines, LongNames, broken, shortened

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


def test_a_row_of_a_tree_goes_on_in_a_second_line_beside_its_picture_and_is_told_from_its_neighbours(
    qtbot: QtBot,
) -> None:
    tree = QTreeWidget()
    qtbot.addWidget(tree)
    tree.setIconSize(QSize(52, 52))
    delegate = LongFirstLines(tree)
    study = QTreeWidgetItem(QTreeWidgetItem(tree, ["Doe Jane"]), ["2000-09-07"])
    other = QTreeWidgetItem(tree.topLevelItem(0), ["2001-09-07"])
    picture = QIcon(QPixmap(52, 52))
    for kind in ("PET", "CT", "T1"):
        image = QTreeWidgetItem(study, [f"MR  EXAMINATION_1_STS_001_{kind}_image\n59 planes"])
        image.setIcon(0, picture)
        QTreeWidgetItem(image, [f"Structures  EXAMINATION_1_STS_001_{kind}_mask"])
        QTreeWidgetItem(other, [f"Structures  EXAMINATION_1_STS_002_{kind}_mask"])

    def shown(item: QTreeWidgetItem, width: int = 240) -> list[str]:
        option = QStyleOptionViewItem()
        option.initFrom(tree)
        option.widget, option.rect, option.decorationSize = tree, QRect(0, 0, width, 56), tree.iconSize()
        delegate.initStyleOption(option, tree.indexFromItem(item))
        lines = option.text.split("\u2028")
        assert all(option.fontMetrics.horizontalAdvance(line) < width for line in lines)
        return lines

    images = [study.child(row) for row in range(3)]
    lines = [shown(image) for image in images]
    assert ["".join(first) for *first, _ in lines] == [image.text(0).split("\n")[0] for image in images]
    assert {len(each) for each in lines} == {3} and {each[-1] for each in lines} == {"59 planes"}
    below = [shown(image.child(0))[0] for image in images]
    assert [text.endswith(end) for text, end in zip(below, ("PET_mask", "CT_mask", "T1_mask"), strict=True)] == [
        True
    ] * 3
    assert len({shown(image, 150)[0] + shown(image, 150)[1] for image in images}) == 3


def test_a_name_is_broken_between_words_and_each_line_fits() -> None:
    def lines(text: str, room: int) -> list[str]:
        return broken(text, lambda part: len(part) <= room)

    assert lines("T1 TSE transverse with contrast", 18) == ["T1 TSE transverse", "with contrast"]
    assert lines("IBSI_1_STS_001_MR_T1_image", 16) == ["IBSI_1_STS_001_", "MR_T1_image"]
    assert lines("abcdefgh", 3) == ["abc", "def", "gh"] and lines("", 3) == [""] and lines("ab", 0) == ["a", "b"]
