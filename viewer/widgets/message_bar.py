"""A quiet bar under the menu that tells the user what happened. Never a dialog in the way."""

from typing import Literal

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from viewer.widgets.theme import ACCENT, ERROR, RAISED, TEXT, WARNING

Level = Literal["info", "warning", "error"]

_COLOURS = {"info": ACCENT, "warning": WARNING, "error": ERROR}
_SHOWN_MS = {"info": 8_000, "warning": 20_000, "error": 0}
_MOST = 4


class _Message(QWidget):
    def __init__(self, sentence: str, level: Level, parent: QWidget) -> None:
        super().__init__(parent)
        self.sentence = sentence
        self.level = level
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(f"background: {RAISED}; border-left: 3px solid {_COLOURS[level]}; color: {TEXT};")
        label = QLabel(sentence)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label.setStyleSheet("border: none;")
        # A path or name from a file must not be read as markup.
        label.setTextFormat(Qt.TextFormat.PlainText)
        close = QToolButton()
        close.setText("✕")
        close.setToolTip("Dismiss (Esc)")
        close.setStyleSheet("border: none;")
        close.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 3, 4, 3)
        layout.addWidget(label, 1)
        layout.addWidget(close)
        if _SHOWN_MS[level]:
            QTimer.singleShot(_SHOWN_MS[level], self, self.dismiss)

    def dismiss(self) -> None:
        """Take this message away."""
        self.hide()
        self.setParent(None)
        self.deleteLater()


class MessageBar(QWidget):
    """Shows the last messages; errors stay until they are dismissed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)

    def show_message(self, sentence: str, level: Level = "info") -> None:
        """Add a sentence; one that is on screen already is not repeated."""
        held = self._messages()
        if any(message.sentence == sentence and message.level == level for message in held):
            return
        if len(held) >= _MOST:
            # The oldest that is no error makes room first.
            min(held, key=lambda message: message.level == "error").dismiss()
        self._layout.addWidget(_Message(sentence, level, self))

    def dismiss_all(self) -> None:
        """Take all messages away."""
        for message in self._messages():
            message.dismiss()

    @property
    def sentences(self) -> list[str]:
        """What is on screen, oldest first."""
        return [message.sentence for message in self._messages()]

    def _messages(self) -> list[_Message]:
        items = (self._layout.itemAt(i) for i in range(self._layout.count()))
        widgets = [item.widget() for item in items if item is not None]
        return [widget for widget in widgets if isinstance(widget, _Message)]
