"""What the windows of certificates share: a table to read, facts to copy, and buttons."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QWidget,
)

from viewer.widgets.theme import ERROR, FAINT, GOOD

#: Rows of a table that are seen whatever stands below it, and pixels of notes that are seen without scrolling.
_ROWS_SEEN, _NOTES_SEEN = 6, 150


def verdict_label(text: str, ok: bool, parent: QWidget) -> QLabel:
    """The sentence on top: whether the file agrees."""
    label = QLabel(text, parent)
    label.setStyleSheet(f"font-size: 13pt; color: {GOOD if ok else ERROR};")
    return label


def facts_label(text: str, parent: QWidget) -> QLabel:
    """Small print whose text can be selected."""
    label = QLabel(text, parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setStyleSheet(f"color: {FAINT};")
    return label


def digest_text(sha256: str) -> str:
    """The digest is one long word; a place to break it keeps the window narrow."""
    return f"SHA-256 {sha256[:32]}\u200b{sha256[32:]}"


def copy_and_close(dialog: QDialog, text: str) -> QDialogButtonBox:
    """The buttons of a window: close it, or copy its certificate."""
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, dialog)
    buttons.button(QDialogButtonBox.StandardButton.Close).setToolTip("Close (Esc)")
    copy = QPushButton("Copy", dialog)
    copy.setToolTip("Copy the certificate, as it was saved, to the clipboard")
    copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(text))
    buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
    buttons.rejected.connect(dialog.reject)
    return buttons


def table_to_read(rows: int, columns: int, parent: QWidget) -> QTableWidget:
    """A table without edits, selection, grid and row numbers."""
    table = QTableWidget(rows, columns, parent)
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
    return table


def show_rows(table: QTableWidget) -> None:
    """Give a table that is filled the room of its first rows."""
    rows = min(table.rowCount(), _ROWS_SEEN)
    above = table.horizontalHeader().sizeHint().height() + 2 * table.frameWidth()
    table.setMinimumHeight(above + sum(table.rowHeight(row) for row in range(rows)))


class Notes(QScrollArea):
    """Sentences below a table; those that have no room are scrolled to, so that the buttons stay on the screen."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = QLabel(text, self)
        self._label.setWordWrap(True)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setWidget(self._label)
        self.setVisible(bool(text))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Be as high as the sentences are at this width."""
        super().resizeEvent(event)
        self.setFixedHeight(min(self._label.heightForWidth(self.viewport().width()), _NOTES_SEEN))
