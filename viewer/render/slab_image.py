"""A slab of an image as VTK draws it: one plane, in the place of the slab's middle. No Qt."""

from vtkmodules.vtkCommonDataModel import vtkImageData

from engine.slab import Slab, projected
from engine.volume import Volume
from viewer.render.image_data import to_vtk


def slab_image(display: Volume, across: int, index: int, slab: Slab) -> vtkImageData:
    """The slab about plane `index` along grid axis `across` (0 column, 1 row, 2 plane), grid mm."""
    values = projected(display, 2 - across, index, slab)
    extent = [0, 0, 0, 0, 0, 0]
    for axis, size in enumerate(display.geometry.shape[::-1]):
        extent[2 * axis : 2 * axis + 2] = (index, index) if axis == across else (0, size - 1)
    image = vtkImageData()
    image.SetExtent(*extent)
    image.SetSpacing(*display.geometry.spacing_xyz)
    image.GetPointData().SetScalars(to_vtk(values.reshape(-1)))
    return image
