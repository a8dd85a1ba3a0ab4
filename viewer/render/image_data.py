"""VTK's view of voxels and outlines, without copying voxels."""

from functools import lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import (
    vtkDataArray,
    vtkFloatArray,
    vtkIdTypeArray,
    vtkLookupTable,
    vtkPoints,
    vtkUnsignedCharArray,
)
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkImageData, vtkPolyData

from engine.volume import Volume
from viewer.render.colour_maps import colour_table

Filled = TypeVar("Filled", bound=vtkDataArray)

_made: WeakKeyDictionary[Volume, vtkImageData] = WeakKeyDictionary()


def to_vtk(array: NDArray[Any], *, copy: bool = True) -> vtkDataArray:
    """A VTK array with the values of a contiguous numpy array, on the same memory unless `copy`."""
    out: vtkDataArray = numpy_to_vtk(array, deep=copy)  # type: ignore[no-untyped-call]
    return out


def image_data(volume: Volume) -> vtkImageData:
    """A vtkImageData in grid millimetres (first voxel centre at 0, axes along column, row, plane) on the same memory.

    The volume's geometry must be regular. The array is copied only where it is not contiguous, and once: the views
    share what was made for a volume.
    """
    known = _made.get(volume)
    if known is not None:
        return known
    image = _made[volume] = grid_of(volume.voxels, volume.geometry.spacing_xyz)
    return image


def grid_of(
    voxels: NDArray[Any], spacing_xyz: tuple[float, float, float], origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> vtkImageData:
    """A vtkImageData of (planes, rows, columns) values, or with a last axis of colours, on the same memory.

    Spacing and the place of the first voxel centre are mm along column, row and plane index.
    """
    values = np.ascontiguousarray(voxels)
    image = vtkImageData()
    image.SetDimensions(*values.shape[2::-1])
    image.SetSpacing(*spacing_xyz)
    image.SetOrigin(*origin)
    image.GetPointData().SetScalars(to_vtk(values.reshape(-1, *values.shape[3:]), copy=False))
    return image


@lru_cache(maxsize=64)
def lookup_table(colour_map: str, clear_below: float = 0.0) -> vtkLookupTable:
    """A lookup table of 256 colours; opacity rises from 0 over the first `clear_below` (0..1) of the range.

    Tables are shared, so that a view whose image did not change uploads nothing.
    """
    colours = np.empty((256, 4), dtype=np.uint8)
    colours[:, :3] = colour_table(colour_map)
    ramp = np.clip(np.linspace(0, 1, 256) / clear_below, 0, 1) if clear_below > 0 else np.ones(256)
    colours[:, 3] = np.rint(255 * ramp)
    table = vtkLookupTable()
    table.SetNumberOfTableValues(256)
    values = to_vtk(colours)
    assert isinstance(values, vtkUnsignedCharArray)
    table.SetTable(values)
    table.SetNanColor(0.0, 0.0, 0.0, 0.0)
    return table


def set_lines(
    target: vtkPolyData,
    points: NDArray[np.float64],
    offsets: NDArray[np.int64],
    colours: NDArray[np.uint8] | None = None,
) -> None:
    """Replace the content of `target` by polylines.

    Args:
        target: drawn as lines.
        points: (n, 3).
        offsets: (lines + 1,) where each line starts in `points`, ending with n.
        colours: (lines, 3) or, with opacity, (lines, 4) one a line; None where the actor has the colour.
    """
    vertices = vtkPoints()
    vertices.SetData(_filled(vtkFloatArray(), np.array(points, dtype=np.float32)))
    lines = vtkCellArray()
    lines.SetData(
        _filled(vtkIdTypeArray(), np.array(offsets, dtype=np.int64)),
        _filled(vtkIdTypeArray(), np.arange(len(points), dtype=np.int64)),
    )
    target.SetPoints(vertices)
    target.SetLines(lines)
    target.GetCellData().SetScalars(_filled(vtkUnsignedCharArray(), np.array(colours)) if colours is not None else None)
    target.Modified()


def set_triangles(target: vtkPolyData, points: NDArray[np.float64], colours: NDArray[np.uint8]) -> None:
    """Replace the content of `target` by triangles.

    Args:
        target: drawn as areas.
        points: (3 n, 3) the corners, three a triangle.
        colours: (n, 4) one a triangle, with its opacity.
    """
    corners = vtkPoints()
    corners.SetData(_filled(vtkFloatArray(), np.array(points, dtype=np.float32)))
    cells = vtkCellArray()
    cells.SetData(
        _filled(vtkIdTypeArray(), np.arange(0, len(points) + 1, 3, dtype=np.int64)),
        _filled(vtkIdTypeArray(), np.arange(len(points), dtype=np.int64)),
    )
    target.SetPoints(corners)
    target.SetPolys(cells)
    target.GetCellData().SetScalars(_filled(vtkUnsignedCharArray(), np.array(colours)))
    target.Modified()


def _filled(target: Filled, values: NDArray[Any]) -> Filled:
    """`target` with values of its own type that nothing else holds: no copy, nor a search for the type.

    For the many small arrays of each frame, for which `numpy_to_vtk` takes longer than drawing them.
    """
    target.SetNumberOfComponents(1 if values.ndim == 1 else values.shape[1])
    target.SetVoidArray(values, values.size, 1)
    # VTK keeps this with the array, and so the memory as long as the array.
    vars(target)["values"] = values
    return target
