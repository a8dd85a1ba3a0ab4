"""What a structure amounts to, as a table that stays beside the views."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.measures.measure import DEFINITIONS

#: (what, value) of a row; a row without a value is a heading.
Row = tuple[str, str]


class StructureStatistics(QDialog):
    """Does not block the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Statistics – Planimeter")
        self.resize(360, 420)
        self.about = QLabel(self, wordWrap=True)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.table = QTableWidget(0, 2, self)
        self.table.setAccessibleName("Statistics")
        self.table.setToolTip("Mean, SD and extremes are of the voxels whose centres lie inside")
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self._copy = QPushButton("Copy table", self)
        self._copy.setToolTip("Take the table as text, for a spreadsheet")
        self._copy.clicked.connect(lambda: QApplication.clipboard().setText(self.text))
        below = QHBoxLayout()
        below.addStretch(1)
        below.addWidget(self._copy)
        layout = QVBoxLayout(self)
        layout.addWidget(self.about)
        layout.addWidget(self.table, 1)
        layout.addLayout(below)
        self._rows: tuple[Row, ...] = ()

    @property
    def text(self) -> str:
        """The table as lines of columns that a tabulator divides."""
        return "\n".join(["\t".join([self.about.text(), ""]), *("\t".join(row) for row in self._rows)])

    def show_rows(self, about: str, rows: Sequence[Row]) -> None:
        """Fill the table and come to the front."""
        self.about.setText(about)
        self._rows = tuple(rows)
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setToolTip(DEFINITIONS.get(row[0].strip(), ""))
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(number, column, item)
        self.show()
        self.raise_()
