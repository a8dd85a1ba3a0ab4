"""Tiles of a large picture, and which of them show tissue."""

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import CardError
from engine.inference.field import is_background
from engine.inference.preprocess import Prepared
from engine.inference.sampling import sized
from engine.operations.views.tiles import Params

#: Width of a pixel at 1x.
_MM_AT_ONE = 0.01
#: A picture whose pixels are up to so much wider than the tiles' is taken as it is.
_NEAR = 1.05


def cut_tiles(params: Params, image: Prepared) -> list[torch.Tensor]:
    """(channels, 1, rows, columns) of the tiles that show so much tissue as the card asks for, row by row.

    Raises:
        CardError: none does, or the picture is coarser than the tiles, or smaller than one.
    """
    times = _pixels_a_pixel(params, image)
    rows, columns = (max(round(count * times), 1) for count in params.pixels[1:])
    if rows > image.shape[1] or columns > image.shape[2]:
        raise CardError(
            f"A tile of the model is {rows} × {columns} pixels of this picture, which has {image.shape[1]} × "
            f"{image.shape[2]}."
        )
    corners = _corners(image.shape[1], image.shape[2], rows, columns)
    if params.least_tissue > 0 and image.colours is not None:
        shares = _tissue_shares(image.colours, corners, rows, columns)
        corners = corners[shares >= params.least_tissue]
    if not len(corners):
        raise CardError(
            f"No part of this picture of {rows} × {columns} pixels shows tissue on {params.least_tissue:.0%} of it."
        )
    if len(corners) > params.most:
        corners = corners[np.linspace(0, len(corners) - 1, params.most).round().astype(int)]
    made = []
    for row, column in corners:
        box = (slice(0, 1), slice(row, row + rows), slice(column, column + columns))
        made.append(sized(torch.from_numpy(image.tile(box)), params.pixels))
    return made


def _pixels_a_pixel(params: Params, image: Prepared) -> float:
    """How many pixels of the picture, along an edge, make one of a tile."""
    if params.magnification is None:
        return 1.0
    known = image.volume.geometry.unit == "mm"
    own = image.spacing[2] if known else _MM_AT_ONE / params.taken_at
    times = _MM_AT_ONE / params.magnification / own
    if times * _NEAR < 1:
        raise CardError(
            f"The model looks at {params.magnification:g}×, and this picture was taken at {_MM_AT_ONE / own:.3g}×."
        )
    return max(times, 1.0)


def _corners(rows: int, columns: int, high: int, wide: int) -> NDArray[np.intp]:
    """(n, 2) first row and column of each tile; what is left over lies half on either side."""
    starts = []
    for size, edge in ((rows, high), (columns, wide)):
        count = size // edge
        starts.append((size - count * edge) // 2 + edge * np.arange(count))
    return np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 2)


def _tissue_shares(
    colours: NDArray[np.float32], corners: NDArray[np.intp], rows: int, columns: int
) -> NDArray[np.float64]:
    parts = (colours[:, 0, row : row + rows, column : column + columns] for row, column in corners)
    return np.array([1 - is_background(part).mean() for part in parts])
