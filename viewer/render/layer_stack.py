"""The layers of a session on one cut, from the base up: placed in patient space, coloured, blended. No Qt."""

import math

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkImagingCore import vtkImageReslice
from vtkmodules.vtkRenderingCore import vtkImageSlice, vtkImageSliceMapper, vtkRenderer
from vtkmodules.vtkRenderingImage import vtkImageStack

from engine.slab import Projection, Slab
from engine.transform import Transform
from engine.volume import Geometry
from viewer.layers import Layer
from viewer.render.detail import Detail, is_large
from viewer.render.image_data import image_data, lookup_table
from viewer.render.orientation import ViewFrame
from viewer.render.slab_image import slab_image

#: A layer over another fades in over this share of its window, so that what holds no signal leaves what is below as is.
CLEAR_BELOW = 0.15

#: Finest sampling of a layer that lies on another grid than the base, mm, and the most samples along a side.
_FINEST_MM, _MOST_SAMPLES = 0.5, 640


_SLAB_MODES = {
    Projection.MAXIMUM: vtkImageReslice.SetSlabModeToMax,
    Projection.MINIMUM: vtkImageReslice.SetSlabModeToMin,
    Projection.MEAN: vtkImageReslice.SetSlabModeToMean,
}


class LayerStack:
    """Draws layers on the cuts of one view, in the millimetres of the displayed grid.

    What is asked for is done by `prepare`, once a frame however often it was asked. What is let go frees its textures
    at once, and their names belong to one OpenGL context: in that of another view it would take what that draws with.
    """

    def __init__(self, renderer: vtkRenderer) -> None:
        self._renderer = renderer
        self._stack = vtkImageStack()
        self._drawn: list[DrawnLayer] = []
        self._layers: tuple[Layer, ...] = ()
        self._frame: ViewFrame | None = None
        self._interpolate = True
        self._slab: Slab | None = None
        self._index = 0
        self._part: tuple[NDArray[np.float64], float] | None = None
        self._world: NDArray[np.float64] = np.eye(4)
        self._stale = False

    def show(
        self,
        layers: tuple[Layer, ...],
        frame: ViewFrame | None,
        *,
        interpolate: bool = True,
        slab: Slab | None = None,
        world: NDArray[np.float64] | None = None,
    ) -> None:
        """Draw these layers, the base first, on the cuts of `frame`, or a slab; none where there is no frame.

        `world` is (4, 4) from the frame's grid mm to those that are drawn in, where they differ.
        """
        self._world = world if world is not None else np.eye(4)
        self._slab = slab
        self._layers, self._frame, self._interpolate = layers if frame is not None else (), frame, interpolate
        self._stale = True

    def set_position(self, index: int) -> None:
        """Cut at plane `index` of the grid across the view."""
        self._index = index

    def set_part(self, box: NDArray[np.float64], mm_per_pixel: float) -> None:
        """The part of the cut that is on the screen, (2, 2) first and last (x, y) mm of the grid, and how finely."""
        self._part = box, mm_per_pixel

    def prepare(self) -> None:
        """Bring VTK up to date; call it before drawing, with this view's OpenGL context current."""
        if self._stale:
            self._stale = False
            self._rebuild()
        for drawn in self._drawn:
            drawn.set_position(self._index)
            if self._part is not None:
                drawn.set_part(*self._part)

    def _rebuild(self) -> None:
        before, drawn = list(self._drawn), []
        for number, layer in enumerate(self._layers):
            assert self._frame is not None, "no layer is drawn without one"
            known = next((other for other in before if other.is_of(layer, self._frame)), None)
            if known is None:
                known = DrawnLayer(layer, self._frame)
            else:
                before.remove(known)
            known.set_looks(layer, number, self._interpolate)
            known.set_slab(self._slab)
            known.set_place(self._frame, self._world)
            drawn.append(known)
        if drawn != self._drawn:
            self._place(drawn)

    def _place(self, drawn: list["DrawnLayer"]) -> None:
        # Two images on one plane hide each other; only a stack blends them, in several passes that one can do without.
        if len(self._drawn) == 1:
            self._renderer.RemoveViewProp(self._drawn[0].prop)
        elif self._drawn:
            self._renderer.RemoveViewProp(self._stack)
            for gone in self._drawn:
                self._stack.RemoveImage(gone.prop)
        self._drawn = drawn
        if len(drawn) == 1:
            self._renderer.AddViewProp(drawn[0].prop)
        elif drawn:
            for shown in drawn:
                self._stack.AddImage(shown.prop)
            self._renderer.AddViewProp(self._stack)


class DrawnLayer:
    """One layer in one view: straight from its voxels where they lie on the grid of the view, else resampled."""

    def __init__(self, layer: Layer, frame: ViewFrame) -> None:
        self._display, self._transform, self._frame = layer.display, layer.transform, frame
        self._mapper = vtkImageSliceMapper()
        self._mapper.BorderOn()
        self.prop = vtkImageSlice()
        self.prop.SetMapper(self._mapper)
        on_grid = lies_on_grid(layer, frame)
        self._world: NDArray[np.float64] = np.eye(4)
        self._index: int | None = None
        self._slab: Slab | None = None
        self._detail = Detail(layer.display) if on_grid and frame.across == 2 and is_large(layer.display) else None
        self._reslice = None if on_grid else vtkImageReslice()
        if self._detail is not None:
            self._mapper.SetOrientation(frame.across)
            return
        if self._reslice is None:
            self._mapper.SetInputData(image_data(layer.display))
            self._mapper.SetOrientation(frame.across)
            return
        self._reslice.SetInputData(image_data(layer.display))
        self._reslice.SetOutputDimensionality(2)
        self._reslice.SetOutputScalarType(10)  # VTK_FLOAT, so that NaN can say "outside"
        self._reslice.SetBackgroundLevel(math.nan)
        self._mapper.SetInputConnection(self._reslice.GetOutputPort())

    def is_of(self, layer: Layer, frame: ViewFrame) -> bool:
        """Whether it is this image in this place on these cuts, however it looks; what is resampled is so on any."""
        if (self._display, self._transform) != (layer.display, layer.transform):
            return False
        return self._frame is frame or (self._reslice is not None and not lies_on_grid(layer, frame))

    def set_place(self, frame: ViewFrame, world: NDArray[np.float64]) -> None:
        """On the cuts of `frame`, whose grid mm `world` takes to those that are drawn in."""
        if frame is not self._frame or not np.array_equal(world, self._world):
            self._frame, self._world, self._index = frame, world, None

    def set_looks(self, layer: Layer, number: int, interpolate: bool) -> None:
        """Look as `layer` says, as the layer `number` from the base, 0, up."""
        style = self.prop.GetProperty()
        style.SetLayerNumber(number)
        style.SetColorWindow(layer.window.width)
        style.SetColorLevel(layer.window.centre)
        style.SetOpacity(layer.opacity)
        # An inverted layer has no darkest end that means "nothing", so it covers evenly; and so does the base.
        clear = CLEAR_BELOW if number and layer.colour_map != "inverted grey" else 0.0
        plain = (layer.colour_map == "grey" and not clear and self._reslice is None) or layer.display.is_colour
        style.SetLookupTable(None if plain else lookup_table(layer.colour_map, clear))
        self.prop.SetVisibility(layer.visible)
        if interpolate:
            style.SetInterpolationTypeToLinear()
        else:
            style.SetInterpolationTypeToNearest()
        if self._reslice is not None:
            self._reslice.SetInterpolationMode(1 if interpolate else 0)  # VTK_RESLICE_LINEAR, VTK_RESLICE_NEAREST

    def set_position(self, index: int) -> None:
        """Cut at plane `index` of the grid across the view."""
        if index == self._index:
            return
        self._index = index
        if self._detail is not None:
            return
        if self._reslice is None:
            if self._slab is not None:
                self._mapper.SetInputData(slab_image(self._display, self._frame.across, index, self._slab))
            self._mapper.SetSliceNumber(index)
            return
        frame = self._frame
        axes, spacing, extent = cut_sampling(
            frame, index * frame.spacing[frame.across], min(self._display.geometry.spacing_xyz)
        )
        to_layer = grid_to_grid(frame.geometry, self._display.geometry, self._transform)
        self._reslice.SetResliceAxes(vtk_matrix(to_layer @ axes))
        self._reslice.SetOutputOrigin(0.0, 0.0, 0.0)
        self._reslice.SetOutputSpacing(*spacing, self._slab_step)
        self._reslice.SetOutputExtent(0, extent[0] - 1, 0, extent[1] - 1, 0, 0)
        self.prop.SetUserMatrix(vtk_matrix(self._world @ axes))

    def set_slab(self, slab: Slab | None) -> None:
        """Show a slab about the cut, or the cut itself; pictures have none."""
        if self._detail is not None or self._display.is_colour or slab == self._slab:
            return
        self._slab, self._index = slab, None
        if self._reslice is None:
            if slab is None:
                self._mapper.SetInputData(image_data(self._display))
            return
        count = 1 if slab is None else 2 * int(slab.thickness_mm / 2 / self._slab_step + 1e-6) + 1
        self._reslice.SetSlabNumberOfSlices(count)
        if slab is not None:
            _SLAB_MODES[slab.projection](self._reslice)

    @property
    def _slab_step(self) -> float:
        """mm between the cuts of a slab through an image on another grid."""
        return float(min(self._display.geometry.spacing_xyz))

    def set_part(self, box: NDArray[np.float64], mm_per_pixel: float) -> None:
        """Have of a large picture what is on the screen, as finely as it is shown."""
        if self._detail is not None and self._index is not None:
            image = self._detail.image(self._index, box, mm_per_pixel)
            if image is not self._mapper.GetInput():
                self._mapper.SetInputData(image)


def lies_on_grid(layer: Layer, frame: ViewFrame) -> bool:
    """Whether the voxels of a layer are those of the grid that the view cuts."""
    return layer.transform.is_identity and layer.display.geometry.same_grid(frame.geometry)


def grid_to_grid(base: Geometry, layer: Geometry, transform: Transform) -> NDArray[np.float64]:
    """(4, 4) grid mm of `base` → grid mm of `layer`, through patient space. Both must be regular.

    `transform` leads from the layer's frame of reference to the base's.
    """
    return np.linalg.inv(_lps_from_grid(layer)) @ transform.inverse().matrix @ _lps_from_grid(base)


def _lps_from_grid(geometry: Geometry) -> NDArray[np.float64]:
    out = np.eye(4)
    out[:3, :3] = geometry.directions
    out[:3, 3] = geometry.origins_lps[0]
    return out


def cut_sampling(
    frame: ViewFrame, at_mm: float, finest_mm: float
) -> tuple[NDArray[np.float64], tuple[float, float], tuple[int, int]]:
    """Axes, spacing and size of the samples that cover one cut of a grid, for an image of voxels of `finest_mm`.

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
        step = max(min(frame.spacing[axis], finest_mm, 1.0), _FINEST_MM, length / _MOST_SAMPLES)
        spacing.append(step)
        extent.append(int(length / step) + 1)
    return axes, (spacing[0], spacing[1]), (extent[0], extent[1])


def vtk_matrix(values: NDArray[np.float64]) -> vtkMatrix4x4:
    """(4, 4) as VTK has it."""
    matrix = vtkMatrix4x4()
    matrix.DeepCopy(values.ravel().tolist())
    return matrix
