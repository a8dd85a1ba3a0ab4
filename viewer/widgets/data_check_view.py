"""What a look at a data set found: a row for each of what is learned, and sentences."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from viewer.widgets.card_page import CardPage
from viewer.widgets.theme import ERROR, GOOD, WARNING

if TYPE_CHECKING:
    from engine.training_process.checked import DataCheck

_UNITS = {"cases": "cm³ in a case", "findings": "findings an image", "labels": ""}


class DataCheckView(QWidget):
    """Empty until a look was taken."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, 5, self)
        self.table.setAccessibleName("What is there to learn from")
        self.table.setHorizontalHeaderLabels(["Learned", "To learn from", "To choose by", "Missing in", "Amount"])
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.page = CardPage(self)
        self.page.setFrameShape(QFrame.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.page, 1)
        self.show_check(None)

    def show_check(self, check: DataCheck | None) -> None:
        """Show what was found; nothing where no look was taken yet."""
        rows = [(each, row) for each in check.sets for row in each.rows] if check is not None else []
        self.table.setVisible(bool(rows))
        self.table.setRowCount(len(rows))
        for number, (each, row) in enumerate(rows):
            held = ""
            if row.least is not None and row.most is not None:
                unit = "pixels in a case" if each.kind == "cases" and each.unit == "pixels" else _UNITS[each.kind]
                held = f"{row.least:.3g} … {row.most:.3g} {unit}"
            texts = [row.name, str(row.learn), str(row.choose), str(row.missing), held]
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column in {1, 2, 3}:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(number, column, item)
        if rows:
            whole = self.table.horizontalHeader().sizeHint().height() + sum(map(self.table.rowHeight, range(len(rows))))
            self.table.setMaximumHeight(whole + 4)
        self.page.text.setText(_html(check) if check is not None else "")


def _html(check: DataCheck) -> str:
    lines = [(ERROR, fault) for fault in check.faults] + [(WARNING, doubt) for doubt in check.doubts]
    if check.leaks and not check.faults:
        lines = [(ERROR, leak) for leak in check.leaks] + lines
    verdict = "" if check.faults or check.leaks else f"<p style='color:{GOOD}'>It can be learned from.</p>"
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in check.told)
    return verdict + "".join(f"<p style='color:{colour}'>{escape(text)}</p>" for colour, text in lines) + told
