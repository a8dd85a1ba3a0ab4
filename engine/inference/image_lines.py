"""Samples along an axis, made of others by lines, to the last bit as MONAI makes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.networks.utils import to_norm_affine
from numpy.typing import NDArray
from torch.nn import functional

from engine.volume import Float32Array, FloatArray

IntArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Line:
    """How the samples along an axis are made of others: each of two, weighted; of none where both weights are 0.

    Args:
        lower, upper: which two.
        below, above: their weights.
    """

    lower: IntArray
    upper: IntArray
    below: FloatArray
    above: FloatArray

    @classmethod
    def same(cls, count: int) -> "Line":
        """Each sample as it is."""
        index = np.arange(count)
        return cls(index, index, np.ones(count), np.zeros(count))

    @property
    def is_same(self) -> bool:
        """Whether nothing changes but that samples may be left out at both ends."""
        return not self.above.any() and bool((self.below == 1).all())

    def chosen(self, samples: IntArray, inside: NDArray[np.bool_]) -> "Line":
        """Those of the samples, in that order; nothing where they are not `inside`."""
        samples = np.where(inside, samples, 0)
        below, above = (np.where(inside, weights[samples], 0.0) for weights in (self.below, self.above))
        return Line(self.lower[samples], self.upper[samples], below, above)

    def between(self, place: FloatArray) -> "Line":
        """Lines between the samples, each of which must be made of one; beyond the outermost they go on level."""
        last = len(self.lower) - 1
        place = np.clip(place, 0, last)
        first = np.minimum(np.floor(place).astype(np.intp), max(last - 1, 0))
        second = np.minimum(first + 1, last)
        share = place - first
        return Line(
            self.lower[first], self.lower[second], self.below[first] * (first + 1 - place), self.below[second] * share
        )  # fmt: skip


def along_lines(values: Float32Array, lines: Sequence[Line]) -> Float32Array:
    """(first, second, third axis) values, along a line of each axis in turn."""
    out = np.empty([len(line.lower) for line in lines], np.float32)
    held: dict[int, FloatArray] = {}

    def plane(index: int) -> FloatArray:
        if index not in held:
            if len(held) > 1:
                del held[min(held)]
            flat = values[index].astype(np.float64)
            for axis, line in ((0, lines[1]), (1, lines[2])):
                shape = (-1, 1) if axis == 0 else (1, -1)
                flat = flat.take(line.lower, axis) * line.below.reshape(shape) + flat.take(
                    line.upper, axis
                ) * line.above.reshape(shape)
            held[index] = flat
        return held[index]

    first = lines[0]
    for index in range(len(out)):
        low, high = int(first.lower[index]), int(first.upper[index])
        below, above = plane(low), plane(high) if first.above[index] else None
        out[index] = below if above is None else below * first.below[index] + above * first.above[index]
    return out


def places(count: int, wanted: int, ratio: float, shift: float) -> FloatArray:
    """Where each of `wanted` samples lies among `count`, within them: `ratio` apart, to the last bit as MONAI has it.

    What the last bit decides is which of two halves is nearer, and whether a value beside zeros is zero.
    """
    theta = torch.eye(4, dtype=torch.float64)
    theta[0, 0], theta[0, 3] = ratio, shift
    theta = to_norm_affine(theta[None], (count, 1, 1), (wanted, 1, 1), align_corners=False)
    # torch counts axes from the last.
    theta = theta[:, [2, 1, 0, 3]][:, :, [2, 1, 0, 3]]
    grid = functional.affine_grid(theta[:, :3], [1, 1, wanted, 1, 1], align_corners=False)
    place = ((grid[0, :, 0, 0, 2] + 1) * count - 1) / 2
    return np.asarray(np.clip(place.numpy(), 0, count - 1), np.float64)
