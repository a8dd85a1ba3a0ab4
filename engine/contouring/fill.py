"""Polygons → mask: even-odd at voxel centres, exact to the last voxel.

The rule. The centre of the voxel at row j, column i lies at `(u, v) = (i·du, j·dv)`; a voxel is inside when a ray from
its centre towards smaller v crosses the lines an odd number of times. An edge from u0 to u1 is crossed when
`min(u0, u1) <= u < max(u0, u1)`, and the crossing counts when it lies above the centre or on it. So a centre exactly on
a line is inside when the area lies towards larger v (on a line along v: towards larger u): of two areas that share a
line, exactly one has each voxel on it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, get_coordinates, get_parts, get_rings

from engine.contouring.stack import Areas
from engine.progress import Progress, silent
from engine.volume import FloatArray, Geometry

#: Where the box around all lines has more voxels than this for each crossing of a line and a column, voxels are set
#: run by run instead of by scanning the box.
SPARSE = 64

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


def fill_plane(area: MultiPolygon | Polygon, shape: tuple[int, int], spacing_uv: tuple[float, float]) -> BoolArray:
    """Voxels of one plane whose centre is inside `area`.

    Args:
        area: polygons with holes, `(u, v)` mm.
        shape: (rows, columns).
        spacing_uv: (mm between columns, mm between rows).

    Returns:
        (rows, columns) bool.
    """
    start, end = _edges(area)
    out: BoolArray = np.zeros((1, *shape), dtype=np.bool_)
    _paint(out, start, end, np.zeros(len(start), dtype=np.intp), spacing_uv)
    return out.reshape(shape)


def fill(areas: Areas, geometry: Geometry, progress: Progress = silent) -> BoolArray:
    """Voxels of the image whose centre is inside the structure.

    Args:
        areas: plane index → polygons, `(u, v)` mm; planes outside the image are left out.
        geometry: of the image.
        progress: reports and may stop.

    Returns:
        (planes, rows, columns) bool.
    """
    progress(0.0, "Filling contours")
    out = np.zeros(geometry.shape, dtype=np.bool_)
    planes = np.array([k for k in areas if 0 <= k < geometry.shape[0]], dtype=np.intp)
    if len(planes):
        start, end, owner = _edges_of([areas[int(k)] for k in planes])
        _paint(out, start, end, planes[owner], geometry.spacing_uv)
    progress(1.0, "Filling contours")
    return out


def count_inside(structures: Sequence[Areas], geometry: Geometry) -> int:
    """How many voxels of the image have their centre inside an odd number of some structures.

    Of one structure these are the voxels of `fill`, of two those in which their masks differ; no mask is made.
    """
    _, rows, columns = geometry.shape
    areas = [(k, area) for areas in structures for k, area in areas.items() if 0 <= k < geometry.shape[0]]
    if not areas:
        return 0
    planes = np.array([k for k, _ in areas], dtype=np.intp)
    start, end, owner = _edges_of([area for _, area in areas])
    k, row, column = _crossings(start, end, planes[owner], geometry.shape, geometry.spacing_uv)
    line = k * columns + column
    key = np.sort(line * (rows + 1) + row)
    # Lines are closed, so each column of voxels is crossed an even number of times.
    line, row = np.divmod(key, rows + 1)
    return int((row[1::2] - row[0::2]).sum())


def _edges(area: MultiPolygon | Polygon) -> tuple[FloatArray, FloatArray]:
    start, end, _ = _edges_of([area])
    return start, end


def _edges_of(areas: Sequence[MultiPolygon | Polygon]) -> tuple[FloatArray, FloatArray, IntArray]:
    """(n, 2) starts and ends of all edges, and the index of the area that each belongs to."""
    polygons, area = get_parts(np.asarray(areas, dtype=object), return_index=True)
    rings, polygon = get_rings(polygons, return_index=True)
    points, ring = get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    owner: IntArray = area[polygon[ring[:-1][same]]].astype(np.intp)
    return points[:-1][same], points[1:][same], owner


def _first_at_or_after(value: FloatArray, step: float) -> IntArray:
    """Smallest integers n with n·step >= value, by the same product that gives the centres' coordinates."""
    n = np.ceil(value / step)
    n -= (n - 1) * step >= value
    n += n * step < value
    return n.astype(np.intp)


def _crossings(
    start: FloatArray, end: FloatArray, plane: IntArray, shape: tuple[int, ...], spacing_uv: tuple[float, float]
) -> tuple[IntArray, IntArray, IntArray]:
    """(plane, row, column) of the first voxel below each crossing of an edge and a column of voxel centres."""
    _, rows, columns = shape
    du, dv = spacing_uv
    finite = np.isfinite(start).all(axis=1) & np.isfinite(end).all(axis=1)
    if not finite.all():
        start, end, plane = start[finite], end[finite], plane[finite]
    backwards = (start[:, 0] > end[:, 0])[:, None]
    low, high = np.where(backwards, end, start), np.where(backwards, start, end)
    first = _first_at_or_after(np.clip(low[:, 0], 0.0, columns * du), du)
    last = np.minimum(_first_at_or_after(np.clip(high[:, 0], 0.0, columns * du), du), columns)
    count = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(count)), count)
    column = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count - first, count)
    a, b = low[edge], high[edge]
    # Shares of an edge from 0 to 1 first: slopes of edges almost along v would overflow.
    v = a[:, 1] + (column * du - a[:, 0]) / (b[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    return plane[edge], _first_at_or_after(np.clip(v, 0.0, rows * dv), dv), column


def _paint(
    out: BoolArray, start: FloatArray, end: FloatArray, plane: IntArray, spacing_uv: tuple[float, float]
) -> None:
    """Set the voxels of (planes, rows, columns) `out` that the edges enclose, by even-odd.

    Every edge flips all voxels below it (at larger v) in the columns that it spans; below the last line all flips
    have cancelled. Columns are scanned downwards, so that each step is one operation on whole rows of all planes.
    """
    k, row, column = _crossings(start, end, plane, out.shape, spacing_uv)
    if not len(k):
        return
    k0, j0, i0 = int(k.min()), int(row.min()), int(column.min())
    size = (int(k.max()) + 1 - k0, int(row.max()) + 1 - j0, int(column.max()) + 1 - i0)
    if np.prod(size) > SPARSE * len(k) and _paint_runs(out, k, row, column):
        return
    flips = np.zeros(size, dtype=np.uint8)
    np.add.at(flips.reshape(-1), ((k - k0) * size[1] + (row - j0)) * size[2] + (column - i0), np.uint8(1))
    flips &= 1
    for j in range(1, size[1]):
        np.bitwise_xor(flips[:, j], flips[:, j - 1], out=flips[:, j])
    inside = flips.view(np.bool_)
    out[k0 : k0 + size[0], j0 : j0 + size[1] - 1, i0 : i0 + size[2]] = inside[:, :-1]


def _paint_runs(out: BoolArray, k: IntArray, row: IntArray, column: IntArray) -> bool:
    """Set the runs of voxels between each two crossings of a column, from (plane, row, column) of all crossings.

    Returns False, having set nothing, where that would be slow or where crossings don't come in pairs.
    """
    _, rows, columns = out.shape
    key = np.sort((k * columns + column) * (rows + 1) + row)
    if len(key) % 2:
        return False
    line, top = np.divmod(key[0::2], rows + 1)
    other, bottom = np.divmod(key[1::2], rows + 1)
    length = bottom - top
    total = int(length.sum())
    if (line != other).any() or total > SPARSE * len(key):
        return False
    line, top = np.repeat(line, length), np.repeat(top - (np.cumsum(length) - length), length)
    out.reshape(-1)[(line // columns * rows + top + np.arange(total)) * columns + line % columns] = True
    return True
