"""Reads a series that a scan listed, by the handler of its kind."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import ReadError
from engine.progress import Progress, silent
from engine.stored.catalogue import Series
from engine.stored.handler import FindingsHandler, ImageHandler, StructuresHandler
from engine.structures import StructureSet
from engine.volume import FloatArray, Volume

if TYPE_CHECKING:
    from engine.dicom.report_read import ReportContents


def read_series(series: Series, progress: Progress = silent, units: str = "") -> Volume:
    """Read an image.

    Args:
        series: an image.
        progress: reports and may stop.
        units: of the values, where the file gives them in several; "" for the best known.

    Raises:
        ReadError: it is no image, it has a problem, or a file is gone, changed, cut off or damaged.
        GeometryError: its planes do not make a stack.
        CancelledError: `progress` asked to stop.
    """
    return _image(series).read(series, progress, units)


def read_grid(series: Series) -> Volume:
    """An image's geometry, identity and instances; its voxels may be zeros that take no memory. Raises as the above."""
    return _image(series).read_grid(series)


def read_structures(series: Series, volume: Volume, progress: Progress = silent) -> StructureSet:
    """Read structures onto the planes of an image.

    Raises:
        ReadError: these are no structures, or their file is unreadable.
        MismatchError: they belong to another image.
        CancelledError: `progress` asked to stop.
    """
    return _structures(series).read(series, volume, progress)


def read_outlines(series: Series) -> list[FloatArray]:
    """(n, 3) LPS mm of points on each plane that structures are drawn on.

    Raises:
        ReadError: these are no structures, or their file is unreadable.
    """
    return _structures(series).read_outlines(series)


def read_findings(series: Series, volume: Volume, progress: Progress = silent) -> "ReportContents":
    """Read the findings of a report about an image.

    Raises:
        ReadError: this is no report, it has a problem, or its file is unreadable.
        MismatchError: it belongs to another study.
        CancelledError: `progress` asked to stop.
    """
    if series.problem or not isinstance(series.handler, FindingsHandler):
        raise ReadError(series.problem or f"{name_of(series)} holds no findings.")
    return series.handler.read(series, volume, progress)


def _image(series: Series) -> ImageHandler:
    if series.problem or not isinstance(series.handler, ImageHandler):
        raise ReadError(series.problem or f"{name_of(series)} is not an image.")
    return series.handler


def _structures(series: Series) -> StructuresHandler:
    if series.problem or not isinstance(series.handler, StructuresHandler):
        raise ReadError(series.problem or f"{name_of(series)} holds no structures.")
    return series.handler


def name_of(series: Series) -> str:
    """What to call a series in a sentence."""
    return series.info.description or series.handler.label or series.modality or "This"


def thumbnail(series: Series, size: int = 96) -> NDArray[np.uint8]:
    """The middle plane, small: uint8 (rows, columns), the longer side `size` pixels, pixels square.

    In colour it is (rows, columns, 3).

    Raises:
        ReadError: it is no image, or the plane cannot be read.
    """
    picture = _image(series).read_middle(series)
    stored, (du, dv) = picture.values, picture.spacing_uv
    height, width = stored.shape[0] * dv, stored.shape[1] * du
    rows = max(round(size * height / max(height, width)), 1)
    columns = max(round(size * width / max(height, width)), 1)
    small = _shrunk(_shrunk(stored, rows, 0), columns, 1)
    if small.ndim == 3:
        return np.asarray(np.rint(small), dtype=np.uint8)
    low, high = np.percentile(small, [1.0, 99.0])
    grey = np.clip((small - low) / max(high - low, 1e-6), 0, 1)
    if picture.inverted:
        grey = 1 - grey
    return np.asarray(np.rint(grey * 255), dtype=np.uint8)


def _shrunk(image: NDArray[np.float32], size: int, axis: int) -> NDArray[np.float32]:
    """`image` with `size` samples along an axis, each the mean of what it covers (the nearest where it is enlarged)."""
    edges = np.linspace(0, image.shape[axis], size + 1)
    start = np.minimum(edges[:-1].astype(int), image.shape[axis] - 1)
    stop = np.maximum(edges[1:].astype(int), start + 1)
    total = np.concatenate([np.zeros_like(image.take([0], axis), np.float64), image.cumsum(axis, np.float64)], axis)
    shape = [1] * image.ndim
    shape[axis] = -1
    return np.asarray((total.take(stop, axis) - total.take(start, axis)) / (stop - start).reshape(shape), np.float32)
