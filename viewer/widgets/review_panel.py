"""The review panel: what is unlikely, findings to judge, contours that a model is least sure of; and a ledger."""

from collections.abc import Callable, Sequence
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

from engine.answers import Document
from engine.edits import StructuresChanged
from engine.findings.words import VERDICTS, model_value
from engine.flags.flag import Flag
from engine.unseen import unseen_planes
from viewer.findings import evidence_text, judged
from viewer.history import History
from viewer.review import (
    FINDINGS,
    FLAGS,
    Contour,
    Item,
    ItemKey,
    contours_of,
    doubt_of,
    is_done,
    item_key,
    items,
    show_item,
)
from viewer.session import Session
from viewer.widgets.flag_watch import FlagWatch
from viewer.widgets.theme import FAINT, WARNING

COLUMNS = ("✓", "Structure", "Plane", "Doubt", "Area")
TIPS = (
    "Seen by a person; of a finding, judged",
    "Structures by their contours, and findings",
    "Number of the plane",
    "Share of the area that is expected to be wrong; on a plane without a contour one may be missing",
    "Area that is expected to change",
)
CORRECTED = "A person corrected this contour on its plane, and so has seen it"
NOTHING = "Nothing to review: no structure and no finding here came from a model."
Index = QModelIndex | QPersistentModelIndex


class ReviewModel(QAbstractTableModel):
    """The rows of the table."""

    def __init__(self, session: Session, history: History, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._history = session, history
        self.items: Sequence[Item] = ()

    def show_items(self, items: Sequence[Item]) -> None:
        """Other rows."""
        self.beginResetModel()
        self.items = items
        self.endResetModel()

    def marks_changed(self) -> None:
        """The ledger changed; the rows stay where they are."""
        if self.items:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.items) - 1, len(COLUMNS) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """One row an item."""
        return 0 if parent.isValid() else len(self.items)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """As in `COLUMNS`."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Titles of the columns, and what they mean."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        structures = self._session.structures
        unit = structures.geometry.unit if structures is not None else "mm"
        titles = (*COLUMNS[:-1], f"{unit}²")
        return {Qt.ItemDataRole.DisplayRole: titles, Qt.ItemDataRole.ToolTipRole: TIPS}.get(
            Qt.ItemDataRole(role), (None,) * len(COLUMNS)
        )[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, tick and colour of a cell."""
        item = self.items[index.row()]
        column = index.column()
        done = is_done(self._history, item)
        if role == Qt.ItemDataRole.DisplayRole:
            return ("✓" if done else "", *self._texts(item))[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._mark_tip(item) if column == 0 else self._tip(item) if column == 1 else TIPS[column]
        if role == Qt.ItemDataRole.DecorationRole and column == 1:
            return self._colour(item)
        if role == Qt.ItemDataRole.ForegroundRole and (done or isinstance(item, Flag)):
            return QColor(FAINT if done else WARNING)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            if column == 1:
                return Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
            return (
                Qt.AlignmentFlag.AlignCenter
                if column == 0
                else Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            )
        return None

    def _colour(self, item: Item) -> QColor | None:
        structures = self._session.structures
        if isinstance(item, Flag):
            known = structures is not None and item.numbers[0] in structures
            return QColor(*structures[item.numbers[0]].colour) if known and structures is not None else None
        return QColor(*item.colour) if isinstance(item, Contour) else None

    def _texts(self, item: Item) -> tuple[str, str, str, str]:
        if isinstance(item, Flag):
            return f"{item.names[0]} {item.short}", str(item.plane + 1), "unlikely", "–"
        if isinstance(item, Contour):
            doubt = "not told" if item.edit_mm2 is None else _share_text(item.doubt)
            return item.name, str(item.plane + 1), doubt, "–" if item.edit_mm2 is None else f"{item.edit_mm2:.0f}"
        plane = evidence_text(self._session, item).removeprefix("planes ").removeprefix("plane ")
        return item.name, plane if plane[:1].isdigit() else "–", VERDICTS[item.assessment.verdict], "–"

    def _mark_tip(self, item: Item) -> str:
        corrected = isinstance(item, Contour) and item.key in self._history.corrected
        return CORRECTED if corrected else TIPS[0]

    def _tip(self, item: Item) -> str:
        if isinstance(item, Flag):
            return item.text
        if isinstance(item, Contour):
            return f"{item.name}, plane {item.plane + 1}"
        return f"{item.name} {model_value(item)}, from {evidence_text(self._session, item)}"


def _share_text(doubt: float | None) -> str:
    return "not drawn" if doubt is None else f"{doubt:.0%}"


class ReviewPanel(QWidget):
    """Steps through the queue; N marks the contour in view as seen and brings the next item, and judges no finding."""

    def __init__(self, session: Session, history: History, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._history = session, history
        self._build()
        # While a stroke is being drawn the list need not keep up with it.
        self._later = QTimer(self, interval=150, singleShot=True)
        self._later.timeout.connect(self._refresh)
        self.watch = FlagWatch(session, self)
        self.watch.changed.connect(self._refresh)
        self.watch.turned.connect(self._marks_changed)
        session.volume_changed.connect(self._refresh)
        session.structures_changed.connect(self._structures_changed)
        session.findings_changed.connect(self._refresh)
        session.active_finding_changed.connect(self._finding_chosen)
        session.seen_changed.connect(self._marks_changed)
        # Which contours a person corrected is known once the step is done.
        history.changed.connect(self._history_changed)
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
        self.model = ReviewModel(self._session, self._history, self)
        self.table = QTableView(self)
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setToolTip(
            "What is unlikely, findings, then contours by the area that is expected to change; click to see, "
            "double-click ticks a contour"
        )
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        # By the rows that are seen: hundreds of boxes would be measured after each key.
        header.setResizeContentsPrecision(0)
        self.table.selectionModel().currentRowChanged.connect(lambda now, _: self._show_row(now.row()))
        self.table.doubleClicked.connect(lambda index: self._toggle(index.row()))
        self.next_button = self._button(
            "Seen, next", "N", "Mark this contour as seen and go to the next contour or finding", self.seen_and_next
        )
        self.skip_button = self._button(
            "Skip", "Shift+N", "Go to the next contour or finding and leave this one unseen", self.skip
        )
        self.flag_button = self._button(
            "Next flag", "Ctrl+Shift+N", "Go to the next thing that is anatomically unlikely", self.next_flag
        )
        self.flag_action = self.actions()[-1]
        self.said = QLabel(self, wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.said.setStyleSheet(f"color: {WARNING};")
        self.said.hide()

        buttons = QHBoxLayout()
        buttons.addWidget(self.next_button, 2)
        buttons.addWidget(self.skip_button, 1)
        buttons.addWidget(self.flag_button, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.ledger)
        layout.addWidget(self.bar)
        layout.addWidget(self.which)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.said)
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

    def _history_changed(self) -> None:
        self._later.start()

    def _refresh(self) -> None:
        document = self._session.document
        self._show_choices(document)
        item = self._item(self.table.currentIndex().row())
        self.model.show_items(items(document, self.which.currentData(), self.watch.flags))
        if item is not None:
            self._select(item_key(item), quietly=True)
        self._marks_changed()

    def _show_choices(self, document: Document | None) -> None:
        chosen = self.which.currentData()
        self.which.clear()
        findings = document is not None and bool(document.findings)
        flags = self.watch.flags if document is not None else ()
        self.which.addItem("Everything" if findings or flags else "All structures", None)
        if flags:
            self.which.addItem(f"What is unlikely: {len(flags)}", FLAGS)
        if findings:
            self.which.addItem("Findings", FINDINGS)
        for roi in document.structures.rois if document is not None else ():
            if roi.expected_edit or unseen_planes(roi):
                doubt = doubt_of(roi)
                self.which.addItem(roi.name if doubt is None else f"{roi.name}: {doubt:.0%} in doubt", roi.number)
        self.which.setCurrentIndex(max(self.which.findData(chosen) if chosen is not None else 0, 0))
        self.which.setVisible(self.which.count() > 2)

    def _marks_changed(self) -> None:
        every = self.model.items
        keys = {item.key for item in every if isinstance(item, Contour)}
        seen = len(keys & self._history.seen)
        flags = [item for item in every if isinstance(item, Flag)]
        looked = sum(is_done(self._history, flag) for flag in flags)
        said, findings = judged(self._session.document) if len(keys) + len(flags) < len(every) else (0, 0)
        ledger = []
        if keys:
            all_seen = seen == len(keys)
            ledger.append(
                f"All {seen} contours have been seen." if all_seen else f"{seen} of {len(keys)} contours seen."
            )
        if findings:
            all_said = said == findings
            ledger.append(
                f"All {said} findings have been judged." if all_said else f"{said} of {findings} findings judged."
            )
        if flags:
            all_looked = looked == len(flags)
            ledger.append(
                "All that is unlikely has been seen." if all_looked else f"{looked} of {len(flags)} unlikely seen."
            )
        if self.watch.looking:
            ledger.append("Looking for what is unlikely…")
        self.ledger.setText(" ".join(ledger) or NOTHING)
        done = seen + said + looked
        self.bar.setVisible(bool(every))
        self.table.setVisible(bool(every))
        self.bar.setRange(0, max(len(every), 1))
        self.bar.setValue(done)
        self.next_button.setEnabled(bool(every))
        self.flag_button.setVisible(bool(self.watch.flags))
        self.flag_action.setEnabled(bool(self.watch.flags))
        self.skip_button.setEnabled(len(every) - done > 1)
        self.model.marks_changed()

    # Steps ----------------------------------------------------------------------------------------------------------

    def seen_and_next(self) -> None:
        """Mark the contour of the chosen row as seen, then show the next item; a finding is not judged by that."""
        item = self._item(self.table.currentIndex().row())
        if item is not None:
            self._session.mark_seen(contours_of(item))
        self.skip()

    def skip(self) -> None:
        """Show the next item that nobody has seen or judged, from the chosen row on, then from the top."""
        self._go_on(lambda item: not is_done(self._history, item))

    def next_flag(self) -> None:
        """Show the next flag, from the chosen row on, then from the top; all of them, where only some are listed."""
        if self.watch.flags and not any(isinstance(item, Flag) for item in self.model.items):
            self.which.setCurrentIndex(0)
            self._refresh()
        self._go_on(lambda item: isinstance(item, Flag))

    def _go_on(self, wanted: Callable[[Item], bool]) -> None:
        every = self.model.items
        start = self.table.currentIndex().row() + 1
        for step in range(len(every)):
            row = (start + step) % len(every)
            if wanted(every[row]):
                self._select(item_key(every[row]))
                self._show_row(row)
                return

    def _item(self, row: int) -> Item | None:
        return self.model.items[row] if 0 <= row < len(self.model.items) else None

    def _select(self, key: ItemKey, quietly: bool = False) -> None:
        row = next((i for i, item in enumerate(self.model.items) if item_key(item) == key), None)
        if row is None:
            return
        selection = self.table.selectionModel()
        blocked = selection.blockSignals(quietly)
        self.table.selectRow(row)
        selection.blockSignals(blocked)

    def _finding_chosen(self) -> None:
        """The queue goes on from the finding that is looked at, wherever it was chosen."""
        finding = self._session.active_finding
        if finding is not None:
            self._select(item_key(finding), quietly=True)

    def _show_row(self, row: int) -> None:
        item = self._item(row)
        self.said.setText(item.text if isinstance(item, Flag) else "")
        self.said.setVisible(isinstance(item, Flag))
        if item is not None:
            show_item(self._session, item)

    def _toggle(self, row: int) -> None:
        item = self._item(row)
        contours = contours_of(item) if item is not None else frozenset()
        if isinstance(item, Contour):
            # Its tick is no mark that could be taken away.
            contours -= self._history.corrected
        self._session.mark_seen(contours, not contours <= self._session.marked_seen)
