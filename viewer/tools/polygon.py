"""Polygon: corners set by clicks. No Qt."""

from math import dist
from typing import ClassVar

from viewer.tools.events import Button, EventKind, ViewEvent
from viewer.tools.lasso import LassoTool

#: A click this near to the first corner closes the polygon, screen pixels.
CLOSING_PIXELS = 8


class PolygonTool(LassoTool):
    """Each click sets a corner; a double click, Return or a click on the first corner closes."""

    name: ClassVar[str] = "polygon"
    title: ClassVar[str] = "Polygon"
    shortcut: ClassVar[str] = "P"
    tip: ClassVar[str] = (
        "Set corners by clicks; begin with Ctrl to cut out. Return, a double click or the first corner closes, "
        "Backspace takes a corner back, Esc drops it"
    )
    group: ClassVar[str] = "Line"

    def handle(self, event: ViewEvent) -> bool:
        """Clicks set corners; keys close or take back."""
        if event.kind is EventKind.LEAVE:
            self._mouse = None
            return False
        if event.kind is EventKind.KEY:
            return self._key(event.key)
        if event.kind is EventKind.MOVE and self._points:
            self._mouse = None if self._elsewhere(event) else event.point_cut
            return event.button in (Button.NONE, Button.LEFT)
        if event.button is not Button.LEFT or event.kind not in (EventKind.PRESS, EventKind.DOUBLE):
            return False
        if not self._points:
            self._begin(event)
        elif self._elsewhere(event):
            self._bench.say("The polygon is open on another plane: close it there with Return, or drop it with Esc.")
        elif event.kind is EventKind.DOUBLE or (
            len(self._points) > 2 and dist(event.point_cut, self._points[0]) <= CLOSING_PIXELS * event.pixel_mm
        ):
            self._close()
        else:
            self._points.append(event.point_cut)
        return True
