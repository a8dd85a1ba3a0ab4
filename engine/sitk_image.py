"""Arrays on a `Geometry` ↔ SimpleITK images, and SimpleITK itself, imported when it is first needed."""

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.transform import Transform
from engine.volume import Geometry, Volume, right_handed

if TYPE_CHECKING:
    import SimpleITK as sitk


def itk() -> Any:
    """SimpleITK, silent: what matters of its warnings is said in an error or a note."""
    module = importlib.import_module("SimpleITK")
    module.ProcessObject.GlobalWarningDisplayOff()
    return module


def to_image(values: NDArray[Any], geometry: Geometry) -> "sitk.Image":
    """(planes, rows, columns) values as an image; the planes count as evenly spaced by the mean of their distances."""
    image: sitk.Image = itk().GetImageFromArray(np.ascontiguousarray(values))
    image.SetOrigin([float(value) for value in geometry.origins_lps[0]])
    image.SetSpacing([float(value) for value in geometry.spacing_xyz])
    image.SetDirection([float(value) for value in geometry.directions.ravel()])
    return image


def onto_grid(volume: Volume, geometry: Geometry, transform: Transform) -> tuple[NDArray[np.float32], float]:
    """A volume's values on another grid, linear, and the share of that grid which it covers.

    Args:
        volume: its planes are regular.
        geometry: of the grid; beyond the volume the values are its least.
        transform: from the volume's frame of reference to that of the grid.
    """
    back = transform.inverse().matrix
    affine = itk().AffineTransform(3)
    affine.SetMatrix([float(value) for value in back[:3, :3].ravel()])
    affine.SetTranslation([float(value) for value in back[:3, 3]])
    grid = to_image(np.zeros(geometry.shape, np.uint8), geometry)
    source = to_image(volume.voxels.astype(np.float32), volume.geometry)
    lowest = float(volume.voxels.min())
    values = itk().Resample(source, grid, affine, itk().sitkLinear, lowest, itk().sitkFloat32)
    everywhere = to_image(np.ones(volume.geometry.shape, np.uint8), volume.geometry)
    covered = itk().Resample(everywhere, grid, affine, itk().sitkNearestNeighbor, 0.0)
    return itk().GetArrayFromImage(values), float(itk().GetArrayViewFromImage(covered).mean())


def from_image(image: "sitk.Image") -> tuple[NDArray[Any], Geometry]:
    """(planes, rows, columns) values, a copy, and their grid; see `on_grid`."""
    return on_grid(itk().GetArrayFromImage(image), image)


def on_grid(values: NDArray[Any], place: Any) -> tuple[NDArray[Any], Geometry]:
    """Values and their grid as `place`, a SimpleITK image or reader, gives it; two dimensions are a plane of 1 mm.

    A left-handed grid is turned round along its third axis; see `right_handed`.

    Raises:
        GeometryError: its axes are not perpendicular.
    """
    dimension, most = place.GetDimension(), min(place.GetDimension(), 3)
    directions, spacing, origin = np.eye(3), np.ones(3), np.zeros(3)
    matrix = np.array(place.GetDirection()).reshape(dimension, dimension)
    directions[:most, :most] = matrix[:most, :most]
    spacing[:most] = place.GetSpacing()[:most]
    origin[:most] = place.GetOrigin()[:most]
    return right_handed(values[None] if values.ndim == 2 else values, origin, directions, spacing)
