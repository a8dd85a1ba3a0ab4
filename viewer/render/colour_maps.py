"""Colour maps by name."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Name → control points (position 0..1, red, green, blue 0..255), linear between them.
_CONTROL_POINTS: dict[str, tuple[tuple[float, int, int, int], ...]] = {
    "grey": ((0, 0, 0, 0), (1, 255, 255, 255)),
    "inverted grey": ((0, 255, 255, 255), (1, 0, 0, 0)),
    "hot": ((0, 0, 0, 0), (0.375, 255, 0, 0), (0.75, 255, 255, 0), (1, 255, 255, 255)),
    "ice": ((0, 0, 0, 0), (0.4, 20, 60, 160), (0.75, 90, 190, 235), (1, 255, 255, 255)),
    "green": ((0, 0, 0, 0), (0.5, 20, 130, 60), (1, 200, 255, 200)),
    "rainbow": ((0, 0, 0, 90), (0.25, 0, 120, 255), (0.5, 0, 220, 100), (0.75, 255, 230, 0), (1, 230, 20, 0)),
}

NAMES = tuple(_CONTROL_POINTS)


@cache
def colour_table(name: str) -> NDArray[np.uint8]:
    """(256, 3) red, green, blue of a colour map. Raises KeyError for a name that is not in `NAMES`."""
    points = np.array(_CONTROL_POINTS[name], dtype=np.float64)
    at = np.linspace(0, 1, 256)
    table = np.stack([np.interp(at, points[:, 0], points[:, channel]) for channel in (1, 2, 3)], axis=1)
    out: NDArray[np.uint8] = np.rint(table).astype(np.uint8)
    out.setflags(write=False)
    return out
