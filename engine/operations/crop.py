"""The image is cut to the box around what earlier nodes found."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from engine.operations.kinds import PLACES, Made, expect, expect_labels
from engine.values import Labels, Share, Strict, Triple

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
        near_mm: a network behind runs only tiles whose middle part lies so near to something of `near_level`, all where
            a label has none; None for all tiles of the box. Saves time; choose it wider than the first network errs.
        near_level: of that.
    """

    spacing_mm: Triple | None = None
    labels: Labels = ()
    margin_mm: Annotated[float, Field(ge=0, le=500)] = 20.0
    least_mm: Triple | None = None
    level: Share = 0.5
    only_found: bool = False
    near_mm: Annotated[float, Field(ge=0, le=500)] | None = None
    near_level: Share = 0.05


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
    cut = image.recut((box[0], box[1], box[2]), params.spacing_mm, context.progress)
    return cut if params.near_mm is None else replace(cut, sought=_near(params, inputs, cut))


def _near(params: Params, inputs: Sequence[Any], cut: "Prepared") -> "NDArray[np.bool_] | None":
    """(planes, rows, columns) of the cut image, network axes: near to what was found of each label.

    None where a label was found nowhere: then nobody knows where it would be.
    """
    import SimpleITK as sitk
    from scipy.ndimage import distance_transform_edt

    from engine.inference.boxes import Boxes
    from engine.inference.maps import moved
    from engine.inference.places import places_of

    image: Prepared = inputs[0]
    near = np.zeros(image.shape, np.bool_)
    for given in inputs[1:]:
        for label in given.labels:
            if params.labels and label not in params.labels:
                continue
            if isinstance(given, Boxes):
                mask = given.mask_on(image, (label,), params.near_level)
            else:
                mask = places_of([given], image, (label,), params.near_level)
            if not mask.any():
                return None
            near |= mask
    assert params.near_mm is not None, "the caller has asked"
    near = distance_transform_edt(~near, sampling=image.spacing) <= params.near_mm
    return moved(near.astype(np.uint8), image, cut, sitk.sitkNearestNeighbor) > 0
