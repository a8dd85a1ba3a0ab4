"""The fields of a form by which a person says what he sees, built from its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QWidget

from engine.findings.words import with_unit
from viewer.widgets.choice_box import ChoiceBox
from viewer.widgets.theme import FAINT

if TYPE_CHECKING:
    from engine.findings.forms import Form, FormField

_EMPTY = "–"


class FormFields(QWidget):
    """One row a field; what is left empty is not said."""

    changed = Signal()
    #: Return was pressed in a field.
    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form: Form | None = None
        self._size_unit = "mm"
        #: Key of a field → its widget.
        self.fields: dict[str, ChoiceBox | QLineEdit] = {}
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setVerticalSpacing(4)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def show_form(
        self, form: Form | None, values: Mapping[str, float | str] | None = None, size_unit: str = "mm"
    ) -> None:
        """Offer the fields of a form, with what was filled in before; none for no form."""
        if form is not self.form or size_unit != self._size_unit:
            while self._layout.rowCount():
                self._layout.removeRow(0)
            self.form, self.fields, self._size_unit = form, {}, size_unit
            for field in form.fields if form is not None else ():
                self._add(field)
        for key, widget in self.fields.items():
            _set(widget, (values or {}).get(key))

    def _add(self, field: FormField) -> None:
        label = QLabel(f"{field.label}{' *' if field.required else ''}", self)
        label.setToolTip(f"{field.label}: must be filled in" if field.required else field.tip or field.label)
        widget = self._choices(field) if field.answers else self._line(field)
        widget.setAccessibleName(field.label)
        widget.setToolTip(field.tip or field.code.meaning)
        self.fields[field.key] = widget
        unit = with_unit("", self._size_unit if field.kind == "size" else field.unit).strip()
        if not unit:
            self._layout.addRow(label, widget)
            return
        row = QHBoxLayout()
        row.addWidget(widget, 1)
        shown = QLabel(unit, self)
        shown.setStyleSheet(f"color: {FAINT};")
        row.addWidget(shown)
        self._layout.addRow(label, row)

    def _choices(self, field: FormField) -> ChoiceBox:
        box = ChoiceBox(self)
        box.setSizeAdjustPolicy(ChoiceBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(8)
        box.addItem(_EMPTY, None)
        for choice in field.answers:
            box.addItem(choice.label, choice.value)
        box.currentIndexChanged.connect(lambda _: self.changed.emit())
        return box

    def _line(self, field: FormField) -> QLineEdit:
        line = QLineEdit(self)
        if field.is_number:
            line.setPlaceholderText(f"{field.low:g} to {field.high:g}")
        line.textChanged.connect(lambda _: self.changed.emit())
        line.returnPressed.connect(self.entered)
        return line

    @property
    def values(self) -> dict[str, float | str]:
        """What is filled in; a number that is none stays text, for the form to refuse."""
        said: dict[str, float | str] = {}
        for key, widget in self.fields.items():
            value = widget.currentData() if isinstance(widget, ChoiceBox) else widget.text().strip()
            if value in (None, ""):
                continue
            assert self.form is not None, "fields belong to a form"
            said[key] = number_or_text(value) if self.form.field(key).is_number else value
        return said

    @property
    def first(self) -> QWidget:
        """The field to begin with."""
        return next(iter(self.fields.values()), self)


def number_or_text(text: str) -> float | str:
    """A number where it is one, written with a point or a comma."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def _set(widget: ChoiceBox | QLineEdit, value: float | str | None) -> None:
    blocked = widget.blockSignals(True)
    if isinstance(widget, ChoiceBox):
        widget.setCurrentIndex(max(widget.findData(value), 0) if value is not None else 0)
    else:
        widget.setText("" if value is None else f"{value:g}" if isinstance(value, float) else value)
    widget.blockSignals(blocked)
