"""Which images a model looks at besides the open series: plain from what there is, or chosen by a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QWidget

from engine.cards.roles import Casting, Traits, cast
from engine.progress import Progress
from engine.structures import Roi
from engine.volume import Volume

if TYPE_CHECKING:
    from engine.cards.schema import Card, CardInput

#: The modality of a structure as an image: 1 inside, 0 outside.
MASK = "SEG"
_CHOOSE = "Choose …"
_NONE = "None"


@dataclass(frozen=True, eq=False)
class Image:
    """An image that could play a role.

    Args:
        name: for people.
        traits: what it is.
        volume: where it is read already.
        read: reads it, on a thread; raises PlanimeterError.
        series_uid: by which it is known again once the images are looked up anew; "" where it has none.
        roi: the structure that it is the mask of; None for an image that was acquired.
    """

    name: str
    traits: Traits
    volume: Volume | None
    read: Callable[[Progress], Volume]
    series_uid: str = ""
    roi: Roi | None = None


class RolesForm(QWidget):
    """One field for each further input of the card that is shown; nothing for cards that look at one image."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, QComboBox] = {}
        self._card: Card | None = None
        self._images: tuple[Image, ...] = ()
        # (card id, role) → series that a person chose
        self._chosen: dict[tuple[str, str], str | None] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self.hide()

    def show_card(self, card: Card | None, images: Sequence[Image]) -> None:
        """Offer what there is for the inputs of a card; the open series is the first of the images.

        What a person chose for a card stays chosen for as long as the same series is open.
        """
        if not images or not self._images or images[0].volume is not self._images[0].volume:
            self._chosen.clear()
        while self._form.rowCount():
            self._form.removeRow(0)
        self.fields = {}
        self._card, self._images = card, tuple(images)
        casting = self._cast({})
        for wanted in card.inputs if card is not None and len(card.inputs) > 1 else ():
            field = QComboBox()
            what = "structure that you drew or the segmentation" if MASK in wanted.modality else "image"
            field.setToolTip(f"The {what} that the model looks at as '{wanted.role}'")
            field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            field.addItem(_CHOOSE if wanted.required else _NONE, None)
            for image in self._images:
                if image.traits.modality in wanted.modality:
                    field.addItem(f"{image.name}{self._elsewhere(wanted, image)}", image)
            played = casting.inputs.get(wanted.role)
            offered = [field.itemData(row) for row in range(field.count())]
            rows = [row for row, image in enumerate(offered) if image is played]
            key = (card.id if card is not None else "", wanted.role)
            if key in self._chosen:
                again = [row for row, image in enumerate(offered) if _uid(image) == self._chosen[key]]
                rows = again[:1] or rows
            field.setCurrentIndex(rows[0] if rows else 0)
            field.currentIndexChanged.connect(partial(self._choose, key))
            self.fields[wanted.role] = field
            self._form.addRow(wanted.role, field)
        self.setVisible(bool(self.fields))

    def _elsewhere(self, wanted: CardInput, image: Image) -> str:
        """What is said of an image that can't be laid onto the open one, where the model needs that."""
        here, there = image.traits.frame_of_reference_uid, self._images[0].traits.frame_of_reference_uid
        apart = wanted.register_to is not None and here and there and here != there
        return " (another frame of reference)" if apart else ""

    def _choose(self, key: tuple[str, str], row: int) -> None:
        _, role = key
        self._chosen[key] = _uid(self.fields[role].itemData(row))
        self.changed.emit()

    @property
    def wants_structure(self) -> bool:
        """Whether the card looks at a structure."""
        return bool(self.fields) and self._card is not None and any(MASK in i.modality for i in self._card.inputs)

    @property
    def casting(self) -> Casting[Image]:
        """The images by role as they are chosen now, and the inputs that lack one."""
        if not self.fields:
            return self._cast({})
        chosen = {role: field.currentData() for role, field in self.fields.items() if field.currentData() is not None}
        wanted = [image for image in self._card.inputs if image.role not in chosen] if self._card is not None else []
        suiting = {
            image.role: tuple(other for other in self._images if other.traits.modality in image.modality)
            for image in wanted
        }
        undecided = {role: images for role, images in suiting.items() if images}
        return Casting(chosen, tuple(image for image in wanted if image.required), undecided)

    def _cast(self, chosen: dict[str, Image]) -> Casting[Image]:
        if self._card is None:
            return Casting({})
        return cast(self._card, self._images, lambda image: image.traits, chosen)


def _uid(image: Image | None) -> str | None:
    """By which a choice is known again; None for none."""
    return image.series_uid if image is not None else None
