"""Sentences that tell the user what happened, laid over the lower edge of the views. Never a dialog in the way.

They take no room of their own: whatever comes and goes, the views stay where they are under a hand that draws.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from viewer.widgets.theme import ACCENT, ERROR, RAISED, TEXT, WARNING

Level = Literal["info", "warning", "error"]

_COLOURS = {"info": ACCENT, "warning": WARNING, "error": ERROR}
_SHOWN_MS = {"info": 8_000, "warning": 20_000, "error": 0}
_MOST = 4
#: A note that has been on the screen for so long gives way to the next, seconds.
_READ_S = 2.5
#: The widest that a message gets, and its distance from the edges of the views, px.
_WIDEST, _MARGIN = 720, 8


@dataclass(frozen=True)
class Offer:
    """A button beside a sentence: what it says, and what it does before the message goes."""

    text: str
    slot: Callable[[], object]


class _Message(QWidget):
    def __init__(self, sentence: str, level: Level, offer: Offer | None, bar: "MessageBar") -> None:
        super().__init__(bar)
        self._bar = bar
        self.sentence = sentence
        self.level = level
        self.since: float | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(f"background: {RAISED}; border-left: 3px solid {_COLOURS[level]}; color: {TEXT};")
        label = QLabel(sentence)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # Selectable text would take the keys from the view that is being drawn in.
        label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        label.setStyleSheet("border: none;")
        # A path or name from a file must not be read as markup.
        label.setTextFormat(Qt.TextFormat.PlainText)
        self.button = self._button(offer.text, offer.text, offer.slot) if offer is not None else None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 3, 4, 3)
        layout.addWidget(label, 1)
        if self.button is not None:
            layout.addWidget(self.button)
        layout.addWidget(self._button("✕", "Dismiss (Esc)", None))

    def appear(self) -> None:
        """Be on the screen; only from then on does its time pass."""
        self.show()
        if self.since is None:
            self.since = time.monotonic()
            if _SHOWN_MS[self.level]:
                QTimer.singleShot(_SHOWN_MS[self.level], self, self.dismiss)

    @property
    def was_read(self) -> bool:
        """Whether it is no error, and has been on the screen for long enough."""
        return self.level != "error" and self.since is not None and time.monotonic() - self.since > _READ_S

    def _button(self, text: str, tip: str, slot: Callable[[], object] | None) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setStyleSheet("border: none;" if slot is None else f"border: 1px solid {ACCENT};")

        def clicked() -> None:
            self.dismiss()
            if slot is not None:
                slot()

        button.clicked.connect(clicked)
        return button

    def dismiss(self) -> None:
        """Take this message away."""
        self.hide()
        self._bar.drop(self)
        self.setParent(None)
        self.deleteLater()
        self._bar.lay_out()


class MessageBar(QWidget):
    """The last messages, over the lower edge of a widget; errors stay until they are dismissed, the others for a time.

    A warning that nobody had time to read is not dropped for what comes after it.

    Args:
        over: the widget that they lie on.
    """

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        # Not asked of the layout: PySide keeps each item that it was asked for, under an address that is used again.
        self._held: list[_Message] = []
        self._more = QLabel(self)
        self._more.setStyleSheet(f"background: {RAISED}; color: {ERROR}; padding: 2px 8px;")
        self._layout.addWidget(self._more)
        over.installEventFilter(self)
        self.lay_out()

    def show_message(self, sentence: str, level: Level = "info", offer: Offer | None = None) -> None:
        """Add a sentence; one that is on screen already is not repeated, unless its button would do another thing."""
        held = self._messages()
        for message in held:
            if message.sentence == sentence and message.level == level:
                if offer is None and message.button is None:
                    return
                message.dismiss()
        if level == "info":
            for message in self._messages():
                # What has been read gives way; what came a moment ago has not.
                if message.level == "info" and message.button is None and message.was_read:
                    message.dismiss()
        held = self._messages()
        passing = [message for message in held if message.level == "info" or message.was_read]
        if len(held) >= _MOST and passing:
            passing[0].dismiss()
        message = _Message(sentence, level, offer, self)
        self._held.append(message)
        self._layout.addWidget(message)
        self.lay_out()

    def drop(self, message: _Message) -> None:
        """Hold a message no longer."""
        if message in self._held:
            self._held.remove(message)
            self._layout.removeWidget(message)

    def dismiss_shown(self) -> None:
        """Take away what is on the screen; what waits behind it comes up."""
        for message in [message for message in self._messages() if not message.isHidden()]:
            message.dismiss()

    def dismiss_all(self) -> None:
        """Take all messages away."""
        for message in self._messages():
            message.dismiss()

    def withdraw(self, sentence: str) -> None:
        """Take a sentence away that no longer holds."""
        for message in self._messages():
            if message.sentence == sentence:
                message.dismiss()

    @property
    def sentences(self) -> list[str]:
        """What has not been dismissed, oldest first; of many the last ones are on screen."""
        return [message.sentence for message in self._messages()]

    def lay_out(self) -> None:
        """Take the place over the edge that the messages need; the oldest of too many wait out of sight."""
        held = self._messages()
        waiting = len(held) - _MOST
        for place, message in enumerate(held):
            message.appear() if place >= waiting else message.hide()
        self._more.setText(f"{waiting} more: dismiss these to see what came before.")
        self._more.setVisible(waiting > 0)
        self.setVisible(bool(held))
        over = self.parentWidget()
        if held and over is not None:
            width = min(over.width() - 2 * _MARGIN, _WIDEST)
            self._layout.invalidate()
            height = min(self._layout.totalHeightForWidth(width), over.height() - 2 * _MARGIN)
            self.setFixedSize(max(width, 1), max(height, 1))
            self.move(QPoint((over.width() - width) // 2, over.height() - height - _MARGIN))
            self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Follow the edge."""
        if event.type() == QEvent.Type.Resize and watched is self.parentWidget():
            self.lay_out()
        return super().eventFilter(watched, event)

    def _messages(self) -> list[_Message]:
        """A list of its own, since to dismiss one changes it."""
        return list(self._held)
