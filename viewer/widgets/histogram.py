"""The histogram of the open series; its region is the grey-level window."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from viewer.layers import LayersChanged, Window
from viewer.looks import presets
from viewer.render.colour_maps import NAMES
from viewer.session import Session

if TYPE_CHECKING:
    from viewer.widgets.histogram_plot import HistogramPlot


class HistogramPanel(QWidget):
    """Counts over values, with the window as a region to drag, its numbers, the presets and the colour map."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._presets: list[tuple[str, Window, str]] = []
        self.plot: HistogramPlot | None = None
        self._place = QVBoxLayout()

        self.centre = _number("Centre of the window (right drag up or down in a pane)")
        self.width_box = _number("Width of the window (right drag left or right in a pane)")
        self.width_box.setMinimum(0.001)
        self.presets = QComboBox()
        self.presets.setToolTip("Windows that suit the open series (keys 1 to 8)")
        self.colours = QComboBox()
        self.colours.addItems(list(NAMES))
        for box in (self.presets, self.colours):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.colours.setToolTip("Colour map of the open series (I inverts)")
        for number in (self.centre, self.width_box):
            number.valueChanged.connect(self._number_changed)
        self.presets.activated.connect(self.apply_preset)
        self.colours.textActivated.connect(session.set_colour_map)

        numbers = QHBoxLayout()
        for text, widget in (("C", self.centre), ("W", self.width_box)):
            label = QLabel(text)
            label.setBuddy(widget)
            numbers.addWidget(label)
            numbers.addWidget(widget, 1)
        choices = QHBoxLayout()
        choices.addWidget(self.presets, 3)
        choices.addWidget(self.colours, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(self._place, 1)
        layout.addLayout(numbers)
        layout.addLayout(choices)
        # What a high window leaves lies below, not between the rows.
        layout.addStretch()
        session.volume_changed.connect(self._on_volume)
        session.layers_changed.connect(self._on_layers)
        self._on_volume()

    def apply_preset(self, index: int) -> None:
        """Set the window and colour map of preset `index`; nothing happens where there is none."""
        if 0 <= index < len(self._presets):
            _, window, colours = self._presets[index]
            self._session.set_window(window)
            self._session.set_colour_map(colours)

    @property
    def preset_names(self) -> list[str]:
        """Names of the presets that suit the open series, in the order of the number keys."""
        return [name for name, _, _ in self._presets]

    def _on_volume(self) -> None:
        volume = self._session.volume
        self._presets = presets(volume) if volume is not None else []
        self.setEnabled(volume is not None)
        self.presets.clear()
        if volume is not None and self.plot is None:
            self._make_plot()
        low, high = self.plot.show_volume(volume, self._session.window) if self.plot is not None else (0.0, 1.0)
        for number, (name, _, _) in enumerate(self._presets, 1):
            self.presets.addItem(f"{number}  {name}")
        self.presets.setCurrentIndex(-1)
        step = (high - low) / 400
        decimals = 0 if volume is None or step >= 1 else 3
        for box in (self.centre, self.width_box):
            with QSignalBlocker(box):
                box.setDecimals(decimals)
                box.setSingleStep(max(round(step), 1) if decimals == 0 else step)
        self._on_window()

    def _make_plot(self) -> None:
        # pyqtgraph takes a third of a second to load, which an empty window need not wait for.
        from viewer.widgets.histogram_plot import HistogramPlot  # noqa: PLC0415

        self.plot = HistogramPlot()
        self.plot.region_moved.connect(lambda low, high: self._session.set_window(Window.between(low, high)))
        self._place.addWidget(self.plot)

    def _on_layers(self, change: LayersChanged) -> None:
        if change.looks is not None and 0 in change.looks:
            self._on_window()

    def _on_window(self) -> None:
        window = self._session.window
        if self.plot is not None:
            self.plot.show_window(window)
        with QSignalBlocker(self.centre), QSignalBlocker(self.width_box):
            self.centre.setValue(window.centre)
            self.width_box.setValue(window.width)
        self.colours.setCurrentText(self._session.colour_map)
        same = [
            index
            for index, (_, preset, colours) in enumerate(self._presets)
            if preset == window and colours == self._session.colour_map
        ]
        self.presets.setCurrentIndex(same[0] if same else -1)

    def _number_changed(self) -> None:
        if self._session.volume is not None:
            self._session.set_window(Window(self.centre.value(), max(self.width_box.value(), 1e-3)))


def _number(tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-1e9, 1e9)
    box.setKeyboardTracking(False)
    box.setToolTip(tip)
    # Its range would ask for the room of the longest number.
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    return box
