"""The numbers of the operations on structures, as rows of a form; those of all sides are one number until unlinked."""

from collections.abc import Mapping

from PySide6.QtCore import QObject, QSignalBlocker, Signal
from PySide6.QtWidgets import QFormLayout, QLabel, QPushButton, QWidget

from viewer.edits.operations.form import OF_IMAGE, Operation
from viewer.edits.operations.table import OPERATIONS
from viewer.edits.ranges import usual_range
from viewer.session import Session
from viewer.widgets.parameter_field import NumberField, ParameterField, parameter_field


class OperationFields(QObject):
    """A field a parameter of every operation, of which a form shows those of one.

    Args:
        form: gets the rows.
        parent: of the fields.
        session: tells what lengths are in.
    """

    #: By the user.
    changed = Signal()
    #: By the image that was opened or laid over: the numbers of another unit stand there.
    unit_changed = Signal()

    def __init__(self, form: QFormLayout, parent: QWidget, session: Session) -> None:
        super().__init__(parent)
        self._form, self._session = form, session
        #: Operation → parameter → its field.
        self.fields: dict[str, dict[str, ParameterField]] = {}
        self.links: dict[str, QPushButton] = {}
        for name, operation in OPERATIONS.items():
            if operation.linked:
                self._add_link(operation, parent)
            self.fields[name] = {}
            for parameter in operation.parameters:
                field = parameter_field(parameter, operation.tip, parent)
                field.valueChanged.connect(lambda value, name=name: self._on_value(name, value))
                self.fields[name][parameter.key] = field
                form.addRow(parameter.label, field)

        session.volume_changed.connect(self._measure)
        session.layers_changed.connect(lambda _: self._measure())
        self._shown: Operation | None = None
        #: Operation → the unit of its values that is shown; with a unit → what was typed in it.
        self._units: dict[str, str] = {}
        self._typed: dict[tuple[str, str], dict[str, float]] = {}

    def _add_link(self, operation: Operation, parent: QWidget) -> None:
        link = QPushButton("Same on every side", parent)
        link.setCheckable(True)
        link.setChecked(True)
        link.setToolTip("Change all sides together; press it to set each side by itself")
        link.toggled.connect(lambda linked: self._on_link(operation.name, linked))
        self.links[operation.name] = link
        self._form.addRow("Sides", link)

    def show_operation(self, operation: Operation) -> None:
        """Show its rows alone; of sides that are the same, one."""
        self._shown = operation
        for name, fields in self.fields.items():
            linked = name in self.links and self.links[name].isChecked()
            for place, field in enumerate(fields.values()):
                self._form.setRowVisible(field, name == operation.name and not (linked and place))
            if name in self.links:
                label = self._form.labelForField(next(iter(fields.values())))
                assert isinstance(label, QLabel), "a row is made with the text of its label"
                label.setText("All sides" if linked else OPERATIONS[name].parameters[0].label)
        for name, link in self.links.items():
            self._form.setRowVisible(link, name == operation.name)

    def _measure(self) -> None:
        """Show lengths in mm, or in pixels on a picture of unknown size."""
        volume = self._session.volume
        for fields in self.fields.values():
            for field in fields.values():
                if isinstance(field, NumberField):
                    field.measure_in(volume.geometry.unit if volume is not None else "mm")
        for name, operation in OPERATIONS.items():
            if operation.unit_of is None:
                continue
            unit = operation.unit_of(self.values(operation), self._session.layers)
            of_image = [parameter.key for parameter in operation.parameters if parameter.unit == OF_IMAGE]
            before = self._units.get(name, "HU")
            if unit != before:
                # A number in one unit means nothing in another.
                self._typed[name, before] = {key: self.fields[name][key].value() for key in of_image}
                self._set(name, self._typed.get((name, unit)) or usual_range(unit))
            self._units[name] = unit
            for key in of_image:
                field = self.fields[name][key]
                if isinstance(field, NumberField):
                    field.show_unit(unit)
            if unit != before:
                self.unit_changed.emit()

    def values(self, operation: Operation) -> dict[str, float]:
        """Its numbers."""
        return {key: field.value() for key, field in self.fields[operation.name].items()}

    def _on_value(self, name: str, value: float) -> None:
        if name in self.links and self.links[name].isChecked():
            self._set_all(name, value)
        if OPERATIONS[name].unit_of is not None:
            self._measure()
        self.changed.emit()

    def _on_link(self, name: str, linked: bool) -> None:
        if linked:
            self._set_all(name, next(iter(self.fields[name].values())).value())
        self.links[name].setText("Same on every side" if linked else "Each side by itself")
        if self._shown is not None:
            self.show_operation(self._shown)
        self.changed.emit()

    def _set_all(self, name: str, value: float) -> None:
        self._set(name, dict.fromkeys(self.fields[name], value))

    def _set(self, name: str, values: Mapping[str, float]) -> None:
        for key, value in values.items():
            blocker = QSignalBlocker(self.fields[name][key])
            self.fields[name][key].setValue(value)
            blocker.unblock()
