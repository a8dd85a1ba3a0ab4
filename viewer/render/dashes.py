"""Dashed lines of the same size at any zoom. No VTK."""

import numpy as np
from numpy.typing import NDArray

from engine.volume import FloatArray

#: Screen pixels of a dash and of the gap behind it, of which the ends of a wide line and their edges take about half.
DASH_PX, GAP_PX = 6.0, 8.0


def dashed(pieces: FloatArray, lines: NDArray[np.int64], across: int, pixel_mm: float) -> FloatArray:
    """(m, 2, 3) dashes along (n, 2, 3) pieces, running on from piece to piece of a line.

    Args:
        pieces: their ends, grid mm.
        lines: (n,) of which line each piece is; those of one line follow each other.
        across: the axis along which nothing is seen.
        pixel_mm: of a screen pixel.
    """
    length = lengths(pieces, across)
    pieces, lines, length = pieces[length > 0], lines[length > 0], length[length > 0]
    if not len(pieces):
        return np.empty((0, 2, 3))
    dash, period = DASH_PX * pixel_mm, (DASH_PX + GAP_PX) * pixel_mm
    # A dash on its own for each line: the sum starts anew where the line changes.
    start = np.cumsum(length) - length
    new = np.flatnonzero(np.diff(lines, prepend=-1))
    start = start - np.repeat(start[new], np.diff(np.append(new, len(lines))))
    first, last = np.floor(start / period), np.floor((start + length) / period)
    count = (last - first).astype(np.int64) + 1
    piece = np.repeat(np.arange(len(pieces)), count)
    nth = first[piece] + np.arange(len(piece)) - np.repeat(np.cumsum(count) - count, count)
    low = np.clip((nth * period - start[piece]) / length[piece], 0, 1)
    high = np.clip((nth * period + dash - start[piece]) / length[piece], 0, 1)
    drawn = high > low
    origin = pieces[piece[drawn], 0]
    step = pieces[piece[drawn], 1] - origin
    return np.stack([origin + low[drawn, None] * step, origin + high[drawn, None] * step], axis=1)


def lengths(pieces: FloatArray, across: int) -> FloatArray:
    """(n,) mm of (n, 2, 3) pieces as a view that cuts the axis `across` shows them."""
    step = pieces[:, 1] - pieces[:, 0]
    step[:, across] = 0
    return np.asarray(np.linalg.norm(step, axis=1))
