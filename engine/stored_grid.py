"""How a single file holds an image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class StoredGrid:
    """How a single file holds an image, to the last bit, where `Geometry` is right-handed and exactly perpendicular.

    Args:
        affine_ras: (4, 4) RAS mm from the file's (column, row, plane) index, as it gives them.
        spacing: mm along columns, rows and planes, as its header gives them.
        planes_fall: whether it holds the planes in the other order than the geometry.
        placed: whether it says how it lies in the patient.
    """

    affine_ras: NDArray[np.float64]
    spacing: tuple[float, float, float]
    planes_fall: bool
    placed: bool = True

    @classmethod
    def of(
        cls,
        origin_lps: NDArray[np.float64],
        directions: NDArray[np.float64],
        spacing: NDArray[np.float64],
        planes_fall: bool,
    ) -> "StoredGrid":
        """From the place of the first voxel, (3, 3) directions as columns, and mm along columns, rows and planes."""
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = directions * spacing, origin_lps
        affine[:2] *= -1
        return cls(affine, (float(spacing[0]), float(spacing[1]), float(spacing[2])), planes_fall)
