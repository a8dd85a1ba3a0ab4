"""Smooth closed surfaces of structures for the eye; never a source of contours or measures."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from shapely import affinity
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkPolyDataNormals, vtkSurfaceNets3D

from engine.contouring.fill import fill_plane
from engine.structures import PlaneContours
from viewer.render.image_data import to_vtk
from viewer.render.orientation import ViewFrame

#: Samples of a structure along its longer in-plane side: of each of a few structures, and of each of many. More would
#: hardly show after smoothing, and the view must turn fluently where there is no graphics card.
FINE, COARSE = 96, 44

_SMOOTHING_ITERATIONS = 24


def make_surface(planes: Mapping[int, PlaneContours], frame: ViewFrame, samples: int = FINE) -> vtkPolyData | None:
    """The surface of a structure in grid mm; None where it is empty. Safe to call on a thread.

    The areas are sampled on a grid around the structure, about `samples` along its longer side, its planes at the
    displayed grid's positions (each shows the acquired plane nearest to it). The boundary is meshed and smoothed by
    surface nets (Gibson 1998), which keep every vertex within its voxel.
    """
    areas = {k: contours.area for k, contours in planes.items() if not contours.area.is_empty}
    if not areas:
        return None
    acquired, display = frame.acquired, frame.geometry
    shifts = {k: frame.shift(k) for k in areas}
    bounds = np.array([np.array(area.bounds) + np.tile(shifts[k], 2) for k, area in areas.items()])
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    step = np.maximum(np.array(display.spacing_uv), (high - low).max() / samples)
    # Two samples around it, so that the surface closes.
    corner = low - 1.5 * step
    columns, rows = (np.ceil((high - corner) / step).astype(int) + 2).tolist()

    heights = display.positions - display.positions[0]
    nearest = np.array([acquired.nearest_plane(origin) for origin in display.origins_lps])
    used = np.flatnonzero(np.isin(nearest, list(areas)))
    if not len(used):
        return None
    first, last = int(used[0]), int(used[-1])
    stride = max(1, round(float(step.max()) / display.mean_spacing))
    chosen = nearest[first : last + 1 : stride].tolist()
    labels = np.zeros((len(chosen) + 2, rows, columns), dtype=np.uint8)
    filled: dict[int, NDArray[np.bool_]] = {}
    for row, plane in enumerate(chosen):
        if plane not in areas:
            continue
        if plane not in filled:
            offset = shifts[plane] - corner
            moved = affinity.translate(areas[plane], *offset)
            filled[plane] = fill_plane(moved, (rows, columns), (float(step[0]), float(step[1])))
        labels[row + 1] = filled[plane]
    gap = display.mean_spacing * stride
    return _mesh(labels, (corner[0], corner[1], heights[first] - gap), (step[0], step[1], gap))


def _mesh(
    labels: NDArray[np.uint8], origin: tuple[float, float, float], spacing: tuple[float, float, float]
) -> vtkPolyData | None:
    if not labels.any():
        return None
    planes, rows, columns = labels.shape
    image = vtkImageData()
    image.SetDimensions(columns, rows, planes)
    image.SetOrigin(*origin)
    image.SetSpacing(*spacing)
    image.GetPointData().SetScalars(to_vtk(labels.reshape(-1), copy=False))
    nets = vtkSurfaceNets3D()
    nets.SetInputData(image)
    nets.SetValue(0, 1)
    nets.SetNumberOfIterations(_SMOOTHING_ITERATIONS)
    normals = vtkPolyDataNormals()
    normals.SetInputConnection(nets.GetOutputPort())
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.Update()
    surface: vtkPolyData = normals.GetOutput()
    return _detached(surface)


def _detached(surface: vtkPolyData) -> vtkPolyData:
    """A shallow copy without the pipeline that made it, so that drawing it never runs filters again."""
    out = vtkPolyData()
    out.ShallowCopy(surface)
    return out
