"""The slow shading that the coils of an MR scanner lay over an image is taken out."""

from typing import Annotated

import numpy as np
import SimpleITK as sitk
from pydantic import Field

from engine.values import Strict, Triple
from engine.volume import Float32Array

#: Points of the spline each way; ITK's own number.
_CONTROL_POINTS = 4


class Params(Strict):
    """N4 (Tustison et al., IEEE TMI 2010;29:1310-20), by ITK, over what is brighter than the image's lowest value.

    Args:
        shrink: the shading is estimated on every n-th voxel each way, where there are enough of them.
        iterations: at each level of the spline, from the coarsest to the finest.
    """

    shrink: Annotated[int, Field(ge=1, le=16)] = 4
    iterations: Annotated[tuple[Annotated[int, Field(ge=1, le=500)], ...], Field(min_length=1, max_length=6)] = (
        50,
        50,
        30,
    )


def correct(params: Params, values: Float32Array, outside: float, spacing: Triple) -> Float32Array:
    """(planes, rows, columns) without its shading; what lies outside the patient keeps its value.

    Args:
        params: of the step.
        values: in the image's units.
        outside: value of what is not the patient; NaN where nothing is masked.
        spacing: (planes, rows, columns) mm.
    """
    base = float(values.min())
    there = (values > base) & (values != np.float32(outside))
    flat = values.shape[0] == 1
    shown, used, steps = (values[0], there[0], spacing[1:]) if flat else (values, there, spacing)
    if not used.any() or min(shown.shape) < _CONTROL_POINTS:
        return values
    # Logarithms are taken: the lowest value becomes 1.
    image = sitk.GetImageFromArray(shown - base + 1)
    mask = sitk.GetImageFromArray(used.astype(np.uint8))
    for made in (image, mask):
        made.SetSpacing([float(step) for step in reversed(steps)])
    factors = [max(min(params.shrink, size // (2 * _CONTROL_POINTS)), 1) for size in reversed(shown.shape)]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(list(params.iterations))
    n4.SetNumberOfControlPoints([_CONTROL_POINTS] * image.GetDimension())
    n4.Execute(sitk.Shrink(image, factors), sitk.Shrink(mask, factors))
    shading = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image)))
    corrected = np.where(used, (shown - base + 1) / shading + (base - 1), shown).astype(np.float32)
    return corrected[None] if flat else corrected
