"""Finding a structure in a long list."""

from PySide6.QtCore import QEvent, QObject, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QToolButton, QWidget

from viewer.session import Session
from viewer.widgets.icons import icon
from viewer.widgets.structures_model import SEARCH_ROLE, SORT_ROLE, Index, StructuresModel


class StructuresFilter(QSortFilterProxyModel):
    """The rows that hold all words that are searched for, sorted by a column.

    The active structure stays whatever is searched for: a search must not change what the tools draw on.
    """

    def __init__(self, model: StructuresModel, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._words: tuple[str, ...] = ()
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)

    @property
    def is_searching(self) -> bool:
        """Whether rows may be left out."""
        return bool(self._words)

    def search(self, text: str) -> None:
        """Keep the rows whose name, type or source hold every word of `text`, in any order and case."""
        self._words = tuple(text.casefold().split())
        self.invalidate()

    def matches(self, row: int) -> bool:
        """Whether a row of the model is what is searched for."""
        model = self.sourceModel()
        held = str(model.index(row, 0).data(SEARCH_ROLE)).casefold()
        return all(word in held for word in self._words)

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:  # noqa: N802
        """Whether a row is shown."""
        model = self.sourceModel()
        assert isinstance(model, StructuresModel)
        return not self._words or model.rois[source_row].number == self._session.active or self.matches(source_row)


class SearchField(QLineEdit):
    """A line for what is searched for: Return takes the first that was found, Escape gives the search up."""

    #: The search is over, and the keys may go back to the list.
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText("Find a structure")
        self.setToolTip("Part of a name, type or model (Ctrl+F); Return makes the first match active, Esc shows all")
        self.setClearButtonEnabled(True)
        self.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        for sign in self.findChildren(QToolButton):
            sign.setToolTip(self.toolTip())

    def event(self, event: QEvent) -> bool:
        """Claim Escape before a shortcut gets it."""
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if escape and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if escape and event.type() == QEvent.Type.KeyPress:
            self.clear()
            self.left.emit()
            return True
        return super().event(event)
