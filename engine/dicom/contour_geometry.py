"""Planes made from contours alone, for structures whose images are not there."""

from collections.abc import Sequence

import numpy as np

from engine.dicom.rtstruct_match import PLANE_TOLERANCE_MM
from engine.volume import FloatArray, Geometry

#: Without images, contours whose planes are closer than this lie on one plane.
SAME_LEVEL_MM = 0.05

#: Most rows and columns of the grid, however far apart a damaged file says that its contours are.
LARGEST_GRID = 2000


def geometry_from_contours(contours: Sequence[FloatArray]) -> Geometry:
    """Planes through closed contours: the direction that most of them share, their positions, and a 1 mm grid.

    Args:
        contours: (n, 3) LPS mm of each closed contour.
    """
    if not contours:
        return Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 1), (1, 1, 1))
    largest = sorted(contours, key=lambda points: -float(np.ptp(points, axis=0).sum()))[:: max(1, len(contours) // 16)]
    best, flat = np.eye(3)[2], np.zeros(len(contours), dtype=np.bool_)
    for candidate in largest:
        normal = _normal_of(candidate)
        found = np.array([np.ptp(points @ normal) <= PLANE_TOLERANCE_MM for points in contours])
        if np.count_nonzero(found) > np.count_nonzero(flat):
            best, flat = normal, found
    # An axial set runs to the Superior, a coronal one to the Posterior, a sagittal one to the Left, and rows run to
    # the Left, or to the Posterior where that is not possible.
    axis = int(np.abs(best).argmax())
    normal = best * np.sign(best[axis])
    row = np.eye(3)[1 if axis == 0 else 0]
    row = row - (row @ normal) * normal
    row /= np.linalg.norm(row)
    column = np.cross(normal, row)
    shown = [points for points, on in zip(contours, flat, strict=True) if on] or list(contours)
    positions = np.sort([(points @ normal).mean() for points in shown])
    levels = [
        float(group.mean()) for group in np.split(positions, np.flatnonzero(np.diff(positions) > SAME_LEVEL_MM) + 1)
    ]
    every = np.concatenate(shown)
    u, v = every @ row, every @ column
    pixel = max(1.0, float(max(np.ptp(u), np.ptp(v))) / LARGEST_GRID)
    size = (int(np.ceil(np.ptp(v) / pixel)) + 21, int(np.ceil(np.ptp(u) / pixel)) + 21)
    corner = (u.min() - 10 * pixel) * row + (v.min() - 10 * pixel) * column
    step = float(np.median(np.diff(levels))) if len(levels) > 1 else 1.0
    return Geometry(corner + np.outer(levels, normal), row, column, (pixel, pixel), (len(levels), *size), step)


def _normal_of(points: FloatArray) -> FloatArray:
    """The unit normal of the plane that fits best, exactly along an axis where it almost is."""
    normal = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][-1]
    axis = int(np.abs(normal).argmax())
    return np.asarray(np.eye(3)[axis] if np.abs(normal[axis]) > 1 - 1e-6 else normal, dtype=np.float64)
