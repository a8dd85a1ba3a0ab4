"""What the tools that measure share: points set by clicks or drags, handles that can be dragged, Delete. No Qt."""

from dataclasses import dataclass
from math import dist
from typing import ClassVar

import numpy as np

from engine.measures.measure import Measure, as_points
from engine.measures.table import KINDS
from engine.volume import FloatArray
from viewer.edits.measures import add_measure, delete_measures, move_measure
from viewer.session import Cut, View
from viewer.tools.events import Button, EventKind, MeasureDraft, Preview, ViewEvent
from viewer.tools.registry import PlainTool, Workbench

#: A press this near to a handle takes hold of it, and a drag shorter than this is a click; screen pixels.
HANDLE_PIXELS = 8.0
CLICK_PIXELS = 4.0


@dataclass
class _Held:
    """A point of a measure that is being dragged."""

    measure: Measure
    point: int
    points: FloatArray


class MeasureTool(PlainTool):
    """A tool for one kind of measure. Points of measures that are there can be dragged, whatever their kind."""

    name: ClassVar[str]
    title: ClassVar[str]
    group: ClassVar[str] = "Measure"
    menu: ClassVar[str] = "Measure"
    on_oblique: ClassVar[bool] = True
    #: Word of `engine.measures.table.KINDS`.
    kind: ClassVar[str]

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._view: View | None = None
        self._index: tuple[Cut, float] = (Cut.PLANE, 0.0)
        self._across = (0.0, 0.0, 1.0)
        self._points: list[FloatArray] = []
        self._mouse: FloatArray | None = None
        self._pressed: FloatArray | None = None
        self._held: _Held | None = None
        self._near: Measure | None = None

    def handle(self, event: ViewEvent) -> bool:
        """Left button sets or drags points; Delete deletes the measure under the mouse."""
        if event.kind is EventKind.LEAVE:
            self._near = None
            return False
        if event.kind is EventKind.KEY:
            return self._key(event.key)
        if event.kind is EventKind.WHEEL:
            return bool(self._points) or self._held is not None
        if event.kind in (EventKind.PRESS, EventKind.DOUBLE) and event.button is Button.LEFT:
            if not self._points and self._take(event):
                return True
            self.press(event)
            return True
        if event.kind is EventKind.MOVE:
            return self._move(event)
        if event.kind is EventKind.RELEASE and event.button is Button.LEFT:
            if self._held is not None:
                self._move(event)
                held, self._held = self._held, None
                self._keep(held, event)
            elif self._points:
                # The mouse may have moved since the last event that told so.
                self._move(event)
                self.release(event)
            return True
        return False

    # What a kind does differently -----------------------------------------------------------------------------------

    def press(self, event: ViewEvent) -> None:
        """The left button goes down where no handle is."""
        raise NotImplementedError

    def release(self, event: ViewEvent) -> None:
        """It goes up again, while something is being drawn."""
        raise NotImplementedError

    def drawn(self) -> FloatArray | None:
        """(n, 3) LPS mm of the measure so far, with the mouse; None where it isn't one yet."""
        raise NotImplementedError

    # What a window asks ---------------------------------------------------------------------------------------------

    def preview(self, view: View) -> Preview | None:
        """The measure as it is being drawn or dragged, with what it amounts to."""
        if view is not self._view:
            return None
        if self._held is not None:
            moved = self._held.measure.with_points(self._held.points)
            return Preview((), measure=MeasureDraft(moved, self._held.measure.number))
        points = self.drawn() if self._points else None
        if points is None:
            return None
        document = self._bench.session.document
        number = document.next_number(Measure) if document is not None else 1
        return Preview((), measure=MeasureDraft(Measure(number, self.kind, as_points(points), self._across)))

    def cancel(self) -> bool:
        """Drop what is being drawn."""
        busy = bool(self._points) or self._held is not None
        self._points, self._held, self._mouse, self._pressed = [], None, None, None
        return busy

    @property
    def drafting(self) -> bool:
        """Points are set, and more are awaited."""
        return bool(self._points)

    def take_back(self) -> bool:
        """The whole, where its points are not set one by one."""
        return self.cancel()

    # Inside ---------------------------------------------------------------------------------------------------------

    def begin(self, event: ViewEvent) -> None:
        """The first point: the measure lies on this cut from now on."""
        self._view, self._index, self._across = event.view, _where(event), event.across_lps
        self._points = [self.place(event)]
        self._mouse, self._pressed = self._points[0], self._points[0]

    def is_click(self, event: ViewEvent) -> bool:
        """Whether the mouse is still where the button went down."""
        return self._pressed is None or _same_place(self.place(event), self._pressed, event)

    def elsewhere(self, event: ViewEvent) -> bool:
        """Whether the mouse is on another cut than the measure that is being drawn."""
        return event.view is not self._view or _where(event) != self._index

    def place(self, event: ViewEvent) -> FloatArray:
        """(3,) LPS mm under the mouse: on the acquired plane itself where the view cuts those."""
        volume = self._bench.session.volume
        if event.cut is Cut.PLANE and volume is not None:
            return np.asarray(volume.geometry.lps_from_plane(event.plane, event.point_cut)[0])
        return np.asarray(event.point_lps, dtype=np.float64)

    def finish(self, points: FloatArray) -> None:
        """Keep the measure."""
        across = self._across
        self.cancel()
        add_measure(self._bench.session, self._bench.history, self.kind, points, across)

    def _move(self, event: ViewEvent) -> bool:
        if self._held is not None:
            if not self.elsewhere(event):
                points = self._held.points.copy()
                points[self._held.point] = self.place(event)
                self._held.points = _shaped(self._held.measure, self._held.point, points)
            return True
        if not self._points:
            self._near = self._nearest(event)[0]
            return event.button is Button.LEFT
        if not self.elsewhere(event):
            self._mouse = self.place(event)
            self.moved(event)
        return event.button in (Button.NONE, Button.LEFT)

    def moved(self, event: ViewEvent) -> None:
        """The mouse moved on the cut while something is being drawn."""

    def wants_key(self, key: str) -> bool:
        """Delete, over a handle: it must not delete a contour."""
        return key == "Delete" and self._near is not None

    def _key(self, key: str) -> bool:
        if key == "Delete" and self._near is not None:
            delete_measures(self._bench.session, self._bench.history, (self._near.number,))
            self._near = None
            return True
        return False

    def _keep(self, held: _Held, event: ViewEvent) -> None:
        """Store where a point was dragged to, unless that is onto another of its measure."""
        # A line by hand has points that are as near as that.
        others = np.delete(held.points, held.point, axis=0) if held.measure.kind != "region" else ()
        moved = not np.array_equal(held.points, held.measure.points)
        if moved and any(_same_place(held.points[held.point], other, event) for other in others):
            self._bench.say("The two points would be one: the measure stays as it was.")
        else:
            move_measure(self._bench.session, self._bench.history, held.measure, held.points)

    def _take(self, event: ViewEvent) -> bool:
        measure, point = self._nearest(event)
        if measure is None:
            return False
        self._view, self._index = event.view, _where(event)
        self._held = _Held(measure, point, measure.points)
        return True

    def _nearest(self, event: ViewEvent) -> tuple[Measure | None, int]:
        """The measure with a handle under the mouse, and which."""
        document = self._bench.session.document
        here, across = self.place(event), np.asarray(event.across_lps)
        best: tuple[float, Measure | None, int] = (HANDLE_PIXELS * event.pixel_mm, None, 0)
        for measure in document.measures if document is not None else ():
            if abs(float(across @ np.asarray(measure.normal_lps))) < 0.999:
                continue
            away = np.linalg.norm(measure.points - here, axis=1)
            nearest = int(away.argmin())
            if away[nearest] <= best[0]:
                best = (float(away[nearest]), measure, nearest)
        return best[1], best[2]


class PointsTool(MeasureTool):
    """So many points, set by clicks; the first two also by one drag."""

    count: ClassVar[int]

    def press(self, event: ViewEvent) -> None:
        """Set a point."""
        if not self._points:
            self.begin(event)
        elif self.elsewhere(event):
            title = KINDS[self.kind].title.lower()
            self._bench.say(f"The {title} was begun on another plane: end it there, or drop it with Esc.")
        elif not _same_place(self.place(event), self._points[-1], event):
            # A double click would end it where it began.
            self._add(self.place(event))

    def take_back(self) -> bool:
        """The last point."""
        if len(self._points) < 2:
            return self.cancel()
        self._points.pop()
        return True

    def release(self, event: ViewEvent) -> None:
        """After a drag, the second point."""
        if self._pressed is None or self.elsewhere(event):
            return
        here, pressed = self.place(event), self._pressed
        self._pressed = None
        if not _same_place(here, pressed, event):
            self._add(here)

    def drawn(self) -> FloatArray | None:
        """The points, and the mouse for the next; the last of them again while there are too few."""
        points = [*self._points, self._mouse if self._mouse is not None else self._points[-1]]
        missing = self.count - len(points)
        return np.array([*points, *[points[-1]] * missing]) if missing >= 0 else None

    def _add(self, point: FloatArray) -> None:
        self._points.append(point)
        if len(self._points) == self.count:
            self.finish(np.array(self._points))


def _same_place(one: FloatArray, other: FloatArray, event: ViewEvent) -> bool:
    """Whether two points, LPS mm, are one for the hand."""
    return dist(one, other) <= CLICK_PIXELS * event.pixel_mm


def _where(event: ViewEvent) -> tuple[Cut, float]:
    return event.cut, event.plane if event.cut is Cut.PLANE else event.index


def _shaped(measure: Measure, point: int, points: FloatArray) -> FloatArray:
    """The points once one of them was dragged: an ellipse moves with its centre, and its axes stay perpendicular."""
    if measure.kind != "ellipse":
        return points
    before = measure.points
    if point == 0:
        return np.asarray(before + (points[0] - before[0]))
    held, other = points[point] - points[0], before[3 - point] - before[0]
    length = float(np.linalg.norm(other))
    turned = np.cross(np.asarray(measure.normal_lps), held)
    if np.linalg.norm(held) < 1e-6 or length < 1e-6:
        return before
    turned = turned / np.linalg.norm(turned) * length * (1 if turned @ other >= 0 else -1)
    points[3 - point] = points[0] + turned
    return points
