"""A session's structures on the cut of one view: outlines, filled areas, and marks of what is no area. No Qt."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from vtkmodules.vtkRenderingCore import vtkRenderer

from engine.structures import Roi, StructureSet
from viewer.render.edged_lines import EdgedLines
from viewer.render.loose_marks import LooseMarks
from viewer.render.orientation import ViewFrame
from viewer.render.outlines import OutlineCache
from viewer.render.structure_fills import StructureFills
from viewer.session import Session

#: Screen pixels: of lines, of the active structure's, and how much wider these are than their style says.
LINE_PX, ACTIVE_LINE_PX = 1.0, 2.5
_ACTIVE_PX = ACTIVE_LINE_PX - LINE_PX
LOOSE_LINE_PX = 2.0
#: How far filled areas lie under the lines, and so under their edges, mm of depth.
UNDER = 300.0


class StructureLines:
    """Draws what is asked for, when it is asked for."""

    def __init__(self, session: Session, renderer: vtkRenderer) -> None:
        self._session, self._renderer = session, renderer
        self._fills, self._live_fill = StructureFills(renderer), StructureFills(renderer)
        #: Lines of one width, translucent or not. The active structure's come last, so that they lie over the others.
        self._outlines: dict[tuple[float, bool], EdgedLines] = {}
        self._edged = False
        self._active_outline = EdgedLines(renderer, ACTIVE_LINE_PX)
        self._lines_of((LINE_PX, False))
        self._loose = EdgedLines(renderer, LOOSE_LINE_PX)
        self._frame: ViewFrame | None = None
        self._cache: OutlineCache | None = None
        self._marks: LooseMarks | None = None
        #: Number of the ROI whose outline is not drawn, because what it becomes is.
        self.replaced: int | None = None

    def show(self, frame: ViewFrame | None) -> None:
        """Draw on the cuts of this frame from now on; None where nothing is shown."""
        self._frame, self.replaced = frame, None
        self._marks = LooseMarks(frame) if frame is not None else None
        if frame is not None and self._cache is not None and self._cache.frame.acquired is frame.acquired:
            # Turned only: what is kept lies on the acquired planes.
            self._cache.frame = frame
        else:
            self._cache = OutlineCache(frame) if frame is not None else None
        self._fills.show(frame)
        self._live_fill.show(frame)
        if frame is None:
            for lines in (*self._outlines.values(), self._active_outline, self._loose):
                lines.clear()

    def set_edged(self, edged: bool) -> None:
        """Give an edge to all outlines, or to that of the active structure alone."""
        self._edged = edged
        for lines in self._outlines.values():
            lines.set_edged(edged)

    def forget(self, structures: StructureSet) -> None:
        """Drop what is kept of structures that are gone."""
        if self._cache is not None and self._marks is not None:
            self._cache.forget(structures)
            self._marks.forget(structures)

    @property
    def has_loose(self) -> bool:
        """Whether any mark of what is no area is drawn."""
        return self._loose.count > 0

    def draw_outlines(self, index: int, plane: int, depth: float) -> None:
        """Draw the outlines on the grid's plane `index`, or acquired `plane`, at grid mm `depth`."""
        structures, cache, frame = self._session.structures, self._cache, self._frame
        if structures is None or cache is None or frame is None:
            return
        at = np.zeros(3)
        at[frame.across] = index * frame.spacing[frame.across]
        cut_index = frame.cut_index(at, plane)
        appearance, active = self._session.appearance, self._session.active
        shown = [roi for roi in structures.rois if roi.visible and roi.number != self.replaced]
        filled = [(roi, appearance.of(roi.number).fill) for roi in shown if appearance.of(roi.number).fill > 0]
        # Just under the lines and their edges.
        self._fills.draw(filled, cache, cut_index, plane, depth + UNDER * frame.into)
        by_looks: dict[tuple[float, bool], list[Roi]] = {looks: [] for looks in self._outlines}
        for roi in shown:
            if roi.number != active:
                style = appearance.of(roi.number)
                by_looks.setdefault((style.width, style.opacity < 1), []).append(roi)
        groups = [(self._lines_of(looks), rois) for looks, rois in by_looks.items()]
        own = [roi for roi in shown if roi.number == active]
        for roi in own:
            self._active_outline.set_width(appearance.of(roi.number).width + _ACTIVE_PX)
        for target, rois in (*groups, (self._active_outline, own)):
            drawn = cache.outlines(rois, cut_index, plane)
            points = frame.grid_from_cut(drawn.lines.points, plane, depth)
            opacities = [appearance.of(roi.number).opacity for roi in rois]
            colours = _colours(rois, opacities)[drawn.owners]
            target.fill(points, drawn.lines.offsets, colours, frame)

    def fill_replaced(self, area: BaseGeometry | None, plane: int, depth: float) -> None:
        """Fill an area, mm of `ViewEvent.point_cut`, that is drawn in the place of `replaced`, as that was filled."""
        structures, number = self._session.structures, self.replaced
        opacity = self._session.appearance.of(number).fill if number is not None else 0.0
        if area is None or structures is None or number is None or not opacity:
            self._live_fill.clear()
            return
        self._live_fill.draw_area(structures[number].colour, opacity, area, plane, depth)

    def _lines_of(self, looks: tuple[float, bool]) -> EdgedLines:
        held = self._outlines.get(looks)
        if held is None:
            held = self._outlines[looks] = EdgedLines(self._renderer, looks[0])
            held.set_edged(self._edged)
            # What is added later lies over what was there.
            self._active_outline.to_front()
        return held

    def draw_loose(self, index: int, plane: int, depth: float, pixel_mm: float) -> None:
        """Points and what else is no area, in the size that they have on the screen."""
        structures, marks, frame = self._session.structures, self._marks, self._frame
        rois = [roi for roi in structures.rois if roi.visible and roi.loose] if structures is not None else []
        if marks is None or frame is None or not rois:
            self._loose.clear()
            return
        drawn = marks.marks(rois, index, plane, pixel_mm)
        points = drawn.ends.reshape(-1, 3)
        points[:, frame.across] = depth
        self._loose.fill(points, np.arange(0, len(points) + 1, 2), _colours(rois)[drawn.owners], frame)


def _colours(rois: Sequence[Roi], opacities: Sequence[float] = ()) -> NDArray[np.uint8]:
    """(n, 3) colours, or (n, 4) where any is translucent: such lines cost a second pass over the frame."""
    colours = np.array([roi.colour for roi in rois], dtype=np.uint8).reshape(-1, 3)
    if any(opacity < 1 for opacity in opacities):
        colours = np.column_stack([colours, np.rint(255 * np.array(opacities)).astype(np.uint8)])
    return colours
