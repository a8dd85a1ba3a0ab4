"""How a network learns, drawn over the minutes: its loss, its score on what is held out, and its learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from viewer.widgets.theme import ACCENT, BACKGROUND, FAINT, GOOD, TEXT

if TYPE_CHECKING:
    from engine.training_process.run_folder import Curve

#: Title, colour, and whether single points are marked, as they are few.
_PLOTS = {"losses": ("loss", ACCENT, False), "scores": ("score, held out", GOOD, True), "rates": ("rate", TEXT, False)}
#: Scores are Dice, areas under the curve and the like.
_FROM_0_TO_1 = frozenset({"score, held out"})


class CurvesPlot(QWidget):
    """Three plots; of several networks one is shown, at first the latest."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: Sequence[Curve] = ()
        self.which = QComboBox(self)
        self.which.setToolTip("The network whose curves are shown")
        self.plots = {name: _plot(title) for name, (title, _, _) in _PLOTS.items()}
        self.lines = {
            name: self.plots[name].plot(
                [],
                [],
                pen=pg.mkPen(colour, width=1.5),
                symbolSize=5,
                symbolBrush=colour,
            )
            for name, (_, colour, _) in _PLOTS.items()
        }
        beside = QHBoxLayout()
        for plot in self.plots.values():
            beside.addWidget(plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.which)
        layout.addLayout(beside, 1)
        self.which.currentIndexChanged.connect(lambda _: self._draw())
        self.show_curves(())

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Draw curves; a network that has just begun comes into view where the one before it was."""
        followed = self.which.currentIndex() == self.which.count() - 1
        names = [curve.name or "network" for curve in curves]
        shown = [self.which.itemText(index) for index in range(self.which.count())]
        self._curves = curves
        self.which.blockSignals(True)
        if names != shown:
            kept = self.which.currentText()
            self.which.clear()
            self.which.addItems(names)
            self.which.setCurrentIndex(len(names) - 1 if followed or kept not in names else names.index(kept))
        self.which.blockSignals(False)
        self.which.setVisible(len(names) > 1)
        self._draw()

    def _draw(self) -> None:
        index = self.which.currentIndex()
        curve = self._curves[index] if 0 <= index < len(self._curves) else None
        for name, line in self.lines.items():
            points = getattr(curve, name) if curve is not None else ()
            # A line of one point would not be seen.
            symbol = "o" if _PLOTS[name][2] or len(points) == 1 else None
            line.setData([minutes for minutes, _ in points], [value for _, value in points], symbol=symbol)
        latest = max((minutes for name in _PLOTS for minutes, _ in getattr(curve, name, ())), default=0.0)
        for plot in self.plots.values():
            # All three over the same minutes, also where a score alone stands among them.
            plot.setXRange(0.0, latest or 1.0, padding=0.03)


def _plot(title: str) -> pg.PlotWidget:
    plot = pg.PlotWidget(background=QColor(BACKGROUND))
    plot.setMinimumHeight(120)
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.getViewBox().enableAutoRange(axis="y")
    if title in _FROM_0_TO_1:
        plot.setYRange(0.0, 1.0)
    for side in ("bottom", "left"):
        plot.getAxis(side).setPen(FAINT)
        plot.getAxis(side).setTextPen(FAINT)
        plot.getAxis(side).enableAutoSIPrefix(False)
    plot.setTitle(title, color=FAINT, size="9pt")
    plot.setLabel("bottom", "minutes")
    return plot
