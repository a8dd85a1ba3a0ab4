"""How far two masks on one grid are apart."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]

#: The figures of a comparison, as they are named in tables.
MEASURES = ("dice", "surface_dice_2mm", "hd95_mm", "volume_error")


@dataclass(frozen=True)
class MaskComparison:
    """Figures of a mask against a reference.

    Args:
        dice: 2 |A and B| / (|A| + |B|).
        surface_dice_2mm: share of both surfaces' voxels that lie within 2 mm of the other surface.
        hd95_mm: the larger of the two 95th percentiles of the distances from one surface to the other.
        volume_error: |volume - reference volume| / reference volume.
    """

    dice: float
    surface_dice_2mm: float
    hd95_mm: float
    volume_error: float


def compare_masks(mask: BoolArray, reference: BoolArray, spacing: tuple[float, float, float]) -> MaskComparison:
    """Compare two masks, neither of them empty.

    Args:
        mask, reference: (planes, rows, columns).
        spacing: (planes, rows, columns) mm.
    """
    box = _box(mask | reference)
    a, b = np.pad(mask[box], 1), np.pad(reference[box], 1)
    surface_a, surface_b = _surface(a), _surface(b)
    to_b = _distance(surface_b, spacing)[surface_a]
    to_a = _distance(surface_a, spacing)[surface_b]
    near = np.count_nonzero(to_b <= 2.0) + np.count_nonzero(to_a <= 2.0)
    volume, expected = int(a.sum()), int(b.sum())
    return MaskComparison(
        dice=2 * float(np.count_nonzero(a & b)) / (volume + expected),
        surface_dice_2mm=near / (len(to_a) + len(to_b)),
        hd95_mm=float(max(np.percentile(to_a, 95), np.percentile(to_b, 95))),
        volume_error=abs(volume - expected) / expected,
    )


def _box(mask: BoolArray) -> tuple[slice, ...]:
    used = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return tuple(slice(int(index[0]), int(index[-1]) + 1) for index in used)


def _surface(mask: BoolArray) -> BoolArray:
    """Voxels of the mask with a face towards its outside."""
    inner = mask.copy()
    for axis in range(3):
        inner &= np.roll(mask, 1, axis) & np.roll(mask, -1, axis)
    return mask & ~inner


def _distance(surface: BoolArray, spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    image = sitk.GetImageFromArray(surface.astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    distances = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    return np.asarray(np.maximum(sitk.GetArrayFromImage(distances), 0))
