"""The history of the session, as its journal has it: what was done, when, by whom and with what."""

import operator
from collections.abc import Sequence
from itertools import chain
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QBrush, QColor, QFont, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QLabel, QToolButton, QTreeView, QVBoxLayout, QWidget

from engine.edits import Direction, follow
from engine.journal import STEPS, Entry, Kind
from viewer.history import History
from viewer.recording import Recording
from viewer.widgets.theme import FAINT

Index = QModelIndex | QPersistentModelIndex

_NEW = (Kind.DO, Kind.JOIN)
_PREFIX = {Kind.BASE: "Opened with ", Kind.UNDO: "Undo: ", Kind.REDO: "Redo: "}
_HEADS = ("Time", "Step", "Tool or model", "User")


def undone(entries: Sequence[Entry]) -> frozenset[int]:
    """Ids of the steps that are taken back at the end, of entries given oldest first."""
    done: list[tuple[int, ...]] = []
    back: list[tuple[int, ...]] = []
    for entry in entries:
        if entry.kind in STEPS:
            # Undo and redo have entries of their own, and are about the step that was done.
            about = done if entry.kind is Kind.UNDO else back if entry.kind is Kind.REDO else ()
            follow(Direction(entry.kind.value), about[-1] if about else (entry.id,), done, back, operator.add)
    return frozenset(entry.id for entry in entries if entry.kind in _NEW) - frozenset(chain.from_iterable(done))


class HistoryModel(QAbstractTableModel):
    """One row an entry, the latest first."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []
        self._undone: frozenset[int] = frozenset()

    def show(self, entries: list[Entry]) -> None:
        """Show these entries, given oldest first."""
        self._undone = undone(entries)
        known = len(self._entries)
        latest = self._entries[0].id if self._entries else None
        if known and len(entries) > known and entries[known - 1].id == latest:
            self.beginInsertRows(QModelIndex(), 0, len(entries) - known - 1)
            self._entries = list(reversed(entries))
            self.endInsertRows()
            # An undo strikes out an older row.
            self.dataChanged.emit(self.index(0, 0), self.index(len(entries) - 1, len(_HEADS) - 1))
        else:
            self.beginResetModel()
            self._entries = list(reversed(entries))
            self.endResetModel()

    @property
    def entries(self) -> list[Entry]:
        """By row."""
        return self._entries

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """One an entry."""
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Time, step, tool, user."""
        return 0 if parent.isValid() else len(_HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Heads."""
        shown = orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return _HEADS[section] if shown else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows; times are the user's own, with the date in the tooltip."""
        entry = self._entries[index.row()]
        local = entry.at.astimezone()
        if role == Qt.ItemDataRole.DisplayRole:
            return (f"{local:%H:%M:%S}", _text(entry), entry.tool, entry.user)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            weights = f"\nWeights {entry.weights_sha256}" if entry.weights_sha256 else ""
            return f"{local:%Y-%m-%d %H:%M:%S %Z}\n{_text(entry)}\n{entry.tool}{weights}\n{entry.user}"
        if role == Qt.ItemDataRole.ForegroundRole and entry.kind not in _NEW:
            return QBrush(QColor(FAINT))
        if role == Qt.ItemDataRole.FontRole and entry.id in self._undone:
            font = QFont()
            font.setStrikeOut(True)
            return font
        return None


def _text(entry: Entry) -> str:
    text = f"{_PREFIX.get(entry.kind, '')}{entry.text}"
    return text[:1].upper() + text[1:] if entry.kind is not Kind.RESUMED else "Session put back"


class HistoryPanel(QWidget):
    """The list, with undo and redo."""

    def __init__(self, recording: Recording, history: History) -> None:
        super().__init__()
        self._recording = recording
        self.model = HistoryModel()
        self.view = QTreeView(self)
        self.view.setModel(self.model)
        self.view.setRootIsDecorated(False)
        self.view.setUniformRowHeights(True)
        self.view.setAlternatingRowColors(True)
        self.view.setAccessibleName("History")
        self.view.setToolTip("Every step of this session as the journal on disk has it, the latest first")
        head = self.view.header()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column, width in enumerate((76, 190, 90)):
            head.resizeSection(column, width)
        self.buttons = QHBoxLayout()
        self._note = QLabel(self)
        self._note.setStyleSheet(f"color: {FAINT}")
        self.buttons.addWidget(self._note, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.view, 1)
        layout.addLayout(self.buttons)
        # Read once for a burst of steps, and only while someone looks.
        self._soon = QTimer(self, singleShot=True, interval=100)
        self._soon.timeout.connect(self.refresh)
        recording.recorded.connect(self._later)
        history.changed.connect(self._later)

    def add_button(self, button: QToolButton) -> None:
        """A button under the list."""
        self.buttons.addWidget(button)

    def refresh(self) -> None:
        """Read the journal anew."""
        entries = self._recording.entries()
        self.model.show(entries)
        steps = sum(entry.kind in STEPS for entry in entries)
        self._note.setText(f"{steps} steps" if entries else "Nothing is recorded.")

    def _later(self) -> None:
        # Behind another tab it counts as visible too.
        if not self.visibleRegion().isEmpty():
            self._soon.start()

    def turned(self, in_front: bool) -> None:
        """The panel came before the others of its place, and catches up; or another did, and it stops reading."""
        self.refresh() if in_front else self._soon.stop()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Catch up."""
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Stop reading."""
        self._soon.stop()
        super().hideEvent(event)
