"""What can be set for the active tool: its parameters, and the image whose grey values it reads."""

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from viewer.edits.parameters import Parameter
from viewer.layers import LayersChanged
from viewer.tools.toolbox import Toolbox
from viewer.widgets.parameter_field import ParameterField, parameter_field


class ToolSettings(QWidget):
    """A field a parameter of the active tool; nothing where it has none."""

    def __init__(self, toolbox: Toolbox) -> None:
        super().__init__()
        self._toolbox = toolbox
        #: Key of a parameter → its field.
        self.fields: dict[str, ParameterField] = {}
        self._shown: tuple[str, tuple[Parameter, ...]] = ("", ())
        self.image = QComboBox(self)
        self.image.setToolTip("The image whose grey values count")
        self.image.setAccessibleName("Image whose grey values count")
        self.image.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.image.activated.connect(toolbox.choose_image)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(4, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addWidget(self.image)
        self._made: list[QWidget] = []
        toolbox.changed.connect(self._show)
        toolbox.session.volume_changed.connect(self._show)
        toolbox.session.layers_changed.connect(self._on_layers)
        self._show()

    def _on_layers(self, change: LayersChanged) -> None:
        self._show()

    def _show(self) -> None:
        tool, wanted = self._toolbox.active_tool, self._toolbox.parameters
        layers = self._toolbox.session.layers
        reads = tool is not None and tool.reads_image and len(layers) > 1
        blocker = QSignalBlocker(self.image)
        names = [layer.volume.modality or layer.name for layer in layers]
        if names != [self.image.itemText(row) for row in range(self.image.count())]:
            self.image.clear()
            self.image.addItems(names)
        if reads:
            self.image.setCurrentIndex(layers.index(self._toolbox.image))
        blocker.unblock()
        self.image.setVisible(reads)
        name = tool.name if tool is not None else ""
        if (name, wanted) != self._shown:
            self._shown = (name, wanted)
            self._rebuild(wanted)
        if tool is not None:
            values = self._toolbox.values(tool)
            for key, field in self.fields.items():
                blocker = QSignalBlocker(field)
                field.setValue(values[key])
                blocker.unblock()

    def _rebuild(self, wanted: tuple[Parameter, ...]) -> None:
        for widget in self._made:
            self._layout.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._made, self.fields = [], {}
        for parameter in wanted:
            field = parameter_field(parameter, parameter.label, self)
            field.valueChanged.connect(lambda value, key=parameter.key: self._set(key, value))
            label = QLabel(parameter.label, self)
            self._layout.addWidget(label)
            self._layout.addWidget(field)
            self._made += [label, field]
            self.fields[parameter.key] = field

    def _set(self, key: str, value: float) -> None:
        tool = self._toolbox.active_tool
        if tool is not None:
            self._toolbox.set_value(tool, key, value)
