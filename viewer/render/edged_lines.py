"""Lines on a thin dark edge, which are seen on every image: also red ones where a PET is shown in red."""

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer

from viewer.render.image_data import set_lines
from viewer.render.lines import line_actor
from viewer.render.orientation import ViewFrame

#: How far the edge is seen on each side of a line, screen pixels.
EDGE_PX = 1.0
#: How far edges lie under all lines of their depth, mm: more than what VTK lifts the middle of a wider line.
EDGE_UNDER = 200.0
_EDGE_COLOUR = (0.0, 0.0, 0.0)


class EdgedLines:
    """Lines of one width, each in its own colour or all in one, and what is dark on both their sides.

    Lines of some opacity are drawn without an edge, which would be seen through them.
    """

    def __init__(self, renderer: vtkRenderer, width: float, *, coloured: bool = True) -> None:
        self._renderer = renderer
        self._edged, self._translucent = True, False
        self.data: vtkPolyData
        self.data, self.actor = line_actor(width, coloured=coloured)
        # The points are the lines' own, and so go to the graphics card once.
        self.edge = vtkActor()
        mapper = vtkPolyDataMapper()
        mapper.SetInputData(self.data)
        mapper.ScalarVisibilityOff()
        self.edge.SetMapper(mapper)
        self.edge.GetProperty().DeepCopy(self.actor.GetProperty())
        self.edge.GetProperty().SetColor(*_EDGE_COLOUR)
        self.edge.PickableOff()
        self.edge.UseBoundsOff()
        self.set_width(width)
        for actor in (self.edge, self.actor):
            renderer.AddActor(actor)

    @property
    def count(self) -> int:
        """Number of lines that are drawn."""
        return int(self.data.GetNumberOfCells())

    def set_width(self, width: float) -> None:
        """Screen pixels of the lines."""
        for actor, wide in ((self.actor, width), (self.edge, width + 2 * EDGE_PX)):
            actor.GetProperty().SetLineWidth(wide)
            actor.GetProperty().SetRenderLinesAsTubes(wide > 1)

    def set_colour(self, colour: tuple[int, int, int]) -> None:
        """Of all lines, where they have none of their own."""
        self.actor.GetProperty().SetColor(*(channel / 255 for channel in colour))

    def set_edged(self, edged: bool) -> None:
        """Draw the edges, or not."""
        self._edged = edged
        self.edge.SetVisibility(edged and not self._translucent)

    def to_front(self) -> None:
        """Draw these lines over those of the same depth that were added before."""
        self._renderer.RemoveActor(self.actor)
        self._renderer.AddActor(self.actor)

    def fill(
        self,
        points: NDArray[np.float64],
        offsets: NDArray[np.int64],
        colours: NDArray[np.uint8] | None,
        frame: ViewFrame,
    ) -> None:
        """Draw these lines, as `image_data.set_lines`, in a view of that frame."""
        if len(offsets) < 2:
            self.clear()
            return
        place = np.zeros(3)
        place[frame.across] = EDGE_UNDER * frame.into
        self.edge.SetPosition(*place)
        self._translucent = colours is not None and colours.shape[1] > 3
        self.edge.SetVisibility(self._edged and not self._translucent)
        set_lines(self.data, points, offsets, colours)

    def clear(self) -> None:
        """Draw nothing."""
        if self.data.GetNumberOfCells():
            self.data.Initialize()
