"""A plane on the screen: which part of it is seen, the camera, and where a pixel lies in the patient. No Qt.

The camera is parallel, so what lies nearer to it is simply drawn on top.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal
from vtkmodules.vtkRenderingCore import vtkRenderer

from viewer.render.framing import Framing
from viewer.render.orientation import ViewFrame

_CAMERA_DISTANCE = 10_000.0


class FramedPlane:
    """What a scene of one plane knows of the screen; `changed` is emitted when a new frame is needed."""

    changed = Signal()
    #: Zoomed or moved by a hand.
    framed = Signal()

    def __init__(self) -> None:
        self.renderer = vtkRenderer()
        self.renderer.SetBackground(0.0, 0.0, 0.0)
        self.renderer.SetBackgroundAlpha(1.0)
        camera = self.renderer.GetActiveCamera()
        camera.ParallelProjectionOn()
        # Set by hand: finding the bounds of everything on each frame costs more than drawing it.
        camera.SetClippingRange(1.0, 2 * _CAMERA_DISTANCE)
        self.frame: ViewFrame | None = None
        self.pixel_ratio = 1.0
        self.framed_part = Framing()
        #: Index of the shown plane of the grid across the view.
        self.shown_index = 0

    @property
    def mm_per_pixel(self) -> float:
        """Size of a device pixel, mm."""
        return self.framed_part.mm_per_pixel if self.frame is not None else 1.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, device pixels."""
        return self.framed_part.size

    def resize(self, width: int, height: int, pixel_ratio: float = 1.0) -> None:
        """The view is now so many device pixels large."""
        self.framed_part.size = (max(width, 1), max(height, 1))
        self.pixel_ratio = pixel_ratio
        self.reframed()

    def zoom(self, factor: float, at_pixel: tuple[float, float] | None = None) -> None:
        """Magnify by `factor`, keeping what is under a device pixel (from the top left) in its place."""
        if self.frame is not None:
            self.framed_part.zoom(factor, at_pixel)
            self.reframed()
            self.framed.emit()

    def pan(self, dx: float, dy: float) -> None:
        """Move the image by device pixels, right and down."""
        self.framed_part.pan(dx, dy)
        self.reframed()
        self.framed.emit()

    @property
    def framing(self) -> tuple[float, float, float]:
        """Magnification over what `fit` shows, and what lies in the middle: right and down, mm."""
        return self.framed_part.state

    def set_framing(self, framing: Sequence[float]) -> None:
        """Show a part of the plane, as `framing` had it."""
        if self.frame is not None:
            zoom, right, down = framing
            self.framed_part.set_state(zoom, right, down)
            self.reframed()

    def fit(self) -> None:
        """Show the whole body."""
        self.framed_part.fit()
        self.reframed()

    def reframed(self) -> None:
        """Draw another part of the plane."""
        self.apply_camera()
        self.changed.emit()

    def reveal(self, points_lps: NDArray[np.float64]) -> None:
        """Stay where the points are on the screen, else centre them, and zoom out where they need it."""
        frame = self.frame
        if frame is None:
            return
        if self.framed_part.reveal(frame.screen_from_lps(points_lps)):
            self.reframed()

    def zoom_to(self, points_lps: NDArray[np.float64]) -> None:
        """Let (n, 3) LPS points fill the view."""
        if self.frame is not None:
            self.framed_part.fill(self.frame.screen_from_lps(points_lps))
            self.reframed()

    def grid_from_pixel(self, x: float, y: float) -> NDArray[np.float64]:
        """Device pixel from the top left → (3,) grid mm on the shown plane. Something must be shown."""
        frame = self.frame
        assert frame is not None, "a pixel has a place in the patient only where a series is shown"
        point = np.empty(3)
        right, down = self.framed_part.place((x, y))
        point[frame.right], point[frame.down] = right * frame.right_sign, down * frame.down_sign
        point[frame.across] = self.shown_index * frame.spacing[frame.across]
        return point

    def pixel_from_lps(self, point_lps: ArrayLike) -> tuple[float, float]:
        """LPS mm → device pixel from the top left, projected onto the view. Something must be shown."""
        frame = self.frame
        assert frame is not None, "a point has a pixel only where a series is shown"
        point = frame.grid_from_lps(point_lps)
        mm = np.array([point[frame.right] * frame.right_sign, point[frame.down] * frame.down_sign])
        return self.framed_part.pixel(mm)

    def apply_camera(self) -> None:
        """Let VTK's camera see the part of the shown plane that is on the screen."""
        frame = self.frame
        if frame is None:
            return
        right, down, into = frame.screen_axes
        focus = self.framed_part.centre[0] * right + self.framed_part.centre[1] * down
        focus[frame.across] = self.shown_index * frame.spacing[frame.across]
        camera = self.renderer.GetActiveCamera()
        camera.SetFocalPoint(*focus)
        camera.SetPosition(*(focus - into * _CAMERA_DISTANCE))
        camera.SetViewUp(*-down)
        camera.SetParallelScale(self.framed_part.size[1] * self.mm_per_pixel / 2)
        self.camera_moved(frame)

    def camera_moved(self, frame: ViewFrame) -> None:
        """For scenes: another part of the plane is on the screen, or another plane."""

    def towards_camera(self, depth: float) -> float:
        """Where along the axis that is cut something lies `depth` mm before the shown plane, grid mm."""
        frame = self.frame
        assert frame is not None, "called where a series is shown"
        return float(self.shown_index * frame.spacing[frame.across] - frame.into * depth)
