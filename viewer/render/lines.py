"""Lines in the scenes: their actors, and the colours of the views."""

from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

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
