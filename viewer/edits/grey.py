"""The grey values of an image that is shown, at the voxels of the base. No Qt."""

import importlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.later import later
from engine.volume import FloatArray, Geometry
from viewer.layers import Layer

if TYPE_CHECKING:
    from scipy import ndimage
else:
    ndimage = later("scipy.ndimage")


def load_image_tools() -> None:
    """Import what is imported when it is first needed, which takes half a second."""
    for name in ("scipy.ndimage", "scipy.sparse.csgraph"):
        importlib.import_module(name)


def sampled(layer: Layer, points_lps: FloatArray) -> FloatArray:
    """(n,) values of a layer at (n, 3) points of the base's frame of reference, linear between voxels; not a number
    outside the image. Of colours it is the mean of red, green and blue, here and below.
    """
    volume = layer.volume
    index = volume.geometry.kji_from_lps(layer.transform.inverse().apply(points_lps))
    last = np.array(volume.geometry.shape) - 1
    outside = ((index < -0.5) | (index > last + 0.5)).any(axis=1)
    index = np.clip(index, 0, last)
    parts = np.moveaxis(volume.voxels, -1, 0) if volume.is_colour else volume.voxels[None]
    values = np.mean([ndimage.map_coordinates(part, index.T, order=1, output=np.float64) for part in parts], axis=0)
    values[outside] = np.nan
    return np.asarray(values)


def box_of(layer: Layer, geometry: Geometry, low_kji: NDArray, high_kji: NDArray) -> NDArray:
    """(planes, rows, columns) values of a layer at the base's voxels from `low_kji` up to before `high_kji`.

    Another image's are linear between its voxels, and not a number outside it.
    """
    slices = tuple(slice(int(a), int(b)) for a, b in zip(low_kji, high_kji, strict=True))
    if layer.volume.geometry is geometry:
        return layer.volume.grey(layer.volume.voxels[slices])
    shape = tuple(part.stop - part.start for part in slices)
    corners = np.array([part.start for part in slices]) + np.array(
        [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), [size - 1 for size in shape]]
    )
    lps = layer.transform.inverse().apply(geometry.lps_from_kji(corners))
    index = layer.volume.geometry.kji_from_lps(lps)
    steps = (index[1:4] - index[0]).T
    if not layer.volume.is_colour and np.abs(index[0] + steps @ (corners[4] - corners[0]) - index[4]).max() < 1e-3:
        values = ndimage.affine_transform(
            layer.volume.voxels, steps, index[0], shape, np.float32, order=1, mode="constant", cval=np.nan
        )
        return np.asarray(values)
    # Planes of one of them lie unevenly.
    axes = [np.arange(part.start, part.stop) for part in slices]
    every = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return sampled(layer, geometry.lps_from_kji(every)).reshape(shape)
