"""One answer of several: their mean, largest, product or vote."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.operations.kinds import PLACES, Made, expect, expect_labels
from engine.values import Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.scores import Scores


class Params(Strict):
    """One answer of several, on the grid of the first input.

    Each label is combined over the inputs that have it, and each place over those that were shown it: outside the
    crop of a later network the others decide. Scores are combined label by label, each input's views averaged first.
    """

    how: Literal["mean", "max", "product", "vote"]


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The labels of all inputs."""
    expect(given, ("maps", "scores"), more=("scores",) if given and given[0].kind == "scores" else PLACES)
    if given[0].kind == "scores":
        for other in given[1:]:
            expect_labels(given[0].labels, other)
        return replace(given[0], weighed=False)
    return Made("maps", tuple(dict.fromkeys(label for made in given for label in made.labels)))


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps | Scores":
    """The answers, combined."""
    from engine.inference.scores import Scores

    first = inputs[0]
    if isinstance(first, Scores):
        stack = np.array([[[given.of(label) for label in first.labels]] for given in inputs], np.float32)
        return Scores(first.labels, _combined(params, stack), max(given.strangeness for given in inputs))
    return _combined_maps(params, inputs)


def _combined_maps(params: Params, inputs: Sequence[Any]) -> "Maps":
    """Each label over the inputs that have it and saw the place, on the grid of the first.

    What a network was not shown must not count as its "no": it would take away what the others see.
    """
    from engine.inference.maps import Maps

    first: Maps = inputs[0]
    exclusive = all(given.exclusive for given in inputs)
    labels = tuple(dict.fromkeys(label for given in inputs for label in given.labels))
    seen = [given.seen_on(first.prepared) for given in inputs]
    combined = np.zeros((len(labels), *first.prepared.shape), np.float32)
    for index, label in enumerate(labels):
        having = [
            np.where(here, given.dense_on(first.prepared, [label])[0].astype(np.float32), np.float32("nan"))
            for given, here in zip(inputs, seen, strict=True)
            if label in given.labels
        ]
        combined[index] = _combined(params, np.stack(having))
    if exclusive:
        # Networks of different labels do not know of each other.
        combined /= np.maximum(combined.sum(axis=0), 1.0)
    return Maps.from_dense(labels, first.prepared, combined, exclusive)


def _combined(params: Params, stack: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the first axis, without what is NaN; 0 where all of it is."""
    known = ~np.isnan(stack)
    count = known.sum(axis=0)
    if params.how == "max":
        return np.asarray(np.where(known, stack, 0.0).max(axis=0))
    if params.how == "product":
        return np.asarray(np.where(known, stack, 1.0).prod(axis=0) * (count > 0))
    values = stack if params.how == "mean" else (stack >= 0.5).astype(np.float32)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(count, 1), dtype=np.float32)
