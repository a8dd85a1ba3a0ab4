"""Finding a structure in a long list."""

from PySide6.QtCore import QEvent, QObject, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QToolButton, QWidget

from viewer.session import Session
from viewer.widgets.icons import icon
from viewer.widgets.structure_groups import GroupTree
from viewer.widgets.structures_model import SEARCH_ROLE, SORT_ROLE, Index


class StructuresFilter(QSortFilterProxyModel):
    """The rows that hold all words that are searched for, sorted by a column.

    The active structure stays whatever is searched for: a search must not change what the tools draw on.
    """

    def __init__(self, tree: GroupTree, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._tree = session, tree
        self._words: tuple[str, ...] = ()
        # A group stays for as long as any of it does.
        self.setRecursiveFilteringEnabled(True)
        self.setSourceModel(tree)
        self.setSortRole(SORT_ROLE)

    @property
    def is_searching(self) -> bool:
        """Whether rows may be left out."""
        return bool(self._words)

    def search(self, text: str) -> None:
        """Keep the rows whose name, type or source hold every word of `text`, in any order and case."""
        self._words = tuple(text.casefold().split())
        self.invalidate()

    def matches(self, index: Index) -> bool:
        """Whether a structure's row is what is searched for."""
        held = str(index.data(SEARCH_ROLE)).casefold()
        return all(word in held for word in self._words)

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:  # noqa: N802
        """Whether a row is shown."""
        index = self._tree.index(source_row, 0, source_parent)
        if not self._words:
            return True
        if self._tree.is_group(index):
            return False
        return self._tree.members(index)[0].number == self._session.active or self.matches(index)

    def lessThan(self, left: Index, right: Index) -> bool:  # noqa: N802
        """Groups keep their order; within each the structures are sorted."""
        if self._tree.is_group(left):
            return (left.row() < right.row()) is (self.sortOrder() is Qt.SortOrder.AscendingOrder)
        return super().lessThan(left, right)


class SearchField(QLineEdit):
    """A line for what is searched for: Return takes the first, Down goes to the list, Escape gives the search up."""

    #: The search is over, and the keys may go back to the list.
    left = Signal()
    #: The keys are to go on in the list, as far as it is now.
    down = Signal()

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        what: str = "Find a structure",
        tip: str = "Part of a name, type or model (Ctrl+F); Return makes the first match active, Esc shows all",
    ) -> None:
        super().__init__(parent)
        self.setPlaceholderText(what)
        self.setToolTip(tip)
        self.setClearButtonEnabled(True)
        self.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        for sign in self.findChildren(QToolButton):
            sign.setToolTip(self.toolTip())

    def event(self, event: QEvent) -> bool:
        """Claim Escape before a shortcut gets it; Down goes to the list."""
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if escape and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if escape and event.type() == QEvent.Type.KeyPress:
            self.clear()
            self.left.emit()
            return True
        is_down = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Down and not event.modifiers()
        if is_down and event.type() == QEvent.Type.KeyPress:
            self.down.emit()
            return True
        return super().event(event)
