"""Areas where the grey values of an image lie in a range, and regions of such voxels that hang together.

The line runs where the values, taken as linear between neighbouring voxel centres, reach the end of the range: a voxel
is inside when its own value is in the range. Where it runs depends on the voxels around it alone, so that two areas
traced from overlapping parts of an image have the same line where they overlap.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.march import areas_of
from engine.contouring.trace import level_lines
from engine.later import later
from engine.volume import FloatArray

if TYPE_CHECKING:
    from scipy import ndimage
else:
    ndimage = later("scipy.ndimage")

BoolArray = NDArray[np.bool_]


def depth_in_range(values: NDArray, low: float, high: float) -> FloatArray:
    """How far each value lies within a range, both ends included: 0 or more inside, negative outside or where it is
    not a number.

    Whole numbers belong to the range with half a unit around them, so that the line keeps away from voxel centres.
    """
    if np.issubdtype(values.dtype, np.integer):
        low, high = np.ceil(low) - 0.5, np.floor(high) + 0.5
    values = values.astype(np.float64)
    return np.nan_to_num(np.minimum(values - low, high - values), nan=-1e6, posinf=-1e6, neginf=-1e6)


def only(depth: FloatArray, mask: BoolArray) -> FloatArray:
    """`depth` with what is in the range but not in `mask` as far outside as it was inside."""
    return np.where((depth >= 0) & ~mask, -np.maximum(depth, 1e-3), depth)


def level_area(depth: FloatArray, spacing: tuple[float, float], origin: tuple[float, float]) -> MultiPolygon:
    """Where `depth` is 0 or more on one plane.

    Args:
        depth: (rows, columns).
        spacing: (mm between columns, mm between rows).
        origin: `(u, v)` mm of the first sample.

    Returns:
        Valid polygons, mm. At the edge of the samples they go on for half a sample.
    """
    rows, columns = (np.flatnonzero((depth >= 0).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return MultiPolygon()
    # A sample more on each side, where there is one.
    j0, i0 = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    depth = depth[j0 : int(rows[-1]) + 2, i0 : int(columns[-1]) + 2]
    origin = (origin[0] + i0 * spacing[0], origin[1] + j0 * spacing[1])
    # Samples next to the line keep a share of the range away from it, whatever the unit of the values.
    scale = float(np.abs(depth[np.abs(depth) < 1e6]).max()) or 1.0
    padded = np.pad(depth / scale * 100, 1, mode="edge")
    for edge in (padded[0], padded[-1], padded[:, 0], padded[:, -1]):
        np.minimum(edge, -np.abs(edge), out=edge)
    lines, starts, outer = level_lines(padded, 0.0, corners=False)
    lines = (lines - 1.0) * np.asarray(spacing) + np.asarray(origin)
    found = areas_of(lines, starts, outer, np.zeros(len(starts) - 1, dtype=np.intp))
    return found[0][1] if found else MultiPolygon()


class Region(NamedTuple):
    """(planes, rows, columns) of a region, and whether it was stopped at the end of its reach."""

    mask: BoolArray
    stopped: bool


def grow(
    inside: BoolArray,
    seed: tuple[int, int, int],
    spacing_kji: tuple[float, float, float],
    reach_mm: float,
    neck_mm: float = 0.0,
) -> Region:
    """The voxels of `inside` that hang together with `seed`, face to face.

    Args:
        inside: (planes, rows, columns); one plane for a region in the plane.
        seed: [plane, row, column]; an empty region where it is not inside.
        spacing_kji: mm between planes, rows and columns.
        reach_mm: nothing further than this from the seed is reached.
        neck_mm: what hangs on the region by a passage narrower than this does not belong to it; 0 for any width. What
            is taken off the edge to find that out is put back.
    """
    if not inside[seed]:
        return Region(np.zeros_like(inside), False)
    axes = [(np.arange(size) - at) * step for size, at, step in zip(inside.shape, seed, spacing_kji, strict=True)]
    distance = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)
    within = inside & (distance <= reach_mm)
    core = _component(within, seed)
    if neck_mm > 0 and core.any():
        depth = ndimage.distance_transform_edt(_padded(core), sampling=spacing_kji)[_unpad(core)]
        # The seed itself may lie in a narrow part: the widest place near it speaks for it.
        width = min(neck_mm / 2, float(depth[seed]) * 0.999)
        narrow = _component(depth > width, seed)
        back = ndimage.distance_transform_edt(~narrow, sampling=spacing_kji) <= width + max(spacing_kji[1:])
        core = _component(core & back, seed)
    rim = distance > reach_mm - max(spacing_kji[1:])
    return Region(core, bool((core & rim).any()))


def _component(mask: BoolArray, seed: tuple[int, int, int]) -> BoolArray:
    labels, _ = ndimage.label(mask)
    return np.asarray(labels == labels[seed]) if labels[seed] else np.zeros_like(mask)


def _padded(mask: BoolArray) -> BoolArray:
    """With a rim of outside; none across planes where there is one plane, whose thickness says nothing."""
    return np.pad(mask, [(0 if mask.shape[0] == 1 else 1,) * 2, (1, 1), (1, 1)])


def _unpad(mask: BoolArray) -> tuple[slice, slice, slice]:
    planes = slice(None) if mask.shape[0] == 1 else slice(1, -1)
    return planes, slice(1, -1), slice(1, -1)
