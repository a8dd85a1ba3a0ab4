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

from engine.agreement import COLUMNS, TOLERANCE_MM, Comparison
from engine.structures import Roi
from viewer.widgets.choice_box import ChoiceBox
from viewer.widgets.long_names import LongNames

#: Of a structure without a counterpart.
_NONE = "none"

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
    #: ROI number of the first set, and of its counterpart in the second or None, as the user paired them.
    paired = Signal(int, object)

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
        self.table.setItemDelegateForColumn(0, LongNames(self.table))
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

    def clear(self, about: str) -> None:
        """Show nothing but a sentence."""
        self.about.setText(about)
        self.table.setRowCount(0)
        self.export.setEnabled(False)

    def show_comparison(self, about: str, compared: Comparison, second: Sequence[Roi]) -> None:
        """Fill the table: a row a structure of the first set, with all of the second to choose its counterpart from."""
        self.about.setText(about)
        self.table.setRowCount(len(compared.rows))
        for number, ((ours, theirs), row) in enumerate(zip(compared.pairs, compared.rows, strict=True)):
            for column, key in enumerate(_HEADS):
                value = ours.name if key == "first" else getattr(row, key) if row is not None and column > 1 else ""
                item = QTableWidgetItem(value if isinstance(value, str) else _text(key, value))
                if not isinstance(value, str):
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(number, column, item)
            self.table.setCellWidget(number, 1, self._choice(ours, theirs, second))
        self.export.setEnabled(bool(compared.rows))

    def _choice(self, ours: Roi, theirs: Roi | None, second: Sequence[Roi]) -> QComboBox:
        box = ChoiceBox()
        box.setToolTip(f"Which structure of the second set {ours.name} is compared with")
        box.setAccessibleName(box.toolTip())
        box.addItem(_NONE, None)
        for roi in second:
            box.addItem(roi.name, roi.number)
        box.setCurrentIndex(box.findData(theirs.number) if theirs is not None else 0)
        box.activated.connect(lambda _: self.paired.emit(ours.number, box.currentData()))
        return box


def _text(key: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value:.{3 if key in ('dice', 'surface_dice') else 0 if key == 'added_path_mm' else 2}f}"
