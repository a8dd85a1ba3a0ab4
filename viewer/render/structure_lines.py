"""A session's structures on the cut of one view: outlines, filled areas, and marks of what is no area. No Qt."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer

from engine.structures import Roi, StructureSet
from viewer.render.image_data import set_lines
from viewer.render.lines import line_actor
from viewer.render.loose_marks import LooseMarks
from viewer.render.orientation import ViewFrame
from viewer.render.outlines import OutlineCache
from viewer.render.structure_fills import StructureFills
from viewer.session import Session

#: Screen pixels: of lines, of the active structure's, and how much wider these are than their style says.
LINE_PX, ACTIVE_LINE_PX = 1.0, 2.5
_ACTIVE_PX = ACTIVE_LINE_PX - LINE_PX
LOOSE_LINE_PX = 2.0
#: How far filled areas lie under the lines, mm of depth.
UNDER = 0.5


class StructureLines:
    """Draws what is asked for, when it is asked for."""

    def __init__(self, session: Session, renderer: vtkRenderer) -> None:
        self._session, self._renderer = session, renderer
        self._fills, self._live_fill = StructureFills(renderer), StructureFills(renderer)
        #: Lines of one width each. The active structure's come last, so that they lie over the others.
        self._outlines: dict[float, tuple[vtkPolyData, vtkActor]] = {}
        self._active_outline, self._active_actor = line_actor(ACTIVE_LINE_PX, coloured=True)
        self._loose, loose_actor = line_actor(LOOSE_LINE_PX, coloured=True)
        self._lines_of(LINE_PX)
        for actor in (self._active_actor, loose_actor):
            renderer.AddActor(actor)
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
            for lines in (*(held for held, _ in self._outlines.values()), self._active_outline, self._loose):
                lines.Initialize()

    def forget(self, structures: StructureSet) -> None:
        """Drop what is kept of structures that are gone."""
        if self._cache is not None and self._marks is not None:
            self._cache.forget(structures)
            self._marks.forget(structures)

    @property
    def has_loose(self) -> bool:
        """Whether any mark of what is no area is drawn."""
        return self._loose.GetNumberOfCells() > 0

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
        # Just under the lines.
        self._fills.draw(filled, cache, cut_index, plane, depth - UNDER * np.sign(depth - at[frame.across]))
        by_width: dict[float, list[Roi]] = {width: [] for width in self._outlines}
        for roi in shown:
            if roi.number != active:
                by_width.setdefault(appearance.of(roi.number).width, []).append(roi)
        groups = [(self._lines_of(width), rois) for width, rois in by_width.items()]
        own = [roi for roi in shown if roi.number == active]
        for roi in own:
            self._set_width(self._active_actor, appearance.of(roi.number).width + _ACTIVE_PX)
        for target, rois in (*groups, (self._active_outline, own)):
            drawn = cache.outlines(rois, cut_index, plane)
            points = frame.grid_from_cut(drawn.lines.points, plane, depth)
            opacities = [appearance.of(roi.number).opacity for roi in rois]
            _fill(target, points, drawn.lines.offsets, rois, drawn.owners, opacities)

    def fill_replaced(self, area: BaseGeometry | None, plane: int, depth: float) -> None:
        """Fill an area, mm of `ViewEvent.point_cut`, that is drawn in the place of `replaced`, as that was filled."""
        structures, number = self._session.structures, self.replaced
        opacity = self._session.appearance.of(number).fill if number is not None else 0.0
        if area is None or structures is None or number is None or not opacity:
            self._live_fill.clear()
            return
        self._live_fill.draw_area(structures[number].colour, opacity, area, plane, depth)

    def _lines_of(self, width: float) -> vtkPolyData:
        held = self._outlines.get(width)
        if held is None:
            held = self._outlines[width] = line_actor(width, coloured=True)
            self._renderer.AddActor(held[1])
            # What is added later lies over what was there.
            self._renderer.RemoveActor(self._active_actor)
            self._renderer.AddActor(self._active_actor)
        return held[0]

    @staticmethod
    def _set_width(actor: vtkActor, width: float) -> None:
        actor.GetProperty().SetLineWidth(width)
        actor.GetProperty().SetRenderLinesAsTubes(width > 1)

    def draw_loose(self, index: int, plane: int, depth: float, pixel_mm: float) -> None:
        """Points and what else is no area, in the size that they have on the screen."""
        structures, marks, frame = self._session.structures, self._marks, self._frame
        rois = [roi for roi in structures.rois if roi.visible and roi.loose] if structures is not None else []
        if marks is None or frame is None or not rois:
            if self.has_loose:
                self._loose.Initialize()
            return
        drawn = marks.marks(rois, index, plane, pixel_mm)
        points = drawn.ends.reshape(-1, 3)
        points[:, frame.across] = depth
        _fill(self._loose, points, np.arange(0, len(points) + 1, 2), rois, drawn.owners)


def _fill(  # noqa: PLR0917
    target: vtkPolyData,
    points: NDArray[np.float64],
    offsets: NDArray[np.int64],
    rois: list[Roi],
    owners: NDArray[np.int64],
    opacities: Sequence[float] = (),
) -> None:
    if len(offsets) > 1:
        colours = np.array([roi.colour for roi in rois], dtype=np.uint8)
        # Translucent lines cost a second pass over the frame.
        if any(opacity < 1 for opacity in opacities):
            colours = np.column_stack([colours, np.rint(255 * np.array(opacities)).astype(np.uint8)])
        set_lines(target, points, offsets, colours[owners])
    elif target.GetNumberOfCells():
        target.Initialize()
