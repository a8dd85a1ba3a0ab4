"""Fields for what a person may choose of a model's run, built from what its card offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QWidget

from engine.later import later

if TYPE_CHECKING:
    from engine.cards import options
    from engine.cards.options import Choice, Option
    from engine.cards.schema import Card
else:
    options = later("engine.cards.options")


class OptionsForm(QWidget):
    """One field an option of the card that is shown, each at the card's own value until it is changed."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        #: Key of an option → its field.
        self.fields: dict[str, QCheckBox | QComboBox | QDoubleSpinBox] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self.hide()

    def show_card(self, card: Card | None) -> None:
        """Offer the options of a card; none for no card."""
        while self._form.rowCount():
            self._form.removeRow(0)
        self.fields = {}
        for option in card.options if card is not None else ():
            assert card is not None
            field = _field(option, options.value_of(card, option))
            field.setToolTip(option.tip)
            self.fields[option.key] = field
            _change(field).connect(lambda _: self.changed.emit())
            self._form.addRow("" if option.kind == "flag" else option.label, field)
        self.setVisible(bool(self.fields))

    @property
    def chosen(self) -> dict[str, Choice]:
        """The values of all fields."""
        return {key: _value(field) for key, field in self.fields.items()}


def _field(option: Option, value: Choice) -> QCheckBox | QComboBox | QDoubleSpinBox:
    if option.kind == "flag":
        box = QCheckBox(option.label)
        box.setChecked(bool(value))
        return box
    if option.kind == "choice":
        list_ = QComboBox()
        for choice, label in option.choices.items():
            list_.addItem(label or choice, choice)
        list_.setCurrentIndex(list_.findData(value))
        return list_
    number = QDoubleSpinBox(minimum=option.low, maximum=option.high, decimals=option.decimals)
    number.setSingleStep(10.0**-option.decimals)
    number.setSuffix(f" {option.unit}" if option.unit else "")
    number.setValue(float(value))
    return number


def _change(field: QCheckBox | QComboBox | QDoubleSpinBox) -> SignalInstance:
    if isinstance(field, QCheckBox):
        return field.toggled
    return field.currentIndexChanged if isinstance(field, QComboBox) else field.valueChanged


def _value(field: QCheckBox | QComboBox | QDoubleSpinBox) -> Choice:
    if isinstance(field, QCheckBox):
        return field.isChecked()
    if isinstance(field, QComboBox):
        return str(field.currentData())
    return field.value()
