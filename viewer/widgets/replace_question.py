"""Asks whether a model's contours may take the place of what a person drew."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget

from viewer.widgets.question import Question


def ask_to_replace(title: str, names: Sequence[str], decided: Callable[[bool], object], parent: QWidget) -> None:
    """Ask without blocking the window; Escape keeps both.

    Args:
        title: of the model.
        names: of the structures that a person drew or edited.
        decided: called with True where the model's contours may take their place.
    """
    asked = f"A person drew or edited {', '.join(names)}."
    more = "Put the model's contours in their place, or keep both? Undo takes either back."
    Question(asked, more, "Replace", "Keep both", title).ask(parent, decided)
