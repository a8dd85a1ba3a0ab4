"""The list of model cards: those that suit first, the others grey with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from viewer.widgets.card_item import CardDelegate, CardRole, card_height
from viewer.widgets.card_text import summary

if TYPE_CHECKING:
    from engine.cards.registry import LoadedCard
    from engine.cards.suitability import Refusal

#: So many cards are always in sight.
_ROWS = 3
#: What is said of a model that learned from pictures of other colours.
UNLIKE = "This picture is unlike those that it learned from."


def nearest_first(
    cards: Sequence[LoadedCard],
    refusals: Mapping[str, Sequence[Refusal]],
    favourites: Collection[str] = (),
    unlike: Mapping[str, float] = MappingProxyType({}),
) -> list[LoadedCard]:
    """Those that suit; those that may be run against advice; those that are for another kind of image.

    Within each those come first that learned from pictures like this one, by `unlike`, then the favourites, then by
    title.
    """

    def distance(loaded: LoadedCard) -> int:
        against = refusals[loaded.id]
        return 2 if any(not refusal.overridable for refusal in against) else int(bool(against))

    return sorted(
        cards,
        key=lambda loaded: (
            distance(loaded),
            int(3 * unlike.get(loaded.id, 0.0)),
            loaded.id not in favourites,
            loaded.title.casefold(),
            loaded.id,
        ),
    )


class CardList(QListWidget):
    """One row a card, at least three of them in sight, whatever room the panel gets."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(CardDelegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(_ROWS * card_height(self.fontMetrics()) + 12)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setToolTip("Models that can draw on the open series; grey ones say why they can't")

    def show_cards(
        self,
        cards: Sequence[LoadedCard],
        refusals: Mapping[str, Sequence[Refusal]],
        favourites: Collection[str] = (),
        among: Sequence[LoadedCard] | None = None,
        unlike: Collection[str] = (),
    ) -> None:
        """List these cards, with the reasons against each by its id; the id is shown where titles are the same.

        Args:
            cards: to list.
            refusals: id → what speaks against it.
            favourites: ids of those with a star.
            among: all that there are, where not all are listed.
            unlike: ids of those that learned from other pictures than this one.
        """
        titles = Counter(loaded.title.casefold() for loaded in among or cards)
        # QListWidget.clear() crashes now and then in PySide once items made in Python have been painted.
        while self.count():
            self.takeItem(0)
        for loaded in cards:
            against = refusals[loaded.id]
            alike = titles[loaded.title.casefold()] > 1
            item = QListWidgetItem(f"{loaded.title} ({loaded.id})" if alike else loaded.title, self)
            item.setData(CardRole.FAVOURITE, loaded.id in favourites)
            told = against[0].text if against else UNLIKE if loaded.id in unlike else ""
            item.setData(CardRole.SUMMARY, told or summary(loaded.card))
            item.setData(CardRole.BADGE, loaded.card.badge if loaded.is_readable else "")
            item.setData(CardRole.SUITS, not told)
            item.setToolTip(told or loaded.card.intended_use)
