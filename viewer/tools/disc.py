"""What the tools with a round tip share: the disc under the mouse, and a stroke that grows by small capsules. No Qt."""

from typing import ClassVar

import numpy as np
from shapely import MultiPolygon

from engine.contouring.brush import clean, stamp
from engine.structures import Roi
from viewer.edits.target import editable, existing
from viewer.session import View
from viewer.tools.canvas import Place, area_at, combine, draw, outlines
from viewer.tools.events import Button, EventKind, Modifier, Preview, ViewEvent
from viewer.tools.registry import PlainTool, Workbench

#: A stroke's edge is thinned by at most this much (mm) before it joins the structure; the mouse is far coarser.
THINNING_MM = 0.01
Path = list[tuple[float, float]]
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 49)), np.sin(np.linspace(0, 2 * np.pi, 49))], axis=1)


class DiscTool(PlainTool):
    """A round tip that adds or takes away where it is dragged. One drag is one step."""

    name: ClassVar[str]
    title: ClassVar[str]
    adds: ClassVar[bool] = True
    has_disc: ClassVar[bool] = True

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._hover: tuple[View, tuple[float, float]] | None = None
        #: What a click would paint here, where that is not the whole disc.
        self._hint = MultiPolygon()
        self._place: Place | None = None
        self._view: View | None = None
        self._adding = True
        self._path: Path = []
        self._stroke = MultiPolygon()
        self._base: tuple[Roi | None, MultiPolygon] = (None, MultiPolygon())
        self._shown = MultiPolygon()

    def handle(self, event: ViewEvent) -> bool:
        """Left drag draws; Shift+wheel, or the wheel during a stroke, sizes the disc."""
        if event.kind is EventKind.LEAVE:
            self._hover, self._hint = None, MultiPolygon()
            return False
        if event.kind is not EventKind.KEY:
            self._hover = (event.view, event.point_cut)
        drawing = self._place is not None
        if self.reads_image and event.kind in (EventKind.MOVE, EventKind.WHEEL):
            self._hint = MultiPolygon() if drawing else self.reach(Place.of(event), [event.point_cut])
        if event.kind is EventKind.WHEEL:
            if not drawing and event.modifiers != {Modifier.SHIFT}:
                return False
            self._bench.resize(event.steps)
            return True
        if event.kind in (EventKind.PRESS, EventKind.DOUBLE) and event.button is Button.LEFT:
            self._begin(event)
            return True
        if event.kind is EventKind.MOVE and drawing:
            self._extend(event)
            return True
        if event.kind is EventKind.RELEASE and drawing and event.button is Button.LEFT:
            self._extend(event)
            self._finish()
            return True
        return False

    def preview(self, view: View) -> Preview | None:
        """The disc, and during a stroke the line as it will be."""
        session = self._bench.session
        roi = session.active_roi
        colour = roi.colour if roi is not None else (255, 255, 255)
        lines = []
        replaces = None
        if self._place is not None and view is self._view:
            lines += outlines(self._shown)
            replaces = self._base[0].number if self._base[0] is not None else None
        if self._hover is not None and self._hover[0] is view:
            lines.append(_CIRCLE * self._bench.radius_mm + self._hover[1])
            if self._place is None:
                lines += outlines(self._hint)
        return Preview(lines, colour, replaces, self._shown if replaces is not None else None) if lines else None

    def cursor_name(self) -> str:
        """The disc is the cursor."""
        return "none" if self._hover is not None else "cross"

    def cancel(self) -> bool:
        """Drop the stroke."""
        drawing = self._place is not None
        self._place = self._view = None
        self._stroke = self._shown = MultiPolygon()
        self._path = []
        return drawing

    def adding(self, event: ViewEvent, area: MultiPolygon) -> bool:
        """Whether a stroke that begins so adds; Ctrl turns it round."""
        return self.adds is not (Modifier.CONTROL in event.modifiers)

    def reach(self, place: Place, points: Path) -> MultiPolygon:
        """What a movement of the disc along one or two points reaches, mm of the cut."""
        return stamp(points, self._bench.radius_mm)

    def store(self, place: Place, shape: MultiPolygon, path: Path, adding: bool) -> None:
        """Make a finished stroke one step; `path` is where the middle of the disc went, mm of the cut."""
        bench = self._bench
        draw(bench.session, bench.history, place, shape, adding, text=self.title, tool=self.name)

    def _begin(self, event: ViewEvent) -> None:
        session = self._bench.session
        structures = session.structures
        roi = editable(session)
        assert structures is not None, "editable() refuses without a series"
        place = Place.of(event)
        area = area_at(roi, structures, place)
        self._adding = self.adding(event, area)
        if not self._adding:
            existing(session)
        self._place, self._view, self._path = place, event.view, [event.point_cut]
        self._base = (roi, area)
        self._stroke = self.reach(place, [event.point_cut])
        self._shown = combine(area, self._stroke, self._adding)

    def _extend(self, event: ViewEvent) -> None:
        # A stroke stays on the cut where it began, whatever scrolls meanwhile.
        if event.view is not self._view or event.point_cut == self._path[-1] or self._place is None:
            return
        tip = self.reach(self._place, [self._path[-1], event.point_cut])
        self._path.append(event.point_cut)
        self._stroke = combine(self._stroke, tip, True)
        session = self._bench.session
        if session.active_roi is not self._base[0] and session.structures is not None and self._place is not None:
            # An undo or a model's result arrived during the stroke.
            self._base = (session.active_roi, area_at(session.active_roi, session.structures, self._place))
            self._shown = combine(self._base[1], self._stroke, self._adding)
        else:
            self._shown = combine(self._shown, tip, self._adding)

    def _finish(self) -> None:
        place, stroke, path, adding = self._place, self._stroke, self._path, self._adding
        self.cancel()
        if place is not None:
            self.store(place, clean(stroke.simplify(THINNING_MM)), path, adding)
