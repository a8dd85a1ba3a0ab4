"""Point: places an isocentre or a marker, and moves it. No Qt."""

from math import dist
from typing import ClassVar

import numpy as np

from engine.structures import Roi
from viewer.edits.parameters import Parameter, choice
from viewer.edits.points import NAMES, moved, place, point_of
from viewer.edits.structures import refuse_locked
from viewer.edits.target import RefusedError
from viewer.history import delete
from viewer.session import View
from viewer.tools.dragging import DragTool
from viewer.tools.events import Modifier, Preview, ViewEvent
from viewer.tools.registry import Workbench

#: A point is taken hold of within so many screen pixels, and its mark reaches that far.
GRIP_PIXELS = 8.0


class PointTool(DragTool):
    """A click places a point, a drag of one moves it, Ctrl+click deletes it."""

    name: ClassVar[str] = "point"
    title: ClassVar[str] = "Point"
    shortcut: ClassVar[str] = "Shift+M"
    tip: ClassVar[str] = (
        "Click to place a point; drag one to move it, Ctrl+click one to delete it. It is a structure of its own: "
        "rename it in the list (R)"
    )

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        #: The point that is dragged, None for a new one; where it is now, and in which pane.
        self._held: Roi | None = None
        self._to: ViewEvent | None = None
        self._view: View | None = None

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """What a new point is."""
        return (choice("kind", "Place", *NAMES.values()),)

    @property
    def pressed_in(self) -> View | None:
        """Where the drag began."""
        return self._view

    def drag(self, event: ViewEvent) -> None:
        """Where the point would be."""
        self._to = event

    def preview(self, view: View) -> Preview | None:
        """A cross where the point would be."""
        if self._to is None or view is not self._view:
            return None
        arm = GRIP_PIXELS * self._to.pixel_mm
        at = np.array(self._to.point_cut)
        lines = [at + arm * np.array([[-1, 0], [1, 0]]), at + arm * np.array([[0, -1], [0, 1]])]
        return Preview(lines, self._held.colour if self._held is not None else (255, 255, 255))

    def cancel(self) -> bool:
        """Let go; the point stays where it was."""
        had = self._view is not None
        self._held = self._to = self._view = None
        return had

    def press(self, event: ViewEvent) -> None:
        """Take hold of a point or begin one; with Ctrl delete it."""
        session, history = self._bench.session, self._bench.history
        structures = session.structures
        if structures is None:
            raise RefusedError("Open a series first, then place points on it.")
        near = self._under(event)
        if near is not None:
            refuse_locked(near)
            session.set_active(near.number)
            if Modifier.CONTROL in event.modifiers:
                history.do(delete(structures, frozenset({near.number}), text=f"Delete {near.name}"))
                return
        elif Modifier.CONTROL in event.modifiers:
            return
        self._held, self._to, self._view = near, event, event.view

    def release(self) -> None:
        """Place it."""
        session, history = self._bench.session, self._bench.history
        structures, held, event = session.structures, self._held, self._to
        self.cancel()
        if structures is None or event is None:
            return
        if held is None:
            roi_type = list(NAMES)[int(self._bench.values(self)["kind"])]
            step, number = place(structures, event.point_lps, roi_type)
            history.do(step)
            session.set_active(number)
        elif held.number in structures:
            before = point_of(held)
            if before is not None and dist(before, event.point_lps) > event.pixel_mm / 2:
                history.do(moved(structures, structures[held.number], event.point_lps))

    def _under(self, event: ViewEvent) -> Roi | None:
        """The point under the mouse, within its own plane's thickness."""
        session = self._bench.session
        structures, volume = session.structures, session.volume
        assert structures is not None and volume is not None, "a press is taken on an open series"
        best: tuple[float, Roi] | None = None
        for roi in structures.rois:
            point = point_of(roi) if roi.visible else None
            if point is None:
                continue
            away = dist(point, event.point_lps)
            near = away <= max(GRIP_PIXELS * event.pixel_mm, volume.geometry.mean_spacing / 2)
            if near and (best is None or away < best[0]):
                best = (away, roi)
        return best[1] if best is not None else None
