"""The three planes among the surfaces of the 3D view, with their borders. No Qt."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from vtkmodules.vtkRenderingCore import vtkRenderer

from viewer.layers import Layer
from viewer.render.image_data import set_lines
from viewer.render.layer_stack import LayerStack
from viewer.render.lines import VIEW_COLOURS, line_actor
from viewer.render.orientation import ViewFrame
from viewer.session import View

PLANE_VIEWS = (View.AXIAL, View.SAGITTAL, View.CORONAL)


class PlanesPart:
    """Draws the layers of a session on the planes through the cursor."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._borders, border_actor = line_actor(1.0, coloured=True)
        renderer.AddActor(border_actor)
        self._stacks = {view: LayerStack(renderer) for view in PLANE_VIEWS}
        self._layers: tuple[Layer, ...] = ()
        self._frames: Mapping[View, ViewFrame] = {}
        self._shown = True

    def show(self, layers: tuple[Layer, ...], frames: Mapping[View, ViewFrame]) -> None:
        """Draw these layers on the cuts of `frames`; without frames, nothing."""
        self._layers, self._frames = layers, frames
        self._apply()

    def set_visible(self, shown: bool, cursor_lps: ArrayLike) -> None:
        """Show the planes, or leave them out."""
        self._shown = shown
        self._apply()
        self.set_cursor(cursor_lps)

    def prepare(self) -> None:
        """Bring VTK up to date; call it before drawing, with this view's OpenGL context current."""
        for stack in self._stacks.values():
            stack.prepare()

    def _apply(self) -> None:
        for view, stack in self._stacks.items():
            stack.show(self._layers if self._shown else (), self._frames.get(view))
        if not self._frames:
            self._borders.Initialize()

    def set_cursor(self, cursor_lps: ArrayLike) -> None:
        """Cut through an LPS point, mm."""
        points, colours = [], []
        for view, frame in self._frames.items():
            index = frame.index_from_lps(cursor_lps)
            self._stacks[view].set_position(index)
            points += plane_corners(frame, index)
            colours.append([round(255 * channel) for channel in VIEW_COLOURS[view]])
        if self._shown and points:
            set_lines(self._borders, np.array(points), np.arange(0, 16, 5), np.array(colours, dtype=np.uint8))
        else:
            self._borders.Initialize()


def plane_corners(frame: ViewFrame, index: int) -> list[NDArray[np.float64]]:
    """Five grid points, mm, around the plane `index` of a view, the last being the first."""
    out = []
    for right, down in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)):
        point = np.empty(3)
        point[frame.across] = index * frame.spacing[frame.across]
        for axis, end in ((frame.right, right), (frame.down, down)):
            point[axis] = (frame.geometry.shape[2 - axis] * end - 0.5) * frame.spacing[axis]
        out.append(point)
    return out
