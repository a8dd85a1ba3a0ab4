"""Ellipse: area and statistics inside. No Qt."""

from typing import ClassVar

import numpy as np

from engine.measures.measure import as_points
from engine.volume import FloatArray
from viewer.tools.events import Modifier, ViewEvent
from viewer.tools.measuring import MeasureTool


class Ellipse(MeasureTool):
    """Drawn from the middle outwards; Shift keeps it a circle."""

    name: ClassVar[str] = "measure ellipse"
    title: ClassVar[str] = "Ellipse"
    kind: ClassVar[str] = "ellipse"
    shortcut: ClassVar[str] = "Shift+E"
    tip: ClassVar[str] = "Statistics inside an ellipse: drag from its middle outwards; Shift makes it a circle"

    _round = False
    _axes: FloatArray = np.eye(3)[:2]

    def press(self, event: ViewEvent) -> None:
        """The middle."""
        self.begin(event)
        self._round = Modifier.SHIFT in event.modifiers
        self._axes = np.array([event.right_lps, np.cross(event.across_lps, event.right_lps)])

    def moved(self, event: ViewEvent) -> None:
        """Shift may come and go during the drag."""
        self._round = Modifier.SHIFT in event.modifiers

    def release(self, event: ViewEvent) -> None:
        """The corner of the box around it."""
        points = self.drawn()
        if points is None or self.is_click(event):
            self.cancel()
            self._bench.say("Ellipse: drag from its middle outwards.")
        else:
            self.finish(points)

    def drawn(self) -> FloatArray | None:
        """Centre and the ends of the two half axes, which run along the screen."""
        if self._mouse is None:
            return None
        centre = self._points[0]
        half = self._axes @ (self._mouse - centre)
        if self._round:
            half = np.full(2, np.linalg.norm(half))
        if np.abs(half).min() < 1e-3:
            return None
        ends = centre + half[:, None] * self._axes
        return np.array(as_points(np.vstack([centre, ends])))
