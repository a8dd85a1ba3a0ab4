"""The least cut of the graph of neighbouring voxels.

Greig, Porteous and Seheult, J R Stat Soc B 1989;51:271: the labelling of two labels with the least energy is a least
cut, which is a largest flow.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

#: Flows are whole numbers: so many steps to one unit of log odds.
_STEPS = 1000
_TINY = 1e-4


def least_cut(
    first: NDArray[np.float32], second: NDArray[np.float32], where: NDArray[np.bool_], smoothness: float
) -> NDArray[np.bool_]:
    """Where the first label wins, within `where`.

    Args:
        first, second: (planes, rows, columns) probabilities of the two labels.
        where: alike; voxels that are to have one of the two.
        smoothness: what each pair of neighbours (along an axis) of different labels costs, in log odds.
    """
    won = np.zeros(where.shape, np.bool_)
    count = int(where.sum())
    if not count:
        return won
    numbers = np.full(where.shape, -1, np.int64)
    numbers[where] = np.arange(count)
    odds = np.log((first[where] + _TINY) / (second[where] + _TINY))
    source, sink = count, count + 1
    steps = np.rint(np.abs(odds) * _STEPS).astype(np.int32)
    towards_first = odds > 0
    nodes = np.arange(count)
    rows = [np.full(int(towards_first.sum()), source), nodes[~towards_first]]
    columns = [nodes[towards_first], np.full(int((~towards_first).sum()), sink)]
    flows = [steps[towards_first], steps[~towards_first]]
    for axis in range(3):
        low, high = (np.moveaxis(numbers, axis, 0)[part].ravel() for part in (slice(None, -1), slice(1, None)))
        pairs = (low >= 0) & (high >= 0)
        for one, other in ((low[pairs], high[pairs]), (high[pairs], low[pairs])):
            rows.append(one)
            columns.append(other)
            flows.append(np.full(len(one), round(smoothness * _STEPS), np.int32))
    places = (np.concatenate(rows).astype(np.int32), np.concatenate(columns).astype(np.int32))
    graph = coo_array((np.concatenate(flows), places), shape=(count + 2, count + 2)).tocsr()
    left = graph - maximum_flow(graph, source, sink).flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    # What the source still reaches lies on its side of the cut.
    reached = breadth_first_order(left, source, return_predecessors=False)
    side = np.zeros(count + 2, np.bool_)
    side[reached] = True
    won[where] = side[:count]
    return won
