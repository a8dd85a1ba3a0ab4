"""Structures of other series on the open one: their lines and points in a plane view, their surfaces in 3D. No Qt."""

import numpy as np
from vtkmodules.vtkRenderingCore import vtkRenderer

from engine.contouring.across import PlaneCutter
from engine.resample import regular_geometry
from engine.structures import Roi, StructureSet
from engine.transform import Transform
from engine.volume import Geometry
from viewer.companions import Companion
from viewer.render.edged_lines import EdgedLines
from viewer.render.layer_stack import grid_to_grid, vtk_matrix
from viewer.render.loose_marks import LooseMarks
from viewer.render.orientation import ViewFrame, view_frame
from viewer.render.surfaces_part import SurfacesPart
from viewer.session import View


class CompanionLines:
    """Draws the outlines where the displayed plane cuts the structures in space, and what is no area, as on its own."""

    def __init__(self, renderer: vtkRenderer, width: float, loose_width: float) -> None:
        self._lines, self._loose = EdgedLines(renderer, width), EdgedLines(renderer, loose_width)
        self._marks: list[tuple[LooseMarks, tuple[Roi, ...]]] = []
        self._frame: ViewFrame | None = None
        self._cutters: list[tuple[PlaneCutter, tuple[Roi, ...]]] = []

    def set_edged(self, edged: bool) -> None:
        """Give the outlines an edge, or not."""
        self._lines.set_edged(edged)

    def show(self, companions: tuple[Companion, ...], frame: ViewFrame | None) -> None:
        """Draw these on the cuts of `frame` from the next `draw` on; nothing without a frame."""
        self._frame = frame
        self._cutters, self._marks = [], []
        for companion in companions if frame is not None else ():
            rois = companion.shown
            areas = [{k: contours.area for k, contours in roi.planes.items()} for roi in rois]
            self._cutters.append((PlaneCutter(areas, companion.structures.geometry), rois))
            loose = tuple(roi for roi in rois if roi.loose)
            if loose and frame is not None:
                self._marks.append((LooseMarks(frame), loose))
        self._lines.clear()
        self._loose.clear()

    def draw(self, index: int, depth: float) -> None:
        """Draw the cut at plane `index` of the displayed grid, at `depth` mm along the axis that is cut."""
        frame = self._frame
        if frame is None or not self._cutters:
            return
        at = np.zeros(3)
        at[frame.across] = index * frame.spacing[frame.across]
        point, normal = frame.lps_from_grid(at), frame.geometry.directions[:, frame.across]
        points, starts, colours, count = [np.empty((0, 3))], [np.zeros(1, dtype=np.int64)], [], 0
        for cutter, rois in self._cutters:
            cut = cutter.cut(point, normal)
            points.append((cut.points_lps - frame.geometry.origins_lps[0]) @ frame.geometry.directions)
            starts.append(cut.offsets[1:] + count)
            colours.append(np.array([roi.colour for roi in rois], dtype=np.uint8).reshape(-1, 3)[cut.owners])
            count += len(cut.points_lps)
        if not count:
            self._lines.clear()
            return
        drawn = np.concatenate(points)
        drawn[:, frame.across] = depth
        self._lines.fill(drawn, np.concatenate(starts), np.concatenate(colours), frame)

    def draw_loose(self, index: int, plane: int, depth: float, pixel_mm: float) -> None:
        """Points and what else is no area near the cut, in the size that they have on the screen."""
        frame = self._frame
        if frame is None or not self._marks:
            return
        drawn = [marks.marks(rois, index, plane, pixel_mm) for marks, rois in self._marks]
        points = np.concatenate([each.ends for each in drawn]).reshape(-1, 3)
        points[:, frame.across] = depth
        colours = [
            np.array([roi.colour for roi in rois], dtype=np.uint8)[each.owners]
            for each, (_, rois) in zip(drawn, self._marks, strict=True)
        ]
        offsets = np.arange(0, len(points) + 1, 2)
        self._loose.fill(points, offsets, np.concatenate(colours), frame)


class CompanionSurfaces:
    """Draws the surfaces, made on the planes of their own series."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._renderer = renderer
        self._parts: list[SurfacesPart] = []
        self._shown: list[StructureSet] = []

    @property
    def busy(self) -> bool:
        """True while a surface is being made."""
        return any(part.busy for part in self._parts)

    def show(self, companions: tuple[Companion, ...], frame: ViewFrame) -> None:
        """Draw these in the grid millimetres of `frame`."""
        while len(self._parts) < len(companions):
            self._parts.append(SurfacesPart(self._renderer))
        for part in self._parts[len(companions) :]:
            part.forget()
        self._shown = [companion.structures for companion in companions]
        for part, structures in zip(self._parts, self._shown, strict=False):
            own = _frame_of(structures.geometry)
            part.place(vtk_matrix(grid_to_grid(own.geometry, frame.geometry, Transform.identity())))
            part.update(structures, own)
            part.set_looks(structures)

    def poll(self) -> bool:
        """Take over the surfaces that are ready; whether there were any."""
        ready = [part.poll() for part in self._parts]
        for part, structures in zip(self._parts, self._shown, strict=False):
            part.set_looks(structures)
        return any(ready)

    def prepare(self) -> None:
        """Let go of what was taken away; call it before drawing, with the view's OpenGL context current."""
        for part in self._parts:
            part.prepare()

    def forget(self) -> None:
        """Draw none."""
        for part in self._parts:
            part.forget()
        self._shown = []

    def close(self) -> None:
        """Stop the threads."""
        for part in self._parts:
            part.close()


def _frame_of(geometry: Geometry) -> ViewFrame:
    return view_frame(View.AXIAL, regular_geometry(geometry) if not geometry.is_regular else geometry, geometry)
