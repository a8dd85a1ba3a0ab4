"""Near the border of a structure a second network decides, elsewhere the first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.operations.kinds import Made, expect, expect_labels
from engine.values import Millimetres, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps


class Params(Strict):
    """The second input's probabilities within `width_mm` of a border of the first's structures, else the first's."""

    width_mm: Millimetres


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The labels of the first, which the second has too."""
    expect(given, ("maps",), ("maps",))
    expect_labels(given[0].labels, given[1])
    return given[0]


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps":
    """The maps of the first, refined; planes are looked at one by one, as the networks of planes are."""
    from scipy import ndimage

    from engine.inference.maps import Maps

    first: Maps = inputs[0]
    coarse = first.dense(first.labels).astype(np.float32)
    fine = inputs[1].dense_on(first.prepared, first.labels).astype(np.float32)
    strongest = coarse.max(axis=0)
    drawn = np.where(strongest >= 0.5, coarse.argmax(axis=0) + 1, 0)
    steps = first.prepared.spacing[1:]
    for plane, labels in enumerate(drawn):
        border = np.zeros(labels.shape, bool)
        for axis in (0, 1):
            step = np.diff(labels, axis=axis) != 0
            ends = [(0, 1) if axis == other else (0, 0) for other in (0, 1)]
            starts = [(1, 0) if axis == other else (0, 0) for other in (0, 1)]
            border |= np.pad(step, ends) | np.pad(step, starts)
        if border.any():
            near = ndimage.distance_transform_edt(~border, sampling=steps) <= params.width_mm
            coarse[:, plane][:, near] = fine[:, plane][:, near]
    return Maps.from_dense(first.labels, first.prepared, coarse, first.exclusive)
