"""The list of structures as Qt sees it: one row a ROI, edited in place."""

import re
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from engine.edits import StructuresChanged
from engine.errors import PlanimeterError
from engine.loose import loose_contours, loose_text
from engine.recipes import doubt
from engine.structures import Generation, ReviewState, Roi
from viewer.edits.structures import drawn_by, rename, set_locked, set_type, set_visible
from viewer.history import History
from viewer.session import Session
from viewer.widgets.icons import icon
from viewer.widgets.theme import WARNING

Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = int(Qt.ItemDataRole.UserRole)
SEARCH_ROLE = SORT_ROLE + 1
#: What speaks against a structure as one character, where there is no room for words.
MARK_ROLE = SORT_ROLE + 2
#: What is said of a structure that a model drew which gives no opinion on the image.
NO_OPINION = "no opinion"


class Column(IntEnum):
    """What the columns show."""

    SHOWN = 0
    NAME = 1
    TYPE = 2
    VOLUME = 3
    LOOSE = 4
    LOCKED = 5
    DRAWN_BY = 6
    REVIEW = 7


_HEADS = {
    Column.SHOWN: ("", "Shown in the panes (V)"),
    Column.NAME: ("Name", "Name; R or F2 edits it and suggests TG-263 names"),
    Column.TYPE: ("Type", "RT ROI Interpreted Type"),
    Column.VOLUME: ("cm³", "Volume: polygon areas × plane thickness; of a picture the areas in all frames"),
    Column.LOOSE: ("+", "Points, open contours and contours off the planes: crosses and dashed lines in the panes"),
    Column.LOCKED: ("", "A locked structure can't be changed (L)"),
    Column.REVIEW: ("", "Review: a tick once a person looked at it as it is, a seal once it is approved and locked"),
    Column.DRAWN_BY: ("", "Who or what drew it: a person, a model, a model corrected by a person, or not said"),
}
_HEAD_SIGNS = {Column.SHOWN: "shown", Column.LOCKED: "locked", Column.DRAWN_BY: "person", Column.REVIEW: "reviewed"}
_SOURCE_SIGNS = {
    Generation.AUTOMATIC: "model",
    Generation.SEMIAUTOMATIC: "model edited",
    Generation.MANUAL: "person",
    Generation.UNKNOWN: "not said",
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
        rows = [
            row for row, (old, new) in enumerate(zip(self._rois, rois, strict=True)) if old is not new or new.recipe
        ]
        self._rois = rois
        for row in rows:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))

    @property
    def size_unit(self) -> str:
        """What sizes are in: cm³, or on a picture mm² or px²."""
        structures = self._session.structures
        return structures.geometry.size_unit if structures is not None else "cm³"

    def size(self, roi: Roi) -> float:
        """In `size_unit`, computed once for each state of a ROI's planes."""
        held = self._volumes.get(roi.number)
        # An edit of anything but areas gives a new mapping of the same contours.
        if held is None or held[0] != roi.planes:
            structures = self._session.structures
            assert structures is not None, "a ROI is shown only while a series is open"
            held = self._volumes[roi.number] = (roi.planes, roi.size(structures.geometry))
        return held[1]

    def loose_text(self, roi: Roi) -> str:
        """What the ROI has that is no area, such as "2 points"; "" for nothing. Kept for each state of it."""
        held = self._loose.get(roi.number)
        if held is None or held[0] is not roi.loose:
            structures = self._session.structures
            assert structures is not None, "a ROI is shown only while a series is open"
            held = self._loose[roi.number] = (roi.loose, loose_text(loose_contours(roi.loose, structures.geometry)))
        return held[1]

    def doubt(self, roi: Roi) -> str:
        """What speaks against a structure: derived and "out of date", or drawn by a model without an opinion."""
        if roi.without_opinion:
            return NO_OPINION
        structures = self._session.structures
        return doubt(structures, roi) if structures is not None else ""

    @property
    def any_loose(self) -> bool:
        """Whether any ROI has contours that are no areas."""
        return any(roi.loose for roi in self._rois)

    @property
    def any_reviewed(self) -> bool:
        """Whether a person reviewed any ROI."""
        return any(roi.provenance.review.state is not ReviewState.UNREVIEWED for roi in self._rois)

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
        column = Column(section)
        if role == Qt.ItemDataRole.DecorationRole:
            return icon(_HEAD_SIGNS[column]) if column in _HEAD_SIGNS else None
        if role == Qt.ItemDataRole.TextAlignmentRole and column is Column.VOLUME:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        text, tip = _HEADS[column]
        text = self.size_unit if column is Column.VOLUME else text
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
        if role == Qt.ItemDataRole.DecorationRole:
            return swatch(roi.colour) if column is Column.NAME else sign(roi, column)
        if role == Qt.ItemDataRole.DisplayRole and column is Column.NAME and self.doubt(roi):
            return f"{roi.name}  – {self.doubt(roi)}"
        if role == Qt.ItemDataRole.ForegroundRole and column is Column.NAME and self.doubt(roi):
            return QColor(WARNING)
        if role == MARK_ROLE and (doubt := self.doubt(roi)):
            return "?" if doubt == NO_OPINION else "!"
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._text(roi, column)
        if role == SORT_ROLE:
            return self._sort_key(roi, column)
        if role == SEARCH_ROLE:
            return f"{roi.name} {roi.roi_type} {drawn_by(roi)}"
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (Column.VOLUME, Column.LOOSE):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(roi, column)
        return None

    def _tip(self, roi: Roi, column: Column) -> str:
        if column is Column.REVIEW:
            return f"{roi.name}: {roi.provenance.review}"
        if column in (Column.NAME, Column.DRAWN_BY):
            return tooltip(roi, self.loose_text(roi), self.doubt(roi))
        if column is Column.LOOSE and roi.loose:
            return self.loose_text(roi)
        if column is Column.VOLUME and not roi.is_empty:
            how = "polygon areas × plane thickness" if self.size_unit == "cm³" else "polygon areas"
            return f"{roi.name}: {self.size(roi):.3f} {self.size_unit} ({how})"
        if column is Column.TYPE and roi.roi_type:
            return f"{roi.name}: {roi.roi_type} (RT ROI Interpreted Type)"
        return _HEADS[column][1]

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """An edit in place becomes a step; what is refused is told."""
        roi = self._rois[index.row()]
        column = Column(index.column())
        try:
            if role == Qt.ItemDataRole.CheckStateRole:
                return self.set_all(column, [roi.number], Qt.CheckState(value) is Qt.CheckState.Checked)
            if column is Column.NAME:
                rename(self._session, self._history, roi.number, str(value))
            elif column is Column.TYPE:
                set_type(self._session, self._history, roi.number, str(value))
        except PlanimeterError as error:
            self._tell(str(error))
            return False
        return True

    def set_all(self, column: Column, numbers: list[int], on: bool) -> bool:
        """Show, hide, lock or unlock structures as one step; what is refused is told."""
        try:
            (set_visible if column is Column.SHOWN else set_locked)(self._session, self._history, numbers, on)
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
            return "–" if roi.is_empty else volume_text(self.size(roi))
        if column is Column.LOOSE:
            return str(len(roi.loose)) if roi.loose else ""
        return drawn_by(roi) if column is Column.DRAWN_BY else ""

    def _sort_key(self, roi: Roi, column: Column) -> Any:
        if column is Column.VOLUME:
            return self.size(roi)
        if column is Column.LOOSE:
            return len(roi.loose)
        if column in (Column.SHOWN, Column.LOCKED):
            return roi.visible if column is Column.SHOWN else roi.locked
        if column is Column.REVIEW:
            return list(ReviewState).index(roi.provenance.review.state)
        # PTV_5 comes before PTV_50, and that before PTV_100.
        return re.sub(r"\d+", lambda digits: digits[0].zfill(12), self._text(roi, column).casefold())


def volume_text(volume_cm3: float) -> str:
    """A volume with as many decimals as still mean something, so that a large one has room."""
    return f"{volume_cm3:.{2 if volume_cm3 < 100 else 1 if volume_cm3 < 1000 else 0}f}"


def sign(roi: Roi, column: Column) -> QIcon | None:
    """What a column shows instead of words; None where it shows words."""
    if column is Column.SHOWN:
        return icon("shown" if roi.visible else "hidden")
    if column is Column.LOCKED:
        return icon("locked" if roi.locked else "unlocked")
    state = roi.provenance.review.state
    if column is Column.REVIEW and state is not ReviewState.UNREVIEWED:
        return icon(state.value)
    return icon(_SOURCE_SIGNS[roi.provenance.generation]) if column is Column.DRAWN_BY else None


def swatch(colour: tuple[int, int, int], size: int = 12) -> QIcon:
    """A square in the ROI's colour."""
    pixmap = QPixmap(size, size)
    pixmap.fill(QColor(*colour))
    painter = QPainter(pixmap)
    painter.setPen(QColor(0, 0, 0, 120))
    painter.drawRect(0, 0, size - 1, size - 1)
    painter.end()
    return QIcon(pixmap)


def tooltip(roi: Roi, loose: str, doubt: str) -> str:
    """All that is known of who drew it, plainly, and what it has that is no area."""
    was = roi.provenance
    lines = [
        f"{roi.name}: drawn {drawn_by(roi)}" if was.generation.value == "MANUAL" else f"{roi.name}: {drawn_by(roi)}"
    ]
    lines += [was.description] if was.description else []
    lines += [f"Weights {was.weights_sha256[:16]}…"] if was.weights_sha256 else []
    lines += [f"Code {roi.code.value} {roi.code.scheme}: {roi.code.meaning}"] if roi.code is not None else []
    lines += [f"Derived from {roi.recipe}"] if roi.recipe is not None else []
    lines += [f"The model has no opinion: {was.abstained} Correct it, or delete it"] if doubt == NO_OPINION else []
    lines += [f"It is {doubt}: Shift+R renews it"] if doubt == "out of date" else []
    lines += [f"It can't be renewed: {doubt}"] if doubt == "a source is gone" else []
    lines += [f"Kept as the file has them, no areas: {loose}"] if loose else []
    lines += [str(was.review).capitalize()] if was.review.state is not ReviewState.UNREVIEWED else []
    return "\n".join([*lines, "Double-click goes to its centre"])
