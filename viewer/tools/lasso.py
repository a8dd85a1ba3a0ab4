"""What the tools that draw a closed line share. No Qt."""

from typing import ClassVar

import numpy as np
from shapely import MultiPolygon, Polygon

from engine.contouring.brush import clean
from viewer.edits.target import editable, existing
from viewer.session import Cut, View
from viewer.tools.canvas import Place, draw
from viewer.tools.events import Modifier, Preview, ViewEvent
from viewer.tools.registry import PlainTool, Workbench


class LassoTool(PlainTool):
    """A line drawn point by point; closed, its inside is added, or taken away when it was begun with Ctrl."""

    name: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._place: Place | None = None
        self._view: View | None = None
        self._points: list[tuple[float, float]] = []
        self._mouse: tuple[float, float] | None = None
        self._adding = True

    def preview(self, view: View) -> Preview | None:
        """The line so far, to the mouse, and thinly back to its beginning."""
        if view is not self._view or not self._points:
            return None
        roi = self._bench.session.active_roi
        line = np.array([*self.live_points(), self._points[0]], dtype=np.float64)
        return Preview([line], roi.colour if roi is not None else (255, 255, 255), at=self.drawn_at)

    @property
    def drawn_at(self) -> tuple[Cut, float] | None:
        """The cut on which the line lies: on others it would be seen where it isn't."""
        return (self._place.cut, self._place.index) if self._place is not None else None

    @property
    def drafting(self) -> bool:
        """A line is open."""
        return bool(self._points)

    def take_back(self) -> bool:
        """The last point."""
        return self._key("Backspace")

    def live_points(self) -> list[tuple[float, float]]:
        """The line so far, and on to the mouse."""
        return [*self._points, *([self._mouse] if self._mouse is not None else [])]

    def cancel(self) -> bool:
        """Drop the line."""
        drawing = bool(self._points)
        self._place = self._view = self._mouse = None
        self._points = []
        return drawing

    def shape(self, points: list[tuple[float, float]]) -> MultiPolygon:
        """The inside of the closed line."""
        return clean(Polygon(points))

    def _begin(self, event: ViewEvent) -> None:
        self._adding = Modifier.CONTROL not in event.modifiers
        (editable if self._adding else existing)(self._bench.session)
        self._place, self._view = Place.of(event), event.view
        self._points = [event.point_cut]

    def _elsewhere(self, event: ViewEvent) -> bool:
        return event.view is not self._view or Place.of(event) != self._place

    def _key(self, key: str) -> bool:
        """Return closes the line, Backspace takes its last point back."""
        if not self._points:
            return False
        if key in ("Return", "Enter"):
            self._finish()
        elif key == "Backspace":
            self._points.pop()
            if not self._points:
                self.cancel()
        else:
            return False
        return True

    def _finish(self) -> None:
        """What Return does with the line."""
        self._close()

    def _close(self) -> None:
        place, points, adding = self._place, self._points, self._adding
        self.cancel()
        if place is None or len(points) < 3:
            self._bench.say(f"{self.title}: a line needs at least three points to have an inside.")
            return
        shape = self.shape(points)
        text = self.title if adding else f"{self.title} cut"
        draw(self._bench.session, self._bench.history, place, shape, adding, text=text, tool=self.name)
