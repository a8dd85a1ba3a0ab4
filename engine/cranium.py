"""Whether a CT that doesn't name its part of the body shows a head and little else, seen from its voxels.

The rule: bone (above 250 HU) encloses at least 60 cm² of soft tissue (−20 to 100 HU) on half of the length over which
there is a body, and on 20 mm at least; planes within 40° of axial count alone. Nothing but the skull does that: ribs
and pelvis are open, the spine's canal and marrow are small. In a scan of head and neck, or of the whole body, the skull
takes less of the length. Tried on 28 planes of a tilted head (140 to 180 cm² in the skull, 60 % of the length) and on
head and neck, chest, abdomen and thigh (at most 6 cm² outside the skull, 22 to 58 cm² at its base, and up to 8 % of the
length).
"""

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from engine.later import later
from engine.volume import Volume

if TYPE_CHECKING:
    from scipy import ndimage
else:
    ndimage = later("scipy.ndimage")

#: HU: bone from here up; soft tissue between; below, air.
_BONE, _SOFT, _AIR = 250.0, (-20.0, 100.0), -400.0
_LEAST_CAVITY_MM2, _LEAST_BODY_MM2 = 6_000.0, 3_000.0
_LEAST_SHARE, _LEAST_LENGTH_MM = 0.5, 20.0
#: Side of the blocks of a plane, mm, each bone where any of it is: thin bone and its seams still close the ring.
_BLOCK_MM = 3.0
_PLANES_APART_MM = 6.0
_LEAST_AXIAL = np.cos(np.radians(40))

_known: WeakKeyDictionary[Volume, bool] = WeakKeyDictionary()


def shows_head(volume: Volume) -> bool:
    """Whether a CT in HU shows a skull over most of its length, and so neither trunk nor limbs."""
    if volume not in _known:
        _known[volume] = _looks(volume)
    return _known[volume]


def _looks(volume: Volume) -> bool:
    geometry = volume.geometry
    if abs(float(geometry.normal[2])) < _LEAST_AXIAL:
        return False
    step = max(1, round(_PLANES_APART_MM / geometry.plane_spacing))
    du, dv = geometry.spacing_uv
    block = (max(1, round(_BLOCK_MM / dv)), max(1, round(_BLOCK_MM / du)))
    block_mm2 = block[0] * dv * block[1] * du
    skull_mm = body_mm = 0.0
    for plane in range(0, geometry.shape[0], step):
        mm = float(geometry.plane_thickness[plane]) * step
        values = volume.voxels[plane]
        middle = values[block[0] // 2 :: block[0], block[1] // 2 :: block[1]]
        if int((middle > _AIR).sum()) * block_mm2 >= _LEAST_BODY_MM2:
            body_mm += mm
            skull_mm += mm if _enclosed(values, block) * block_mm2 >= _LEAST_CAVITY_MM2 else 0.0
    return skull_mm >= max(_LEAST_LENGTH_MM, _LEAST_SHARE * body_mm)


def _enclosed(values: NDArray[Any], block: tuple[int, int]) -> int:
    """Blocks of soft tissue of a plane that bone encloses."""
    rows, columns = (size // side for size, side in zip(values.shape, block, strict=True))
    blocks = values[: rows * block[0], : columns * block[1]].reshape(rows, block[0], columns, block[1])
    bone = blocks.max(axis=3).max(axis=1) > _BONE
    if not bone.any():
        return 0
    inside = ndimage.binary_fill_holes(bone) & ~bone
    middle = blocks[:, block[0] // 2, :, block[1] // 2]
    return int((inside & (middle > _SOFT[0]) & (middle < _SOFT[1])).sum())
