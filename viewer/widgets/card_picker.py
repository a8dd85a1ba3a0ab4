"""Choosing a model: the search, the list that it leaves, and which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QVBoxLayout, QWidget

from viewer.widgets.card_list import CardList, nearest_first
from viewer.widgets.card_search import CardSearch, favourites, set_favourite

if TYPE_CHECKING:
    from engine.cards.registry import LoadedCard
    from engine.cards.suitability import Refusal


class CardPicker(QWidget):
    """Those that suit come first, the favourites first among them; the others are grey."""

    #: Another card is chosen, or the cards were listed anew.
    changed = Signal()
    #: The chosen card is to be run.
    activated = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        #: All cards, also those that a search leaves out.
        self.every: tuple[LoadedCard, ...] = ()
        #: Id of a card → what speaks against it.
        self.refusals: dict[str, list[Refusal]] = {}
        #: Id of a card → how far the picture is from those that it learned from, where it says what these are like.
        self.unlike: dict[str, float] = {}
        self._listed: list[LoadedCard] = []
        self._image: object = None
        self.search = CardSearch(self)
        self.search.changed.connect(self.show_list)
        self.list = CardList(self)
        self.search.field.down.connect(self.list.setFocus)
        self.list.currentRowChanged.connect(lambda _: self.changed.emit())
        self.list.itemActivated.connect(lambda _: self.activated.emit())
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        favourite = QAction("Favourite, or no longer", self)
        favourite.setToolTip("Favourites are listed first, and alone by the star beside the search")
        favourite.triggered.connect(self.toggle_favourite)
        self.list.addAction(favourite)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)

    def show_cards(
        self, cards: Sequence[LoadedCard], refusals: dict[str, list[Refusal]], unlike: dict[str, float], image: object
    ) -> None:
        """Offer these cards for an image."""
        self.every, self.refusals, self.unlike = tuple(cards), refusals, unlike
        anew, self._image = image is not self._image, image
        self._list(anew)

    def show_list(self) -> None:
        """List the cards that are searched for; the chosen one stays chosen."""
        self._list(False)

    def _list(self, anew: bool) -> None:
        """For another image a card stays chosen, or the first is, only where it suits.

        What a person did not choose for it is not to be one click from a run.
        """
        chosen = self.selected.id if self.selected is not None else ""
        marked = favourites()
        far = {card_id for card_id, distance in self.unlike.items() if distance > 1}
        self._listed = nearest_first(self.search.matching(self.every), self.refusals, marked, self.unlike)
        blocked = self.list.blockSignals(True)
        self.list.show_cards(self._listed, self.refusals, marked, self.every, far)
        suits = [row for row, each in enumerate(self._listed) if not self.refusals[each.id] and each.id not in far]
        rows = [row for row, each in enumerate(self._listed) if each.id == chosen and (row in suits or not anew)]
        self.list.setCurrentRow(rows[0] if rows else suits[0] if suits else -1)
        self.list.blockSignals(blocked)
        self.changed.emit()

    def toggle_favourite(self) -> None:
        """Make the chosen card a favourite, or no longer."""
        loaded = self.selected
        if loaded is not None:
            set_favourite(loaded.id, loaded.id not in favourites())
            self.show_list()

    @property
    def selected(self) -> LoadedCard | None:
        """The chosen card."""
        row = self.list.currentRow()
        return self._listed[row] if 0 <= row < len(self._listed) else None

    def select(self, card_id: str) -> None:
        """Choose the card with this id, also where a search has left it out."""
        if self.search.is_searching and all(loaded.id != card_id for loaded in self._listed):
            self.search.give_up()
        for row, loaded in enumerate(self._listed):
            if loaded.id == card_id:
                self.list.setCurrentRow(row)

    @property
    def refusals_of_selected(self) -> list[Refusal]:
        """What speaks against the chosen card."""
        return self.refusals[self.selected.id] if self.selected is not None else []

    @property
    def why_empty(self) -> str:
        """What to say where no card is listed."""
        if not self.every:
            return "No models were found."
        if self._image is None:
            return "Nothing is open."
        if self._listed:
            return "No model suits this image. Choose one to see why."
        return "No model holds these words." if self.search.field.text().strip() else "No model is a favourite yet."
