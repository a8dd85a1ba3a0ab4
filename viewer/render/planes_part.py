"""The three planes among the surfaces of the 3D view, with their borders. No Qt."""

from collections.abc import Mapping
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from vtkmodules.vtkRenderingCore import vtkRenderer

from engine.transform import Transform
from viewer.layers import Layer
from viewer.render.box_cut import around_cut, box_cut
from viewer.render.image_data import set_lines
from viewer.render.layer_stack import LayerStack, grid_to_grid
from viewer.render.lines import VIEW_COLOURS, line_actor
from viewer.render.orientation import PLANE_VIEWS, ViewFrame
from viewer.session import View


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
        """Draw these layers on the cuts of `frames`, in grid mm of the image; without frames, nothing."""
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

    def hit(self, start: NDArray[np.float64], stop: NDArray[np.float64], cursor_lps: ArrayLike) -> float | None:
        """How far, 0 to 1, one comes from one (3,) point to another, mm of the image, before one of the planes."""
        met = []
        for frame in self._frames.values() if self._shown else ():
            corners = plane_corners(frame, frame.index_from_lps(cursor_lps))
            if not len(corners):
                continue
            sides = np.diff(corners, axis=0)
            normal = np.cross(sides[0], sides[1])
            along = float((stop - start) @ normal)
            share = float((corners[0] - start) @ normal) / along if along else -1.0
            turns = np.cross(sides, start + share * (stop - start) - corners[:-1]) @ normal
            if 0 <= share <= 1 and (turns >= 0).all():
                met.append(share)
        return min(met, default=None)

    def _apply(self) -> None:
        for view, stack in self._stacks.items():
            frame = self._frames.get(view)
            world = _to_image(frame) if frame is not None else None
            stack.show(self._layers if self._shown else (), frame, world=world)
        if not self._frames:
            self._borders.Initialize()

    def set_cursor(self, cursor_lps: ArrayLike) -> None:
        """Cut through an LPS point, mm."""
        points, lines, colours = [], [0], []
        for view, frame in self._frames.items():
            index = frame.index_from_lps(cursor_lps)
            self._stacks[view].set_position(index)
            corners = plane_corners(frame, index)
            if len(corners):
                points.append(corners)
                lines.append(lines[-1] + len(corners))
            else:
                continue
            colours.append([round(255 * channel) for channel in VIEW_COLOURS[view]])
        if self._shown and points:
            set_lines(self._borders, np.concatenate(points), np.array(lines), np.array(colours, dtype=np.uint8))
        else:
            self._borders.Initialize()


def plane_corners(frame: ViewFrame, index: int) -> NDArray[np.float64]:
    """(n, 3) points around what the plane `index` of a view shows of the image, the last being the first.

    In mm of the image's own grid, to the edges of its outermost voxels; none where the plane misses it.
    """
    image = (frame.unturned or frame).geometry
    ends = np.array(image.shape[::-1]) - 0.5
    corners = np.array(list(product(*((-0.5, end) for end in ends)))) * image.spacing_xyz
    to_image = _to_image(frame)
    placed = (corners - to_image[:3, 3]) @ to_image[:3, :3]
    around = around_cut(box_cut(placed, frame.across, index * frame.spacing[frame.across]), [frame.right, frame.down])
    return np.concatenate([around, around[:1]]) @ to_image[:3, :3].T + to_image[:3, 3]


def _to_image(frame: ViewFrame) -> NDArray[np.float64]:
    """(4, 4) grid mm of the view → those of the image."""
    image = (frame.unturned or frame).geometry
    return grid_to_grid(frame.geometry, image, Transform.identity())
