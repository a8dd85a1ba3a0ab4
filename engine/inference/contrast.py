"""How far the values of an image stand out of it."""

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from engine.inference.maps import Maps
from engine.inference.preprocess import Prepared

if TYPE_CHECKING:
    from engine.operations.saliency import Params


def salient(params: "Params", image: Prepared) -> Maps:
    """See `engine.operations.saliency.Params`."""
    whole = (slice(None), slice(None), slice(None))
    values = image.tile(whole)[0]
    if params.smooth_mm > 0:
        values = ndimage.gaussian_filter(values, [params.smooth_mm / step for step in image.spacing])
    low, high = float(values.min()), float(values.max())
    if high <= low or image.is_outside(whole):
        return Maps((params.label,), image, exclusive=False)
    counts, edges = np.histogram(values, params.bins, (low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    contrast = np.abs(centres[:, None] - centres[None]) @ (counts / counts.sum())
    mean = float(values.mean())
    if params.polarity != "both":
        contrast = np.where((centres > mean) == (params.polarity == "bright"), contrast, 0.0)
    index = np.clip(np.digitize(values, edges) - 1, 0, params.bins - 1)
    found = contrast[index].astype(np.float32)
    # What can't stand out, for its polarity, has no say in where the level lies.
    able = found[found > 0]
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.Execute(sitk.GetImageFromArray(able[None]))
    level, most = otsu.GetThreshold(), float(found.max())
    below = 0.5 * found / max(level, 1e-9)
    above = 0.5 + 0.5 * (found - level) / max(most - level, 1e-9)
    return Maps.from_dense((params.label,), image, np.where(found > level, above, below)[None].clip(0, 1))
