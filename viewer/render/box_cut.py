"""What a plane shows of a box that may lie askew to it. No VTK."""

from itertools import product

import numpy as np

from engine.volume import FloatArray

#: The corners of a box between 0 and 1, in the order that `box_cut` takes them.
CORNERS = np.array(list(product((0, 1), repeat=3)))
#: Pairs of corners that differ in one coordinate.
_EDGES = np.array([(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(CORNERS[a] - CORNERS[b]).sum() == 1])


def box_cut(corners: FloatArray, across: int, level: float) -> FloatArray:
    """(n, 3) where the edges of a box, of (8, 3) corners, meet a level of a coordinate."""
    ends = corners[_EDGES]
    start, stop = ends[:, 0, across], ends[:, 1, across]
    meets = (np.minimum(start, stop) <= level + 1e-9) & (level - 1e-9 <= np.maximum(start, stop))
    ends, start, stop = ends[meets], start[meets], stop[meets]
    rise = stop - start
    flat = np.abs(rise) < 1e-9
    part = np.where(flat, 0.0, np.clip((level - start) / np.where(flat, 1.0, rise), 0, 1))
    points = ends[:, 0] + part[:, None] * (ends[:, 1] - ends[:, 0])
    return np.concatenate([points, ends[flat, 1]])


def around_cut(points: FloatArray, axes: list[int]) -> FloatArray:
    """Points of a convex outline in the plane of two axes, each once, in order around it."""
    _, first = np.unique(np.round(points[:, axes], 6), axis=0, return_index=True)
    points = points[np.sort(first)]
    aside = points[:, axes] - points[:, axes].mean(axis=0)
    return np.asarray(points[np.argsort(np.arctan2(aside[:, 1], aside[:, 0]), kind="stable")])
