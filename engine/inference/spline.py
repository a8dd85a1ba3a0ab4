"""Values and labels on another number of samples along each axis, as nnU-Net v2 resamples them.

Samples keep their extent: sample i of n lies at (i + 1/2) · m/n − 1/2 of m, and beyond the outermost ones the value is
theirs (`scipy.ndimage.zoom` in grid mode, mode "nearest"). The planes of a coarse image are resampled each on its own,
and then the coarse axis.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.operations.nnunet import Resampling
from engine.progress import Progress, silent
from engine.volume import Float32Array, FloatArray

Shape = tuple[int, int, int]

#: Spacings that differ by more than this factor make an image coarse along one axis.
_COARSE = 3.0


def coarse_axis(how: Resampling, before: Sequence[float], after: Sequence[float]) -> int | None:
    """The axis that is resampled on its own; None where all are resampled together.

    Args:
        how: the axes are resampled.
        before, after: mm along each axis.
    """
    if how.separate is False:
        return None
    if how.separate or max(before) / min(before) > _COARSE:
        spacing = before
    elif max(after) / min(after) > _COARSE:
        spacing = after
    else:
        return None
    coarsest = [axis for axis, step in enumerate(spacing) if step == max(spacing)]
    return coarsest[0] if len(coarsest) == 1 else None


def resampled(
    values: Float32Array, shape: Shape, how: Resampling, coarse: int | None, progress: Progress = silent
) -> Float32Array:
    """(planes, rows, columns) values on another number of samples; none leaves the range of those that it is made of.

    A spline along three axes is one along each in turn, so no more than a plane is held in double precision.
    """
    if values.shape == shape:
        return values
    first = coarse or 0
    order = [first, *(axis for axis in range(3) if axis != first)]
    given = values.transpose(order)
    size = [shape[axis] for axis in order]
    rows, columns = _weights(given.shape[1], size[1], how.order), _weights(given.shape[2], size[2], how.order)
    flat = np.empty((given.shape[0], size[1], size[2]), np.float32)
    low, high = float(values.min()), float(values.max())
    for index, plane in enumerate(given):
        progress(0.8 * index / len(given), "Preparing the image")
        out = _along(_along(plane.astype(np.float64), rows, 0), columns, 1)
        flat[index] = out if coarse is None else np.clip(out, plane.min(), plane.max())
    if coarse is not None and how.order_across == 0:
        found = flat[_nearest(len(flat), size[0])]
    else:
        across = _weights(len(flat), size[0], how.order if coarse is None else how.order_across)
        found = flat if across is None else np.empty((size[0], size[1], size[2]), np.float32)
        for row in range(size[1] if across is not None else 0):
            progress(0.8 + 0.2 * row / size[1], "Preparing the image")
            found[:, row] = _along(flat[:, row].astype(np.float64), across, 0)
        if coarse is None:
            np.clip(found, low, high, out=found)
    return np.ascontiguousarray(found.transpose([int(axis) for axis in np.argsort(order)]))


def resampled_labels(labels: NDArray[np.int16], shape: Shape, how: Resampling, coarse: int | None) -> NDArray[np.int16]:
    """Labels on another number of samples: at each the label that is most there; of two alike, the nearest."""
    if labels.shape == shape:
        return labels
    if coarse is None:
        return _labels(labels, shape, how.order)
    given = np.moveaxis(labels, coarse, 0)
    size = [shape[axis] for axis in range(3) if axis != coarse]
    flat = np.stack([_labels(plane, size, how.order) for plane in given])
    return np.ascontiguousarray(np.moveaxis(flat[_nearest(len(flat), shape[coarse])], 0, coarse))


def line_between(
    count: int, wanted: int, order: int, across: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
    """For each of `wanted` samples, the two of `count` that it lies between, and the share of the second.

    Args:
        count, wanted: samples.
        order: 1 for a line, 0 for the nearest.
        across: the axis is resampled on its own, in which case the nearest is taken by another rule for halves.
    """
    if order == 0:
        nearest = (
            _nearest(count, wanted) if across else _zoom(np.arange(count, dtype=np.float64), wanted, 0).astype(np.intp)
        )
        return nearest, nearest, np.zeros(wanted)
    place = np.clip((np.arange(wanted) + 0.5) * (count / wanted) - 0.5, 0, count - 1)
    lower = np.minimum(np.floor(place).astype(np.intp), max(count - 2, 0))
    return lower, np.minimum(lower + 1, count - 1), np.asarray(place - lower, np.float64)


def _labels(labels: NDArray[np.int16], shape: Sequence[int], order: int) -> NDArray[np.int16]:
    factors = [1 / (here / there) for here, there in zip(labels.shape, shape, strict=True)]

    def zoomed(values: FloatArray, degree: int) -> FloatArray:
        return np.asarray(ndimage.zoom(values, factors, order=degree, mode="nearest", grid_mode=True), np.float64)

    nearest = zoomed(labels.astype(np.float64), 0).astype(np.int16)
    if order == 0:
        return nearest
    best, won = np.full(tuple(shape), -1.0), np.zeros(tuple(shape), np.int16)
    nearest_leads = np.zeros(tuple(shape), np.bool_)
    for label in np.unique(labels):
        score = zoomed((labels == label).astype(np.float64), order)
        better, is_nearest = score > best, nearest == label
        nearest_leads = np.where(better, is_nearest, nearest_leads | (is_nearest & (score == best)))
        won[better] = label
        np.maximum(best, score, out=best)
    return np.where(nearest_leads, nearest, won)


def _nearest(count: int, wanted: int) -> NDArray[np.intp]:
    place = (count / wanted) * (np.arange(wanted) + 0.5) - 0.5
    found = ndimage.map_coordinates(np.arange(count, dtype=np.float64), [place], order=0, mode="nearest")
    return np.asarray(found, np.intp)


def _along(plane: FloatArray, weights: FloatArray | None, axis: int) -> FloatArray:
    if weights is None:
        return plane
    return np.asarray(weights @ plane if axis == 0 else plane @ weights.T)


@lru_cache(maxsize=16)
def _weights(count: int, wanted: int, order: int) -> FloatArray | None:
    """(wanted, count) weights of samples for a spline through them; None where nothing changes."""
    if count == wanted:
        return None
    if count == 1:
        return np.ones((wanted, 1))
    units = np.eye(count)
    return np.stack([_zoom(units[index], wanted, order) for index in range(count)], axis=1)


def _zoom(values: FloatArray, wanted: int, order: int) -> FloatArray:
    factor = 1 / (len(values) / wanted)
    return np.asarray(ndimage.zoom(values, factor, order=order, mode="nearest", grid_mode=True), np.float64)
