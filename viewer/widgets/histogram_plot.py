"""The plot of the histogram. Loads pyqtgraph, so it is imported when the first series is opened."""

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, Signal

from engine.volume import Volume
from viewer.layers import Window
from viewer.looks import sample
from viewer.widgets.theme import ACCENT, FAINT, FIELD

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


class HistogramPlot(pyqtgraph.PlotWidget):  # type: ignore[misc]
    """Counts over values, with the window as a region to drag."""

    #: (low, high) after the user moved the region.
    region_moved = Signal(float, float)

    def __init__(self) -> None:
        super().__init__(background=FIELD)
        self.setMinimumHeight(90)
        self.setMaximumHeight(190)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.hideAxis("left")
        self.getAxis("bottom").setPen(FAINT)
        self.getAxis("bottom").setTextPen(FAINT)
        self.setMouseEnabled(x=True, y=False)
        self.setToolTip("Drag the edges of the region to set the window; the wheel zooms, drag the rest to move")
        self._curve = pyqtgraph.PlotDataItem(
            stepMode="center", fillLevel=0, brush=(110, 118, 128, 120), pen=(150, 156, 164)
        )
        self.addItem(self._curve)
        self.region = pyqtgraph.LinearRegionItem(
            brush=(91, 141, 184, 40), hoverBrush=(91, 141, 184, 60), pen=pyqtgraph.mkPen(ACCENT), swapMode="block"
        )
        self.addItem(self.region)
        self.region.sigRegionChanged.connect(self._on_region)

    def show_volume(self, volume: Volume | None, window: Window) -> tuple[float, float]:
        """Plot a volume's histogram around a window; the range of values."""
        if volume is None:
            self._curve.setData(np.array([0.0, 1.0]), np.zeros(1))
            return 0.0, 1.0
        counts, edges = histogram(volume)
        # Air outweighs everything else by far; the root lets the tissues show beside it.
        self._curve.setData(edges, np.sqrt(counts))
        margin = window.width / 8
        low, high = min(edges[0], window.low - margin), max(edges[-1], window.high + margin)
        if volume.modality == "CT":
            low, high = max(low, window.low - 3 * window.width), min(high, window.high + 4 * window.width)
        self.setXRange(float(low), float(high), padding=0.02)
        shown = (edges[1:] >= low) & (edges[:-1] <= high) & (counts < counts.max())
        top = float(np.sqrt(counts[shown].max())) if shown.any() and counts[shown].max() > 0 else 1.0
        self.setYRange(0.0, top * 1.05, padding=0)
        return float(edges[0]), float(edges[-1])

    def show_window(self, window: Window) -> None:
        """Put the region where the window is."""
        with QSignalBlocker(self.region):
            self.region.setRegion((window.low, window.high))

    def _on_region(self) -> None:
        low, high = self.region.getRegion()
        if high > low:
            self.region_moved.emit(float(low), float(high))
