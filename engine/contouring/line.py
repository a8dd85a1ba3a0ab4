"""Closed lines that run between voxel centres, each vertex free to slide on its link from one centre to the next.

All coordinates here are in voxels: (column, row), centres at whole numbers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

#: A vertex keeps at least this share of its link between itself and either centre.
MARGIN = 0.15


@dataclass
class BandedRings:
    """Closed rings whose vertices lie on links between a voxel centre inside and a neighbouring one outside.

    Args:
        inside: (n, 2) the centre inside, of all rings one after the other, first vertex not repeated.
        link: (n, 2) unit step from the centre inside to the one outside.
        starts: (rings + 1,) index of each ring's first vertex, and n.
    """

    inside: FloatArray
    link: FloatArray
    starts: IntArray

    @classmethod
    def from_crossings(cls, points: FloatArray, starts: IntArray) -> "BandedRings":
        """Crossings of zeros and ones at level 0.51, so 0.49 of a link from the centre inside."""
        inside = np.rint(points)
        link = points - inside
        return cls(inside, np.sign(link) * (np.abs(link) > 0.25), starts)


def smooth_in_band(rings: BandedRings) -> tuple[FloatArray, IntArray]:
    """Rings with the area of their pixels."""
    t = np.full(len(rings.inside), 0.5)
    target = _area(rings.inside + rings.link * 0.5, rings.starts)
    target += 0.5 * np.sign(target)
    t = _fit_area(rings, t, target)
    return rings.inside + rings.link * t[:, None], rings.starts


def _area(points: FloatArray, starts: IntArray) -> FloatArray:
    nxt = np.arange(1, len(points) + 1)
    nxt[starts[1:] - 1] = starts[:-1]
    x, y = points[:, 0], points[:, 1]
    return np.asarray(np.add.reduceat(x * y[nxt] - x[nxt] * y, starts[:-1]) / 2)


def _fit_area(rings: BandedRings, t: FloatArray, target: FloatArray) -> FloatArray:
    """Slide all vertices of a ring by one distance, clipped to the band, until its area is `target`."""
    size = np.diff(rings.starts)
    low, high = np.full(len(size), -1.0), np.full(len(size), 1.0)
    for _ in range(30):
        middle = (low + high) / 2
        slid = np.clip(t + np.repeat(middle, size), MARGIN, 1 - MARGIN)
        small = _area(rings.inside + rings.link * slid[:, None], rings.starts) < target
        low, high = np.where(small, middle, low), np.where(small, high, middle)
    return slid
