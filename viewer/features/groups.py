"""Groups in the list of structures: chosen by a key or the button over the list; a person makes some of their own."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QInputDialog

from viewer.features.editing import Editing
from viewer.grouping import GROUPINGS, Grouping
from viewer.widgets.main_window import MainWindow
from viewer.widgets.settings import settings

#: In the user's settings: how the list is divided.
_KEY = "structures/groups"


def install(window: MainWindow) -> None:
    """Add the choice to the Structures menu and to the list."""
    editing = window.findChild(Editing)
    assert isinstance(editing, Editing), "every window has its tools"
    Groups(window, editing)


class Groups(QObject):
    """Chooses how the list is divided, and asks for a person's own groups. A child of the window."""

    def __init__(self, window: MainWindow, editing: Editing) -> None:
        super().__init__(window)
        self._window, self._panel = window, editing.structures
        self._appearance = window.session.appearance
        menu = window.menu_under("Structures", "Group the list")
        self._choice = QActionGroup(self)
        self._actions: dict[str, QAction] = {}
        for grouping in GROUPINGS:
            action = menu.addAction(grouping.title, partial(self.choose, grouping))
            action.setToolTip(grouping.tip)
            action.setCheckable(True)
            self._choice.addAction(action)
            self._actions[grouping.key] = action
        self._panel.groups_button.setMenu(menu)
        window.add_action(
            "Structures", "Other groups", self.next, shortcut="Ctrl+G",
            tip="Divide the list by type, by who drew the structures, or not at all", under="Group the list",
        )  # fmt: skip
        stored = str(settings().value(_KEY, ""))
        self._show(next((grouping for grouping in GROUPINGS if grouping.key == stored), GROUPINGS[0]))

    def choose(self, grouping: Grouping) -> None:
        """Divide the list so, and the next time too."""
        settings().setValue(_KEY, grouping.key)
        self._show(grouping)

    def next(self) -> None:
        """Divide the list in the next way."""
        place = GROUPINGS.index(self._panel.tree.grouping)
        self.choose(GROUPINGS[(place + 1) % len(GROUPINGS)])

    def ask(self, numbers: Sequence[int]) -> None:
        """Ask for the name of a group, and put structures into it."""
        known = sorted({*self._appearance.groups.values()}, key=str.casefold)
        name, given = QInputDialog.getItem(self._window, "Group", "Name of the group:", known, 0, True)
        name = " ".join(name.split())
        if given and name:
            self._appearance.set_groups(dict.fromkeys(numbers, name))
            if not self._panel.tree.is_grouped:
                self.choose(GROUPINGS[1])

    def take_out(self, numbers: Sequence[int]) -> None:
        """Put structures back into the groups that they would be in by themselves."""
        self._appearance.set_groups(dict.fromkeys(numbers, ""))

    def _show(self, grouping: Grouping) -> None:
        self._actions[grouping.key].setChecked(True)
        self._panel.tree.set_grouping(grouping)
