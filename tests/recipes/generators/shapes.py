"""Soft-edged shapes on a grid, and the tissue that they lie in: what all generated patients are made of."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Voxels = NDArray[np.float32]


def ellipsoid(shape: Sequence[int], centre: Sequence[float], radii: Sequence[float]) -> Mask:
    """True within an ellipsoid; centre and radii in voxels, axis by axis."""
    axes = np.ogrid[tuple(slice(0, size) for size in shape)]
    distance = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True))
    return np.asarray(distance <= 1)


def lumpy(rng: np.random.Generator, mask: Mask, voxels: float = 1.5) -> Mask:
    """The mask with a border that is nobody's ellipsoid: moved by up to about `voxels`."""
    inner, outer = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    waves = ndimage.gaussian_filter(rng.standard_normal(mask.shape), 3)
    return np.asarray(inner - outer + voxels * waves / max(float(waves.std()), 1e-6) > 0)


def textured(rng: np.random.Generator, values: Voxels, noise: float, blur: float = 0.6) -> Voxels:
    """What a scanner makes of values: edges a little soft, and noise of neighbours that resemble each other."""
    grain = ndimage.gaussian_filter(rng.standard_normal(values.shape), 0.7)
    soft = ndimage.gaussian_filter(values.astype(np.float32), blur)
    return np.asarray(soft + noise * grain / max(float(grain.std()), 1e-6), np.float32)


def shading(rng: np.random.Generator, shape: Sequence[int], strength: float = 0.2) -> Voxels:
    """A smooth factor around 1, as the coils of an MR scanner lay over an image."""
    coarse = rng.standard_normal((3, 3, 3))
    field = ndimage.zoom(coarse, [size / 3 for size in shape], order=3)
    return np.asarray(np.exp(strength * field / max(float(np.abs(field).max()), 1e-6)), np.float32)
