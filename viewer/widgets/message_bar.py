"""Sentences that tell the user what happened, laid over the lower edge of the views. Never a dialog in the way.

They take no room of their own: whatever comes and goes, the views stay where they are under a hand that draws. Nor do
they hide more than a part of them: what has no room there is folded behind a button.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from viewer.widgets.theme import ACCENT, ERROR, RAISED, TEXT, WARNING

Level = Literal["info", "warning", "error"]

_COLOURS = {"info": ACCENT, "warning": WARNING, "error": ERROR}
_WORST_FIRST: tuple[Level, ...] = ("error", "warning", "info")
_SHOWN_MS = {"info": 8_000, "warning": 20_000, "error": 0}
_MOST = 4
#: A note that has been on the screen for so long gives way to the next, seconds.
_READ_S = 2.5
#: The widest that a message gets, and its distance from the edges of the views, px.
_WIDEST, _MARGIN = 720, 8
#: The part of the height of the views that is covered at most, and when a person unfolded what had no room.
_SHARE, _UNFOLDED_SHARE = 0.2, 0.7
#: Above and below the lines of a message, px.
_ABOVE = 3
#: So many lines of the last message are shown, however low the views are.
_LEAST_LINES = 2
#: The greatest height of a widget (QWIDGETSIZE_MAX), px.
_UNBOUND = 16_777_215


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
        self._read_s = 0.0
        self._left_ms = _SHOWN_MS[level]
        self._time = QTimer(self, singleShot=True)
        self._time.timeout.connect(self.dismiss)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(f"background: {RAISED}; border-left: 3px solid {_COLOURS[level]}; color: {TEXT};")
        self.cut = False
        self._label = label = QLabel(sentence)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # Selectable text would take the keys from the view that is being drawn in.
        label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        label.setStyleSheet("border: none;")
        # A path or name from a file must not be read as markup.
        label.setTextFormat(Qt.TextFormat.PlainText)
        self.button = self._button(offer.text, offer.text, offer.slot) if offer is not None else None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, _ABOVE, 4, _ABOVE)
        layout.addWidget(label, 1)
        if self.button is not None:
            layout.addWidget(self.button)
        layout.addWidget(self._button("✕", "Dismiss (Esc)", None))

    def fit(self, width: int, most: int | None = None) -> int:
        """The height that it takes in a width, px; above `most` the last lines are cut off, but for the first two."""
        layout, line = self.layout(), self._label.fontMetrics().lineSpacing()
        assert layout is not None
        self._label.setMaximumHeight(_UNBOUND)
        layout.invalidate()
        height = layout.totalHeightForWidth(width)
        self.cut = most is not None and height > max(most, _LEAST_LINES * line + 2 * _ABOVE)
        self._label.setAlignment(Qt.AlignmentFlag.AlignTop if self.cut else Qt.AlignmentFlag.AlignVCenter)
        if self.cut and most is not None:
            lines = max((most - 2 * _ABOVE) // line, _LEAST_LINES)
            self._label.setMaximumHeight(lines * line)
            layout.invalidate()
            height = layout.totalHeightForWidth(width)
        # The bar keeps the height that it was told last.
        self.updateGeometry()
        return height

    def appear(self) -> None:
        """Be on the screen; only from when all of it is does its time pass."""
        self.show()
        if self.since is None and not self.cut:
            self.since = time.monotonic()
            if self._left_ms:
                self._time.start(self._left_ms)

    def give_way(self) -> None:
        """Be off the screen, or on it in part alone; the time stops."""
        if self.since is not None:
            self._read_s += time.monotonic() - self.since
            self.since = None
        if self._time.isActive():
            self._left_ms = max(self._time.remainingTime(), round(1000 * _READ_S))
            self._time.stop()

    @property
    def was_read(self) -> bool:
        """Whether it is no error, and has been on the screen for long enough."""
        now = time.monotonic() - self.since if self.since is not None else 0.0
        return self.level != "error" and self._read_s + now > _READ_S

    @property
    def was_seen(self) -> bool:
        """Whether all of it has been on the screen."""
        return self.since is not None or self._read_s > 0

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
        self._unfolded = False
        self._taken = 0
        self._more = QPushButton(self)
        self._more.setToolTip("Show what has no room here, or fold it again; Esc dismisses what is shown")
        self._more.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._more.clicked.connect(self._fold_or_unfold)
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
        passing = [message for message in held if message.was_read or (message.level == "info" and message.was_seen)]
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
        """Take away what is on the screen; what waits comes up. What is shown in part is first shown whole."""
        if not self._unfolded and any(message.cut for message in self._messages()):
            self._fold_or_unfold()
            return
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

    def leave_room(self, height: int) -> None:
        """So much of the views is covered by something else, px; less is left for the messages."""
        if height != self._taken:
            self._taken = height
            self.lay_out()

    def lay_out(self) -> None:
        """Take the place over the edge that the messages need, the last ones first; the others wait out of sight."""
        held, over = self._messages(), self.parentWidget()
        self.setVisible(bool(held))
        if not held or over is None:
            self._unfolded = False
            return
        width = max(min(over.width() - 2 * _MARGIN, _WIDEST), 1)
        shown = self._fitting(width, _SHARE)
        self._unfolded &= shown != held or shown[-1].cut
        if self._unfolded:
            shown = self._fitting(width, _UNFOLDED_SHARE)
        for message in held:
            if message not in shown or message.cut:
                message.give_way()
            message.appear() if message in shown else message.hide()
        waiting = [message for message in held if message not in shown]
        self._say_more(waiting, any(message.cut for message in shown))
        self._layout.invalidate()
        height = min(self._layout.totalHeightForWidth(width), over.height() - 2 * _MARGIN)
        self.setFixedSize(width, max(height, 1))
        self.move(QPoint((over.width() - width) // 2, over.height() - height - _MARGIN))
        self.raise_()

    def _fitting(self, width: int, share: float) -> list[_Message]:
        """The last messages that have room in a part of the height of the views, oldest first; one at least."""
        held, over = self._messages(), self.parentWidget()
        assert over is not None
        room = round(share * over.height()) - self._taken
        heights = [message.fit(width) + self._layout.spacing() for message in held]
        if sum(heights) <= room:
            return held
        room -= self._more.sizeHint().height() + self._layout.spacing()
        last = held[-1].fit(width, room) + self._layout.spacing()
        first = len(held) - 1
        while first and last + sum(heights[first - 1 : -1]) <= room:
            first -= 1
        return held[first:]

    def _say_more(self, waiting: list[_Message], cut: bool) -> None:
        """Offer what has no room, in the colour of the worst of it."""
        levels = {message.level for message in waiting}
        colour = next((_COLOURS[level] for level in _WORST_FIRST if level in levels), TEXT)
        count = f"{len(waiting)} more" if waiting else "Read all"
        folded = f"{count} ▴" if waiting or cut else ""
        self._more.setText("Fold ▾" if self._unfolded and not waiting else folded)
        self._more.setStyleSheet(
            f"background: {RAISED}; color: {colour}; border: none; padding: 2px 8px; text-align: left;"
        )
        self._more.setVisible(bool(self._more.text()))

    def _fold_or_unfold(self) -> None:
        self._unfolded = not self._unfolded
        self.lay_out()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Follow the edge."""
        if event.type() == QEvent.Type.Resize and watched is self.parentWidget():
            self.lay_out()
        return super().eventFilter(watched, event)

    def _messages(self) -> list[_Message]:
        """A list of its own, since to dismiss one changes it."""
        return list(self._held)
