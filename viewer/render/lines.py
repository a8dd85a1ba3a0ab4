"""Lines in the scenes: their actors, the colours of the views, and the crosshair."""

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from viewer.render.image_data import set_lines
from viewer.render.orientation import ViewFrame, view_frame
from viewer.session import View

#: Colour of each view, 0..1: of its title, and of the line that marks its plane in the other views.
VIEW_COLOURS: dict[View, tuple[float, float, float]] = {
    View.AXIAL: (0.93, 0.55, 0.50),
    View.SAGITTAL: (0.90, 0.80, 0.45),
    View.CORONAL: (0.52, 0.80, 0.55),
    View.THREE_D: (0.72, 0.74, 0.78),
}


def line_actor(width: float, *, coloured: bool) -> tuple[vtkPolyData, vtkActor]:
    """Flat lines of that many pixels, each in its own colour or all in the actor's; empty until filled."""
    data = vtkPolyData()
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(data)
    if coloured:
        mapper.SetScalarModeToUseCellData()
        mapper.SetColorModeToDirectScalars()
    else:
        mapper.ScalarVisibilityOff()
    actor = vtkActor()
    actor.SetMapper(mapper)
    style = actor.GetProperty()
    style.SetLineWidth(width)
    # Core-profile OpenGL draws plain lines one pixel wide; wide ones need a shader, which costs more.
    style.SetRenderLinesAsTubes(width > 1)
    style.LightingOff()
    style.SetAmbient(1.0)
    style.SetDiffuse(0.0)
    actor.PickableOff()
    actor.UseBoundsOff()
    return data, actor


class Crosshair:
    """Two lines through the cursor, each in the colour of the view whose plane it marks, open around the cursor."""

    def __init__(self) -> None:
        self.data, self.actor = line_actor(1.0, coloured=True)
        self._frame: ViewFrame | None = None
        self._colours = np.zeros((4, 3), dtype=np.uint8)

    def draw(self, frame: ViewFrame, cursor: NDArray[np.float64], gap: float, depth: float) -> None:
        """Draw it around a (3,) grid point, `gap` mm open to each side, at `depth` mm along the axis that is cut."""
        if not frame.acquired.in_patient:
            # A picture has no other planes that it could mark.
            self.data.Initialize()
            return
        if frame is not self._frame:
            self._frame = frame
            marked = (frame.down, frame.down, frame.right, frame.right)
            self._colours = np.array([_colour(frame, axis) for axis in marked], dtype=np.uint8)
        points = np.tile(cursor, (8, 1))
        points[:, frame.across] = depth
        for row, axis in ((0, frame.right), (4, frame.down)):
            first = -0.5 * frame.spacing[axis]
            last = (frame.geometry.shape[2 - axis] - 0.5) * frame.spacing[axis]
            before, after = max(cursor[axis] - gap, first), min(cursor[axis] + gap, last)
            points[row : row + 4, axis] = (first, before, after, last)
        set_lines(self.data, points, np.arange(0, 9, 2), self._colours)


def _colour(frame: ViewFrame, across: int) -> tuple[int, ...]:
    """Colour, 0..255, of the view that cuts grid axis `across`.

    Dark rather than translucent: a translucent line costs a second pass over the frame.
    """
    for view in (View.AXIAL, View.SAGITTAL, View.CORONAL):
        if view_frame(view, frame.geometry, frame.acquired).across == across:
            return tuple(round(155 * channel) for channel in VIEW_COLOURS[view])
    raise AssertionError("the three views cut the three axes")
