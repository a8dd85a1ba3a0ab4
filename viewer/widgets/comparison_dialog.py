"""How far two sets of structures agree, as a table that stays beside the views."""

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.agreement import COLUMNS, TOLERANCE_MM, Agreement

_HEADS = {
    "first": "Structure",
    "second": "Compared with",
    "first_cm3": "cm³",
    "second_cm3": "cm³",
    "dice": "Dice",
    "surface_dice": "Surface Dice",
    "hd95_mm": "HD95 mm",
    "mean_mm": "Mean mm",
    "added_path_mm": "Added path mm",
}


class ComparisonDialog(QDialog):
    """Does not block the window. A click on a row goes to the structure."""

    #: Another tolerance, mm.
    tolerance_changed = Signal(float)
    #: Another set is chosen, first or second.
    sets_chosen = Signal()
    #: Row that was chosen.
    row_chosen = Signal(int)

    def __init__(self, export: Callable[[], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare structures – Planimeter")
        self.resize(860, 420)
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.first, self.second = QComboBox(), QComboBox()
        for box, tip in ((self.first, "The reference"), (self.second, "What is compared with it")):
            box.setToolTip(tip)
            box.setAccessibleName(tip)
            box.activated.connect(lambda _: self.sets_chosen.emit())
        self.tolerance = QDoubleSpinBox(minimum=0.1, maximum=20.0, decimals=1, singleStep=0.5, value=TOLERANCE_MM)
        self.tolerance.setSuffix(" mm")
        self.tolerance.setKeyboardTracking(False)
        self.tolerance.setToolTip("Surfaces and lines within this distance of each other agree")
        self.tolerance.valueChanged.connect(self.tolerance_changed)
        self.table = QTableWidget(0, len(_HEADS))
        self.table.setAccessibleName("Agreement")
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.verticalHeader().hide()
        tips = dict(COLUMNS)
        for column, (key, head) in enumerate(_HEADS.items()):
            item = QTableWidgetItem(head)
            item.setToolTip(tips[key])
            self.table.setHorizontalHeaderItem(column, item)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.currentCellChanged.connect(lambda row, *_: self.row_chosen.emit(row))
        self.export = QPushButton("Export table…")
        self.export.setToolTip("Write the table into a CSV file")
        self.export.clicked.connect(export)
        above = QHBoxLayout()
        above.addWidget(self.first, 1)
        above.addWidget(QLabel("compared with"))
        above.addWidget(self.second, 1)
        below = QHBoxLayout()
        below.addWidget(QLabel("Tolerance"))
        below.addWidget(self.tolerance)
        below.addStretch(1)
        below.addWidget(self.export)
        layout = QVBoxLayout(self)
        layout.addLayout(above)
        layout.addWidget(self.about)
        layout.addWidget(self.table, 1)
        layout.addLayout(below)

    def offer_sets(self, names: Sequence[str], first: str, second: str) -> None:
        """Let a person choose among these sets, with two of them chosen."""
        for box, chosen in ((self.first, first), (self.second, second)):
            box.clear()
            box.addItems(list(names))
            box.setCurrentText(chosen)

    def show_rows(self, about: str, rows: Sequence[Agreement]) -> None:
        """Fill the table."""
        self.about.setText(about)
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, key in enumerate(_HEADS):
                value = getattr(row, key)
                item = QTableWidgetItem(value if isinstance(value, str) else _text(key, value))
                if not isinstance(value, str):
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(number, column, item)
        self.export.setEnabled(bool(rows))


def _text(key: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value:.{3 if key in ('dice', 'surface_dice') else 0 if key == 'added_path_mm' else 2}f}"
