"""Structures on a cut that leans from the planes that they are drawn on.

Between two planes a structure is what the sections of `engine.contouring.section` along the cut's level lines make of
it: on every such line the intervals in which it meets the two planes' polygons are joined, and the cut shows what lies
at its height between them. So a cut shows a plane's own polygon where it passes that plane, and runs on smoothly to the
next one. Tips and forks are those of `engine.contouring.tips`; a piece that the next plane has nothing near of goes on
for half the distance to it.

Lines are followed a step apart; what they enclose ends at most half a step beside where it should.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.contouring.section import Edges, Heights, Intervals, arranged, interval_lines, paired
from engine.contouring.tips import Lone, lone_intervals
from engine.volume import FloatArray

#: Line j looks at the planes below and above it as planes `_GROUPS * j` and one more; a third, which is never there,
#: keeps it apart from the next line.
_GROUPS = 3


@dataclass(frozen=True, eq=False)
class _Lines:
    """Level lines of a cut.

    `at` (n,) mm across them; `height` (n,) mm; `below` (n,) the plane at or below each, −1 below the first; `part` (n,)
    how far each is on the way to the next plane, 0..1.
    """

    at: FloatArray
    height: FloatArray
    below: NDArray[np.int64]
    part: FloatArray


def leaning_lines(
    edges: Edges, heights: Heights, height: float, slope: float, step: float
) -> tuple[FloatArray, NDArray[np.int64]]:
    """The outlines of many structures on a cut at `height` + `slope` · v.

    Args:
        edges: of all structures on all planes; u runs along the level lines of the cut, v across them.
        heights: of the planes.
        height: of the cut where v is 0, mm.
        slope: mm of height for each mm of v; not 0.
        step: mm on the cut between the lines that are followed.

    Returns:
        (n, 2, 2) straight lines (u, v) mm, and the structure of each.
    """
    step = step / float(np.hypot(1.0, slope))
    lines = _level_lines(edges, heights, height, slope, step)
    if lines is None:
        return np.empty((0, 2, 2)), np.empty(0, dtype=np.int64)
    crossed = _crossed(edges, lines, slope, step)
    met = _at_height(crossed, edges, lines, heights, step * float(np.hypot(1.0, slope)))
    return interval_lines(met, Heights(lines.at, lines.at - step / 2, lines.at + step / 2))


def _level_lines(edges: Edges, heights: Heights, height: float, slope: float, step: float) -> _Lines | None:
    """The lines over all edges that the cut passes within half a plane; None where it meets none."""
    if not len(edges.ends):
        return None
    low, high = heights.low[0], heights.high[-1]
    ends = sorted(((low - height) / slope, (high - height) / slope))
    first = max(ends[0], float(edges.ends[:, 1::2].min()))
    last = min(ends[1], float(edges.ends[:, 1::2].max()))
    if first > last:
        return None
    # On whole steps, so that what is drawn does not tremble while the cut moves.
    at = np.arange(np.floor(first / step), np.ceil(last / step) + 1) * step
    level = height + slope * at
    below = np.searchsorted(heights.centre, level, side="right") - 1
    inner = np.clip(below, 0, max(len(heights.centre) - 2, 0))
    gap = np.diff(heights.centre)[inner] if len(heights.centre) > 1 else np.ones(len(at))
    return _Lines(at, level, below, np.clip((level - heights.centre[inner]) / gap, 0.0, 1.0))


def _crossed(edges: Edges, lines: _Lines, slope: float, step: float) -> Intervals:
    """Where every line meets the polygons of the planes below and above it."""
    rising = 1 if slope > 0 else -1
    order, planes = lines.below * rising, np.arange(int(edges.planes.max()) + 1)
    origin = lines.at[0]
    places, groups, owners = [], [], []
    for role in (0, 1):
        # The lines that look at each plane follow one another.
        begins, stops = (np.searchsorted(order, (planes - role) * rising, side=side) for side in ("left", "right"))
        near = np.flatnonzero((begins < stops)[edges.planes])
        own = edges.planes[near]
        # The first line at or beyond either end of an edge: the same for the edges that share it.
        one_end, other_end = (np.ceil((edges.ends[near, axis] - origin) / step) for axis in (1, 3))
        begin = np.maximum(np.minimum(one_end, other_end), begins[own]).astype(np.int64)
        stop = np.minimum(np.maximum(one_end, other_end), stops[own]).astype(np.int64)
        crossed = np.flatnonzero(stop > begin)
        count, begin, near = (stop - begin)[crossed], begin[crossed], near[crossed]
        u0, v0, u1, v1 = edges.ends[near].T
        edge = np.repeat(np.arange(len(count)), count)
        line = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + begin[edge]
        places.append(u0[edge] + (lines.at[line] - v0[edge]) * ((u1 - u0) / (v1 - v0))[edge])
        groups.append(line * _GROUPS + role)
        owners.append(edges.owners[near][edge])
    return paired(np.concatenate(places), np.concatenate(groups), np.concatenate(owners))


def _at_height(met: Intervals, edges: Edges, lines: _Lines, heights: Heights, step: float) -> Intervals:
    """What lies at the height of each line between the intervals of the two planes."""
    line, role = np.divmod(met.planes, _GROUPS)
    below = np.flatnonzero(met.up)
    between = met.spans[below] + lines.part[line[below], None] * (met.spans[met.above[below]] - met.spans[below])
    alone = np.flatnonzero(~met.up & ~met.down)
    own = line[alone]
    first = np.clip(lines.below[own], 0, max(len(heights.centre) - 2, 0))
    gap = heights.centre[np.minimum(first + 1, len(heights.centre) - 1)] - heights.centre[first]
    lone = Lone(
        met.spans[alone], lines.at[own], lines.below[own], role[alone] == 1, lines.part[own], met.owners[alone], gap
    )
    tips, of, near = lone_intervals(lone, edges, step)
    plane = np.clip(lines.below[line] + role, 0, len(heights.centre) - 1)
    level = lines.height[line]
    reached = np.where(role == 0, level < heights.high[plane], level >= heights.low[plane])
    ends = alone[~near & reached[alone]]
    spans = np.concatenate([between, tips, met.spans[ends]])
    kept = np.concatenate([below, alone[of], ends])
    return _united(spans, line[kept], met.owners[kept])


def _united(spans: FloatArray, lines: NDArray[np.int64], owners: NDArray[np.int64]) -> Intervals:
    """What any of (n, 2) spans covers: those of two polygons may overlap where a piece forks."""
    place, sign = spans.ravel(), np.tile([1, -1], len(spans))
    line, owner = lines.repeat(2), owners.repeat(2)
    order = np.lexsort((-sign, place, line, owner))
    place, sign, line, owner = place[order], sign[order], line[order], owner[order]
    covered = np.cumsum(sign)
    begins, ends = (covered == 1) & (sign == 1), covered == 0
    return arranged(np.stack([place[begins], place[ends]], axis=1), line[begins], owner[begins])
