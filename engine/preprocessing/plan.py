"""What a card's steps of place come to, before any image is looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.values import Millimetres, Triple
from engine.volume import Float32Array

Between = tuple[tuple[Millimetres, Millimetres], tuple[Millimetres, Millimetres], tuple[Millimetres, Millimetres]]


@dataclass(frozen=True)
class Plan:
    """Where a network's samples lie, and which of them count.

    Args:
        axes: patient directions along which columns, rows and planes rise; "" for those of the image.
        outside: value of what is not the patient; NaN where nothing is masked.
        margin_mm: around the patient, where the image is cut to them.
        spacing_mm: (column, row, plane) mm; None for the image's own.
        keep_between_mm: an axis whose own spacing lies in its [low, high] is left as it is.
        field: what a picture is cut to, "fundus" or "tissue"; "" for all of it.
        pixels: (rows, columns) that each plane is brought to; None where a spacing says so, or nothing.
        columns: likewise, and the rows by the plane's shape.
        bands: planes that become channels of one plane; none for planes that are planes.
    """

    axes: str = ""
    outside: float = float("nan")
    margin_mm: float | None = None
    spacing_mm: Triple | None = None
    keep_between_mm: Between | None = None
    field: str = ""
    pixels: tuple[int, int] | None = None
    columns: int | None = None
    bands: tuple[int, ...] = ()

    @property
    def is_masked(self) -> bool:
        """True when what is not the patient has a value of its own."""
        return bool(np.isfinite(self.outside))

    @property
    def needs_body(self) -> bool:
        """True when the patient must be found."""
        return self.is_masked or self.margin_mm is not None


@dataclass(frozen=True)
class Place:
    """A step that says where samples lie, or which count; all of them are done in one pass over the image.

    Args:
        plan: of the step's params and the plan so far, the plan.
    """

    plan: Callable[[Any, Plan], Plan]


@dataclass(frozen=True)
class Whole:
    """A step that changes values and has to look at all of them for that; done at once, on the network's grid.

    Args:
        correct: of params, (planes, rows, columns) values, the value outside (NaN where nothing is masked) and the
            (planes, rows, columns) mm of the grid, the values.
    """

    correct: Callable[[Any, Float32Array, float, Triple], Float32Array]


@dataclass(frozen=True)
class Values:
    """A step that changes values; done tile by tile.

    Args:
        channels: of params, the plan and how many channels there are, how many there are after it; ValueError where
            they don't fit.
        settle: of params, an image's values and its value outside, params that need no look at the image any more.
        apply: of settled params and the channels of a tile, the channels.
    """

    channels: Callable[[Any, Plan, int], int]
    settle: Callable[[Any, Float32Array, float], Any]
    apply: Callable[[Any, list[Float32Array]], list[Float32Array]]
