"""Which voxels of an image are inside a closed line on a cut: of the layer nearest to the cut, by their centres."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from engine.measures.measure import Measure
from engine.volume import FloatArray, Volume


@dataclass(frozen=True, eq=False)
class Inside:
    """`index` (n, 3) [plane, row, column] of the voxels, and their `values` (n,)."""

    index: NDArray[np.int64]
    values: FloatArray


def values_inside(measure: Measure, outline_lps: FloatArray, volume: Volume) -> Inside:
    """The voxels of `volume` whose centres, seen across the cut, are inside a closed line.

    Along the axis of the image that lies most across the cut, the voxel nearest to the cut is taken, so that a cut
    along the image's planes takes voxels of one plane, and an oblique one a layer that is one voxel thick.

    Args:
        measure: gives the cut, in the volume's frame of reference.
        outline_lps: (n, 3) mm on the cut, closed.
        volume: its planes may be uneven or tilted.
    """
    geometry, normal = volume.geometry, np.asarray(measure.normal_lps)
    steps = geometry.spacing_xyz[::-1]
    axes = (geometry.normal, geometry.column_direction, geometry.row_direction)
    across = int(np.argmax([abs(float(normal @ axis)) for axis in axes]))
    last = np.array(geometry.shape) - 1
    at = geometry.kji_from_lps(outline_lps)
    low = np.clip(np.floor(at.min(axis=0)).astype(int) - 1, 0, last)
    high = np.clip(np.ceil(at.max(axis=0)).astype(int) + 1, 0, last)
    counts = high - low + 1
    index = np.indices(counts).reshape(3, -1).T + low
    centres = geometry.lps_from_kji(index)
    away = np.abs((centres - measure.points[0]) @ normal).reshape(counts)
    nearest = np.expand_dims(away.argmin(axis=across), across)
    # Half a step across the cut: beyond the first and last plane there is no image.
    step = float(geometry.plane_thickness.max()) if across == 0 else steps[across]
    reach = 0.5 * step * abs(float(normal @ axes[across])) + 1e-6
    near = np.take_along_axis(away, nearest, across) <= reach
    taken = np.zeros(counts, dtype=bool)
    np.put_along_axis(taken, nearest, near, across)
    index, centres = index[taken.ravel()], centres[taken.ravel()]
    flat = (outline_lps - measure.points[0]) @ measure.axes.T
    area = shapely.make_valid(shapely.polygons(flat))
    place = (centres - measure.points[0]) @ measure.axes.T
    inside = shapely.contains_xy(area, place[:, 0], place[:, 1])
    index = index[inside]
    return Inside(index, np.asarray(volume.grey(volume.voxels[tuple(index.T)]), dtype=np.float64))
