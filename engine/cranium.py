"""Whether a CT that doesn't name its part of the body shows a head, alone or with the neck, seen from its voxels.

The rule of a head alone: bone (above 250 HU) encloses at least 60 cm² of soft tissue (−20 to 100 HU) on half of the
length over which there is a body, and on 20 mm at least; planes within 40° of axial count alone. Nothing but the skull
does that: ribs and pelvis are open, the spine's canal and marrow are small. In a scan of head and neck, or of the whole
body, the skull takes less of the length. Tried on 28 planes of a tilted head (140 to 180 cm² in the skull, 60 % of the
length) and on head and neck, chest, abdomen and thigh (at most 6 cm² outside the skull, 22 to 58 cm² at its base, and
up to 8 % of the length).

The rule of head and neck: bone encloses as much on 10 mm at least, of a body that is no longer than 500 mm. A window
and advice depend on it, so bone begins at 150 HU and may have gaps of a block, which thick voxels and large pixels
make. It says so of 37 of 51 scans of head and neck with pixels of 4 to 5 mm, of which most others end below the skull,
and of none of 22 abdomens and 12 limbs.
"""

from dataclasses import dataclass
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
_DIM_BONE = 150.0
_LEAST_CAVITY_MM2, _LEAST_BODY_MM2 = 6_000.0, 3_000.0
_LEAST_SHARE, _LEAST_LENGTH_MM = 0.5, 20.0
_LEAST_WITH_NECK_MM, _MOST_WITH_NECK_MM = 10.0, 500.0
#: Side of the blocks of a plane, mm, each bone where any of it is: thin bone and its seams still close the ring.
_BLOCK_MM = 3.0
_PLANES_APART_MM = 6.0
_LEAST_AXIAL = np.cos(np.radians(40))

_NEIGHBOURS = np.ones((3, 3), dtype=np.bool_)


@dataclass(frozen=True)
class _Lengths:
    """Of a scan, mm: over which there is a body, a skull, and a skull whose bone may be dim and have gaps."""

    body: float
    skull: float
    any_skull: float


_NONE = _Lengths(0.0, 0.0, 0.0)
_known: WeakKeyDictionary[Volume, _Lengths] = WeakKeyDictionary()


def shows_head(volume: Volume) -> bool:
    """Whether a CT in HU shows a skull over most of its length, and so neither trunk nor limbs."""
    seen = _lengths(volume)
    return seen.skull >= max(_LEAST_LENGTH_MM, _LEAST_SHARE * seen.body)


def shows_head_and_neck(volume: Volume) -> bool:
    """Whether a CT in HU shows a skull, and is too short to be of the whole body."""
    seen = _lengths(volume)
    return seen.any_skull >= _LEAST_WITH_NECK_MM and seen.body <= _MOST_WITH_NECK_MM


def _lengths(volume: Volume) -> _Lengths:
    if volume not in _known:
        _known[volume] = _measured(volume)
    return _known[volume]


def _measured(volume: Volume) -> _Lengths:
    geometry = volume.geometry
    if abs(float(geometry.normal[2])) < _LEAST_AXIAL:
        return _NONE
    step = max(1, round(_PLANES_APART_MM / geometry.plane_spacing))
    du, dv = geometry.spacing_uv
    block = (max(1, round(_BLOCK_MM / dv)), max(1, round(_BLOCK_MM / du)))
    block_mm2 = block[0] * dv * block[1] * du
    body_mm = skull_mm = any_skull_mm = 0.0
    for plane in range(0, geometry.shape[0], step):
        mm = float(geometry.plane_thickness[plane]) * step
        values = volume.voxels[plane]
        middle = values[block[0] // 2 :: block[0], block[1] // 2 :: block[1]]
        if int((middle > _AIR).sum()) * block_mm2 >= _LEAST_BODY_MM2:
            enclosed, perhaps = _enclosed(values, block)
            body_mm += mm
            skull_mm += mm if enclosed * block_mm2 >= _LEAST_CAVITY_MM2 else 0.0
            any_skull_mm += mm if perhaps * block_mm2 >= _LEAST_CAVITY_MM2 else 0.0
    return _Lengths(body_mm, skull_mm, any_skull_mm)


def _enclosed(values: NDArray[Any], block: tuple[int, int]) -> tuple[int, int]:
    """Blocks of soft tissue of a plane that bone encloses, and that dim bone with gaps does."""
    rows, columns = (size // side for size, side in zip(values.shape, block, strict=True))
    blocks = values[: rows * block[0], : columns * block[1]].reshape(rows, block[0], columns, block[1])
    brightest = blocks.max(axis=3).max(axis=1)
    dim = brightest > _DIM_BONE
    if not dim.any():
        return 0, 0
    middle = blocks[:, block[0] // 2, :, block[1] // 2]
    soft = (middle > _SOFT[0]) & (middle < _SOFT[1])
    # At its border a picture has no neighbours that could keep what is closed.
    closed = ndimage.binary_closing(np.pad(dim, 1), _NEIGHBOURS)[1:-1, 1:-1]
    counts = [int((ndimage.binary_fill_holes(bone) & ~bone & soft).sum()) for bone in (brightest > _BONE, closed)]
    return counts[0], counts[1]
