"""Fields for what a model asks of the patient besides images; empty until a person has filled them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QLineEdit, QWidget

from engine.errors import PlanimeterError
from engine.later import later
from viewer.widgets.theme import ERROR

if TYPE_CHECKING:
    from engine.cards import variables
    from engine.cards.schema import Card
    from engine.cards.variables import Given, Variable
else:
    variables = later("engine.cards.variables")

_CHOOSE = "Choose …"


class VariablesForm(QWidget):
    """One field a variable of the card that is shown. Nothing is guessed: a model runs once all are told.

    What was told stays for other models that ask for the same, until `forget`.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        #: Key of a variable → its field.
        self.fields: dict[str, QLineEdit | QComboBox] = {}
        self._card: Card | None = None
        self._told: dict[str, str] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self.notice = QLabel(self, wordWrap=True)
        self.notice.setStyleSheet(f"color: {ERROR};")
        self.hide()

    def forget(self) -> None:
        """Another patient: nothing is told any more."""
        self._told.clear()
        self.show_card(self._card)

    def show_card(self, card: Card | None) -> None:
        """Ask for the variables of a card; none for no card."""
        self._form.takeRow(self.notice) if self._form.indexOf(self.notice) >= 0 else None
        while self._form.rowCount():
            self._form.removeRow(0)
        self.fields, self._card = {}, card
        for variable in card.variables if card is not None else ():
            field = self._field(variable)
            field.setToolTip(f"{variable.tip or variable.label}: {variable.allowed}")
            self.fields[variable.key] = field
            self._form.addRow(f"{variable.label}{f' ({variable.unit})' if variable.unit else ''}", field)
        if self.fields:
            self._form.addRow(self.notice)
        self.setVisible(bool(self.fields))
        self._show_problem()

    @property
    def told(self) -> dict[str, Given]:
        """What was told, checked; empty where something is missing or impossible."""
        return self._checked() if not self.problem else {}

    @property
    def problem(self) -> str:
        """What is missing or impossible, in one sentence; "" where nothing is."""
        try:
            self._checked()
        except PlanimeterError as error:
            return str(error)
        return ""

    def _checked(self) -> dict[str, Given]:
        if self._card is None:
            return {}
        texts = {key: _text(field) for key, field in self.fields.items()}
        known = {variable.key: variable for variable in self._card.variables}
        given = {key: known[key].parsed(text) for key, text in texts.items() if text}
        return variables.check_variables(self._card, given)

    def _field(self, variable: Variable) -> QLineEdit | QComboBox:
        before = self._told.get(variable.key, "")
        if variable.kind == "choice":
            box = QComboBox()
            box.addItem(_CHOOSE, "")
            for choice, label in variable.choices.items():
                box.addItem(label or choice, choice)
            box.setCurrentIndex(max(box.findData(before), 0))
            box.currentIndexChanged.connect(lambda _: self._changed())
            return box
        line = QLineEdit(before)
        line.setPlaceholderText(f"{variable.low:g} to {variable.high:g}")
        line.textChanged.connect(lambda _: self._changed())
        return line

    def _changed(self) -> None:
        self._told |= {key: _text(field) for key, field in self.fields.items()}
        self._show_problem()
        self.changed.emit()

    def _show_problem(self) -> None:
        problem = self.problem
        self.notice.setText(problem)
        self.notice.setVisible(bool(problem))


def _text(field: QLineEdit | QComboBox) -> str:
    """What a field holds, as on the command line; a decimal comma is a point."""
    if isinstance(field, QComboBox):
        return str(field.currentData())
    return field.text().strip().replace(",", ".")
