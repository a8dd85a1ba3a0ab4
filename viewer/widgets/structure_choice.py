"""Which of a model's structures are to be drawn: a button that says it, and a list with ticks behind it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from engine.cards.schema import Card, Output


class StructureChoice(QWidget):
    """Shown for models of several structures; remembers what was chosen of each until the window closes."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card: Card | None = None
        self._chosen: dict[str, frozenset[str]] = {}
        self.button = QPushButton(self)
        self.button.setToolTip("Choose which structures the model is to draw")
        self.button.clicked.connect(self.ask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        self.show_card(None)

    def show_card(self, card: Card | None) -> None:
        """Offer the structures of a card."""
        self._card = card
        self._show()

    @property
    def only(self) -> frozenset[str] | None:
        """Names of the structures that are chosen of the card that is shown; None for all."""
        return self.only_of(self._card) if self._card is not None else None

    def only_of(self, card: Card) -> frozenset[str] | None:
        """Likewise of another card."""
        names = {output.name for output in drawn_by(card)}
        chosen = self._chosen.get(card.id, frozenset()) & names
        return chosen if chosen and chosen != names else None

    def choose(self, names: Iterable[str]) -> None:
        """Draw these alone; all where none is named."""
        assert self._card is not None, "there is a card to choose from"
        self._chosen[self._card.id] = frozenset(names)
        self._show()
        self.changed.emit()

    def ask(self) -> ChoiceDialog:
        """Let a person choose."""
        assert self._card is not None, "the button is there where there is a card"
        dialog = ChoiceDialog(self._card, self.only, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.choose(dialog.names))
        dialog.open()
        return dialog

    def _show(self) -> None:
        count = len(drawn_by(self._card)) if self._card is not None else 0
        only = self.only
        self.setVisible(count > 1)
        self.button.setText(f"All {count} structures…" if only is None else f"{len(only)} of {count} structures…")


class ChoiceDialog(QDialog):
    """All structures of a card with ticks, those that hold some words alone where a person searches."""

    def __init__(self, card: Card, only: frozenset[str] | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Structures of {card.title}")
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find a structure")
        self.search.setToolTip("Lists the structures that hold all of these words")
        self.search.textChanged.connect(lambda _: self._filter())
        self.list = QListWidget(self)
        self.list.setToolTip("Tick what the model is to draw (Space)")
        for output in drawn_by(card):
            item = QListWidgetItem(output.name, self.list)
            item.setData(Qt.ItemDataRole.DecorationRole, QColor(*output.colour))
            item.setToolTip(output.code.meaning if output.code is not None else output.label)
            ticked = only is None or output.name in only
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
        self.list.itemChanged.connect(lambda _: self._say())
        self.said = QLabel(self)
        every, none = QPushButton("All", self), QPushButton("None", self)
        every.setToolTip("Tick all structures that are listed")
        none.setToolTip("Tick none of the structures that are listed")
        every.clicked.connect(lambda: self._tick(Qt.CheckState.Checked))
        none.clicked.connect(lambda: self._tick(Qt.CheckState.Unchecked))
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setToolTip("Draw what is ticked (Return)")
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setToolTip("Leave the choice as it was (Esc)")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        row = QHBoxLayout()
        row.addWidget(every)
        row.addWidget(none)
        row.addWidget(self.said, 1, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        for part in (self.search, self.list):
            layout.addWidget(part)
        layout.addLayout(row)
        layout.addWidget(self.buttons)
        self.resize(380, 520)
        self._say()

    @property
    def names(self) -> tuple[str, ...]:
        """What is ticked."""
        return tuple(item.text() for item in self._items() if item.checkState() is Qt.CheckState.Checked)

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _filter(self) -> None:
        words = self.search.text().casefold().split()
        for item in self._items():
            told = f"{item.text()} {item.toolTip()}".casefold()
            item.setHidden(not all(word in told for word in words))

    def _tick(self, state: Qt.CheckState) -> None:
        for item in self._items():
            if not item.isHidden():
                item.setCheckState(state)

    def _say(self) -> None:
        count = len(self.names)
        self.said.setText(f"{count} of {self.list.count()}")
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(bool(count))


def drawn_by(card: Card) -> list[Output]:
    """The structures among the outputs of a card."""
    return [output for output in card.outputs if output.kind == "mask"]
