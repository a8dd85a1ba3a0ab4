"""Beneath the list of structures: who signed them, and whether that is still what is shown."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from engine.approval import approval_told
from viewer.session import Session
from viewer.widgets.theme import GOOD, WARNING


class ApprovalStrip(QLabel):
    """A line; hidden where nobody signed anything."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        session.volume_changed.connect(self._show)
        session.structures_changed.connect(lambda _: self._show())
        self._show()

    def _show(self) -> None:
        structures, filed = self._session.structures, self._session.filed
        told, holds = approval_told(structures, filed) if structures is not None and filed is not None else ("", True)
        self.setText(told)
        self.setStyleSheet(f"color: {GOOD if holds else WARNING};")
        self.setVisible(bool(told))
