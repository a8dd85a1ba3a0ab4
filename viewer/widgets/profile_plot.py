"""The curve of a profile: the values of each image that is shown over the millimetres of its line."""

import pyqtgraph as pg
from PySide6.QtGui import QColor

from engine.measures.measure import Measure
from engine.measures.profile import along
from viewer.layers import Layer
from viewer.widgets.theme import BACKGROUND, FAINT, TEXT

#: Of the base, and of the layers over it.
_COLOURS = (TEXT, "#e9a23b", "#5fb8e8", "#7bc67e")


class ProfilePlot(pg.PlotWidget):  # type: ignore[misc]
    """One curve an image that is seen."""

    def __init__(self) -> None:
        super().__init__(background=QColor(BACKGROUND))
        self.setMinimumHeight(120)
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        for side in ("bottom", "left"):
            self.getAxis(side).setPen(FAINT)
            self.getAxis(side).setTextPen(FAINT)
        self.setLabel("bottom", "mm")

    def show_profile(self, measure: Measure, layers: tuple[Layer, ...]) -> None:
        """Draw the profile on every image that is seen."""
        self.clear()
        seen = [layer for layer in layers if layer.visible and not layer.volume.is_colour]
        for layer, colour in zip(seen, _COLOURS, strict=False):
            at, values = along(measure.moved(layer.transform.inverse()), layer.volume)
            self.plot(at, values, pen=pg.mkPen(colour, width=1.5), connect="finite", name=layer.name)
        self.setLabel("left", " / ".join(dict.fromkeys(layer.volume.units for layer in seen if layer.volume.units)))
