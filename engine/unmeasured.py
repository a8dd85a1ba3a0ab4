"""Voxels for which a file gives no number: NaN, infinite values and padding of floating-point images.

They are shown as the lowest value that there is, and counted; a `Volume` knows which they are, so that no statistic
takes them for measured.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ReadError


def fill_unmeasured(
    voxels: NDArray[Any], name: str, why: str = "NaN"
) -> tuple[NDArray[Any], NDArray[np.bool_] | None, tuple[str, ...]]:
    """(voxels with the lowest finite value in place of what is no number, where that was done, a note on it).

    Args:
        voxels: (planes, rows, columns); floating-point ones are changed in place where they may be.
        name: of the file or series, for the sentences.
        why: they have none, for the sentences.

    Raises:
        ReadError: no voxel has a number.
    """
    if not np.issubdtype(voxels.dtype, np.floating):
        return voxels, None, ()
    unmeasured = ~np.isfinite(voxels)
    count = int(unmeasured.sum())
    if not count:
        return voxels, None, ()
    if count == voxels.size:
        raise ReadError(f"{name} has no voxel with a number: all are {why} or infinite.")
    infinite = int(np.isinf(voxels).sum())
    lowest = voxels[~unmeasured].min()
    voxels = voxels if voxels.flags.writeable else voxels.copy()
    voxels[unmeasured] = lowest
    what = f"no number ({why}{f', {infinite} of them infinite' if infinite else ''})"
    share = 100 * count / voxels.size
    note = (
        f"{count} voxels ({share:.2g} %) of {name} have {what}: they are shown as the lowest value, {lowest:g}, and "
        "left out of all statistics."
    )
    return voxels, unmeasured, (note,)
