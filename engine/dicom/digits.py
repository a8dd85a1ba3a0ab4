"""Coordinates → the text of Contour Data, for whole structures at a time."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.volume import FloatArray

_LIMIT = 10_000.0


def contour_texts(points: FloatArray, counts: NDArray[np.intp], decimals: int) -> list[bytes]:
    """Contour Data of consecutive contours.

    Each number is rounded to the nearest multiple of 10^-decimals and written in the shortest plain form, which has at
    most 12 characters below 10 m (a decimal string may have 16, PS3.5 table 6.2-1).

    Args:
        points: (n, 3) LPS mm of all contours, one after the other.
        counts: number of points of each contour.
        decimals: 1 to 6.

    Returns:
        For each contour its numbers with backslashes between them.
    """
    values = points.reshape(-1)
    if not len(values):
        return [b"" for _ in counts]
    if np.abs(values).max() >= _LIMIT - 1:
        return _slow(points, counts, decimals)
    scaled = np.rint(np.abs(values) * 10.0**decimals).astype(np.int64)
    negative = (values < 0) & (scaled > 0)
    whole, fraction = np.divmod(scaled, 10**decimals)
    # One row a number: sign, whole part, point and decimals, backslash; bytes that are zero are taken out at the end.
    width = 1 + 4 + (decimals + 1) + 1
    rows = np.zeros((len(values), width), dtype=np.uint8)
    rows[negative, 0] = ord("-")
    rows[:, 1:5] = _whole_digits()[whole]
    high = decimals - min(decimals, 4)
    if high:
        upper, lower = np.divmod(fraction, 10**4)
        rows[:, 5] = ord(".")
        rows[:, 6 : 6 + high] = _fixed_digits(high)[upper]
        rows[:, 6 + high : 10 + high] = _fixed_digits(4)[lower]
        _strip_zeros(rows[:, 5:-1])
    else:
        rows[:, 5:-1] = _fraction_digits(decimals)[fraction]
    rows[:, -1] = ord("\\")
    lengths = np.count_nonzero(rows, axis=1)
    text = rows[rows != 0].tobytes()
    number_ends = np.cumsum(lengths)
    ends = number_ends[np.cumsum(counts) * 3 - 1].tolist()
    starts = [0, *ends[:-1]]
    return [text[start : end - 1] for start, end in zip(starts, ends, strict=True)]


def rounded(points: FloatArray, decimals: int) -> FloatArray:
    """The coordinates that `contour_texts` writes, as a reader gets them."""
    return np.asarray(np.rint(points * 10.0**decimals) / 10.0**decimals)


def _slow(points: FloatArray, counts: NDArray[np.intp], decimals: int) -> list[bytes]:
    out: list[bytes] = []
    start = 0
    for count in counts:
        values = points[start : start + int(count)].reshape(-1)
        out.append("\\".join(f"{value:.{decimals}f}"[:16].rstrip(".") for value in values).encode())
        start += int(count)
    return out


@cache
def _fixed_digits(digits: int) -> NDArray[np.uint8]:
    """(10^digits, digits) ASCII digits with leading zeros."""
    values = np.arange(10**digits)
    powers = 10 ** np.arange(digits - 1, -1, -1)
    return np.asarray(values[:, None] // powers % 10 + ord("0"), dtype=np.uint8)


@cache
def _whole_digits() -> NDArray[np.uint8]:
    """(10000, 4) ASCII digits, 0 where a leading zero would be."""
    out = _fixed_digits(4).copy()
    leading = np.cumsum(out != ord("0"), axis=1) == 0
    leading[:, -1] = False
    out[leading] = 0
    return out


@cache
def _fraction_digits(digits: int) -> NDArray[np.uint8]:
    """(10^digits, digits + 1) point and ASCII digits, 0 where a trailing zero would be."""
    out = np.concatenate([np.full((10**digits, 1), ord("."), dtype=np.uint8), _fixed_digits(digits)], axis=1)
    _strip_zeros(out)
    return out


def _strip_zeros(rows: NDArray[np.uint8]) -> None:
    """Blank, in place, the zeros at the end of each row of a point and digits, and a point that nothing follows."""
    nothing = np.ones(len(rows), dtype=np.bool_)
    for column in range(rows.shape[1] - 1, 0, -1):
        nothing &= rows[:, column] == ord("0")
        rows[nothing, column] = 0
    rows[nothing, 0] = 0
