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
    """The first input; an image is at its value of what lies outside, probabilities are 0 where nothing was found."""
    from engine.inference.maps import Maps
    from engine.inference.places import places_of

    first: Prepared | Maps = inputs[0]
    if isinstance(first, Maps):
        kept = places_of(inputs[1:], first.prepared, params.labels, params.level)
        return Maps.from_dense(first.labels, first.prepared, first.dense(first.labels) * kept, first.exclusive)
    kept = places_of(inputs[1:], first, params.labels, params.level)
    return replace(first, values=np.where(kept, first.values, np.float32(first.blank)), outside=first.blank)
