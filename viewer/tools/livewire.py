"""Live wire: the line between clicks follows the edges of the image. No Qt."""

from math import dist
from typing import ClassVar

import numpy as np

from engine.contouring.livewire import Wire
from engine.volume import FloatArray
from viewer.tools.events import Button, EventKind, Modifier, ViewEvent
from viewer.tools.lasso import LassoTool
from viewer.tools.patch import Patch, patch
from viewer.tools.polygon import CLOSING_PIXELS
from viewer.tools.registry import Workbench

#: The wire reaches this many voxels from the last click; further on the line is straight.
REACH_VOXELS = 80


class LiveWire(LassoTool):
    """Each click fastens the wire; a double click, Return or a click on the first point closes it."""

    name: ClassVar[str] = "live wire"
    title: ClassVar[str] = "Live wire"
    shortcut: ClassVar[str] = "W"
    tip: ClassVar[str] = (
        "Click along an edge; the line between clicks follows it, and learns what kind of edge it is. Hold Shift for a "
        "straight line, begin with Ctrl to cut out. Return, a double click or the first point closes, Backspace takes "
        "a click back, Esc drops it"
    )
    group: ClassVar[str] = "Line"
    reads_image: ClassVar[bool] = True

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        #: How many points there were at each click.
        self._clicks: list[int] = []
        self._wire: Wire | None = None
        self._patch: Patch | None = None
        self._typical: float | None = None
        self._to_mouse: list[tuple[float, float]] = []

    def handle(self, event: ViewEvent) -> bool:
        """Clicks fasten the wire; keys close it or take a click back."""
        if event.kind is EventKind.LEAVE:
            self._mouse, self._to_mouse = None, []
            return False
        if event.kind is EventKind.KEY:
            return self._key(event.key)
        if event.kind is EventKind.MOVE and self._clicks:
            self._follow(event)
            return event.button in (Button.NONE, Button.LEFT)
        if event.button is not Button.LEFT or event.kind not in (EventKind.PRESS, EventKind.DOUBLE):
            return False
        if not self._clicks:
            self._begin(event)
            self._typical = None
            self._fasten()
        elif self._elsewhere(event):
            self._bench.say("The wire is open on another plane: close it there with Return, or drop it with Esc.")
        elif event.kind is EventKind.DOUBLE or (
            len(self._clicks) > 1 and dist(event.point_cut, self._points[0]) <= CLOSING_PIXELS * event.pixel_mm
        ):
            self._close_along()
        else:
            self._points += self._way(event.point_cut, Modifier.SHIFT in event.modifiers)
            self._fasten()
        return True

    def cancel(self) -> bool:
        """Drop the wire."""
        self._clicks, self._to_mouse = [], []
        self._wire = self._patch = None
        return super().cancel()

    def live_points(self) -> list[tuple[float, float]]:
        """The line so far, and on along the edge to the mouse."""
        return [*self._points, *self._to_mouse]

    def _follow(self, event: ViewEvent) -> None:
        away = self._elsewhere(event)
        self._mouse = None if away else event.point_cut
        self._to_mouse = [] if away else self._way(event.point_cut, Modifier.SHIFT in event.modifiers)

    def _fasten(self) -> None:
        """Find the ways from the last point, on the edges that are like those so far."""
        bench, place = self._bench, self._place
        structures = bench.session.structures
        assert structures is not None and place is not None, "the wire is begun on an open series"
        if self._wire is not None and self._patch is not None and len(self._points) > 4:
            since = self._points[self._clicks[-1] - 1 :]
            self._typical = self._wire.steepness_along(self._index(self._patch, np.array(since)))
        self._clicks.append(len(self._points))
        self._to_mouse = []
        geometry = structures.geometry
        (u, v), reach = self._points[-1], REACH_VOXELS * min(geometry.spacing_uv)
        held = patch(bench.image, geometry, place, (u - reach, v - reach, u + reach, v + reach))
        if held is None or min(held.values.shape) < 3:
            self._wire = self._patch = None
            return
        window = bench.image.window
        levels = np.clip((np.nan_to_num(held.values.astype(np.float64)) - window.low) / window.width, 0, 1)
        steps = tuple(float(np.diff(axis).mean()) for axis in (held.across, held.down))
        self._patch, self._wire = held, Wire(levels, (steps[0], steps[1]), self._typical)
        row, column = self._voxel(held, self._points[-1])
        self._wire.start(row, column)

    def _way(self, point: tuple[float, float], straight: bool = False) -> list[tuple[float, float]]:
        """The points from the last one, without it, to `point`."""
        if straight or self._wire is None or self._patch is None:
            return [point]
        way = self._wire.way_to(*self._voxel(self._patch, point))[1:-1]
        across = np.interp(way[:, 1], np.arange(len(self._patch.across)), self._patch.across)
        down = np.interp(way[:, 0], np.arange(len(self._patch.down)), self._patch.down)
        return [*zip(across.tolist(), down.tolist(), strict=True), point]

    def _close_along(self) -> None:
        """Back to the first point along the edge."""
        if len(self._points) > 1:
            self._points += self._way(self._points[0])[:-1]
        self._close()

    def _key(self, key: str) -> bool:
        if not self._clicks:
            return False
        if key in ("Return", "Enter"):
            self._close_along()
        elif key == "Backspace":
            self._clicks.pop()
            if not self._clicks:
                self.cancel()
            else:
                self._points = self._points[: self._clicks.pop()]
                self._wire = None
                self._fasten()
        else:
            return False
        return True

    @staticmethod
    def _index(held: Patch, points: FloatArray) -> FloatArray:
        """(n, 2) mm of the cut → (n, 2) fractional [row, column] of the patch."""
        column = np.interp(points[:, 0], held.across, np.arange(len(held.across)))
        row = np.interp(points[:, 1], held.down, np.arange(len(held.down)))
        return np.stack([row, column], axis=1)

    def _voxel(self, held: Patch, point: tuple[float, float]) -> tuple[int, int]:
        row, column = np.rint(self._index(held, np.array([point]))[0]).astype(int).tolist()
        return row, column
