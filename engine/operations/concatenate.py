"""Probabilities of earlier nodes become channels beside the image."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.operations.kinds import PLACES, Made, expect
from engine.values import Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.preprocess import Prepared


class Params(Strict):
    """The other inputs become channels behind those of the first."""


def makes(params: Params, given: Sequence[Made]) -> Made:
    """An image of more channels."""
    expect(given, ("image",), PLACES, more=PLACES)
    return Made("image")


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Prepared":
    """The image, with the probabilities of all labels in order."""
    image: Prepared = inputs[0]
    return replace(image, fed=np.concatenate([given.dense_on(image, given.labels) for given in inputs[1:]]))
