"""A field for a parameter of a tool or an operation: a number, or a choice among words."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QWidget

from viewer.edits.parameters import Parameter, in_unit


class NumberField(QDoubleSpinBox):
    """A number with its unit."""

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(
            parent, minimum=parameter.low, maximum=parameter.high, decimals=parameter.decimals,
            singleStep=1 if abs(parameter.default) >= 1 or not parameter.decimals else 10.0**-parameter.decimals,
        )  # fmt: skip
        self.setValue(parameter.default)
        self._unit = parameter.unit
        self.measure_in("mm")
        self.setKeyboardTracking(False)

    def measure_in(self, length: str) -> None:
        """Show lengths in "mm", or in "px" on a picture of unknown size."""
        self.setSuffix(f" {in_unit(self._unit, length)}".rstrip())

    def show_unit(self, unit: str) -> None:
        """Show another unit than its parameter has."""
        self.setSuffix(f" {unit}".rstrip())


class ChoiceField(QComboBox):
    """One of a few words; its value is the index."""

    valueChanged = Signal(float)  # noqa: N815  as a number's field has it

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.addItems(parameter.choices)
        self.setCurrentIndex(int(parameter.default))
        self.currentIndexChanged.connect(lambda index: self.valueChanged.emit(float(index)))

    def value(self) -> float:
        """Index of what is chosen."""
        return float(self.currentIndex())

    def setValue(self, value: float) -> None:  # noqa: N802
        """Choose by index."""
        self.setCurrentIndex(int(value))


ParameterField = NumberField | ChoiceField


def parameter_field(parameter: Parameter, tip: str, parent: QWidget | None = None) -> ParameterField:
    """The field that suits a parameter; `tip` where the parameter has none of its own."""
    field = ChoiceField(parameter, parent) if parameter.choices else NumberField(parameter, parent)
    field.setToolTip(parameter.tip or tip)
    field.setAccessibleName(parameter.label)
    return field
