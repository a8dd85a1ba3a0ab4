"""Freehand: a line drawn in one drag. No Qt."""

from math import dist
from typing import ClassVar

from viewer.tools.events import Button, EventKind, ViewEvent
from viewer.tools.lasso import LassoTool

#: Points nearer together than this many screen pixels say nothing about the line.
STEP_PIXELS = 1.0


class Freehand(LassoTool):
    """The line follows the mouse; releasing closes it straight."""

    name: ClassVar[str] = "freehand"
    title: ClassVar[str] = "Freehand"
    shortcut: ClassVar[str] = "F"
    tip: ClassVar[str] = "Draw round an area; begin with Ctrl to cut it out. Releasing closes the line, Esc drops it"

    def take_back(self) -> bool:
        """The whole line: its points were not set one by one."""
        return self.cancel()

    def handle(self, event: ViewEvent) -> bool:
        """Left drag draws."""
        if event.kind in (EventKind.PRESS, EventKind.DOUBLE) and event.button is Button.LEFT:
            self._begin(event)
            return True
        if not self._points or event.view is not self._view:
            return False
        if event.kind is EventKind.MOVE:
            if dist(event.point_cut, self._points[-1]) >= STEP_PIXELS * event.pixel_mm:
                self._points.append(event.point_cut)
            return True
        if event.kind is EventKind.RELEASE and event.button is Button.LEFT:
            self._close()
            return True
        return event.kind is EventKind.WHEEL
