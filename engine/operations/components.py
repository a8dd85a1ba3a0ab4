"""Connected pieces of what an earlier node found become boxes that a sieve can judge."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from engine.operations.kinds import Made, expect, expect_labels
from engine.values import Identifier, Labels, Share, Strict

if TYPE_CHECKING:
    from engine.inference.boxes import Boxes
    from engine.inference.context import Context
    from engine.inference.maps import Maps


class Params(Strict):
    """A box around each piece.

    Args:
        label: of the boxes.
        labels: of the input that count, all where none is named.
        level: at which they count.
        least_mm3, most_mm3: of a piece.
        most: so many are kept, the surest.
    """

    label: Identifier
    labels: Labels = ()
    level: Share = 0.5
    least_mm3: Annotated[float, Field(ge=0)] = 0.0
    most_mm3: Annotated[float, Field(gt=0)] = 1e9
    most: Annotated[int, Field(ge=1, le=10_000)] = 300


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Boxes of the label."""
    expect(given, ("maps",))
    expect_labels(params.labels, given[0])
    return Made("boxes", (params.label,))


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Boxes":
    """The boxes, the surest first; their value is the highest probability in the piece."""
    from scipy import ndimage

    from engine.inference.boxes import Boxes, empty

    maps: Maps = inputs[0]
    image = maps.prepared
    chances = maps.dense(params.labels or tuple(maps.labels)).max(axis=0).astype(np.float32)
    numbers, count = ndimage.label(chances >= params.level, structure=np.ones((3, 3, 3)))
    if not count:
        return empty((params.label,), image)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:] * float(np.prod(image.spacing))
    values = np.asarray(ndimage.maximum(chances, numbers, range(1, count + 1)), np.float32)
    boxes = ndimage.find_objects(numbers)
    low = np.array([[part.start - 0.5 for part in box] for box in boxes])
    high = np.array([[part.stop - 0.5 for part in box] for box in boxes])
    kept = np.flatnonzero((sizes >= params.least_mm3) & (sizes <= params.most_mm3))
    kept = kept[np.argsort(-values[kept], kind="stable")][: params.most]
    return Boxes((params.label,), image, low[kept], high[kept], np.clip(values[kept, None], 0, 1))
