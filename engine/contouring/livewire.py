"""Live wire: the line along the edges of an image from one point to another.

After Mortensen and Barrett (Graph Models Image Process 1998;60:349): a way from voxel to voxel costs little where grey
levels change steeply; the cheapest way is Dijkstra's. The points of the way are then moved across it to where the
change is steepest, between voxels, and evened out.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.later import later
from engine.volume import FloatArray

if TYPE_CHECKING:
    from scipy import ndimage, sparse
    from scipy.sparse import csgraph
else:
    ndimage, sparse, csgraph = later("scipy.ndimage"), later("scipy.sparse"), later("scipy.sparse.csgraph")

#: Grey levels are evened out over about this many voxels before their change is looked at.
BLUR_VOXELS = 1.0
#: A way costs at least this much a voxel, so that it does not wander where there is an edge everywhere.
LEAST_COST = 0.03
#: Points are moved by at most so many voxels to the steepest place, in steps of a quarter.
MOST_MOVED = 0.75
#: What is learned counts for this share of the cost.
LEARNED = 0.5


class Wire:
    """The edges of a part of an image, and the cheapest ways from a point of it.

    Args:
        levels: (rows, columns) grey levels as they are shown, 0 to 1.
        spacing: (mm between columns, mm between rows).
        typical: steepness of the edges of the line so far, as `steepness_along` gives it; None before the first.
    """

    def __init__(self, levels: FloatArray, spacing: tuple[float, float], typical: float | None = None) -> None:
        blurred = ndimage.gaussian_filter(levels, BLUR_VOXELS, mode="nearest")
        down, across = np.gradient(blurred)
        self._steep = np.hypot(down, across)
        most = float(np.percentile(self._steep, 99.0)) or 1.0
        dear = 1.0 - np.clip(self._steep / most, 0.0, 1.0)
        if typical is not None:
            unlike = np.clip(np.abs(self._steep - typical) / max(typical, 1e-6), 0.0, 1.0)
            dear = (1 - LEARNED) * dear + LEARNED * unlike
        self._cost = LEAST_COST + dear**2
        self._spacing = spacing
        self._before: NDArray[np.int32] | None = None

    def start(self, row: int, column: int) -> None:
        """Find the ways from a voxel to all others."""
        rows, columns = self._cost.shape
        order, indices, starts, ends, length = _links(rows, columns, *self._spacing)
        cost = self._cost.ravel()
        weights = ((cost[ends[0]] + cost[ends[1]]) / 2 * length)[order]
        graph = sparse.csr_matrix((weights, indices, starts), shape=(rows * columns, rows * columns))
        _, self._before = csgraph.dijkstra(
            graph, directed=False, indices=row * columns + column, return_predecessors=True
        )

    def way_to(self, row: int, column: int) -> FloatArray:
        """(n, 2) [row, column], fractions allowed, from the start to a voxel, both ends as they are."""
        assert self._before is not None, "start() comes first"
        columns = self._cost.shape[1]
        at = row * columns + column
        way = [at]
        while self._before[at] >= 0:
            at = int(self._before[at])
            way.append(at)
        points = np.stack(np.divmod(np.array(way[::-1]), columns), axis=1).astype(np.float64)
        return self._refined(points) if len(points) > 4 else points

    def steepness_along(self, points: FloatArray) -> float:
        """How steep the edges under (n, 2) [row, column] points are, in the middle."""
        rows, columns = self._cost.shape
        index = np.clip(np.rint(points).astype(int), 0, [rows - 1, columns - 1])
        return float(np.median(self._steep[index[:, 0], index[:, 1]]))

    def _refined(self, points: FloatArray) -> FloatArray:
        """Moved across the way to the steepest place, then evened out; the ends stay."""
        along = _smooth(np.gradient(points, axis=0), 5)
        length = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        across = np.stack([-along[:, 1], along[:, 0]], axis=1) / length
        steps = np.arange(-MOST_MOVED, MOST_MOVED + 0.01, 0.25)
        tried = points[:, None] + steps[None, :, None] * across[:, None]
        values = ndimage.map_coordinates(self._steep, tried.reshape(-1, 2).T, order=1, mode="nearest")
        moved = steps[values.reshape(len(points), -1).argmax(axis=1)]
        better = _smooth(points + moved[:, None] * across, 5)
        better[0], better[-1] = points[0], points[-1]
        return better


def _smooth(values: FloatArray, width: int) -> FloatArray:
    """Running mean of (n, 2) values, ends repeated."""
    half = width // 2
    padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
    total = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0)
    return np.asarray((total[width:] - total[:-width]) / width)


@lru_cache(maxsize=4)
def _links(rows: int, columns: int, across: float, down: float) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """The links of each voxel to its eight neighbours, each link once, in the form of a compressed sparse matrix.

    Returns:
        The order in which the links go into the matrix, its column indices and row starts; (2, links) the two voxels
        of each link; and the length of each, in units of the mean spacing.
    """
    index = np.arange(rows * columns).reshape(rows, columns)
    diagonal = np.hypot(across, down)
    first = (index[:, :-1], index[:-1], index[:-1, :-1], index[:-1, 1:])
    second = (index[:, 1:], index[1:], index[1:, 1:], index[1:, :-1])
    ends = np.stack([np.concatenate([part.ravel() for part in side]) for side in (first, second)])
    length = np.repeat([across, down, diagonal, diagonal], [part.size for part in first]) / ((across + down) / 2)
    order = np.lexsort((ends[1], ends[0]))
    starts = np.searchsorted(ends[0][order], np.arange(rows * columns + 1)).astype(np.int32)
    return order, ends[1][order].astype(np.int32), starts, ends, length
