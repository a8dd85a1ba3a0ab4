"""Spline: a smooth line through points that can be dragged, added and removed; also those of a line that is there.

No Qt.
"""

from math import dist
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from engine.contouring.brush import clean
from engine.contouring.spline import closed_curve, pulled, with_ring, without_handle
from engine.volume import FloatArray
from viewer.edits.parameters import Parameter
from viewer.edits.target import existing
from viewer.history import redraw
from viewer.session import Cut, View
from viewer.tools.events import Button, EventKind, Modifier, Preview, ViewEvent
from viewer.tools.handles import Handles, Ring
from viewer.tools.lasso import LassoTool
from viewer.tools.registry import Workbench

#: A point is taken hold of within so many screen pixels; its square is that wide.
GRIP_PIXELS = 7.0


class Spline(LassoTool):
    """Clicks away from the line begin a new one; on it they take hold of it."""

    name: ClassVar[str] = "spline"
    title: ClassVar[str] = "Spline"
    shortcut: ClassVar[str] = "D"
    tip: ClassVar[str] = (
        "Points of a smooth line: click to set, drag to move, Ctrl+click to remove; Return, a double click or the "
        "first point closes. On a line of the active structure: drag a point or the line itself, Ctrl+click a point "
        "to remove it"
    )
    group: ClassVar[str] = "Line"

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        #: Index of the point of the new line that is dragged.
        self._dragged: int | None = None
        self._handles = Handles()
        #: Where the handles were looked for: the pane and the plane.
        self._at: tuple[View | None, int] = (None, -1)
        #: The ring and its handle that are pulled, where to, and the ring as it would be.
        self._pulled: tuple[Ring, int] | None = None
        self._to = (0.0, 0.0)
        self._now: FloatArray | None = None
        self._pixel = 1.0

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """How many points a line that is there has."""
        tip = "How far a line may run from the straight ones between its points: less gives more points"
        return (Parameter("detail", "Points to", "mm", 1.0, 0.1, 20, 1, tip=tip),)

    def handle(self, event: ViewEvent) -> bool:
        """Clicks set, drags move, keys close or take back."""
        self._pixel = event.pixel_mm
        if event.kind is EventKind.KEY:
            return self._key(event.key)
        if event.kind is EventKind.MOVE:
            return self._move(event)
        if event.kind is EventKind.RELEASE and event.button is Button.LEFT:
            return self._release()
        if event.button is not Button.LEFT or event.kind not in (EventKind.PRESS, EventKind.DOUBLE):
            return False
        if self._points:
            self._on_new_line(event)
        elif not self._take_hold(event):
            self._begin(event)
            self._dragged = 0
        return True

    def preview(self, view: View) -> Preview | None:
        """The smooth line with its points; without one, the points of the active structure's lines."""
        session = self._bench.session
        roi = session.active_roi
        colour = roi.colour if roi is not None else (255, 255, 255)
        if self._points:
            if view is not self._view:
                return None
            curve = closed_curve(self.live_points())
            return Preview(
                [np.concatenate([curve, curve[:1]]), *map(self._square, self._points)], colour, at=self.drawn_at
            )
        if roi is None or self._at != (view, session.plane):
            return None
        squares = [self._square(handle) for ring in self._handles.rings for handle in ring.handles]
        if self._pulled is not None and self._now is not None:
            held = self._pulled[0]
            lines = [self._now, *(ring.points for ring in self._handles.rings if ring is not held)]
            area = with_ring(roi.area(session.plane), held.part, held.ring, self._now)
            return Preview([*lines, *squares], colour, roi.number, area)
        return Preview(squares, colour) if squares else None

    def live_points(self) -> list[tuple[float, float]]:
        """The points so far, and on to the mouse unless one of them is dragged."""
        return self._points if self._dragged is not None else super().live_points()

    def cancel(self) -> bool:
        """Drop the line, or let go of it."""
        pulling = self._pulled is not None
        self._pulled = self._now = self._dragged = None
        return super().cancel() or pulling

    def shape(self, points: list[tuple[float, float]]) -> MultiPolygon:
        """The inside of the smooth line."""
        return clean(Polygon(closed_curve(points)))

    # A new line -----------------------------------------------------------------------------------------------------

    def _on_new_line(self, event: ViewEvent) -> None:
        if self._elsewhere(event):
            self._bench.say("The spline is open on another plane: close it there with Return, or drop it with Esc.")
            return
        near = min(range(len(self._points)), key=lambda n: dist(self._points[n], event.point_cut))
        hit = dist(self._points[near], event.point_cut) <= GRIP_PIXELS * event.pixel_mm
        if hit and Modifier.CONTROL in event.modifiers:
            self._points.pop(near)
            if not self._points:
                self.cancel()
        elif event.kind is EventKind.DOUBLE or (hit and near == 0 and len(self._points) > 2):
            self._finish()
        elif hit:
            self._dragged = near
        else:
            self._points.append(event.point_cut)
            self._dragged = len(self._points) - 1

    def _finish(self) -> None:
        """Close the line; its points stay the handles of what is drawn."""
        self._handles.keep(np.array(self._points))
        self._close()
        self._look()

    # A line that is there -------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Know the rings of the active structure on the plane of the mouse."""
        roi = self._bench.session.active_roi
        usable = roi is not None and roi.visible and not roi.locked
        source = roi.planes.get(self._at[1]) if usable and roi is not None else None
        self._handles.look(source, self._bench.values(self)["detail"])

    def _take_hold(self, event: ViewEvent) -> bool:
        """Take a handle, or make one on the line; False where neither is under the mouse."""
        if event.cut is not Cut.PLANE:
            return False
        self._at = (event.view, event.plane)
        self._look()
        reach = GRIP_PIXELS * event.pixel_mm
        held = self._handles.grip(event.point_cut, reach)
        if held is not None and Modifier.CONTROL in event.modifiers:
            ring, index = held
            points = without_handle(ring.points, ring.handles, index)
            ring.handles = np.delete(ring.handles, index, axis=0)
            self._store(ring, points, "Remove a point")
            return True
        if held is None and Modifier.CONTROL not in event.modifiers:
            held = self._handles.insert(event.point_cut, reach)
        if held is None:
            return False
        existing(self._bench.session)
        self._pulled, self._to = held, event.point_cut
        return True

    def _move(self, event: ViewEvent) -> bool:
        if self._pulled is not None:
            ring, index = self._pulled
            if event.view is self._at[0]:
                self._to = event.point_cut
                self._now = pulled(ring.points, ring.handles, index, self._to)
            return True
        if not self._points:
            self._at = (event.view, event.plane) if event.cut is Cut.PLANE else (None, -1)
            self._look()
            return False
        away = self._elsewhere(event)
        self._mouse = None if away else event.point_cut
        if self._dragged is not None and not away and event.button is Button.LEFT:
            self._points[self._dragged] = event.point_cut
        return event.button in (Button.NONE, Button.LEFT)

    def _release(self) -> bool:
        self._dragged = None
        held, now = self._pulled, self._now
        self._pulled = self._now = None
        if held is None:
            return bool(self._points)
        if now is not None:
            ring, index = held
            ring.handles[index] = self._to
            self._store(ring, now, "Move a point")
        return True

    def _store(self, ring: Ring, points: FloatArray, text: str) -> None:
        """The changed ring as one step."""
        roi, plane = existing(self._bench.session), self._at[1]
        area = with_ring(roi.area(plane), ring.part, ring.ring, points)
        step = redraw(roi, {plane: area}, text=f"{text} on plane {plane + 1} of {roi.name}", tool=self.name)
        if step is not None:
            self._handles.keep()
            self._bench.history.do(step)
            self._look()

    def _square(self, point: tuple[float, float] | FloatArray) -> NDArray[np.float64]:
        """The mark of a point, the same size at any zoom."""
        half = GRIP_PIXELS / 2 * self._pixel
        return np.asarray(point) + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
