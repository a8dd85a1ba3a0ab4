"""The second image of a plane view: resampled onto the shown cut in patient space, coloured and translucent."""

import math

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkImagingCore import vtkImageReslice
from vtkmodules.vtkRenderingCore import vtkImageSlice, vtkImageSliceMapper, vtkRenderer

from engine.volume import Geometry, Volume
from viewer.render.image_data import image_data, lookup_table
from viewer.render.orientation import ViewFrame
from viewer.session import Overlay

#: The overlay fades in over this share of its window, so that what holds no signal leaves the image below untouched.
CLEAR_BELOW = 0.15

#: Finest sampling of the overlay on the screen, mm, and the most samples along a side.
_FINEST_MM, _MOST_SAMPLES = 0.5, 640


class OverlayLayer:
    """One overlay in one view."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._reslice = vtkImageReslice()
        self._reslice.SetOutputDimensionality(2)
        self._reslice.SetOutputScalarType(10)  # VTK_FLOAT, so that NaN can say "outside"
        self._reslice.SetBackgroundLevel(math.nan)
        self._reslice.SetInterpolationModeToLinear()
        self._mapper = vtkImageSliceMapper()
        self._mapper.BorderOn()
        self._slice = vtkImageSlice()
        self._slice.SetMapper(self._mapper)
        self._slice.VisibilityOff()
        renderer.AddViewProp(self._slice)
        self._volume: Volume | None = None
        self._frame: ViewFrame | None = None

    def clear(self) -> None:
        """Show none."""
        self._slice.VisibilityOff()
        self._reslice.SetInputData(None)
        self._volume = self._frame = None

    def set_interpolate(self, on: bool) -> None:
        """Linear, or the nearest voxel."""
        if on:
            self._reslice.SetInterpolationModeToLinear()
        else:
            self._reslice.SetInterpolationModeToNearestNeighbor()
        style = self._slice.GetProperty()
        style.SetInterpolationTypeToLinear() if on else style.SetInterpolationTypeToNearest()

    def set_overlay(self, overlay: Overlay | None, frame: ViewFrame) -> None:
        """Show an overlay, or none, on the cuts of `frame`."""
        if overlay is None:
            self.clear()
            return
        if overlay.display is not self._volume:
            self._volume = overlay.display
            self._reslice.SetInputData(image_data(overlay.display))
            self._mapper.SetInputConnection(self._reslice.GetOutputPort())
        self._frame = frame
        style = self._slice.GetProperty()
        style.SetColorWindow(overlay.window.width)
        style.SetColorLevel(overlay.window.centre)
        # Grey and inverted overlays have no darkest end that means "nothing", so they cover evenly.
        clear = 0.0 if overlay.colour_map == "inverted grey" else CLEAR_BELOW
        style.SetLookupTable(lookup_table(overlay.colour_map, overlay.opacity, clear))
        self._slice.SetVisibility(overlay.visible)

    def set_position(self, at_mm: float, drawn_at_mm: float) -> None:
        """Cut at `at_mm` along the axis that the view cuts, and draw at `drawn_at_mm`."""
        frame, volume = self._frame, self._volume
        if frame is None or volume is None:
            return
        axes, spacing, extent = cut_sampling(frame, at_mm)
        self._reslice.SetResliceAxes(_matrix(grid_to_grid(frame.geometry, volume.geometry) @ axes))
        self._reslice.SetOutputOrigin(0.0, 0.0, 0.0)
        self._reslice.SetOutputSpacing(*spacing, 1.0)
        self._reslice.SetOutputExtent(0, extent[0] - 1, 0, extent[1] - 1, 0, 0)
        placed = axes.copy()
        placed[frame.across, 3] = drawn_at_mm
        self._slice.SetUserMatrix(_matrix(placed))


def grid_to_grid(source: Geometry, target: Geometry) -> NDArray[np.float64]:
    """(4, 4) grid mm of `source` → grid mm of `target`, through patient space. Both must be regular."""
    out = np.eye(4)
    out[:3, :3] = target.directions.T @ source.directions
    out[:3, 3] = target.directions.T @ (source.origins_lps[0] - target.origins_lps[0])
    return out


def cut_sampling(frame: ViewFrame, at_mm: float) -> tuple[NDArray[np.float64], tuple[float, float], tuple[int, int]]:
    """Axes, spacing and size of the samples that cover one cut of a grid.

    Returns:
        (4, 4) sample mm → grid mm, the samples running along the two grid axes of the cut in rising order; (2,) mm
        between samples; (2,) number of samples.
    """
    first, second = (axis for axis in range(3) if axis != frame.across)
    axes = np.zeros((4, 4))
    axes[first, 0] = axes[second, 1] = axes[3, 3] = 1.0
    # Keeps the matrix right-handed whichever axis is cut.
    axes[frame.across, 2] = -1.0 if frame.across == 1 else 1.0
    axes[frame.across, 3] = at_mm
    spacing, extent = [], []
    for axis in (first, second):
        length = (frame.geometry.shape[2 - axis] - 1) * frame.spacing[axis]
        step = max(min(frame.spacing[axis], 1.0), _FINEST_MM, length / _MOST_SAMPLES)
        spacing.append(step)
        extent.append(int(length / step) + 1)
    return axes, (spacing[0], spacing[1]), (extent[0], extent[1])


def _matrix(values: NDArray[np.float64]) -> vtkMatrix4x4:
    matrix = vtkMatrix4x4()
    matrix.DeepCopy(values.ravel().tolist())
    return matrix
