"""A line for a name of any length, which takes the room that there is and asks for none."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel


class NameLabel(QLabel):
    """Leaves out the middle of a name that has no room, and tells all of it under the mouse."""

    def setText(self, text: str) -> None:  # noqa: N802
        """Another name."""
        super().setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As small as a few letters: a long name must not widen the panel, and with it a side of the window."""
        return QSize(self.fontMetrics().horizontalAdvance("MMMM"), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw as much of the name as there is room for."""
        painter = QPainter(self)
        room = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, self.alignment() | Qt.AlignmentFlag.AlignVCenter, shown)
        painter.end()
