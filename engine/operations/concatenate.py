"""Further images, and probabilities of earlier nodes, become channels beside the image."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import CardError
from engine.operations.kinds import PLACES, Made, expect
from engine.values import Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.preprocess import Prepared


class Params(Strict):
    """The other inputs become channels behind those of the first."""


def makes(params: Params, given: Sequence[Made]) -> Made:
    """An image of more channels."""
    expect(given, ("image",), ("image", *PLACES), more=("image", *PLACES))
    return Made("image")


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Prepared":
    """The image, with the channels of further images, or the probabilities of all labels, in order.

    Raises:
        CardError: an image lies on another grid.
    """
    from engine.inference.preprocess import Prepared

    image: Prepared = inputs[0]
    fed = [] if image.fed is None else [image.fed]
    for given in inputs[1:]:
        if isinstance(given, Prepared):
            if not given.geometry.same_grid(image.geometry):
                raise CardError(f"The model '{context.card.id}' joins images that are not laid onto each other.")
            whole = (slice(None), slice(None), slice(None))
            fed.append(given.tile(whole).astype(np.float16))
        else:
            fed.append(given.dense_on(image, given.labels))
    return replace(image, fed=np.concatenate(fed))
