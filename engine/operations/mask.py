"""An image or structures are kept only where earlier nodes found something."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from engine.operations.kinds import PLACES, Made, expect, expect_labels
from engine.values import Labels, Share, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.outlines import Outlines
    from engine.inference.preprocess import Prepared


class Params(Strict):
    """Keep the first input only where the others are at or above `level`; of nothing named, any of their labels.

    Args:
        level: of a probability.
        labels: of the others.
        margin_mm: kept around those too, in whole voxels of the mean size, from face to face.
    """

    level: Share = 0.5
    labels: Labels = ()
    margin_mm: Annotated[float, Field(ge=0, le=500)] = 0.0


def makes(params: Params, given: Sequence[Made]) -> Made:
    """What it is given, elsewhere blank."""
    expect(given, ("image", *PLACES), PLACES, more=PLACES)
    expect_labels(params.labels, *given[1:])
    if given[0].kind == "outlines" and any(made.kind != "outlines" for made in given[1:]):
        raise ValueError("outlines are kept where there are other outlines")
    return Made(given[0].kind, given[0].labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Prepared | Maps | Outlines":
    """The first input; an image, in all its channels, is at its value of what lies outside, probabilities are at 0."""
    from engine.inference.maps import Maps
    from engine.inference.outlines import Outlines
    from engine.inference.places import places_of, with_margin

    first: Prepared | Maps | Outlines = inputs[0]
    if isinstance(first, Outlines):
        kept = with_margin(first.union(inputs[1:], params.labels), first.geometry, params.margin_mm)
        return first.keep_where(kept)
    on = first.prepared if isinstance(first, Maps) else first
    kept = places_of(inputs[1:], on, params.labels, params.level)
    kept = on.axes.to_network(with_margin(on.axes.to_image(kept), on.geometry, params.margin_mm))
    if isinstance(first, Maps):
        return first.keep_where(kept)
    fed = first.fed
    if fed is not None:
        # What is fed has no value of its own for what lies outside: the lowest of each channel.
        fed = np.where(kept, fed, fed.min(axis=(1, 2, 3), keepdims=True))
    blank = np.float32(first.blank)
    colours = None if first.colours is None else np.where(kept, first.colours, blank)
    values = np.where(kept, first.values, blank)
    return replace(first, values=values, outside=first.blank, fed=fed, colours=colours)
