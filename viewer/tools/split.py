"""Split: a line across a structure parts it; the smaller part becomes a structure of its own. No Qt."""

from dataclasses import replace
from math import dist
from typing import ClassVar

import numpy as np
from shapely import MultiPolygon

from engine.contouring.split import side_of
from engine.edits import Step
from engine.structures import Review, Roi
from viewer.edits.parameters import Parameter, choice
from viewer.edits.planes import areas_of, moved_between
from viewer.edits.structures import free_name
from viewer.edits.target import RefusedError, existing, fresh_colour
from viewer.history import add, redraw
from viewer.session import Cut, View
from viewer.tools.canvas import combine
from viewer.tools.dragging import DragTool
from viewer.tools.events import Preview, ViewEvent
from viewer.tools.freehand import STEP_PIXELS
from viewer.tools.registry import Workbench

ON_PLANE, ALL_PLANES = 0.0, 1.0


class Split(DragTool):
    """Drag a line across the active structure on an acquired plane."""

    name: ClassVar[str] = "split"
    title: ClassVar[str] = "Split"
    shortcut: ClassVar[str] = "Shift+S"
    tip: ClassVar[str] = (
        "Drag a line across the active structure: the smaller part becomes a structure of its own, "
        "on this plane or on all planes"
    )
    group: ClassVar[str] = "Pieces"

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._points: list[tuple[float, float]] = []
        self._view: View | None = None
        self._plane = 0
        self._proposed: Roi | None = None

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """How far the cut goes."""
        return (choice("extent", "Split", "on the plane", "on all planes"),)

    @property
    def pressed_in(self) -> View | None:
        """Where the drag began."""
        return self._view

    def press(self, event: ViewEvent) -> None:
        """The line begins."""
        existing(self._bench.session)
        if event.cut is not Cut.PLANE:
            raise RefusedError("Draw the line on the acquired planes, in the axial view of most series.")
        self._points, self._view, self._plane = [event.point_cut], event.view, event.plane

    def drag(self, event: ViewEvent) -> None:
        """It goes on."""
        if dist(event.point_cut, self._points[-1]) >= STEP_PIXELS * event.pixel_mm:
            self._points.append(event.point_cut)
            self._propose()

    def preview(self, view: View) -> Preview | None:
        """The line."""
        if view is not self._view or len(self._points) < 2:
            return None
        return Preview([np.array(self._points)], (255, 255, 255))

    def proposal(self) -> Roi | None:
        """The part that would become a structure of its own."""
        return self._proposed

    def cancel(self) -> bool:
        """Drop the line."""
        had = bool(self._points)
        self._points, self._view, self._proposed = [], None, None
        return had

    def _propose(self) -> None:
        roi = self._bench.session.active_roi
        self._proposed = None
        if roi is not None:
            part = self._part(roi)
            self._proposed = Roi(roi.number, roi.name, roi.colour).with_areas(part) if part else None

    def _part(self, roi: Roi) -> dict[int, MultiPolygon]:
        """Plane → the smaller part; empty where the line parts nothing."""
        structures = self._bench.session.structures
        if structures is None or len(self._points) < 2:
            return {}
        all_planes = self._bench.values(self)["extent"] == ALL_PLANES
        areas = areas_of(roi) if all_planes else {self._plane: roi.area(self._plane)}
        sides: tuple[dict[int, MultiPolygon], dict[int, MultiPolygon]] = ({}, {})
        for plane, area in areas.items():
            here = moved_between(area, structures.geometry, plane, self._plane)
            for side, half in zip(sides, side_of(here, self._points), strict=True):
                side[plane] = moved_between(half, structures.geometry, self._plane, plane)
        sizes = [sum(area.area for area in side.values()) for side in sides]
        if min(sizes) <= 0:
            return {}
        small = sides[int(np.argmin(sizes))]
        return {plane: area for plane, area in small.items() if not area.is_empty}

    def release(self) -> None:
        """Split along it."""
        session, history = self._bench.session, self._bench.history
        roi, structures = existing(session), session.structures
        assert structures is not None, "existing() refuses without a series"
        part = self._part(roi)
        line, plane = self._points, self._plane
        self.cancel()
        if not part:
            self._bench.say(f"The line parts nothing of {roi.name}: draw it from one side to the other.")
            return
        rest = {k: combine(roi.area(k), area, False) for k, area in part.items()}
        made = replace(
            Roi(structures.next_number(), free_name(structures, f"{roi.name} part"), roi_type=roi.roi_type),
            colour=fresh_colour(structures), provenance=replace(roi.provenance, edited=True, review=Review()),
        ).with_areas(part)  # fmt: skip
        text = f"Split {roi.name} on {'all planes' if len(part) > 1 else f'plane {plane + 1}'}"
        kept = redraw(roi, rest, text=text, tool=self.name)
        gained = add(structures, (made,), text=text, tool=self.name)
        assert kept is not None and len(line) > 1, "a part is taken away"
        history.do(Step(text, self.name, (*kept.changes, *gained.changes)))
