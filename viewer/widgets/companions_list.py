"""Under the list of structures: those of other series that are seen on the open one, to be shown or hidden."""

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTreeWidget, QTreeWidgetItem, QWidget

from engine.structures import PlaneContours, Roi
from viewer.companions import Companion
from viewer.edits.planes import centre_lps
from viewer.session import Session
from viewer.widgets.structures_model import swatch, volume_text

_NAME, _VOLUME = 0, 1
_NUMBER = Qt.ItemDataRole.UserRole
#: Rows that are seen without scrolling, at most.
_MOST_ROWS = 8


class CompanionsList(QTreeWidget):
    """A heading "of CT …" for each series, with its structures below; gone where there are none."""

    #: A menu is asked for: the Companion, the number of the structure or None for its heading, a point of the screen.
    asked = Signal(object, object, object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._listed: list[tuple[str, list[tuple[int, Mapping[int, PlaneContours]]]]] = []
        self._headings: list[QTreeWidgetItem] = []
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setAccessibleName("Structures of other series")
        self.setUniformRowHeights(True)
        self.setIndentation(12)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setExpandsOnDoubleClick(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        head = self.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        head.resizeSection(_VOLUME, self.fontMetrics().horizontalAdvance("88888") + 14)
        self.itemChanged.connect(self._on_changed)
        self.itemDoubleClicked.connect(self._go_to_centre)
        session.volume_changed.connect(self._show)
        session.companions_changed.connect(self._show)
        self._show()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """What can be done with the row under the mouse, or with the current one by a key."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        item = self.currentItem() if by_key else self.itemAt(self.viewport().mapFromGlobal(event.globalPos()))
        if item is None:
            return
        heading = item.parent() or item
        number = None if heading is item else int(item.data(_NAME, _NUMBER))
        at = self.viewport().mapToGlobal(self.visualItemRect(item).center()) if by_key else event.globalPos()
        self.asked.emit(self._session.companions[self.indexOfTopLevelItem(heading)], number, at)

    def _show(self) -> None:
        companions = self._session.companions
        self.setVisible(bool(companions))
        listed = [
            (companion.name, [(roi.number, roi.planes) for roi in companion.structures.rois])
            for companion in companions
        ]
        self.blockSignals(True)
        # A row that was just clicked must stay itself.
        if listed != self._listed:
            self._listed = listed
            self.clear()
            self._headings = [_heading(companion) for companion in companions]
            self.addTopLevelItems(self._headings)
            self.expandAll()
        for heading, companion in zip(self._headings, companions, strict=True):
            _check(heading, companion)
        self.blockSignals(False)
        rows = sum(1 + len(companion.structures.rois) for companion in companions)
        self.setFixedHeight(min(rows, _MOST_ROWS) * max(self.sizeHintForRow(0), 18) + 2 * self.frameWidth() + 2)

    def _on_changed(self, item: QTreeWidgetItem, column: int) -> None:
        if column != _NAME:
            return
        heading = item.parent() or item
        row = self.indexOfTopLevelItem(heading)
        companions = list(self._session.companions)
        rois = companions[row].structures.rois
        numbers = [roi.number for roi in rois] if heading is item else [int(item.data(_NAME, _NUMBER))]
        companions[row] = companions[row].with_visible(numbers, item.checkState(_NAME) == Qt.CheckState.Checked)
        self._session.set_companions(tuple(companions))

    def _go_to_centre(self, item: QTreeWidgetItem) -> None:
        heading = item.parent()
        if heading is None:
            return
        structures = self._session.companions[self.indexOfTopLevelItem(heading)].structures
        point = centre_lps(structures[int(item.data(_NAME, _NUMBER))], structures.geometry)
        if point is not None:
            self._session.reveal(point)


def _heading(companion: Companion) -> QTreeWidgetItem:
    heading = QTreeWidgetItem([f"of {companion.name}"])
    heading.setToolTip(
        _NAME,
        f"Structures of {companion.name}, which shares its frame of reference with the open series.\n"
        "They are seen here and changed on their own series; exporting this series leaves them out.",
    )
    heading.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
    for roi in companion.structures.rois:
        heading.addChild(_row(roi, companion))
    return heading


def _row(roi: Roi, companion: Companion) -> QTreeWidgetItem:
    volume = "–" if roi.is_empty else volume_text(roi.size(companion.structures.geometry))
    row = QTreeWidgetItem([roi.name, volume])
    row.setData(_NAME, _NUMBER, roi.number)
    row.setIcon(_NAME, swatch(roi.colour))
    row.setTextAlignment(_VOLUME, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    row.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
    tip = f"{roi.name} of {companion.name}, read-only here. Double-click goes to its centre."
    if roi.loose:
        tip += f"\nPoints and open contours are shown on {companion.name} alone."
    row.setToolTip(_NAME, tip)
    row.setToolTip(_VOLUME, f"{roi.name}: cm³ on the planes of {companion.name}")
    return row


def _check(heading: QTreeWidgetItem, companion: Companion) -> None:
    shown = len(companion.shown)
    for index, roi in enumerate(companion.structures.rois):
        row = heading.child(index)
        assert row is not None, "a heading has a row for each structure"
        row.setCheckState(_NAME, _checked(roi.visible))
    partly = 0 < shown < len(companion.structures.rois)
    heading.setCheckState(_NAME, Qt.CheckState.PartiallyChecked if partly else _checked(bool(shown)))


def _checked(on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
