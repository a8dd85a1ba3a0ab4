"""The rows of the list of findings, two lines each: what is said, and beneath it, fainter, what that rests on."""

from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from engine.answers import Finding, FindingKey, Score, key_of
from engine.findings.assessment import Verdict
from engine.findings.words import (
    VERDICTS,
    judgement,
    model_short,
    model_told,
    model_value,
    reader_says,
    source,
    statement,
)  # fmt: skip
from viewer.findings import evidence_text
from viewer.session import Session
from viewer.widgets.icons import icon
from viewer.widgets.theme import FAINT, TEXT, WARNING

Index = QModelIndex | QPersistentModelIndex
SIGN, NAME, MODEL, READER, COMMENT, EVIDENCE = range(6)
HEADS = ("", "Finding", "Model", "Reader", "Comment", "Where")
_TIPS = (
    "Whether a person has judged it: a ring where nobody has",
    "What it is about, and who or what made it",
    "The model's own value, and its threshold or the set that holds the true class; nothing overwrites it",
    "Whether it is so by the reader, or the reader's own value, and how that was said",
    "",
    "J brings it into view",
)
#: The second, fainter line of a cell.
BELOW_ROLE = int(Qt.ItemDataRole.UserRole) + 1
_NARROWER = 0.9
_PAD = 5.0


class FindingsModel(QAbstractTableModel):
    """The findings of the open series."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.findings: tuple[Finding, ...] = ()
        session.volume_changed.connect(self.refresh)
        session.findings_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Take the findings anew; rows stay where they are the same findings."""
        document = self._session.document
        findings = document.findings if document is not None else ()
        if [key_of(finding) for finding in findings] == [key_of(finding) for finding in self.findings]:
            self.findings = findings
            if findings:
                self.dataChanged.emit(self.index(0, 0), self.index(len(findings) - 1, len(HEADS) - 1))
            return
        self.beginResetModel()
        self.findings = findings
        self.endResetModel()

    def row_of(self, key: FindingKey) -> int:
        """Row of a finding; −1 where it is not there."""
        return next((row for row, finding in enumerate(self.findings) if key_of(finding) == key), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """One a finding."""
        return 0 if parent.isValid() else len(self.findings)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """As in `HEADS`."""
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Heads and what they mean."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        texts = {Qt.ItemDataRole.DisplayRole: HEADS, Qt.ItemDataRole.ToolTipRole: _TIPS}.get(Qt.ItemDataRole(role))
        return texts[section] if texts is not None else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        finding, column = self.findings[index.row()], index.column()
        verdict = finding.assessment.verdict
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(finding, column)
        if role == BELOW_ROLE:
            return self._below(finding, column)
        if role == Qt.ItemDataRole.DecorationRole and column == SIGN:
            return icon(verdict.value)
        if role == Qt.ItemDataRole.ForegroundRole:
            abstained = column == MODEL and isinstance(finding, Score) and bool(finding.abstained)
            faint = verdict is Verdict.REJECTED or (column == MODEL and verdict is Verdict.CHANGED)
            return QColor(WARNING if abstained else FAINT if faint else TEXT)
        if role == Qt.ItemDataRole.FontRole and verdict is Verdict.REJECTED and column in (NAME, MODEL):
            font = QFont()
            font.setStrikeOut(True)
            return font
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(finding, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self._text(finding, column)} {self._below(finding, column)}".strip()
        return None

    def _text(self, finding: Finding, column: int) -> str:
        said = finding.assessment
        return {
            NAME: finding.name,
            MODEL: model_value(finding) or "–",
            READER: reader_says(finding) or "–",
            COMMENT: said.comment,
            EVIDENCE: evidence_text(self._session, finding),
        }.get(column, "")

    def _below(self, finding: Finding, column: int) -> str:
        said = finding.assessment
        return {NAME: source(finding), MODEL: model_short(finding), READER: VERDICTS[said.verdict]}.get(column, "")

    def _tip(self, finding: Finding, column: int) -> str:
        said = finding.assessment
        told = {
            SIGN: VERDICTS[said.verdict],
            NAME: f"{finding.name}\n{source(finding)}",
            MODEL: "\n".join(model_told(finding)),
            READER: "\n".join(part for part in (statement(finding), judgement(said)) if part),
            COMMENT: said.comment,
        }
        return told.get(column, "") or _TIPS[column]


class TwoLines(QStyledItemDelegate):
    """Draws a cell's text with its fainter line beneath it."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        """Room for both lines, whether or not there are two, so that all rows are of one height."""
        height = QFontMetricsF(option.font).height() + QFontMetricsF(_small(option.font)).height()
        return QSize(super().sizeHint(option, index).width(), round(height + 2 * _PAD))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The background as the style has it, then the lines."""
        self.initStyleOption(option, index)
        text, below = option.text, str(index.data(BELOW_ROLE) or "")
        option.text = ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        room = QRectF(option.rect).adjusted(_PAD, 0, -_PAD, 0)
        font, small = QFont(option.font), _small(option.font)
        first, second = QFontMetricsF(font), QFontMetricsF(small)
        top = room.center().y() - (first.height() + (second.height() if below else 0)) / 2
        painter.save()
        painter.setFont(font)
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        shown = first.elidedText(text, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(QPointF(room.left(), top + first.ascent()), shown)
        if below:
            painter.setFont(small)
            painter.setPen(QColor(FAINT))
            shown = second.elidedText(below, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(QPointF(room.left(), top + first.height() + second.ascent()), shown)
        painter.restore()


def _small(font: QFont) -> QFont:
    small = QFont(font)
    small.setPointSizeF(font.pointSizeF() * _NARROWER)
    small.setStrikeOut(False)
    return small
