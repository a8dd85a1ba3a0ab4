"""Patches around the voxels of an organ, their code, and how it differs between the regions of the organ."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from engine.errors import CardError, EngineError
from engine.inference.context import Context
from engine.inference.features import Features
from engine.inference.places import Places, places_of
from engine.inference.preprocess import Prepared
from engine.operations.patch_statistics import Params

#: Of k-means; regions hardly move after.
_ITERATIONS = 10


def run_patch_statistics(params: Params, image: Prepared, places: Places, context: Context) -> Features:
    """The features of an organ, one row.

    Raises:
        CardError: the code was not fitted, or on patches of other channels.
        EngineError: nothing of the organ was found.
    """
    fitted = params.fitted
    if fitted is None:
        raise CardError(f"The code of patches of '{context.card.id}' was not fitted, so it can't run before training.")
    where, patches = patches_of(params, image, places, params.most)
    if not len(where):
        organ = " or ".join(params.labels or tuple(places.labels))
        raise EngineError(f"Nothing of {organ} was found, so what is told from it can't be told.")
    if patches.shape[1] != len(fitted.mean):
        raise CardError(f"The code of patches of '{context.card.id}' was fitted on patches of another size.")
    codes = (patches - np.array(fitted.mean)) @ np.array(fitted.components).T
    regions = regions_of(where * np.array(image.spacing), params.clusters)
    if regions.max() + 1 < params.clusters:
        context.note(f"The organ has {len(where)} voxels, too few for {params.clusters} regions to be compared.")
    told = statistics_of(codes, regions)
    names = tuple(f"{name}-{index}" for name in params.statistics for index in range(params.components))
    row = np.concatenate([told[name] for name in params.statistics])
    return Features(names, row[None].astype(np.float32))


def patches_of(
    params: Params, image: Prepared, places: Places, most: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Patches around the voxels of the organ, as networks see the image; its edge goes on beyond it.

    Args:
        most: so many, evenly chosen.

    Returns:
        (n, 3) [plane, row, column] of the voxels, and (n, channels x planes x rows x columns) values.
    """
    where = np.argwhere(places_of([places], image, params.labels, params.level))
    if len(where) > most:
        where = where[np.linspace(0, len(where) - 1, most).round().astype(int)]
    if not len(where):
        return where, np.zeros((0, 0), np.float32)
    # Only what the patches reach is made ready, as the image may be large.
    reach = np.array(params.patch) // 2
    low = np.maximum(where.min(axis=0) - reach, 0)
    high = np.minimum(where.max(axis=0) + reach + 1, image.shape)
    values = image.tile((slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])))
    padded = np.pad(values, [(0, 0), *((r, r) for r in reach)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, params.patch, axis=(1, 2, 3))
    plane, row, column = (where - low).T
    chosen = np.moveaxis(windows[:, plane, row, column], 0, 1)
    return where, np.ascontiguousarray(chosen.reshape(len(where), -1))


def regions_of(points_mm: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """(n,) the region, from 0 without gaps, of each of (n, 3) points: k-means, the same each time."""
    count = min(count, len(points_mm))
    with warnings.catch_warnings():
        # A region that has lost all its points is left out.
        warnings.simplefilter("ignore", UserWarning)
        _, numbers = kmeans2(points_mm, count, iter=_ITERATIONS, minit="++", seed=0)
    return np.asarray(np.unique(numbers, return_inverse=True)[1], np.intp)


def statistics_of(codes: NDArray[np.float64], regions: NDArray[np.intp]) -> dict[str, NDArray[np.float64]]:
    """(numbers,) each statistic of (n, numbers) codes over their (n,) regions."""
    sizes = np.bincount(regions).astype(np.float64)[:, None]
    shape = (len(sizes), codes.shape[1])
    sums = np.zeros(shape)
    np.add.at(sums, regions, codes)
    means = sums / sizes
    squares = np.zeros(shape)
    np.add.at(squares, regions, (codes - means[regions]) ** 2)
    return {
        "deviation": np.sqrt(squares / sizes).max(axis=0), "lowest": means.min(axis=0), "highest": means.max(axis=0)
    }  # fmt: skip
