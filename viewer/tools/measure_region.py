"""Region: a line drawn by hand round what is measured. No Qt."""

from math import dist
from typing import ClassVar

import numpy as np

from engine.volume import FloatArray
from viewer.tools.events import ViewEvent
from viewer.tools.measuring import MeasureTool

#: Points nearer together than this many screen pixels say nothing about the line.
_STEP_PIXELS = 2.0


class Region(MeasureTool):
    """The line follows the mouse; releasing closes it straight."""

    name: ClassVar[str] = "measure region"
    title: ClassVar[str] = "Region"
    kind: ClassVar[str] = "region"
    shortcut: ClassVar[str] = "Shift+F"
    tip: ClassVar[str] = "Area and statistics inside a line drawn by hand; it changes no structure"

    def press(self, event: ViewEvent) -> None:
        """Where the line begins."""
        self.begin(event)

    def moved(self, event: ViewEvent) -> None:
        """The line follows."""
        here = self.place(event)
        if dist(here, self._points[-1]) >= _STEP_PIXELS * event.pixel_mm:
            self._points.append(here)

    def release(self, event: ViewEvent) -> None:
        """Close it."""
        points = self.drawn()
        self.cancel()
        if points is None:
            self._bench.say("Region: drag round what is to be measured.")
        else:
            self.finish(points)

    def drawn(self) -> FloatArray | None:
        """The line so far."""
        return np.array(self._points) if len(self._points) >= 3 else None
