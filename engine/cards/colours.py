"""How far the colours of a picture are from those that a card learned from: tells skin from fundus before a run."""

from typing import Annotated

import numpy as np
from pydantic import Field

from engine.values import Share, Strict
from engine.volume import FloatArray, Volume

#: So many pixels a side are looked at.
_SAMPLES = 128
#: Of the card's own deviations: further off, a picture is unlike all that it learned from.
FAR = 3.0
#: Below this share of white a pixel is dark, as around the field of a fundus camera.
_DARK = 0.06

#: Where the colourfulness stands, and below which share of white a picture is grey.
_COLOURFUL, _GREY = 4, 0.01

_Shares = tuple[Share, Share, Share, Share, Share, Share]


class Colours(Strict):
    """What the pictures of a training set look like.

    Args:
        mean, deviation: of red, green, blue, the deviation of the brightness, how colourful pixels are (the largest
            less the least of their colours), and the share of dark pixels; all as shares of 1.
    """

    mean: _Shares
    deviation: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(min_length=6, max_length=6)


def colours_of(volume: Volume) -> FloatArray:
    """(6,) what the middle plane of a picture looks like, in the order of `Colours`."""
    plane = volume.voxels[len(volume.voxels) // 2]
    steps = [max(1, size // _SAMPLES) for size in plane.shape[:2]]
    white = np.iinfo(plane.dtype).max if plane.dtype.kind == "u" else max(abs(volume.span[1]), 1.0)
    seen = np.asarray(plane[:: steps[0], :: steps[1]], np.float64) / white
    colours = seen if volume.is_colour else np.repeat(seen[..., None], 3, axis=-1)
    brightness = colours.mean(axis=-1)
    colourful = colours.max(axis=-1) - colours.min(axis=-1)
    return np.array(
        [*colours.mean(axis=(0, 1)), brightness.std(), colourful.mean(), (brightness < _DARK).mean()], dtype=np.float64
    )


def unlikeness(colours: Colours, volume: Volume) -> float:
    """How many deviations a picture is off what a card learned from, as a root of the mean square; about 1.

    A picture without any colour is far from all where these are colourful, however bright or dark.
    """
    seen = colours_of(volume)
    off = (seen - np.array(colours.mean)) / np.array(colours.deviation)
    grey = seen[_COLOURFUL] < _GREY and colours.mean[_COLOURFUL] > 10 * _GREY
    return max(float(np.sqrt((off**2).mean())), 2 * FAR if grey else 0.0)
