"""How a model card is drawn in the list: its title with its badge, and one line beneath."""

from enum import IntEnum

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from viewer.widgets.theme import FAINT

PAD = 4
BADGE_COLOURS = {"runs": FAINT, "trained": "#4c8fd0", "validated": "#4fa36c"}


class CardRole(IntEnum):
    """Item data beside the title."""

    SUMMARY = Qt.ItemDataRole.UserRole + 1
    BADGE = Qt.ItemDataRole.UserRole + 2
    SUITS = Qt.ItemDataRole.UserRole + 3
    FAVOURITE = Qt.ItemDataRole.UserRole + 4


def card_height(metrics: QFontMetrics) -> int:
    """Height of an item, pixels: two lines with room around them."""
    return 2 * metrics.height() + 2 * PAD + 2


class CardDelegate(QStyledItemDelegate):
    """Two lines an item; items that do not suit are grey."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        """Two lines of text with room around them."""
        return QSize(120, card_height(option.fontMetrics))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw the background by the style, then the two lines."""
        widget = option.widget
        style = widget.style() if widget is not None else QApplication.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, widget)
        suits = bool(index.data(CardRole.SUITS))
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if selected and suits else QPalette.ColorRole.Text
        box = option.rect.adjusted(PAD, PAD, -PAD, -PAD)
        height = option.fontMetrics.height()
        painter.save()
        badge = str(index.data(CardRole.BADGE) or "")
        width = 0
        if badge:
            width = option.fontMetrics.horizontalAdvance(badge) + 2 * PAD
            pill = QRect(box.right() - width, box.top(), width, height)
            colour = QColor(BADGE_COLOURS[badge])
            colour.setAlphaF(1.0 if suits else 0.45)
            painter.setPen(colour)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawRoundedRect(pill, height / 2, height / 2)
            painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, badge)
        star = "★ " if index.data(CardRole.FAVOURITE) else ""
        font = painter.font()
        font.setBold(suits)
        painter.setFont(font)
        painter.setPen(option.palette.color(role) if suits else QColor(FAINT))
        title = QRect(box.left(), box.top(), box.width() - width - PAD, height)
        # What tells models of one title apart is their end.
        self._line(painter, title, f"{star}{index.data()}", Qt.TextElideMode.ElideMiddle)
        font.setBold(False)
        painter.setFont(font)
        if not (selected and suits):
            painter.setPen(QColor(FAINT))
        below = QRect(box.left(), box.top() + height + 2, box.width(), height)
        self._line(painter, below, str(index.data(CardRole.SUMMARY)))
        painter.restore()

    @staticmethod
    def _line(painter: QPainter, box: QRect, text: str, elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        text = QFontMetrics(painter.font()).elidedText(text, elide, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
