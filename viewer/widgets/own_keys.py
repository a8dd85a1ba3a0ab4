"""Keys that a list keeps from the window's shortcuts while it has the focus."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QWidget


class OwnKeys(QObject):
    """What a key does in one widget, whatever it does in the rest of the window.

    Args:
        widget: that has the focus.
        keys: key, as Qt writes it → what it does; None where the widget knows by itself.
    """

    def __init__(self, widget: QWidget, keys: Mapping[str, Callable[[], object] | None]) -> None:
        super().__init__(widget)
        self._work = {QKeySequence(key).toString(): work for key, work in keys.items()}
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Claim the key before a shortcut gets it, and do its work."""
        if not isinstance(event, QKeyEvent):
            return False
        key = QKeySequence(event.keyCombination()).toString()
        if key not in self._work:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        work = self._work[key]
        if event.type() != QEvent.Type.KeyPress or work is None:
            return False
        work()
        return True
