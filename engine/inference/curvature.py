"""How the values of an image curve at a scale: its Hessian, in units of the scale along each axis.

Lindeberg, "Feature detection with automatic scale selection", Int J Comput Vis 1998;30:79.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Of axes `first` and `other`, the second derivative.
Second = Callable[[int, int], NDArray[np.float32]]


def second_derivatives(values: NDArray[np.float32], sigma: NDArray[np.float64], sign: float = 1.0) -> Second:
    """The second derivatives of a Gaussian-smoothed image, in units of one deviation each, times `sign`.

    Args:
        values: (planes, rows, columns).
        sigma: (3,) in voxels; 0 for an axis that is left alone.
        sign: of the answer.
    """

    def second(first: int, other: int) -> NDArray[np.float32]:
        order = [int(axis == first) + int(axis == other) for axis in range(3)]
        derived = ndimage.gaussian_filter(values, sigma, order=order, mode="nearest")
        return np.asarray(derived * np.float32(sign * sigma[first] * sigma[other]))

    return second


def hessian(second: Second, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(planes, rows, columns, 3, 3)."""
    made = np.empty((*shape, 3, 3), np.float32)
    for first in range(3):
        for other in range(first, 3):
            made[..., first, other] = made[..., other, first] = second(first, other)
    return made
