"""The list of structures as Qt sees it: one row a ROI, edited in place."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from engine.edits import StructuresChanged
from engine.errors import PlanimeterError
from engine.loose import loose_contours, loose_text
from engine.structures import Roi
from viewer.edits.structures import drawn_by, rename, set_locked, set_type, set_visible
from viewer.history import History
from viewer.session import Session

Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = Qt.ItemDataRole.UserRole


class Column(IntEnum):
    """What the columns show."""

    SHOWN = 0
    NAME = 1
    TYPE = 2
    VOLUME = 3
    LOOSE = 4
    LOCKED = 5
    DRAWN_BY = 6


_HEADS = {
    Column.SHOWN: ("", "Shown in the panes (V)"),
    Column.NAME: ("Name", "Name; R or F2 edits it and suggests TG-263 names"),
    Column.TYPE: ("Type", "RT ROI Interpreted Type"),
    Column.VOLUME: ("cm³", "Volume: polygon areas × plane thickness"),
    Column.LOOSE: ("+", "Points, open contours and contours off the planes: crosses and dashed lines in the panes"),
    Column.LOCKED: ("Lock", "A locked structure can't be changed (L)"),
    Column.DRAWN_BY: ("Drawn by", "Who or what drew it"),
}


class StructuresModel(QAbstractTableModel):
    """Rows in the order of the structure set.

    Args:
        session, history: of the window.
        tell: called with a sentence when an edit is refused.
    """

    def __init__(self, session: Session, history: History, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._session, self._history, self._tell = session, history, tell
        self._rois: tuple[Roi, ...] = ()
        self._volumes: dict[int, tuple[object, float]] = {}
        self._loose: dict[int, tuple[object, str]] = {}
        session.volume_changed.connect(self.refresh)
        session.structures_changed.connect(self._changed)
        self.refresh()

    @property
    def rois(self) -> tuple[Roi, ...]:
        """By row."""
        return self._rois

    def row_of(self, number: int) -> int:
        """Row of a ROI; −1 when it is not there."""
        return next((row for row, roi in enumerate(self._rois) if roi.number == number), -1)

    def refresh(self) -> None:
        """Take the structures anew."""
        self.beginResetModel()
        structures = self._session.structures
        self._rois = structures.rois if structures is not None else ()
        self._volumes = {number: held for number, held in self._volumes.items() if self.row_of(number) >= 0}
        self.endResetModel()

    def _changed(self, _: StructuresChanged) -> None:
        structures = self._session.structures
        rois = structures.rois if structures is not None else ()
        if [roi.number for roi in rois] != [roi.number for roi in self._rois]:
            self.refresh()
            return
        rows = [row for row, (old, new) in enumerate(zip(self._rois, rois, strict=True)) if old is not new]
        self._rois = rois
        for row in rows:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))

    def volume_cm3(self, roi: Roi) -> float:
        """Volume, computed once for each state of a ROI's planes."""
        held = self._volumes.get(roi.number)
        # An edit of anything but areas gives a new mapping of the same contours.
        if held is None or held[0] != roi.planes:
            structures = self._session.structures
            assert structures is not None, "a ROI is shown only while a series is open"
            held = self._volumes[roi.number] = (roi.planes, roi.volume_cm3(structures.geometry))
        return held[1]

    def loose_text(self, roi: Roi) -> str:
        """What the ROI has that is no area, such as "2 points"; "" for nothing. Kept for each state of it."""
        held = self._loose.get(roi.number)
        if held is None or held[0] is not roi.loose:
            structures = self._session.structures
            assert structures is not None, "a ROI is shown only while a series is open"
            held = self._loose[roi.number] = (roi.loose, loose_text(loose_contours(roi.loose, structures.geometry)))
        return held[1]

    @property
    def any_loose(self) -> bool:
        """Whether any ROI has contours that are no areas."""
        return any(roi.loose for roi in self._rois)

    # Qt's side ------------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """One a ROI."""
        return 0 if parent.isValid() else len(self._rois)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """One of each `Column`."""
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Heads and their tooltips."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        text, tip = _HEADS[Column(section)]
        return {Qt.ItemDataRole.DisplayRole: text, Qt.ItemDataRole.ToolTipRole: tip}.get(Qt.ItemDataRole(role))

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Check boxes for shown and locked, editing for name and type."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        if index.column() in (Column.SHOWN, Column.LOCKED):
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        if index.column() in (Column.NAME, Column.TYPE):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        roi = self._rois[index.row()]
        column = Column(index.column())
        if role == Qt.ItemDataRole.CheckStateRole and column in (Column.SHOWN, Column.LOCKED):
            on = roi.visible if column is Column.SHOWN else roi.locked
            return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole and column is Column.NAME:
            return swatch(roi.colour)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._text(roi, column)
        if role == SORT_ROLE:
            return self._sort_key(roi, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (Column.VOLUME, Column.LOOSE):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            if column is Column.LOOSE and roi.loose:
                return self.loose_text(roi)
            return tooltip(roi, self.loose_text(roi)) if column in (Column.NAME, Column.DRAWN_BY) else _HEADS[column][1]
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """An edit in place becomes a step; what is refused is told."""
        roi = self._rois[index.row()]
        column = Column(index.column())
        try:
            if role == Qt.ItemDataRole.CheckStateRole:
                checked = Qt.CheckState(value) is Qt.CheckState.Checked
                setter = set_visible if column is Column.SHOWN else set_locked
                setter(self._session, self._history, [roi.number], checked)
            elif column is Column.NAME:
                rename(self._session, self._history, roi.number, str(value))
            elif column is Column.TYPE:
                set_type(self._session, self._history, roi.number, str(value))
        except PlanimeterError as error:
            self._tell(str(error))
            return False
        return True

    def _text(self, roi: Roi, column: Column) -> str:
        if column is Column.NAME:
            return roi.name
        if column is Column.TYPE:
            return roi.roi_type
        if column is Column.VOLUME:
            return "–" if roi.is_empty else f"{self.volume_cm3(roi):.2f}"
        if column is Column.LOOSE:
            return str(len(roi.loose)) if roi.loose else ""
        return drawn_by(roi) if column is Column.DRAWN_BY else ""

    def _sort_key(self, roi: Roi, column: Column) -> Any:
        if column is Column.VOLUME:
            return self.volume_cm3(roi)
        if column is Column.LOOSE:
            return len(roi.loose)
        if column in (Column.SHOWN, Column.LOCKED):
            return roi.visible if column is Column.SHOWN else roi.locked
        return self._text(roi, column).casefold()


def swatch(colour: tuple[int, int, int], size: int = 12) -> QIcon:
    """A square in the ROI's colour."""
    pixmap = QPixmap(size, size)
    pixmap.fill(QColor(*colour))
    painter = QPainter(pixmap)
    painter.setPen(QColor(0, 0, 0, 120))
    painter.drawRect(0, 0, size - 1, size - 1)
    painter.end()
    return QIcon(pixmap)


def tooltip(roi: Roi, loose: str) -> str:
    """All that is known of who drew it, plainly, and what it has that is no area."""
    was = roi.provenance
    lines = [
        f"{roi.name}: drawn {drawn_by(roi)}" if was.generation.value == "MANUAL" else f"{roi.name}: {drawn_by(roi)}"
    ]
    lines += [was.description] if was.description else []
    lines += [f"Weights {was.weights_sha256[:16]}…"] if was.weights_sha256 else []
    lines += [f"Code {roi.code.value} {roi.code.scheme}: {roi.code.meaning}"] if roi.code is not None else []
    lines += [f"Kept as the file has them, no areas: {loose}"] if loose else []
    return "\n".join([*lines, "Double-click goes to its centre"])
