"""The review panel: the contours that a model is least sure of first, and a ledger of which a person has seen."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QAction, QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from engine.edits import StructuresChanged
from engine.structures import StructureSet
from engine.unseen import unseen_planes
from viewer.review import Contour, doubt_of, review_queue, show
from viewer.session import Session
from viewer.widgets.theme import FAINT

COLUMNS = ("✓", "Structure", "Plane", "Doubt", "mm²")
TIPS = (
    "Seen by a person",
    "",
    "Number of the plane",
    "Share of the area that is expected to be wrong; on a plane without a contour one may be missing",
    "Area that is expected to change",
)
NOTHING = "Nothing to review: no structure here came from a model."
Index = QModelIndex | QPersistentModelIndex


class ReviewModel(QAbstractTableModel):
    """The rows of the table."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.contours: Sequence[Contour] = ()

    def show_contours(self, contours: Sequence[Contour]) -> None:
        """Other rows."""
        self.beginResetModel()
        self.contours = contours
        self.endResetModel()

    def marks_changed(self) -> None:
        """The ledger changed; the rows stay where they are."""
        if self.contours:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.contours) - 1, len(COLUMNS) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """One row a contour."""
        return 0 if parent.isValid() else len(self.contours)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """As in `COLUMNS`."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Titles of the columns, and what they mean."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        return {Qt.ItemDataRole.DisplayRole: COLUMNS, Qt.ItemDataRole.ToolTipRole: TIPS}.get(
            Qt.ItemDataRole(role), (None,) * len(COLUMNS)
        )[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, tick and colour of a cell."""
        contour = self.contours[index.row()]
        column = index.column()
        seen = contour.key in self._session.seen
        if role == Qt.ItemDataRole.DisplayRole:
            return (
                "✓" if seen else "",
                contour.name,
                str(contour.plane + 1),
                "not told" if contour.edit_mm2 is None else _share_text(contour.doubt),
                "–" if contour.edit_mm2 is None else f"{contour.edit_mm2:.0f}",
            )[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{contour.name}, plane {contour.plane + 1}" if column == 1 else TIPS[column]
        if role == Qt.ItemDataRole.DecorationRole and column == 1:
            return QColor(*contour.colour)
        if role == Qt.ItemDataRole.ForegroundRole and seen:
            return QColor(FAINT)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            if column == 1:
                return Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
            return (
                Qt.AlignmentFlag.AlignCenter
                if column == 0
                else Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            )
        return None


def _share_text(doubt: float | None) -> str:
    return "not drawn" if doubt is None else f"{doubt:.0%}"


class ReviewPanel(QWidget):
    """Steps through the contours; N marks the one in view as seen and brings the next."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._build()
        # While a stroke is being drawn the list need not keep up with it.
        self._later = QTimer(self, interval=150, singleShot=True)
        self._later.timeout.connect(self._refresh)
        session.volume_changed.connect(self._refresh)
        session.structures_changed.connect(self._structures_changed)
        session.seen_changed.connect(self._marks_changed)
        self._refresh()

    def _build(self) -> None:
        self.ledger = QLabel(self)
        self.ledger.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.which = QComboBox(self)
        # A long name must not widen the panel, and with it the whole side of the window.
        self.which.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.which.setMinimumContentsLength(12)
        self.which.setToolTip("Review one structure, or all; with the share of its volume that is expected to be wrong")
        self.which.activated.connect(lambda _: self._refresh())
        self.model = ReviewModel(self._session, self)
        self.table = QTableView(self)
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setToolTip(
            "Contours by the area that is expected to change; click one to see it, double-click to tick it"
        )
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.selectionModel().currentRowChanged.connect(lambda now, _: self._show_row(now.row()))
        self.table.doubleClicked.connect(lambda index: self._toggle(index.row()))
        self.next_button = self._button(
            "Seen, next", "N", "Mark this contour as seen and go to the next", self.seen_and_next
        )
        self.skip_button = self._button(
            "Skip", "Shift+N", "Go to the next contour and leave this one unseen", self.skip
        )

        buttons = QHBoxLayout()
        buttons.addWidget(self.next_button, 2)
        buttons.addWidget(self.skip_button, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.ledger)
        layout.addWidget(self.bar)
        layout.addWidget(self.which)
        layout.addWidget(self.table, 1)
        layout.addLayout(buttons)

    def _button(self, text: str, key: str, tip: str, slot: Any) -> QPushButton:
        # An action of the panel works by its key wherever the keyboard is, also while the button is out of sight.
        action = QAction(text, self)
        action.setShortcut(key)
        action.triggered.connect(slot)
        action.setToolTip(f"{tip} ({key})")
        self.addAction(action)
        button = QPushButton(text, self)
        button.setToolTip(action.toolTip())
        button.clicked.connect(action.trigger)
        return button

    # What is shown --------------------------------------------------------------------------------------------------

    def _structures_changed(self, change: StructuresChanged) -> None:
        self._later.start()

    def _refresh(self) -> None:
        structures = self._session.structures
        self._show_choices(structures)
        contour = self._contour(self.table.currentIndex().row())
        self.model.show_contours(review_queue(structures, self.which.currentData()))
        if contour is not None:
            self._select(contour.key, quietly=True)
        self._marks_changed()

    def _show_choices(self, structures: StructureSet | None) -> None:
        chosen = self.which.currentData()
        self.which.clear()
        self.which.addItem("All structures", None)
        for roi in structures.rois if structures is not None else ():
            if roi.expected_edit or unseen_planes(roi):
                doubt = doubt_of(roi)
                self.which.addItem(roi.name if doubt is None else f"{roi.name}: {doubt:.0%} in doubt", roi.number)
        self.which.setCurrentIndex(max(self.which.findData(chosen) if chosen is not None else 0, 0))
        self.which.setVisible(self.which.count() > 2)

    def _marks_changed(self) -> None:
        keys = {contour.key for contour in self.model.contours}
        seen = len(keys & self._session.seen)
        if not keys:
            self.ledger.setText(NOTHING)
        elif seen == len(keys):
            self.ledger.setText(f"All {seen} contours have been seen.")
        else:
            self.ledger.setText(f"{seen} of {len(keys)} contours seen.")
        self.bar.setVisible(bool(keys))
        self.table.setVisible(bool(keys))
        self.bar.setRange(0, max(len(keys), 1))
        self.bar.setValue(seen)
        self.next_button.setEnabled(bool(keys))
        self.skip_button.setEnabled(len(keys) - seen > 1)
        self.model.marks_changed()

    # Steps ----------------------------------------------------------------------------------------------------------

    def seen_and_next(self) -> None:
        """Mark the contour of the chosen row as seen, then show the next that nobody has seen."""
        contour = self._contour(self.table.currentIndex().row())
        if contour is not None:
            self._session.mark_seen(frozenset({contour.key}))
        self.skip()

    def skip(self) -> None:
        """Show the next contour that nobody has seen, from the chosen row on, and from the top after the last."""
        contours = self.model.contours
        start = self.table.currentIndex().row() + 1
        for step in range(len(contours)):
            row = (start + step) % len(contours)
            if contours[row].key not in self._session.seen:
                self._select(contours[row].key)
                return

    def _contour(self, row: int) -> Contour | None:
        return self.model.contours[row] if 0 <= row < len(self.model.contours) else None

    def _select(self, key: tuple[int, int], quietly: bool = False) -> None:
        row = next((i for i, contour in enumerate(self.model.contours) if contour.key == key), None)
        if row is None:
            return
        selection = self.table.selectionModel()
        blocked = selection.blockSignals(quietly)
        self.table.selectRow(row)
        selection.blockSignals(blocked)

    def _show_row(self, row: int) -> None:
        contour = self._contour(row)
        if contour is not None:
            show(self._session, contour)

    def _toggle(self, row: int) -> None:
        contour = self._contour(row)
        if contour is not None:
            self._session.mark_seen(frozenset({contour.key}), contour.key not in self._session.seen)
