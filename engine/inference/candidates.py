"""Spots by the least curvature of an image at several scales, in units of the scale.

Lindeberg, "Feature detection with automatic scale selection", Int J Comput Vis 1998;30:79; the eigenvalues of the
Hessian tell spots from vessels as in Frangi et al., "Multiscale vessel enhancement filtering", MICCAI 1998.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.errors import CardError
from engine.inference.boxes import Boxes, apart, empty
from engine.inference.context import Context
from engine.inference.curvature import hessian, second_derivatives
from engine.inference.places import Places, places_of
from engine.inference.preprocess import Prepared
from engine.operations.candidates import Params
from engine.progress import Progress, part


def find_candidates(params: Params, image: Prepared, places: Sequence[Places], context: Context) -> Boxes:
    """The spots of an image, the strongest first.

    Raises:
        CardError: the image has not so many channels.
    """
    centres, sizes, strengths = [], [], []
    spacing = np.array(image.spacing)
    for index, diameter in enumerate(params.diameters_mm):
        count = len(params.diameters_mm)
        progress = part(context.progress, index / count, (index + 1) / count)
        for plane, response in _responses(params, image, diameter, progress):
            found, values = _peaks(response, params.least)
            centres.append(found + np.array([plane, 0, 0]))
            sizes.append(np.full(len(found), diameter))
            strengths.append(values)
    where, size, strength = np.concatenate(centres), np.concatenate(sizes), np.concatenate(strengths)
    if places and len(where):
        inside = places_of(places, image, (), params.level)[tuple(where.astype(int).T)]
        where, size, strength = where[inside], size[inside], strength[inside]
    if not len(where):
        return empty((params.label,), image)
    order = np.argsort(-strength, kind="stable")
    kept = order[apart(where[order] * spacing, size[order], params.most)]
    reach = size[kept, None] / 2 / spacing
    if params.dimensions == 2:
        reach[:, 0] = 0.5
    values = (strength[kept] / strength[kept].max()).astype(np.float32)[:, None]
    return Boxes((params.label,), image, where[kept] - reach, where[kept] + reach, values)


def _responses(
    params: Params, image: Prepared, diameter_mm: float, progress: Progress
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The response of each plane, or of all together, with the first plane's index; higher where a spot is."""
    sign = 1.0 if params.spots == "dark" else -1.0
    # At this deviation the response to a disc, or a ball, of the diameter is greatest.
    sigma_mm = diameter_mm / 2 / np.sqrt(params.dimensions)
    planes, rows, columns = image.shape
    thick = planes if params.dimensions == 3 else 1
    for first in range(0, planes, thick):
        progress(first / planes, f"Spots of {diameter_mm:g} mm")
        channels = image.tile((slice(first, first + thick), slice(0, rows), slice(0, columns)))
        if params.channel >= len(channels):
            raise CardError(f"The card looks for spots in channel {params.channel}, and there are {len(channels)}.")
        sigma = sigma_mm / np.array(image.spacing)
        if params.dimensions == 2:
            sigma[0] = 0.0
        yield first, _least_curvature(channels[params.channel], sigma, sign)


def _least_curvature(values: NDArray[np.float32], sigma: NDArray[np.float64], sign: float) -> NDArray[np.float32]:
    """The least eigenvalue of the Hessian over the axes that have a deviation, in units of one deviation each.

    Where a spot is, values curve up in every direction; along a vessel or an edge they don't in one.

    Args:
        values: (planes, rows, columns).
        sigma: (3,) in voxels; 0 for an axis that is left alone.
        sign: 1 for dark spots, -1 for bright ones.
    """
    axes = np.flatnonzero(sigma)

    second = second_derivatives(values, sigma, sign)
    if len(axes) == 1:
        return second(axes[0], axes[0])
    if len(axes) == 2:
        top, bottom, mixed = second(axes[0], axes[0]), second(axes[1], axes[1]), second(axes[0], axes[1])
        return np.asarray((top + bottom) / 2 - np.hypot((top - bottom) / 2, mixed))
    return np.asarray(np.linalg.eigvalsh(hessian(second, values.shape))[..., 0])


def _peaks(response: NDArray[np.float32], least: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """(n, 3) voxels that no neighbour exceeds and that reach `least`, and their responses."""
    size = tuple(3 if count > 1 else 1 for count in response.shape)
    top = (response >= least) & (response == ndimage.maximum_filter(response, size=size, mode="nearest"))
    where = np.argwhere(top)
    return where.astype(np.float64), response[tuple(where.T)]
