"""A list of the structures with ticks, for dialogs that ask which to write."""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QPushButton, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from engine.structures import Generation, Roi, StructureSet
from viewer.widgets.theme import WARNING

WHO = {
    Generation.AUTOMATIC: "model",
    Generation.SEMIAUTOMATIC: "model, edited",
    Generation.MANUAL: "person",
    Generation.UNKNOWN: "not said",
}
NUMBER = Qt.ItemDataRole.UserRole


class StructureChecklist(QWidget):
    """Structures with their volume and who drew them; those with contours are ticked at first.

    Of what a model without an opinion drew, that is only where a person has taken it on.

    Args:
        structures: to choose from.
        unseen: ROI number → how many of its contours no person has seen; told behind who drew it.
    """

    changed = Signal()

    def __init__(
        self, structures: StructureSet, parent: QWidget | None = None, unseen: Mapping[int, int] | None = None
    ) -> None:
        super().__init__(parent)
        self._unseen = unseen or {}
        self.tree = QTreeWidget(self)
        self.tree.setColumnCount(3)
        self.tree.setHeaderLabels(["Structure", "Volume", "Drawn by"])
        self.tree.setRootIsDecorated(False)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.tree.setToolTip("Tick what is to be written (Space)")
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for roi in structures.rois:
            self._add(roi, structures)
        self.tree.itemChanged.connect(lambda *_: self.changed.emit())
        everything = QPushButton("All", self)
        everything.setToolTip("Tick all structures")
        everything.clicked.connect(lambda: self.choose(roi.number for roi in structures.rois))
        nothing = QPushButton("None", self)
        nothing.setToolTip("Tick no structure")
        nothing.clicked.connect(lambda: self.choose(()))
        buttons = QHBoxLayout()
        buttons.addWidget(everything)
        buttons.addWidget(nothing)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tree, 1)
        layout.addLayout(buttons)

    def _add(self, roi: Roi, structures: StructureSet) -> None:
        empty = roi.is_empty and not roi.loose
        volume = "empty" if empty else f"{roi.size(structures.geometry):.1f} {structures.geometry.size_unit}"
        unseen = self._unseen.get(roi.number, 0)
        who = WHO[roi.provenance.generation] + (f", {unseen} of {len(roi.planes)} unseen" if unseen else "")
        item = QTreeWidgetItem(self.tree, [roi.name, volume, who])
        doubted = roi.without_opinion and (unseen > 0 or roi.number not in self._unseen)
        if doubted:
            item.setText(2, f"{who}, without an opinion")
            item.setToolTip(2, f"{roi.provenance.abstained} It is written only where you tick it")
        if unseen or doubted:
            item.setForeground(2, QColor(WARNING))
        item.setData(0, NUMBER, roi.number)
        item.setToolTip(0, f"{roi.name}\nTick what is to be written (Space)")
        item.setData(0, Qt.ItemDataRole.DecorationRole, QColor(*roi.colour))
        item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setCheckState(0, Qt.CheckState.Unchecked if empty or doubted else Qt.CheckState.Checked)

    def choose(self, numbers: Iterable[int]) -> None:
        """Tick these ROIs and no others."""
        wanted = set(numbers)
        for item in self._items():
            ticked = item.data(0, NUMBER) in wanted
            item.setCheckState(0, Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)

    @property
    def numbers(self) -> tuple[int, ...]:
        """ROI numbers that are ticked, in order."""
        return tuple(item.data(0, NUMBER) for item in self._items() if item.checkState(0) is Qt.CheckState.Checked)

    def _items(self) -> list[QTreeWidgetItem]:
        items = (self.tree.topLevelItem(row) for row in range(self.tree.topLevelItemCount()))
        return [item for item in items if item is not None]
