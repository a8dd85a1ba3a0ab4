"""A planning CT of the data set made to look as it comes from a scanner: fine pixels, couch, air and padding around.

The data sets that a network learns from are often masked and coarse. Scores on such images alone would promise too
much, so `planimeter evaluate --synthetic` takes the same patients through this first.
"""

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.training.case import Case

_PIXEL_MM = 1.0
_FIELD_MM = 500.0
#: HU of the parts: air, the couch's shell and its foam, and what lies outside the round field of view.
_AIR, _SHELL, _FOAM = -1000, -50, -920
_NOISE_HU = 12.0


def as_from_scanner(case: Case, seed: int, padding: int) -> Case:
    """The case on 1 mm pixels in a 500 mm field, on a couch, with noise.

    Intensities are interpolated with a cubic spline, labels linearly, each cut at one half; planes stay as they are.

    Args:
        case: masked to the patient, on coarse pixels.
        seed: of the noise and of the couch's height.
        padding: HU outside the round field of view, -1024 or -3024 on most scanners.
    """
    rng = np.random.default_rng([seed, 17])
    grid = _grid(case)
    source = sitk.GetImageFromArray(np.maximum(case.image, _AIR).astype(np.float32))
    source.SetSpacing(case.spacing[::-1])
    fine = sitk.Resample(source, grid, sitk.Transform(), sitk.sitkBSpline3, float(_AIR), sitk.sitkFloat32)
    image = np.clip(sitk.GetArrayFromImage(fine), _AIR, 3071)
    labels = np.zeros(image.shape, np.uint8)
    for value in case.voxels_of:
        mask = sitk.GetImageFromArray((case.labels == value).astype(np.float32))
        mask.SetSpacing(case.spacing[::-1])
        share = sitk.GetArrayFromImage(sitk.Resample(mask, grid, sitk.Transform(), sitk.sitkLinear))
        labels[share >= 0.5] = value
    _lay_on_couch(image, rng)
    image += rng.normal(0, _NOISE_HU, image.shape).astype(np.float32)
    rows, columns = np.ogrid[: image.shape[1], : image.shape[2]]
    middle = (np.array(image.shape[1:]) - 1) / 2
    image[:, (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 > (_FIELD_MM / 2) ** 2] = padding
    spacing = (case.spacing[0], _PIXEL_MM, _PIXEL_MM)
    return replace(case, image=np.rint(image).astype(np.int16), labels=labels, spacing=spacing)


def _grid(case: Case) -> sitk.Image:
    """The field of view around the middle of the case."""
    pixels = round(_FIELD_MM / _PIXEL_MM)
    grid = sitk.Image([pixels, pixels, case.image.shape[0]], sitk.sitkUInt8)
    grid.SetSpacing((_PIXEL_MM, _PIXEL_MM, case.spacing[0]))
    centre = [(n - 1) * s / 2 for n, s in zip(case.image.shape[:0:-1], case.spacing[:0:-1], strict=True)]
    grid.SetOrigin([*(c - (pixels - 1) * _PIXEL_MM / 2 for c in centre), 0.0])
    return grid


def _lay_on_couch(image: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Add a couch top under the lowest row of the patient: a shell of 3 mm around 40 mm of foam, 460 mm wide."""
    used = np.flatnonzero((image > -500).any(axis=(0, 2)))
    top = int(used[-1]) + 1 + int(rng.integers(1, 6)) if len(used) else image.shape[1] * 3 // 4
    left, right = 20, image.shape[2] - 20
    for rows, hu in ((slice(top, top + 46), _SHELL), (slice(top + 3, top + 43), _FOAM)):
        inset = 3 if hu == _FOAM else 0
        image[:, rows, left + inset : right - inset] = hu
