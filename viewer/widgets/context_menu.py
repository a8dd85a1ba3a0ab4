"""Menus at the mouse out of a table: a line an entry, and only those that work where the mouse is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QWidget, QWidgetAction

Spot = TypeVar("Spot")


@dataclass(frozen=True)
class Entry(Generic[Spot]):
    """A line of a menu.

    Args:
        text: what it is called there.
        does: what it does.
        works: whether it does anything there; it is left out where it doesn't.
        key_of: text of the action whose key does the same to the active structure; "" for none.
        under: title of the menu that it stands in; "" for the menu itself.
        is_on: whether it has a tick, of those that have one or not.
    """

    text: str | Callable[[Spot], str]
    does: Callable[[Spot], object]
    works: Callable[[Spot], bool]
    key_of: str = ""
    under: str = ""
    is_on: Callable[[Spot], bool] | None = None


#: Divides what stands before it from what comes behind.
DIVIDER = None


def fill_menu(
    menu: QMenu,
    table: Iterable[Entry[Spot] | None],
    spot: Spot,
    keys: Mapping[str, str],
    attempt: Callable[[Callable[[], object]], object],
) -> None:
    """Add the lines of `table` that work at `spot`.

    Args:
        menu: gets them.
        table: lines; DIVIDER between groups of them.
        spot: where the mouse is.
        keys: text of an action → its key, as it is shown.
        attempt: runs what a chosen line does, and tells what is refused.
    """
    under: dict[str, QMenu] = {}
    for entry in table:
        if entry is None:
            menu.addSeparator()
            continue
        if not entry.works(spot):
            continue
        place = menu
        if entry.under:
            place = under[entry.under] if entry.under in under else menu.addMenu(entry.under)
            under[entry.under] = place
        # The key is told, not set: as a key of two actions it would be of none.
        key = keys.get(entry.key_of, "")
        text = (entry.text if isinstance(entry.text, str) else entry.text(spot)).replace("&", "&&")
        line = place.addAction(f"{text}\t{key}" if key else text)
        if entry.is_on is not None:
            line.setCheckable(True)
            line.setChecked(entry.is_on(spot))
        line.triggered.connect(lambda _=False, entry=entry: attempt(lambda: entry.does(spot)))


def popup_menu(parent: QWidget, title: str, sign: QIcon | None = None) -> QMenu:
    """A menu with nothing but a title, that goes when it is closed."""
    menu = QMenu(parent)
    line = QWidget(menu)
    layout = QHBoxLayout(line)
    layout.setContentsMargins(8, 4, 12, 2)
    if sign is not None:
        square = QLabel(line)
        square.setPixmap(sign.pixmap(12, 12))
        layout.addWidget(square)
    name = QLabel(title, line, textFormat=Qt.TextFormat.PlainText)
    name.setStyleSheet("font-weight: bold;")
    layout.addWidget(name, 1)
    head = QWidgetAction(menu)
    head.setText(title)
    head.setDefaultWidget(line)
    head.setEnabled(False)
    # It can't be chosen, but is to be read.
    line.setEnabled(True)
    menu.addAction(head)
    menu.addSeparator()
    menu.setSeparatorsCollapsible(True)
    # What was chosen is done before it goes.
    menu.aboutToHide.connect(menu.deleteLater)
    return menu
