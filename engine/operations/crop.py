"""The image is cut to the box around what earlier nodes found."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from engine.operations.kinds import PLACES, Made, expect, expect_labels
from engine.values import Labels, Share, Strict, Triple

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.preprocess import Prepared


class Params(Strict):
    """Cut the first input to the box around the others, `margin_mm` wider, and `least_mm` at least.

    Args:
        spacing_mm: (column, row, plane) mm of the cut image, taken from the image as it was acquired; None for the
            card's own.
        labels: of the other inputs that count, all where none is named.
        margin_mm: on each side.
        least_mm: (column, row, plane) mm that the box has at least.
        level: at which they count; that of a box is its value.
        only_found: where nothing counts, nothing is looked at, in place of the whole image.
    """

    spacing_mm: Triple | None = None
    labels: Labels = ()
    margin_mm: Annotated[float, Field(ge=0, le=500)] = 20.0
    least_mm: Triple | None = None
    level: Share = 0.5
    only_found: bool = False


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The image in the box."""
    expect(given, ("image",), (*PLACES, "boxes"), more=(*PLACES, "boxes"))
    expect_labels(params.labels, *given[1:])
    return Made("image")


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Prepared":
    """The image within the box around what was found; where nothing was, the whole image, or it is blank."""
    from engine.inference.boxes import Boxes
    from engine.inference.places import places_of

    image: Prepared = inputs[0]
    drawn = [given for given in inputs[1:] if not isinstance(given, Boxes)]
    mask = places_of(drawn, image, params.labels, params.level)
    for boxes in inputs[1:]:
        if isinstance(boxes, Boxes):
            mask |= boxes.mask_on(image, params.labels, params.level)
    voxels = np.argwhere(image.axes.to_image(mask))
    if not len(voxels) and params.only_found:
        return replace(image, values=np.full_like(image.values, image.blank), outside=image.blank)
    if not len(voxels):
        return image.recut(None, params.spacing_mm, context.progress)
    # Through millimetres, since the image's planes may be uneven and the grid is not.
    geometry = image.volume.geometry
    ends = geometry.kji_from_lps(image.geometry.lps_from_kji([voxels.min(axis=0), voxels.max(axis=0)]))
    steps = geometry.spacing_xyz[::-1]
    box = []
    for axis in range(3):
        low, high = sorted(ends[:, axis])
        least = (params.least_mm[2 - axis] if params.least_mm is not None else 0.0) / steps[axis]
        more = max(params.margin_mm / steps[axis], (least - (high - low)) / 2)
        size = geometry.shape[axis]
        start = int(np.clip(np.floor(low - more), 0, size - 1))
        box.append(slice(start, int(np.clip(np.ceil(high + more) + 1, start + 1, size))))
    return image.recut((box[0], box[1], box[2]), params.spacing_mm, context.progress)
