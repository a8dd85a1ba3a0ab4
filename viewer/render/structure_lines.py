"""The lines of a session's structures on the cut of one view: outlines, and marks of what is no area. No Qt."""

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkRenderingCore import vtkRenderer

from engine.structures import Roi, StructureSet
from viewer.render.image_data import set_lines
from viewer.render.lines import line_actor
from viewer.render.loose_marks import LooseMarks
from viewer.render.orientation import ViewFrame
from viewer.render.outlines import OutlineCache
from viewer.session import Session

#: Screen pixels.
LINE_PX, ACTIVE_LINE_PX = 1.0, 2.5
_LOOSE_LINE_PX = 2.0


class StructureLines:
    """Draws what is asked for, when it is asked for."""

    def __init__(self, session: Session, renderer: vtkRenderer) -> None:
        self._session = session
        self._outlines, outline_actor = line_actor(LINE_PX, coloured=True)
        self._active_outline, active_actor = line_actor(ACTIVE_LINE_PX, coloured=True)
        self._loose, loose_actor = line_actor(_LOOSE_LINE_PX, coloured=True)
        for actor in (outline_actor, active_actor, loose_actor):
            renderer.AddActor(actor)
        self._frame: ViewFrame | None = None
        self._cache: OutlineCache | None = None
        self._marks: LooseMarks | None = None
        #: Number of the ROI whose outline is not drawn, because what it becomes is.
        self.replaced: int | None = None

    def show(self, frame: ViewFrame | None) -> None:
        """Draw on the cuts of this frame from now on; None where nothing is shown."""
        self._frame, self.replaced = frame, None
        self._cache, self._marks = (OutlineCache(frame), LooseMarks(frame)) if frame is not None else (None, None)
        if frame is None:
            for lines in (self._outlines, self._active_outline, self._loose):
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
        active = self._session.active
        shown = [roi for roi in structures.rois if roi.visible and roi.number != self.replaced]
        for target, rois in (
            (self._outlines, [roi for roi in shown if roi.number != active]),
            (self._active_outline, [roi for roi in shown if roi.number == active]),
        ):
            drawn = cache.outlines(rois, cut_index, plane)
            points = frame.grid_from_cut(drawn.lines.points, plane, depth)
            _fill(target, points, drawn.lines.offsets, rois, drawn.owners)

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


def _fill(
    target: vtkPolyData,
    points: NDArray[np.float64],
    offsets: NDArray[np.int64],
    rois: list[Roi],
    owners: NDArray[np.int64],
) -> None:
    if len(offsets) > 1:
        set_lines(target, points, offsets, np.array([roi.colour for roi in rois], dtype=np.uint8)[owners])
    elif target.GetNumberOfCells():
        target.Initialize()
