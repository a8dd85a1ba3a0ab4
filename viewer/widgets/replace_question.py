"""Asks whether a model's contours may take the place of what a person drew."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


def ask_to_replace(title: str, names: Sequence[str], decided: Callable[[bool], object], parent: QWidget) -> None:
    """Ask without blocking the window; Escape keeps both.

    Args:
        title: of the model.
        names: of the structures that a person drew or edited.
        decided: called with True where the model's contours may take their place.
    """
    box = QMessageBox(QMessageBox.Icon.Question, title, "", parent=parent)
    box.setText(f"A person drew or edited {', '.join(names)}.")
    box.setInformativeText("Put the model's contours in their place, or keep both? Undo takes either back.")
    put = box.addButton("Replace", QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton("Keep both", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.finished.connect(lambda _: decided(box.clickedButton() is put))
    box.open()
