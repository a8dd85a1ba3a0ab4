"""What lies between two planes where a line meets the polygon of one of them alone: at tips of pieces, and at forks.

Shape-based interpolation: a place is inside where the signed distances to both polygons, weighed by how near each plane
is, add up to more than nothing (Raya and Udupa, IEEE Trans Med Imaging 1990;9:32).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.contouring.section import Edges
from engine.volume import FloatArray

#: A polygon farther away than so many times the distance between the planes is that of another piece; and distances
#: beyond so many are all the same.
_NEAR_PLANES, _REACH_PLANES = 3.0, 6.0
#: Samples along an interval, at most; pairs of samples and edges that are looked at at once.
_MOST_SAMPLES, _PAIRS = 64, 1 << 20


@dataclass(frozen=True, eq=False)
class Lone:
    """Intervals in which lines meet the polygon of one of two neighbouring planes.

    `spans` (n, 2) mm along each line and `at` (n,) mm across them; `below` (n,) the lower plane, `upper` whether it is
    the other one's interval; `part` (n,) how far the line is on the way to the upper plane, 0..1; `owners` (n,) the
    structure; `gap` (n,) mm between the planes.
    """

    spans: FloatArray
    at: FloatArray
    below: NDArray[np.int64]
    upper: NDArray[np.bool_]
    part: FloatArray
    owners: NDArray[np.int64]
    gap: FloatArray


def lone_intervals(lone: Lone, edges: Edges, step: float) -> tuple[FloatArray, NDArray[np.int64], NDArray[np.bool_]]:
    """What of them is inside at the heights of their lines.

    Args:
        lone: the intervals.
        edges: of all structures on all planes, u along the lines and v across them.
        step: mm between samples.

    Returns:
        (m, 2) spans, the interval that each comes from, and (n,) whether the other plane has anything near it.
    """
    near = np.zeros(len(lone.at), dtype=bool)
    spans, of = [np.empty((0, 2))], [np.empty(0, dtype=np.int64)]
    groups = np.stack([lone.owners, lone.below], axis=1)
    places_of = _by_plane(edges)
    for owner, plane in np.unique(groups, axis=0).tolist():
        drawn = [places_of.get((owner, k)) for k in (plane, plane + 1)]
        if drawn[0] is None or drawn[1] is None:
            continue
        own = np.flatnonzero((groups == (owner, plane)).all(axis=1))
        reach = _REACH_PLANES * float(lone.gap[own[0]])
        both = [_about(edges.ends[part], lone.at[own], reach) for part in drawn if part is not None]
        counts = np.clip(np.ceil((lone.spans[own, 1] - lone.spans[own, 0]) / step), 2, _MOST_SAMPLES).astype(int) + 1
        interval = np.repeat(own, counts)
        first = np.cumsum(counts) - counts
        along = (np.arange(len(interval)) - np.repeat(first, counts)) / np.repeat(counts - 1, counts)
        left, right = lone.spans[interval].T
        places = left + along * (right - left)
        low, high = (_signed(np.column_stack([places, lone.at[interval]]), ends, reach) for ends in both)
        other = np.where(lone.upper[interval], low, high)
        near[own] = np.maximum.reduceat(other, first) > -_NEAR_PLANES * lone.gap[own]
        blend = (1 - lone.part[interval]) * low + lone.part[interval] * high
        met, whose = _runs(places, blend, interval)
        spans.append(met)
        of.append(whose)
    found, whose = np.concatenate(spans), np.concatenate(of)
    kept = near[whose]
    return found[kept], whose[kept], near


def _runs(places: FloatArray, values: FloatArray, lines: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.int64]]:
    """(m, 2) where values along lines are positive, linear between samples, and the line of each."""
    inside = values > 0
    first = np.append(True, lines[1:] != lines[:-1])
    last = np.append(first[1:], True)
    changes = np.flatnonzero(~last[:-1] & (inside[1:] != inside[:-1]))
    before, after = values[changes], values[changes + 1]
    crossed = places[changes] + before / (before - after) * (places[changes + 1] - places[changes])
    begins, ends = np.flatnonzero(first & inside), np.flatnonzero(last & inside)
    at = np.concatenate([crossed, places[begins], places[ends]])
    rank = np.concatenate([changes + 0.5, begins - 0.25, ends + 0.25])
    whose = np.concatenate([lines[changes], lines[begins], lines[ends]])
    order = np.argsort(rank)
    return at[order].reshape(-1, 2), whose[order][::2]


def _by_plane(edges: Edges) -> dict[tuple[int, int], slice]:
    """(structure, plane) → where its edges are."""
    new = (edges.owners[1:] != edges.owners[:-1]) | (edges.planes[1:] != edges.planes[:-1])
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    stops = np.append(starts[1:], len(edges.owners))
    keys = zip(edges.owners[starts].tolist(), edges.planes[starts].tolist(), strict=True)
    return {
        key: slice(*ends) for key, ends in zip(keys, zip(starts.tolist(), stops.tolist(), strict=True), strict=True)
    }


def _about(ends: FloatArray, at: FloatArray, reach: float) -> FloatArray:
    """The edges that come within reach of lines, among them all that cross one."""
    low, high = np.minimum(ends[:, 1], ends[:, 3]), np.maximum(ends[:, 1], ends[:, 3])
    return np.asarray(ends[(high >= at.min() - reach) & (low <= at.max() + reach)])


def _signed(points: FloatArray, ends: FloatArray, reach: float) -> FloatArray:
    """(n,) mm, at most `reach`, from (n, 2) points to the nearest of (m, 4) edges, positive inside by even-odd."""
    if not len(ends):
        return np.full(len(points), -reach)
    size = max(_PAIRS // len(ends), 1)
    return np.concatenate([_signed_part(points[k : k + size], ends, reach) for k in range(0, len(points), size)])


def _signed_part(points: FloatArray, ends: FloatArray, reach: float) -> FloatArray:
    u, v = points[:, :1], points[:, 1:]
    u0, v0, u1, v1 = ends.T
    du, dv = u1 - u0, v1 - v0
    from_u, from_v = u - u0, v - v0
    share = np.clip((from_u * du + from_v * dv) / np.maximum(du * du + dv * dv, 1e-30), 0.0, 1.0)
    away = np.sqrt(((from_u - share * du) ** 2 + (from_v - share * dv) ** 2).min(axis=1))
    spans = (v0 > v) != (v1 > v)
    # Left of an edge that the line through the point crosses: by the sign of their cross product.
    left = spans & ((from_u * dv < from_v * du) == (dv > 0))
    return np.asarray(np.where(left.sum(axis=1) % 2 == 1, 1.0, -1.0) * np.minimum(away, reach))
