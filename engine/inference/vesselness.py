"""Tubes in an image, by how its values curve: Frangi et al., "Multiscale vessel enhancement filtering", MICCAI 1998."""

import numpy as np
from numpy.typing import NDArray

from engine.inference.context import Context
from engine.inference.curvature import hessian, second_derivatives
from engine.inference.maps import Maps
from engine.inference.preprocess import Prepared
from engine.operations.vesselness import Params
from engine.progress import part

#: Frangi's: how far a tube may be from a plate, and from a blob.
_PLATE, _BLOB = 0.5, 0.5
#: Planes at a time, so that memory does not grow with the patient.
_SLAB = 24


def run_vesselness(params: Params, image: Prepared, context: Context) -> Maps:
    """The map of tubes: at each voxel the largest of the sizes."""
    spacing = np.array(image.spacing)
    best = np.zeros(image.shape, np.float32)
    for index, sigma_mm in enumerate(params.sigmas_mm):
        sigma = sigma_mm / spacing
        reach = int(np.ceil(4 * sigma[0])) + 1
        count = len(params.sigmas_mm)
        progress = part(context.progress, index / count, (index + 1) / count)
        for first in range(0, image.shape[0], _SLAB):
            progress(first / image.shape[0], f"Tubes of {sigma_mm:g} mm")
            last = min(first + _SLAB, image.shape[0])
            start, stop = max(first - reach, 0), min(last + reach, image.shape[0])
            whole = (slice(start, stop), slice(0, image.shape[1]), slice(0, image.shape[2]))
            found = vesselness(image.tile(whole)[0], sigma, params.contrast, bright=params.bright)
            best[first:last] = np.maximum(best[first:last], found[first - start : last - start])
    return Maps.from_dense((params.label,), image, best[None])


def vesselness(
    values: NDArray[np.float32], sigma: NDArray[np.float64], contrast: float, *, bright: bool = True
) -> NDArray[np.float32]:
    """0 to 1: how much like a tube of the scale the surroundings of each voxel are.

    Args:
        values: (planes, rows, columns).
        sigma: (3,) in voxels.
        contrast: norm of the Hessian, in units of the scale, at which a tube counts as strong; Frangi's c.
        bright: tubes brighter than what is around.
    """
    second = second_derivatives(values, sigma, 1.0 if bright else -1.0)
    made = hessian(second, values.shape)
    out = np.zeros(values.shape, np.float32)
    # Along a bright tube values fall to two sides; elsewhere there is nothing to be told, which saves most of the work.
    curved = np.trace(made, axis1=-2, axis2=-1) < -0.05 * contrast
    own = np.linalg.eigvalsh(made[curved])
    own = np.take_along_axis(own, np.argsort(np.abs(own), axis=-1), axis=-1)
    along, middle, across = own[:, 0], own[:, 1], own[:, 2]
    tube = (middle < 0) & (across < 0)
    product = np.sqrt(np.abs(middle * across))
    plate = np.abs(middle) / np.maximum(np.abs(across), 1e-12)
    blob = np.abs(along) / np.maximum(product, 1e-12)
    strength = np.sqrt((own**2).sum(axis=-1))
    value = (
        (1 - np.exp(-(plate**2) / (2 * _PLATE**2)))
        * np.exp(-(blob**2) / (2 * _BLOB**2))
        * (1 - np.exp(-(strength**2) / (2 * contrast**2)))
    )
    out[curved] = np.where(tube, value, 0)
    return out
