"""A question with two answers, of which one leaves everything as it is."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget


@dataclass(frozen=True)
class Question:
    """What is asked; Escape and Enter keep everything.

    Args:
        asked, more: the question, and in smaller letters what follows from it.
        do, keep: the texts of the two buttons.
        destroys: what is asked about can't be had back.
    """

    asked: str
    more: str
    do: str
    keep: str
    title: str = "Planimeter"
    destroys: bool = False

    def is_wanted(self, parent: QWidget) -> bool:
        """Ask, and wait for the answer."""
        box, do = self._box(parent)
        box.exec()
        return box.clickedButton() is do

    def ask(self, parent: QWidget, decided: Callable[[bool], object]) -> None:
        """Ask without blocking the window; `decided` is told whether it is wanted."""
        box, do = self._box(parent)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.finished.connect(lambda _: decided(box.clickedButton() is do))
        box.open()

    def _box(self, parent: QWidget) -> tuple[QMessageBox, QPushButton]:
        box = QMessageBox(QMessageBox.Icon.Question, self.title, "", parent=parent)
        # Names of files and of structures are no mark-up.
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(self.asked)
        box.setInformativeText(self.more)
        role = QMessageBox.ButtonRole.DestructiveRole if self.destroys else QMessageBox.ButtonRole.AcceptRole
        do = box.addButton(self.do, role)
        keep = box.addButton(self.keep, QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        return box, do
