"""Colours of structures on a grey image: 48 that the eye tells apart, for those that bring none of their own."""

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray

Colour = tuple[int, int, int]

#: Any two of them, and any of them and grey, are several times farther apart than the eye needs (OKLab, Ottosson 2020).
#: The first are those of Okabe and Ito 2008, brightened for a dark background; each that follows lies farthest from
#: all before it.
PALETTE: tuple[Colour, ...] = (
    (255, 190, 60), (90, 190, 255), (60, 205, 150), (245, 235, 90), (80, 140, 255), (255, 120, 60),
    (235, 140, 195), (170, 130, 255), (150, 225, 60), (255, 95, 120), (100, 220, 225), (205, 170, 120),
    (255, 40, 245), (125, 145, 40), (40, 155, 165), (255, 200, 255), (200, 80, 180), (185, 115, 100),
    (185, 55, 255), (145, 255, 190), (40, 185, 40), (150, 120, 180), (195, 175, 255), (165, 180, 40),
    (235, 120, 255), (255, 40, 160), (255, 175, 175), (195, 215, 145), (230, 70, 40), (40, 255, 40),
    (190, 140, 40), (40, 170, 115), (190, 255, 40), (140, 155, 220), (155, 250, 255), (85, 185, 190),
    (255, 160, 255), (135, 100, 255), (210, 85, 125), (40, 240, 155), (220, 140, 135), (255, 220, 155),
    (45, 215, 40), (40, 165, 225), (255, 100, 200), (200, 120, 205), (245, 155, 40), (95, 135, 200),
)  # fmt: skip

#: Colours nearer than this in OKLab are one to the eye at the width of a line.
ALIKE = 0.04

_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def palette(index: int) -> Colour:
    """The colour of the `index`-th structure that has none of its own."""
    return PALETTE[index % len(PALETTE)]


def free_colour(used: Collection[Colour], wanted: Colour | None = None) -> Colour:
    """`wanted` where nothing in use looks like it, else the palette's colour that is used least and lies farthest."""
    if not used:
        return wanted if wanted is not None else PALETTE[0]
    taken = oklab(list(used))
    if wanted is not None and np.linalg.norm(taken - oklab(wanted), axis=1).min() > ALIKE:
        return wanted
    away = np.linalg.norm(oklab(PALETTE)[:, None] - taken, axis=2)
    alike, nearest = (away <= ALIKE).sum(axis=1), away.min(axis=1)
    return min(enumerate(PALETTE), key=lambda place: (alike[place[0]], -nearest[place[0]]))[1]


def oklab(colours: ArrayLike) -> NDArray[np.float64]:
    """(…, 3) sRGB 0..255 → (…, 3) OKLab: lightness 0..1, green to red, blue to yellow; distances are as the eye's."""
    share = np.asarray(colours, dtype=np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _CONES.T) @ _LAB.T, dtype=np.float64)
