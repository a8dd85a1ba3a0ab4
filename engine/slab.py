"""Several planes of an image as one: the highest, the lowest or the mean value along the lines across them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.volume import Volume


class Projection(StrEnum):
    """What is shown of the values along a line."""

    MAXIMUM = "MIP"
    MINIMUM = "MinIP"
    MEAN = "Mean"


@dataclass(frozen=True)
class Slab:
    """`thickness_mm` about a cut, half to each side."""

    projection: Projection
    thickness_mm: float


def planes_of(slab: Slab, index: int, spacing_mm: float, count: int) -> slice:
    """The planes whose centres lie within half the thickness of plane `index`, at least that one."""
    reach = int(slab.thickness_mm / 2 / spacing_mm + 1e-6)
    return slice(max(index - reach, 0), min(index + reach, count - 1) + 1)


def projected(volume: Volume, axis: int, index: int, slab: Slab) -> NDArray[Any]:
    """A slab about one plane of an image on a rectangular grid.

    Args:
        volume: of one value a voxel.
        axis: that the slab lies across: 0 planes, 1 rows, 2 columns.
        index: the plane, row or column in its middle.
        slab: what is shown.

    Returns:
        (n, m) along the other two axes; the voxels' own type, float32 for the mean.
    """
    spacing = volume.geometry.spacing_xyz[2 - axis]
    place: list[slice] = [slice(None)] * 3
    place[axis] = planes_of(slab, index, spacing, volume.geometry.shape[axis])
    part = volume.voxels[tuple(place)]
    if slab.projection is Projection.MAXIMUM:
        return np.asarray(part.max(axis=axis))
    if slab.projection is Projection.MINIMUM:
        return np.asarray(part.min(axis=axis))
    # Whole numbers of 32 bits add up any thickness of those of 16, and twice as fast.
    whole = np.int32 if part.dtype.itemsize <= 2 and np.issubdtype(part.dtype, np.integer) else np.float64
    total = np.add.reduce(part, axis=axis, dtype=whole)
    return np.asarray(total / part.shape[axis], dtype=np.float32)
