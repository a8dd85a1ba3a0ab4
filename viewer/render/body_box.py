"""Where the body is in an image, so that a view opens on it and not on the air around it."""

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from engine.volume import Volume

#: Above it a voxel of a CT is no air and no foam, HU.
_BODY_HU = -400.0
#: Of other images: this share of what nearly the brightest voxel has.
_BODY_SHARE = 0.08
#: What is left around the body, mm.
_MARGIN_MM = 12.0
#: Voxels are looked at in steps of about so many mm: less than an ear is wide.
_STEP_MM = 4.0
#: A body that takes this share of the grid is shown with all of it.
_NEARLY = 0.85
#: Fewer voxels of a plane than this are noise.
_LEAST = 3

#: Of a cut, so much to both sides is looked at with it, mm.
_NEAR_MM = 30.0

_boxes: WeakKeyDictionary[Volume, NDArray[np.float64]] = WeakKeyDictionary()


def body_box(display: Volume) -> NDArray[np.float64]:
    """(2, 3) first and last grid place of the body, (u, v, across) in mm from the first voxel centre.

    The whole grid where nothing stands out, or hardly less is body. Generous: a table counts as body, and a margin is
    left.
    """
    if display not in _boxes:
        _boxes[display] = _found(display, [slice(None)] * 3)
    return _boxes[display]


def body_near(display: Volume, axis: int, at_mm: float) -> NDArray[np.float64]:
    """The same of the body near a cut at `at_mm` mm along an axis of the grid (0 column, 1 row, 2 plane)."""
    step = display.geometry.spacing_xyz[axis]
    part = [slice(None)] * 3
    part[2 - axis] = slice(max(0, round((at_mm - _NEAR_MM) / step)), max(1, round((at_mm + _NEAR_MM) / step) + 1))
    return _found(display, part)


def _found(display: Volume, part: list[slice]) -> NDArray[np.float64]:
    """Where the body is, looked for in a part of the voxels."""
    geometry = display.geometry
    spacing = np.array(geometry.spacing_xyz)
    last = (np.array(geometry.shape[::-1]) - 1) * spacing
    if not geometry.in_patient:
        return np.array([np.zeros(3), last])
    steps = [max(1, int(_STEP_MM / step)) for step in spacing[::-1]]
    voxels = display.voxels[tuple(part)]
    coarse = voxels[:: steps[0], :: steps[1], :: steps[2]]
    if display.units == "HU":
        inside = coarse > _BODY_HU
    else:
        low = float(coarse.min())
        inside = coarse > low + _BODY_SHARE * (float(np.percentile(coarse, 99.5)) - low)
    box = np.array([np.zeros(3), last])
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        where = np.flatnonzero(inside.sum(axis=others) >= _LEAST)
        if not where.size:
            return np.array([np.zeros(3), last])
        # Axes of the voxels are (across, v, u).
        place = 2 - axis
        ends = ((part[axis].start or 0) + where[[0, -1]] * steps[axis]) * spacing[place]
        box[:, place] = ends + np.array([-1, 1]) * (_MARGIN_MM + steps[axis] * spacing[place])
    box = np.clip(box, 0.0, last)
    whole = (box[1] - box[0]) >= _NEARLY * last
    return np.where(whole, np.array([np.zeros(3), last]), box)
