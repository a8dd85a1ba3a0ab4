"""The recipes that can be trained, by part of the body; found by words of whatever they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHeaderView,
    QLabel,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from viewer.widgets.structures_search import SearchField

if TYPE_CHECKING:
    from engine.cards.registry import LoadedCard

_OWN = "Models of this program"
_ROLE = Qt.ItemDataRole.UserRole
#: More rows than any title has, and what is left free below one.
_TALL, _GAP = 1000, 3
#: Modalities whose codes say little.
_SHORT = {"XC": "photo", "OP": "fundus", "SM": "slide", "OT": "other", "SEG": "outline", "PT": "PET"}


class RecipeList(QWidget):
    """A line for what is searched for, and the recipes below their parts of the body."""

    #: Another one is chosen.
    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: dict[str, LoadedCard] = {}
        self.field = SearchField(
            self,
            what="Find a recipe: body part, task, image",
            tip="Lists what holds all of these words, such as: liver segment MR; Return takes the first, Esc shows all",
        )
        self.tree = QTreeWidget(self)
        self.tree.setAccessibleName("Recipes")
        self.tree.setHeaderLabels(["Recipe", "Task", "Image"])
        self.tree.header().setStretchLastSection(False)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            self.tree.header().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.setIndentation(12)
        # A title is read to its end, where it says how the recipe does it.
        self.tree.setWordWrap(True)
        self.tree.setItemDelegateForColumn(0, _Wrapped(self.tree))
        self.tree.header().sectionResized.connect(self.tree.scheduleDelayedItemsLayout)
        self.count = QLabel(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.field)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.count)
        self.field.textChanged.connect(lambda _: self._show())
        self.field.left.connect(self.tree.setFocus)
        self.field.down.connect(self._go_down)
        self.field.returnPressed.connect(self._take_first)
        self.tree.currentItemChanged.connect(lambda *_: self.chosen.emit())

    @property
    def selected(self) -> LoadedCard | None:
        """The recipe or model that is chosen."""
        item = self.tree.currentItem()
        return self._cards.get(item.data(0, _ROLE)) if item is not None and item.data(0, _ROLE) else None

    @property
    def listed(self) -> list[str]:
        """Ids of those that are listed, from top to bottom."""
        return [self._cards[item.data(0, _ROLE)].id for item in self._items()]

    def show_cards(self, recipes: Sequence[LoadedCard], models: Sequence[LoadedCard]) -> None:
        """List recipes of published systems, and models that have a recipe."""
        self._cards = {_key(loaded): loaded for loaded in (*recipes, *models)}
        self._show()

    def select(self, card_id: str) -> None:
        """Choose one; nothing happens where it is not listed."""
        for item in self._items():
            if self._cards[item.data(0, _ROLE)].id == card_id:
                self.tree.setCurrentItem(item)
                return

    def _go_down(self) -> None:
        """To the list; where nothing is chosen yet, to the first."""
        self.tree.setFocus()
        if self.selected is None:
            self._take_first()

    def _take_first(self) -> None:
        items = self._items()
        if items:
            self.tree.setCurrentItem(items[0])

    def _items(self) -> list[QTreeWidgetItem]:
        every = self.tree.findItems("*", Qt.MatchFlag.MatchWildcard | Qt.MatchFlag.MatchRecursive)
        return [item for item in every if item.data(0, _ROLE)]

    def _show(self) -> None:
        words, before = self.field.text().casefold().split(), self.selected
        matching = [card for card in self._cards.values() if all(word in _told(card) for word in words)]
        self.tree.blockSignals(True)
        self.tree.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        alike = Counter((_part(loaded), loaded.title) for loaded in self._cards.values())
        for loaded in matching:
            part = _part(loaded)
            if part not in groups:
                groups[part] = QTreeWidgetItem(self.tree, [part[:1].upper() + part[1:]])
                groups[part].setFlags(Qt.ItemFlag.ItemIsEnabled)
                groups[part].setFirstColumnSpanned(True)
            # Those that were trained by one recipe have its title all of them.
            title = f"{loaded.title} ({loaded.id})" if alike[part, loaded.title] > 1 else loaded.title
            item = QTreeWidgetItem(groups[part], [title, loaded.card.task, _images(loaded)])
            item.setData(0, _ROLE, _key(loaded))
            for column in range(3):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            item.setToolTip(0, f"{loaded.title} ({loaded.id}): {_takes(loaded)}")
        self.tree.expandAll()
        self.tree.blockSignals(False)
        self.count.setText(f"{len(matching)} of {len(self._cards)}")
        for item in self._items():
            if before is not None and item.data(0, _ROLE) == _key(before):
                self.tree.setCurrentItem(item)
        if self.selected is None:
            self.chosen.emit()


class _Wrapped(QStyledItemDelegate):
    """Titles in as many lines as the width of the first column asks for."""

    def __init__(self, tree: QTreeWidget) -> None:
        super().__init__(tree)
        self._tree = tree

    def sizeHint(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Qt asks for the height of a row of a tree without telling how wide it is."""
        hint = super().sizeHint(option, index)
        level = 2 if index.parent().isValid() else 1
        margin = self._tree.style().pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin, option, self._tree) + 1
        room = self._tree.columnWidth(0) - level * self._tree.indentation() - 2 * margin
        wrapped = option.fontMetrics.boundingRect(
            QRect(0, 0, room, _TALL), Qt.TextFlag.TextWordWrap, str(index.data() or "")
        )
        return QSize(hint.width(), max(wrapped.height(), option.fontMetrics.height()) + _GAP)


def _key(loaded: LoadedCard) -> str:
    """A model may have the id of the recipe that it was trained by."""
    return str(loaded.folder / loaded.id)


def _part(loaded: LoadedCard) -> str:
    """The group that it is listed in."""
    return loaded.card.paper.body_part if loaded.card.paper is not None and not loaded.card.files else _OWN


def _images(loaded: LoadedCard) -> str:
    """The modalities of what it looks at, as DICOM writes them, in a few letters."""
    counts = Counter(_SHORT.get(image.modality[0], image.modality[0]) for image in loaded.card.inputs)
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.items())


def _takes(loaded: LoadedCard) -> str:
    card = loaded.card
    return card.paper.takes if card.paper is not None else ", ".join("/".join(each.modality) for each in card.inputs)


def _told(loaded: LoadedCard) -> str:
    """All words by which one is found, in small letters."""
    card = loaded.card
    words = [loaded.id, loaded.title, _part(loaded), card.task, _takes(loaded), card.fidelity]
    words += [output.name for output in card.outputs]
    words += [word for image in card.inputs for word in (*image.modality, image.covers)]
    words += [card.paper.citation] if card.paper is not None else []
    return " ".join(words).casefold()
