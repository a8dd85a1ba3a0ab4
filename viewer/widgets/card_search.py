"""Finding a model among many: by words of its title, what it draws, or the part of the body; and favourites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from viewer.widgets.settings import settings
from viewer.widgets.structures_search import SearchField

if TYPE_CHECKING:
    from engine.cards.registry import LoadedCard

_KEY = "models/favourites"


def favourites() -> frozenset[str]:
    """Ids of the models that this person has marked."""
    stored = settings().value(_KEY, [])
    # Of a list with one entry Qt keeps the entry.
    return frozenset([stored] if isinstance(stored, str) else stored if isinstance(stored, list) else [])


def set_favourite(card_id: str, favourite: bool) -> None:
    """Mark a model, or take the mark off."""
    now = favourites() | {card_id} if favourite else favourites() - {card_id}
    settings().setValue(_KEY, sorted(now))


def told_of(loaded: LoadedCard) -> str:
    """All words by which a card is found, in small letters."""
    words = [loaded.id, loaded.title]
    if loaded.is_readable:
        card = loaded.card
        words += [output.name for output in card.outputs]
        words += [word for image in card.inputs for word in (*image.modality, *image.regions, image.covers)]
        words += [card.badge, card.licence.weights, card.provenance.imported_from]
    return " ".join(words).casefold()


class CardSearch(QWidget):
    """A line for what is searched for, and whether favourites alone are listed."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told: dict[int, tuple[LoadedCard, str]] = {}
        self.field = SearchField(
            self,
            what="Find a model: title, structure, part of the body",
            tip="Lists the models that hold all of these words, such as: neck parotid; Esc shows all",
        )
        self.favourites = QToolButton(self)
        self.favourites.setText("★")
        self.favourites.setCheckable(True)
        self.favourites.setToolTip("List the favourites alone; right click on a model makes it one")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.field, 1)
        layout.addWidget(self.favourites)
        self.field.textChanged.connect(lambda _: self.changed.emit())
        self.favourites.toggled.connect(lambda _: self.changed.emit())

    @property
    def is_searching(self) -> bool:
        """Whether models may be left out."""
        return bool(self.field.text().strip()) or self.favourites.isChecked()

    def matching(self, cards: Sequence[LoadedCard]) -> list[LoadedCard]:
        """Those that are to be listed."""
        words = self.field.text().casefold().split()
        marked = favourites() if self.favourites.isChecked() else None
        return [
            loaded
            for loaded in cards
            if (marked is None or loaded.id in marked) and all(word in self._words(loaded) for word in words)
        ]

    def give_up(self) -> None:
        """List all models."""
        self.favourites.setChecked(False)
        self.field.clear()

    def _words(self, loaded: LoadedCard) -> str:
        known = self._told.get(id(loaded))
        if known is None or known[0] is not loaded:
            known = self._told[id(loaded)] = (loaded, told_of(loaded))
        return known[1]
