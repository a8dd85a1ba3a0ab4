"""The panel that lists the structures: name, type, colour, volume, visibility, lock, and who drew them."""

from collections.abc import Callable, Iterator

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QAction, QColor, QContextMenuEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from engine.errors import PlanimeterError
from engine.structures import Roi
from viewer.edits import structures as steps
from viewer.edits.planes import centre_lps
from viewer.history import History
from viewer.session import Session
from viewer.widgets.approval_strip import ApprovalStrip
from viewer.widgets.companions_list import CompanionsList
from viewer.widgets.icons import icon
from viewer.widgets.own_keys import OwnKeys
from viewer.widgets.structure_editors import NameDelegate, SignDelegate, TypeDelegate
from viewer.widgets.structure_groups import GroupTree
from viewer.widgets.structures_model import Column, StructuresModel
from viewer.widgets.structures_search import SearchField, StructuresFilter

Index = QModelIndex | QPersistentModelIndex


#: Of a column that shows a sign, pixels.
_SIGN_WIDTH = 23
#: Of what is in a group, pixels.
_INDENTATION = 14


class StructuresPanel(QWidget):
    """The list and its buttons.

    Args:
        session, history: of the window.
        tell: called with a sentence when something is refused.
    """

    #: A menu about the selected structures is asked for, at a point of the screen.
    asked = Signal(object)

    def __init__(self, session: Session, history: History, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._session, self._history, self._tell = session, history, tell
        self._choosing = False
        self.model = StructuresModel(session, history, tell)
        self.tree = GroupTree(self.model, session.appearance, self)
        self._sorted = StructuresFilter(self.tree, session, self)
        #: Names of the groups that are folded up.
        self._folded: set[str] = set()
        self.view = self._make_view()
        self.search = SearchField(self)
        self.search.textChanged.connect(self._search)
        self.search.returnPressed.connect(self._take_first)
        self.search.left.connect(self.view.setFocus)
        self.search.down.connect(self.view.setFocus)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        self.groups_button = QToolButton(self)
        self.groups_button.setIcon(icon("groups"))
        self.groups_button.setToolTip("Divide the list into groups (Ctrl+G)")
        self.groups_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        above = QHBoxLayout()
        above.setSpacing(2)
        above.addWidget(self.search, 1)
        above.addWidget(self.groups_button)
        layout.addLayout(above)
        layout.addWidget(self.view, 1)
        layout.addWidget(ApprovalStrip(session))
        layout.addWidget(CompanionsList(session))
        layout.addLayout(self._buttons)
        self.view.selectionModel().currentRowChanged.connect(self._chosen)
        self.tree.regrouped.connect(self._show_groups)
        self.view.collapsed.connect(lambda index: self._fold(index, True))
        self.view.expanded.connect(lambda index: self._fold(index, False))
        self.model.modelReset.connect(self._show_columns)
        self.model.dataChanged.connect(self._show_columns)
        session.active_changed.connect(self._show_active)
        self._show_active()
        self._show_columns()

    def _make_view(self) -> QTreeView:
        view = QTreeView(self)
        view.setModel(self._sorted)
        view.setRootIsDecorated(False)
        view.setTreePosition(Column.NAME)
        view.setIndentation(_INDENTATION)
        view.setUniformRowHeights(True)
        view.setAllColumnsShowFocus(True)
        view.setAlternatingRowColors(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        # No click on a chosen row begins to edit: the next key, meant for a tool, would become its name or its type.
        view.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        for column in (Column.SHOWN, Column.LOCKED, Column.DRAWN_BY, Column.REVIEW):
            view.setItemDelegateForColumn(column, SignDelegate(view))
        view.setItemDelegateForColumn(Column.NAME, NameDelegate(view, Column.NAME))
        view.setItemDelegateForColumn(Column.TYPE, TypeDelegate(view))
        view.setAccessibleName("Structures")
        view.setToolTip("Structures: double-click goes to the centre, on the type changes that; F2 renames")
        OwnKeys(view, {"F2": self.rename, "Shift+Up": None, "Shift+Down": None})
        view.setExpandsOnDoubleClick(False)
        view.doubleClicked.connect(self._double_clicked)
        head = view.header()
        head.setSectionsMovable(False)
        head.setStretchLastSection(False)
        text = self.fontMetrics().horizontalAdvance
        widths = {
            Column.VOLUME: text("88888") + 14,
            **dict.fromkeys(set(Column) - {Column.NAME, Column.TYPE, Column.VOLUME}, _SIGN_WIDTH),
        }
        for column, width in widths.items():
            head.resizeSection(column, width)
        # The name takes what is left, so that the list never scrolls sideways.
        head.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        head.setMinimumSectionSize(_SIGN_WIDTH)
        head.setSortIndicatorClearable(True)
        # Until a head is clicked the rows stay in the order of the structure set.
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        view.setSortingEnabled(True)
        return view

    def add_button(self, action: QAction, text: str = "") -> None:
        """A button under the list."""
        button = QToolButton(self)
        button.setDefaultAction(action)
        if text:
            button.setText(text)
        self._buttons.addWidget(button)

    def end_buttons(self) -> None:
        """Leave the rest of the row empty."""
        self._buttons.addStretch(1)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """What can be done to the selected structures."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.ask_menu()
        else:
            self.asked.emit(event.globalPos())

    def ask_menu(self) -> None:
        """Ask for the menu beside the current row."""
        index = self.view.currentIndex()
        rect = self.view.visualRect(index.siblingAtColumn(Column.NAME)) if index.isValid() else self.view.rect()
        self.asked.emit(self.view.viewport().mapToGlobal(rect.center() if index.isValid() else rect.topLeft()))

    # What the actions do --------------------------------------------------------------------------------------------

    @property
    def selected(self) -> frozenset[int]:
        """Numbers of the selected ROIs, all of a selected group; the active one where the list has no selection."""
        rows = self.view.selectionModel().selectedRows()
        numbers = frozenset(roi.number for row in rows for roi in self._members(row))
        if numbers:
            return numbers
        return frozenset() if self._session.active is None else frozenset({self._session.active})

    def attempt(self, work: Callable[[], object]) -> None:
        """Do something that may be refused with a sentence."""
        try:
            work()
        except PlanimeterError as error:
            self._tell(str(error))

    def add(self) -> None:
        """Add an empty structure and let the user name it."""
        self.attempt(lambda: self._rename(steps.add_empty(self._session, self._history)))

    def duplicate(self) -> None:
        """Copy the active structure."""
        active = self._session.active
        if active is not None:
            self.attempt(lambda: steps.duplicate(self._session, self._history, active))

    def delete(self) -> None:
        """Delete the selected structures."""
        self.attempt(lambda: steps.delete_all(self._session, self._history, self.selected))

    def rename(self, number: int | None = None) -> None:
        """Edit the name of a structure; of the active one by default."""
        number = self._session.active if number is None else number
        if number is not None:
            self._rename(number)

    def toggle_visible(self) -> None:
        """Show the selected structures, or hide them when all of them are shown."""
        self._toggle(self.selected, lambda roi: roi.visible, steps.set_visible)

    def toggle_all_visible(self) -> None:
        """Show all structures, or hide them when all are shown."""
        self._toggle(frozenset(roi.number for roi in self.model.rois), lambda roi: roi.visible, steps.set_visible)

    def show_only_selected(self) -> None:
        """Show the selected structures alone, or all again."""
        if self.selected:
            self.attempt(lambda: steps.show_only(self._session, self._history, self.selected))

    def toggle_locked(self) -> None:
        """Lock the selected structures, or unlock them when all of them are locked."""
        self._toggle(self.selected, lambda roi: roi.locked, steps.set_locked)

    def choose_colour(self, number: int | None = None) -> None:
        """Ask for another colour of a structure; of the active one by default."""
        number = self._session.active if number is None else number
        structures = self._session.structures
        if structures is not None and number is not None and number in structures:
            roi = structures[number]
            colour = QColorDialog.getColor(QColor(*roi.colour), self, f"Colour of {roi.name}")
            if colour.isValid():
                steps.set_colour(
                    self._session, self._history, roi.number, (colour.red(), colour.green(), colour.blue())
                )

    def go_to_centre(self, number: int | None = None) -> None:
        """Move the crosshair into the middle of a structure; of the active one by default."""
        structures = self._session.structures
        number = number if number is not None else self._session.active
        if structures is None or number is None:
            return
        point = centre_lps(structures[number], structures.geometry)
        if point is None:
            self._tell(f"{structures[number].name} is empty: it has no centre.")
        else:
            self._session.reveal(point)

    def start_search(self) -> None:
        """Let the user type what to search for."""
        self.search.setFocus()
        self.search.selectAll()

    def step_active(self, rows: int) -> None:
        """Make the structure so many rows further down active."""
        numbers = [self._members(index)[0].number for index in self._structure_rows()]
        if numbers:
            active = self._session.active
            row = numbers.index(active) if active in numbers else -max(rows, 0)
            self._session.set_active(numbers[(row + rows) % len(numbers)])

    # Inside ---------------------------------------------------------------------------------------------------------

    def _toggle(self, numbers: frozenset[int], state: Callable, setter: Callable) -> None:
        rois = [roi for roi in self.model.rois if roi.number in numbers]
        if rois:
            on = not all(state(roi) for roi in rois)
            self.attempt(lambda: setter(self._session, self._history, numbers, on))

    def _rename(self, number: int) -> None:
        index = self._index(number, Column.NAME)
        if index.isValid():
            self.view.setFocus()
            self.view.edit(index)

    def _members(self, index: Index) -> list[Roi]:
        return self.tree.members(self._sorted.mapToSource(index))

    def _is_group(self, index: Index) -> bool:
        return self.tree.is_group(self._sorted.mapToSource(index))

    def _structure_rows(self) -> Iterator[QModelIndex]:
        """The rows of the structures, as they stand from top to bottom."""
        for row in range(self._sorted.rowCount()):
            index = self._sorted.index(row, 0)
            inside = range(self._sorted.rowCount(index))
            yield from (self._sorted.index(place, 0, index) for place in inside) if inside else (index,)

    def _index(self, number: int, column: Column) -> QModelIndex:
        row = self.model.row_of(number)
        if row < 0:
            return QModelIndex()
        return self._sorted.mapFromSource(self.tree.mapFromSource(self.model.index(row, column)))

    def _fold(self, index: QModelIndex, folded: bool) -> None:
        if not self._sorted.is_searching:
            name = self.tree.name(self._sorted.mapToSource(index))
            (self._folded.add if folded else self._folded.discard)(name)

    def _show_groups(self) -> None:
        """After the rows were made anew: fold up what was, and choose what is active."""
        self.view.setRootIsDecorated(self.tree.is_grouped)
        wanted = set(self._folded)
        self._show_active()
        # Choosing a row unfolds its group.
        for row in range(self._sorted.rowCount() if self.tree.is_grouped else 0):
            index = self._sorted.index(row, 0)
            folded = self.tree.name(self._sorted.mapToSource(index)) in wanted
            self.view.setExpanded(index, self._sorted.is_searching or not folded)

    def _double_clicked(self, index: QModelIndex) -> None:
        # On what a click turns over, two clicks are no more than that.
        if self._is_group(index):
            first = index.siblingAtColumn(0)
            self.view.setExpanded(first, not self.view.isExpanded(first))
        elif index.column() == Column.TYPE:
            self.view.edit(index)
        elif index.column() not in (Column.SHOWN, Column.LOCKED):
            self.go_to_centre(self._members(index)[0].number)

    def _search(self, text: str) -> None:
        # Qt makes another row current when the current one goes; the active structure is not to follow.
        self._choosing = True
        self._sorted.search(text)
        self._choosing = False
        self._show_groups()

    def _take_first(self) -> None:
        first = next((index for index in self._structure_rows() if self._sorted.matches(index)), None)
        if first is None:
            self._tell(f"No structure is called '{self.search.text()}'.")
            return
        number = self._members(first)[0].number
        self.search.clear()
        self._session.set_active(number)
        self.view.setFocus()

    def _chosen(self, now: QModelIndex, _: QModelIndex) -> None:
        if now.isValid() and not self._choosing and not self._is_group(now):
            # The list makes the row current before it selects it; what it selects is its own affair.
            self._choosing = True
            self._session.set_active(self._members(now)[0].number)
            self._choosing = False

    def _show_columns(self) -> None:
        """Types, and the number of contours that are no areas, take what room they need and leave the rest to names."""
        self.view.setColumnHidden(Column.LOOSE, not self.model.any_loose)
        self.view.setColumnHidden(Column.REVIEW, not self.model.any_reviewed)
        words = ("Type", *(roi.roi_type for roi in self.model.rois))
        width = max(map(self.fontMetrics().horizontalAdvance, words)) + 12
        if self.view.columnWidth(Column.TYPE) != width:
            self.view.setColumnWidth(Column.TYPE, width)

    def _show_active(self) -> None:
        if self._choosing:
            return
        if self._sorted.is_searching:
            self._choosing = True
            self._sorted.search(self.search.text())
            self._choosing = False
            # A group that came with it is folded up.
            self.view.expandAll()
        active = self._session.active
        index = self._index(active, Column.NAME) if active is not None else QModelIndex()
        if not index.isValid():
            self.view.clearSelection()
        elif self.view.currentIndex().siblingAtColumn(
            Column.NAME
        ) != index or not self.view.selectionModel().isRowSelected(index.row(), index.parent()):
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.view.selectionModel().setCurrentIndex(index, flags)
