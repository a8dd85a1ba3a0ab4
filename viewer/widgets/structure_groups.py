"""The list of structures as a tree: a row a group, and under it those that belong to it; or no groups at all."""

from typing import Any

from PySide6.QtCore import QAbstractProxyModel, QModelIndex, QObject, Qt, Signal
from PySide6.QtGui import QFont

from engine.structures import Roi
from viewer.appearance import Appearance
from viewer.grouping import NO_GROUPS, Group, Grouping, divided
from viewer.widgets.icons import icon
from viewer.widgets.structures_model import SEARCH_ROLE, SORT_ROLE, Column, Index, StructuresModel

_SIGNS = {Column.SHOWN: ("shown", "partly shown", "hidden"), Column.LOCKED: ("locked", "unlocked", "unlocked")}
_TIPS = {Column.SHOWN: "Show or hide all of the group", Column.LOCKED: "Lock or unlock all of the group"}


class GroupTree(QAbstractProxyModel):
    """Between the model of the structures and what filters and sorts them.

    Args:
        model: of the structures.
        appearance: knows the groups that a person made.
    """

    #: Other groups are shown, or none.
    regrouped = Signal()

    def __init__(self, model: StructuresModel, appearance: Appearance, parent: QObject) -> None:
        super().__init__(parent)
        self._model, self._appearance = model, appearance
        self._grouping = NO_GROUPS
        self._groups: list[Group] = []
        #: Row of the model → place of its group, and place in it.
        self._places: dict[int, tuple[int, int]] = {}
        self.setSourceModel(model)
        model.modelAboutToBeReset.connect(self.beginResetModel)
        model.modelReset.connect(self._reset)
        model.dataChanged.connect(self._changed)
        appearance.regrouped.connect(self._regroup)

    @property
    def grouping(self) -> Grouping:
        """How the list is divided."""
        return self._grouping

    @property
    def is_grouped(self) -> bool:
        """Whether there are rows of groups."""
        return bool(self._grouping.key)

    def set_grouping(self, grouping: Grouping) -> None:
        """Divide the list otherwise."""
        if grouping is not self._grouping:
            self._grouping = grouping
            self._regroup(anew=True)

    def is_group(self, index: Index) -> bool:
        """Whether a row is that of a group."""
        return self.is_grouped and index.isValid() and index.internalId() == 0

    def members(self, index: Index) -> list[Roi]:
        """The structures of a group's row, or the one of a structure's row."""
        if self.is_group(index):
            return [self._model.rois[row] for row in self._groups[index.row()].rows]
        return [self._model.rois[self.mapToSource(index).row()]]

    def name(self, index: Index) -> str:
        """The name of a group's row."""
        return self._groups[index.row()].name

    # Inside ---------------------------------------------------------------------------------------------------------

    def _divide(self) -> list[Group]:
        if not self.is_grouped:
            return []
        return divided(self._model.rois, self._grouping, self._appearance.groups)

    def _take(self, groups: list[Group]) -> None:
        self._groups = groups
        self._places = {
            row: (place, inside) for place, group in enumerate(groups) for inside, row in enumerate(group.rows)
        }

    def _reset(self) -> None:
        self._take(self._divide())
        self.endResetModel()
        self.regrouped.emit()

    def _regroup(self, *, anew: bool = False) -> None:
        groups = self._divide()
        if anew or groups != self._groups:
            self.beginResetModel()
            self._take(groups)
            self.endResetModel()
            self.regrouped.emit()

    def _changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if self._divide() != self._groups:
            self._regroup()
            return
        for row in range(first.row(), last.row() + 1):
            start = self.mapFromSource(self._model.index(row, 0))
            self.dataChanged.emit(start, start.siblingAtColumn(len(Column) - 1))
            if self.is_grouped:
                group = start.parent()
                self.dataChanged.emit(group, group.siblingAtColumn(len(Column) - 1))

    # Qt's side ------------------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        """Groups know themselves by 0, what is in one by its place + 1."""
        if not (0 <= row < self.rowCount(parent) and 0 <= column < len(Column)):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, child: Index | None = None) -> Any:
        """The group of a structure's row."""
        if child is None:
            return QObject.parent(self)
        if not child.isValid() or child.internalId() == 0:
            return QModelIndex()
        return self.createIndex(child.internalId() - 1, 0, 0)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Groups, or what is in one."""
        if not parent.isValid():
            return len(self._groups) if self.is_grouped else len(self._model.rois)
        return len(self._groups[parent.row()].rows) if self.is_group(parent) and parent.column() == 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """One of each `Column`."""
        return len(Column)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008, N802
        """A group has."""
        return self.rowCount(parent) > 0

    def mapToSource(self, index: Index) -> QModelIndex:  # noqa: N802
        """The structure's row; none of a group's."""
        if not index.isValid() or self.is_group(index):
            return QModelIndex()
        row = self._groups[index.internalId() - 1].rows[index.row()] if self.is_grouped else index.row()
        return self._model.index(row, index.column())

    def mapFromSource(self, index: Index) -> QModelIndex:  # noqa: N802
        """Where a structure's row is."""
        if not index.isValid():
            return QModelIndex()
        if not self.is_grouped:
            return self.createIndex(index.row(), index.column(), 0)
        group, inside = self._places[index.row()]
        return self.createIndex(inside, index.column(), group + 1)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Those of the structures; Qt's own would ask the first row, which may be a group's."""
        return self._model.headerData(section, orientation, role)

    def buddy(self, index: Index) -> QModelIndex:
        """Each cell is edited itself."""
        return self.index(index.row(), index.column(), index.parent())

    def flags(self, index: Index) -> Qt.ItemFlag:
        """A group's signs turn over for all of it."""
        if not self.is_group(index):
            return self._model.flags(self.mapToSource(index))
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() in _SIGNS else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        if not self.is_group(index):
            return self._model.data(self.mapToSource(index), role)
        column, members = Column(index.column()), self.members(index)
        on = [roi.visible if column is Column.SHOWN else roi.locked for roi in members]
        if role == SEARCH_ROLE:
            return ""
        if role == SORT_ROLE:
            return index.row()
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TIPS.get(column, f"{self.name(index)}: {', '.join(roi.name for roi in members)}")
        if column is Column.NAME and role == Qt.ItemDataRole.DisplayRole:
            return f"{self.name(index)}  {len(members)}"
        if column is Column.NAME and role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setBold(True)
            return font
        if column in _SIGNS and role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if all(on) else Qt.CheckState.Unchecked
        if column in _SIGNS and role == Qt.ItemDataRole.DecorationRole:
            every, some, none = _SIGNS[column]
            return icon(every if all(on) else some if any(on) else none)
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """A group's sign is turned over for all of it, in one step."""
        if not self.is_group(index):
            return self._model.setData(self.mapToSource(index), value, role)
        if role != Qt.ItemDataRole.CheckStateRole or index.column() not in _SIGNS:
            return False
        numbers = [roi.number for roi in self.members(index)]
        return self._model.set_all(Column(index.column()), numbers, Qt.CheckState(value) is Qt.CheckState.Checked)
