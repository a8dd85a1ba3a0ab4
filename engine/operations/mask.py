"""An image or probabilities are kept only where earlier nodes found something."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.operations.kinds import PLACES, Made, expect, expect_labels
from engine.values import Labels, Share, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.preprocess import Prepared


class Params(Strict):
    """Keep the first input only where the others are at or above `level`; of nothing named, any of their labels."""

    level: Share = 0.5
    labels: Labels = ()


def makes(params: Params, given: Sequence[Made]) -> Made:
    """What it is given, elsewhere blank."""
    expect(given, ("image", "maps"), PLACES, more=PLACES)
    expect_labels(params.labels, *given[1:])
    return Made(given[0].kind, given[0].labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Prepared | Maps":
    """The first input; an image, in all its channels, is at its value of what lies outside, probabilities are at 0."""
    from engine.inference.maps import Maps
    from engine.inference.places import places_of

    first: Prepared | Maps = inputs[0]
    if isinstance(first, Maps):
        kept = places_of(inputs[1:], first.prepared, params.labels, params.level)
        return Maps.from_dense(first.labels, first.prepared, first.dense(first.labels) * kept, first.exclusive)
    kept = places_of(inputs[1:], first, params.labels, params.level)
    fed = first.fed
    if fed is not None:
        # What is fed has no value of its own for what lies outside: the lowest of each channel.
        fed = np.where(kept, fed, fed.min(axis=(1, 2, 3), keepdims=True))
    blank = np.float32(first.blank)
    colours = None if first.colours is None else np.where(kept, first.colours, blank)
    values = np.where(kept, first.values, blank)
    return replace(first, values=values, outside=first.blank, fed=fed, colours=colours)
