"""The open image as a volume among the surfaces of the 3D view, cast on the processor. No Qt.

Without a graphics card a ray caster on the processor is the fastest there is; while the view turns it casts fewer rays.
Its modules are loaded when a volume is first asked for.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPiecewiseFunction
from vtkmodules.vtkRenderingCore import vtkColorTransferFunction, vtkRenderer, vtkVolume, vtkVolumeProperty

from engine.volume import Volume
from viewer.render.image_data import to_vtk
from viewer.render.volume_looks import VolumeLook

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper

#: Voxels that are cast at most: more would hardly be seen, and turn slowly.
MOST_VOXELS = 6_000_000
#: Pixels of the view for each ray, along a side: at rest, and while it turns.
_RESTING, _MOVING = 1.0, 4.0


class VolumePart:
    """Draws one volume in the millimetres of its own grid."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._renderer = renderer
        self._volume: vtkVolume | None = None
        self._mapper: vtkFixedPointVolumeRayCastMapper | None = None
        self._shown: tuple[Volume, VolumeLook] | None = None
        self._asked: tuple[Volume, VolumeLook] | None = None
        self._image: tuple[Volume, vtkImageData] | None = None

    @property
    def is_shown(self) -> bool:
        """Whether a volume is drawn."""
        return self._asked is not None

    def show(self, display: Volume | None, look: VolumeLook | None) -> None:
        """Draw a volume on a rectangular grid so from the next frame on; None for none."""
        self._asked = (display, look) if display is not None and look is not None else None

    def set_moving(self, moving: bool) -> None:
        """Fewer rays while the view turns."""
        if self._mapper is not None:
            self._mapper.SetImageSampleDistance(_MOVING if moving else _RESTING)

    def prepare(self) -> None:
        """Bring VTK up to date; call it before drawing, with the view's OpenGL context current."""
        if self._asked == self._shown:
            return
        self._shown = self._asked
        if self._asked is None:
            if self._volume is not None:
                self._renderer.RemoveVolume(self._volume)
            self._image = None
            return
        display, look = self._asked
        if self._volume is None or self._mapper is None:
            self._volume, self._mapper = _make()
        if self._image is None or self._image[0] is not display:
            self._image = display, thinned(display)
        self._mapper.SetInputData(self._image[1])
        self._mapper.SetSampleDistance(float(min(self._image[1].GetSpacing())))
        if look.maximum:
            self._mapper.SetBlendModeToMaximumIntensity()
        else:
            self._mapper.SetBlendModeToComposite()
        self._volume.SetProperty(_property(display, look))
        self._renderer.AddVolume(self._volume)


def thinned(display: Volume) -> vtkImageData:
    """A volume as an image of at most `MOST_VOXELS`: every second voxel, or third, of the axes that have most."""
    spacing = np.array(display.geometry.spacing_xyz[::-1])
    shape, steps = np.array(display.geometry.shape), np.ones(3, dtype=int)
    while int(np.prod(-(-shape // steps))) > MOST_VOXELS:
        steps[int(np.argmin(spacing * steps))] += 1
    voxels: Any = np.ascontiguousarray(display.voxels[:: steps[0], :: steps[1], :: steps[2]])
    image = vtkImageData()
    image.SetDimensions(*voxels.shape[::-1])
    image.SetSpacing(*(spacing * steps)[::-1])
    image.GetPointData().SetScalars(to_vtk(voxels.reshape(-1)))
    return image


def _make() -> "tuple[vtkVolume, vtkFixedPointVolumeRayCastMapper]":
    import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401, PLC0415  it puts the picture of the rays on the screen
    from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper  # noqa: PLC0415

    mapper = vtkFixedPointVolumeRayCastMapper()
    mapper.AutoAdjustSampleDistancesOff()
    mapper.IntermixIntersectingGeometryOn()
    volume = vtkVolume()
    volume.SetMapper(mapper)
    volume.PickableOff()
    return volume, mapper


def _property(display: Volume, look: VolumeLook) -> vtkVolumeProperty:
    opacity_points, colour_points = look.of(display)
    opacity, colours = vtkPiecewiseFunction(), vtkColorTransferFunction()
    for value, share in opacity_points:
        opacity.AddPoint(value, share)
    for value, red, green, blue in colour_points:
        colours.AddRGBPoint(value, red, green, blue)
    style = vtkVolumeProperty()
    style.SetScalarOpacity(opacity)
    style.SetColor(colours)
    style.SetInterpolationTypeToLinear()
    if not look.maximum:
        style.ShadeOn()
        style.SetAmbient(0.25)
        style.SetDiffuse(0.75)
        style.SetSpecular(0.15)
    return style
