"""The tree of patients, studies and series, with thumbnails; it grows while the rest is read."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QMenu, QTreeWidget, QTreeWidgetItem, QWidget

from engine import person_name
from engine.later import later
from engine.stored.catalogue import Catalogue, Series, Study
from viewer.widgets.long_names import LongFirstLines
from viewer.widgets.theme import FAINT, WARNING

if TYPE_CHECKING:
    from engine import opening
else:
    opening = later("engine.opening")

_THUMBNAIL = 52
_STILL_MS = 100
_SERIES_ROLE = int(Qt.ItemDataRole.UserRole)


class StudyTree(QTreeWidget):
    """What was found. A double click or Return opens a series; the context menu lays one over another."""

    open_requested = Signal(object)
    #: Other rows are in view, of which some may have no thumbnail yet.
    scrolled = Signal()
    layer_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setHeaderHidden(True)
        self.setIconSize(QSize(_THUMBNAIL, _THUMBNAIL))
        self.setIndentation(12)
        self.setUniformRowHeights(False)
        self.setItemDelegate(LongFirstLines(self))
        # A double click opens; only what can't be opened folds by it.
        self.setExpandsOnDoubleClick(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip("Double-click a series to open it (Return); right-click to lay it over the open one")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        self.itemActivated.connect(self._activated)
        self._items: dict[tuple[str, ...], QTreeWidgetItem] = {}
        self._series: dict[str, Series] = {}
        self._pictured: set[str] = set()
        self._open_uid = ""
        self._blank = QIcon(_pixmap(np.full((_THUMBNAIL, _THUMBNAIL), 28, dtype=np.uint8)))
        # While somebody scrolls, nothing is drawn for rows that are gone before it is done.
        self._still = QTimer(self, singleShot=True, interval=_STILL_MS)
        self._still.timeout.connect(self.scrolled)
        self.verticalScrollBar().valueChanged.connect(lambda _: self._still.start())
        self.itemExpanded.connect(lambda _: self._still.start())

    @property
    def series(self) -> tuple[Series, ...]:
        """Everything that the tree shows."""
        return tuple(self._series.values())

    def show_catalogue(self, catalogue: Catalogue) -> None:
        """Add what is new and bring the rest up to date; what was there from other folders stays."""
        for patient in catalogue.patients:
            key = ("patient", patient.id, patient.name)
            name = person_name.shown(patient.name) or "No name"
            person = self._item(key, None, f"{name}   {patient.id}".rstrip())
            for study in patient.studies:
                branch = self._item((*key, study.uid), person, _study_text(study))
                self._add_series(study.series, (*key, study.uid), branch)
        if catalogue.unreadable:
            total = len(catalogue.unreadable)
            branch = self._item(("unreadable",), None, f"Not readable ({total})")
            branch.setForeground(0, QColor(WARNING))
            for one in catalogue.unreadable:
                leaf = self._item(("unreadable", str(one.path)), branch, one.path.name)
                leaf.setToolTip(0, f"{one.path}\n{one.reason}")
                leaf.setForeground(0, QColor(FAINT))
            branch.setText(0, f"Not readable ({branch.childCount()})")
            branch.setExpanded(False)

    def forget(self) -> None:
        """Empty the tree; what is open stays open."""
        # QTreeWidget.clear() may crash in PySide once items made in Python have been painted.
        while self.topLevelItemCount():
            self.takeTopLevelItem(0)
        self._items.clear()
        self._series.clear()
        self._pictured.clear()

    def without_picture(self) -> list[Series]:
        """Image series that have no thumbnail yet, in the order of the tree.

        Of pictures to page through there may be thousands: only those are given that are in view.
        """
        wanted = [s for s in self.series if s.is_image and not s.problem and s.uid not in self._pictured]
        if not any(series.handler.pages for series in wanted):
            return wanted
        seen = {series.uid for series in self._in_view()}
        return [series for series in wanted if not series.handler.pages or series.uid in seen]

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Taller, it shows more rows."""
        super().resizeEvent(event)
        self._still.start()

    def _in_view(self) -> Iterator[Series]:
        """The series of the rows that are in view."""
        item, bottom = self.itemAt(0, 0), self.viewport().height()
        while item is not None and self.visualItemRect(item).top() < bottom:
            series = self._chosen(item)
            if series is not None:
                yield series
            item = self.itemBelow(item)

    def set_picture(self, uid: str, picture: NDArray[np.uint8] | None) -> None:
        """Give a series its thumbnail; None when it has none to give."""
        item = self._items.get(("series", uid))
        if item is not None:
            self._pictured.add(uid)
            if picture is not None:
                item.setIcon(0, QIcon(_pixmap(picture)))

    def mark_open(self, uid: str) -> None:
        """Show which series is open."""
        for key in (self._open_uid, uid):
            item = self._items.get(("series", key))
            if item is not None:
                font = item.font(0)
                font.setBold(key == uid)
                item.setFont(0, font)
        self._open_uid = uid

    def item_of(self, uid: str) -> QTreeWidgetItem | None:
        """The row of a series."""
        return self._items.get(("series", uid))

    def _add_series(self, found: Sequence[Series], key: tuple[str, ...], branch: QTreeWidgetItem) -> None:
        # The volumes of one series follow each other in their own order.
        places = {series.info.series_uid: n for n, series in reversed(list(enumerate(found)))}
        rows = sorted(
            found,
            key=lambda series: (
                series.is_structures or series.is_findings,
                not series.is_image,
                places[series.info.series_uid],
                series.order,
            ),
        )
        members = Counter((series.info.series_uid, series.axis) for series in rows if series.axis)
        pages = False
        for series in rows:
            pages |= series.handler.pages
            if series.handler.pages and self._series.get(series.uid) is series:
                # Of pictures there may be thousands.
                continue
            parent = branch
            if series.is_structures or series.is_findings:
                owner = opening.owner_of(series, rows)
                parent = self._items.get(("series", owner.uid), branch) if owner is not None else branch
            elif (count := members[series.info.series_uid, series.axis]) > 1:
                # The volumes of one series, such as the phases of a 4D CT, lie under one row.
                text = f"{series.handler.label or series.modality}  {count} volumes by {series.axis}"
                parent = self._item((*key, "members", series.info.series_uid, series.axis), branch, text)
            known = ("series", series.uid) in self._items
            item = self._item(("series", series.uid), parent, _series_text(series))
            item.setData(0, _SERIES_ROLE, series.uid)
            item.setToolTip(0, "\n".join((_series_text(series), *filter(None, (series.problem, *series.notes)))))
            if series.problem:
                item.setForeground(0, QColor(FAINT))
            if not known and series.is_image:
                item.setIcon(0, self._blank)
            self._series[series.uid] = series
        if not pages:
            self._put_in_order(branch, [self._items["series", series.uid] for series in rows])

    def _put_in_order(self, branch: QTreeWidgetItem, rows: Sequence[QTreeWidgetItem]) -> None:
        """Let the branch have its rows in the order of these, whenever each was found; others come behind them."""
        place: dict[int, int] = {}
        parents = {id(branch): branch}
        for n, item in enumerate(rows):
            up: QTreeWidgetItem | None = item
            while up is not None and up is not branch:
                place.setdefault(id(up), n)
                up = up.parent()
                if up is not None:
                    parents[id(up)] = up
        for parent in parents.values():
            held = [child for n in range(parent.childCount()) if (child := parent.child(n)) is not None]
            wanted = sorted(held, key=lambda item: place.get(id(item), len(rows)))
            if [id(item) for item in wanted] == [id(item) for item in held]:
                continue
            current, folded = self.currentItem(), {id(item) for item in self._items.values() if not item.isExpanded()}
            parent.takeChildren()
            parent.addChildren(wanted)
            for item in self._items.values():
                item.setExpanded(id(item) not in folded)
            if current is not None:
                self.setCurrentItem(current)

    def _item(self, key: tuple[str, ...], parent: QTreeWidgetItem | None, text: str) -> QTreeWidgetItem:
        item = self._items.get(key)
        was_bare = parent is not None and not parent.childCount()
        if item is None:
            item = QTreeWidgetItem(self) if parent is None else QTreeWidgetItem(parent)
            item.setExpanded(True)
            self._items[key] = item
        elif parent is not None and item.parent() is not parent:
            # The image that a structure set belongs to was found after it.
            old = item.parent()
            if old is not None:
                old.removeChild(item)
            parent.addChild(item)
        if parent is not None and was_bare:
            # A row without any under it does not stay unfolded.
            parent.setExpanded(True)
        if item.text(0) != text:
            item.setText(0, text)
            item.setToolTip(0, text)
        return item

    def _chosen(self, item: QTreeWidgetItem | None) -> Series | None:
        uid = item.data(0, _SERIES_ROLE) if item is not None else None
        return self._series.get(uid) if isinstance(uid, str) else None

    def _activated(self, item: QTreeWidgetItem) -> None:
        series = self._chosen(item)
        if series is not None:
            self.open_requested.emit(series)
        else:
            item.setExpanded(not item.isExpanded())

    def _show_menu(self, at: QPoint) -> None:
        series = self._chosen(self.itemAt(at))
        if series is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        entries: list[tuple[str, Callable[[], None]]] = [(_verb(series), lambda: self.open_requested.emit(series))]
        if series.is_image:
            entries.append(("Lay over the open series", lambda: self.layer_requested.emit(series)))
        for text, slot in entries:
            menu.addAction(text).triggered.connect(slot)
        menu.popup(self.viewport().mapToGlobal(at))


def _study_text(study: Study) -> str:
    date = study.date
    if len(date) == 8 and date.isdigit():
        date = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return "   ".join(part for part in (date, study.description) if part) or "Study"


def _series_text(series: Series) -> str:
    what = series.handler.label or series.modality
    label = series.info.description or str(series.info.attributes.get("StructureSetLabel", ""))
    first = "  ".join(part for part in (what, label) if part) or "Series"
    if not series.is_image:
        return first
    if series.handler.pages:
        return f"{first}\n{series.plane_count} frames" if series.plane_count > 1 else first
    return f"{first}\n{series.plane_count} plane{'s' if series.plane_count != 1 else ''}"


def _pixmap(picture: NDArray[np.uint8]) -> QPixmap:
    rows, columns = picture.shape[:2]
    pixels = np.ascontiguousarray(picture)
    form = QImage.Format.Format_RGB888 if picture.ndim == 3 else QImage.Format.Format_Grayscale8
    image = QImage(pixels.data, columns, rows, pixels.strides[0], form).copy()
    square = QPixmap(_THUMBNAIL, _THUMBNAIL)
    square.fill(QColor("black"))
    scaled = QPixmap.fromImage(image).scaled(
        _THUMBNAIL, _THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    _paint(square, scaled)
    return square


def _paint(target: QPixmap, picture: QPixmap) -> None:
    painter = QPainter(target)
    painter.drawPixmap((target.width() - picture.width()) // 2, (target.height() - picture.height()) // 2, picture)
    painter.end()


def _verb(series: Series) -> str:
    if series.is_findings:
        return "Show these findings"
    return "Load these structures" if series.is_structures else "Open"
