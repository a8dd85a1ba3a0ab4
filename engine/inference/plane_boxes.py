"""Boxes of planes, joined from plane to plane."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from engine.errors import CardError
from engine.inference.boxes import Boxes, best_first, empty
from engine.operations.merge_planes import Params


def merged(params: Params, boxes: Boxes, card: str) -> Boxes:
    """Boxes around chains of boxes on neighbouring planes.

    Between two planes the pairing of the largest overlaps together is taken (Hungarian method), so that two things
    side by side stay two.

    Raises:
        CardError: a box reaches over several planes already.
    """
    if not len(boxes):
        return boxes
    if ((boxes.high - boxes.low)[:, 0] > 1.5).any():
        raise CardError(f"The card '{card}' merges boxes of planes, and is given some that reach over several.")
    planes = np.rint(boxes.centres[:, 0]).astype(int)
    kinds = boxes.values.argmax(axis=1)
    links = [np.zeros((2, 0), np.intp)]
    for plane in np.unique(planes):
        for kind in np.unique(kinds):
            here = np.flatnonzero((planes == plane) & (kinds == kind))
            above = np.flatnonzero((planes == plane + 1) & (kinds == kind))
            if len(here) and len(above):
                shares = _shares(boxes, here, above)
                shares = np.where(shares >= params.overlap, shares, 0.0)
                first, second = linear_sum_assignment(shares, maximize=True)
                taken = shares[first, second] > 0
                links.append(np.stack([here[first[taken]], above[second[taken]]]))
    pairs = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(len(boxes), len(boxes)))
    count, numbers = connected_components(graph, directed=False)
    chains = [np.flatnonzero(numbers == index) for index in range(count)]
    chains = [
        chain
        for chain in chains
        if len(chain) >= params.least_planes and boxes.values[chain].max(initial=0.0) >= params.keep
    ]
    if not chains:
        return empty(boxes.labels, boxes.prepared)
    low = np.stack([boxes.low[chain].min(axis=0) for chain in chains])
    high = np.stack([boxes.high[chain].max(axis=0) for chain in chains])
    values = np.stack([boxes.values[chain].max(axis=0) for chain in chains])
    return Boxes(boxes.labels, boxes.prepared, low, high, values).chosen(best_first(values))


def _shares(boxes: Boxes, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.float64]:
    """(first, second) area within both boxes over that within either, on a plane."""
    low = np.maximum(boxes.low[first, None, 1:], boxes.low[None, second, 1:])
    high = np.minimum(boxes.high[first, None, 1:], boxes.high[None, second, 1:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    own = np.prod((boxes.high - boxes.low)[:, 1:], axis=1)
    return np.asarray(both / np.maximum(own[first, None] + own[None, second] - both, 1e-9))
