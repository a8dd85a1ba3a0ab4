"""The histogram of the open series; its region is the grey-level window."""

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from engine.volume import Volume
from viewer.render.colour_maps import NAMES, presets, sample
from viewer.session import Session, Window
from viewer.widgets.theme import ACCENT

_BINS = 256


def histogram(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts and bin edges, (n,) and (n + 1,), of a sample of the volume, its rarest 0.05 % at both ends left out."""
    values = sample(volume, 5e5)
    if not values.size:
        return np.zeros(1), np.array([0.0, 1.0])
    low, high = np.percentile(values, [0.05, 99.95])
    if high <= low:
        high = low + 1.0
    counts, edges = np.histogram(values, bins=_BINS, range=(float(low), float(high)))
    return counts.astype(np.float64), edges.astype(np.float64)


class HistogramPanel(QWidget):
    """Counts over values, with the window as a region to drag, its numbers, the presets and the colour map."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._presets: list[tuple[str, Window, str]] = []
        self.plot = pyqtgraph.PlotWidget()
        self.plot.setMinimumHeight(90)
        self.plot.setMaximumHeight(190)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.hideAxis("left")
        self.plot.setMouseEnabled(x=True, y=False)
        self.plot.setToolTip("Drag the edges of the region to set the window; the wheel zooms, drag the rest to move")
        self._curve = pyqtgraph.PlotDataItem(
            stepMode="center", fillLevel=0, brush=(110, 118, 128, 120), pen=(150, 156, 164)
        )
        self.plot.addItem(self._curve)
        self.region = pyqtgraph.LinearRegionItem(
            brush=(91, 141, 184, 40), hoverBrush=(91, 141, 184, 60), pen=pyqtgraph.mkPen(ACCENT), swapMode="block"
        )
        self.plot.addItem(self.region)
        self.region.sigRegionChanged.connect(self._region_moved)

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
        layout.addWidget(self.plot, 1)
        layout.addLayout(numbers)
        layout.addLayout(choices)
        session.volume_changed.connect(self._on_volume)
        session.window_changed.connect(self._on_window)
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
        if volume is None:
            self._curve.setData(np.array([0.0, 1.0]), np.zeros(1))
            return
        counts, edges = histogram(volume)
        # Air outweighs everything else by far; the root lets the tissues show beside it.
        self._curve.setData(edges, np.sqrt(counts))
        for number, (name, _, _) in enumerate(self._presets, 1):
            self.presets.addItem(f"{number}  {name}")
        self.presets.setCurrentIndex(-1)
        step = float(edges[-1] - edges[0]) / 400
        decimals = 0 if step >= 1 else 3
        for box in (self.centre, self.width_box):
            with QSignalBlocker(box):
                box.setDecimals(decimals)
                box.setSingleStep(max(round(step), 1) if decimals == 0 else step)
        self._on_window()
        window = self._session.window
        margin = window.width / 2
        low, high = min(edges[0], window.low - margin / 4), max(edges[-1], window.high + margin / 4)
        if volume.modality == "CT":
            low, high = max(low, window.low - 3 * window.width), min(high, window.high + 4 * window.width)
        self.plot.setXRange(float(low), float(high), padding=0.02)
        shown = (edges[1:] >= low) & (edges[:-1] <= high) & (counts < counts.max())
        top = np.sqrt(counts[shown].max()) if shown.any() and counts[shown].max() > 0 else 1.0
        self.plot.setYRange(0.0, float(top) * 1.05, padding=0)

    def _on_window(self) -> None:
        window = self._session.window
        with QSignalBlocker(self.region), QSignalBlocker(self.centre), QSignalBlocker(self.width_box):
            self.region.setRegion((window.low, window.high))
            self.centre.setValue(window.centre)
            self.width_box.setValue(window.width)
        self.colours.setCurrentText(self._session.colour_map)
        same = [
            index
            for index, (_, preset, colours) in enumerate(self._presets)
            if preset == window and colours == self._session.colour_map
        ]
        self.presets.setCurrentIndex(same[0] if same else -1)

    def _region_moved(self) -> None:
        low, high = self.region.getRegion()
        if self._session.volume is not None and high > low:
            self._session.set_window(Window.between(float(low), float(high)))

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
