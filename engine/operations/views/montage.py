"""Slices beside each other on one picture."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine.operations.views.slices import Axis
from engine.values import Size, Strict

if TYPE_CHECKING:
    from engine.inference.preprocess import Prepared
    from engine.inference.sampling import Around, Shown

Edge = Annotated[int, Field(ge=1, le=16)]


class Params(Strict):
    """Slices on one picture, row by row, one out of each part of the image along `axis`.

    Args:
        pixels: (1, rows, columns) of each slice on the picture.
        grid: (rows, columns) of slices; the image is cut into so many parts of the same length.
        axis: along which they follow each other.
        count: so many pictures, each a view, with other slices out of the same parts.
    """

    kind: Literal["montage"]
    pixels: Size
    grid: tuple[Edge, Edge] = (1, 1)
    axis: Axis = "axial"
    count: Annotated[int, Field(ge=1, le=100)] = 1


def build(params: Params, image: "Prepared", around: "Around | None") -> "list[Shown]":
    """(channels, 1, grid rows x rows, grid columns x columns) of each picture."""
    from engine.inference.sampling import AXES, flat, joined, whole_of

    whole, planes = whole_of(image), image.shape[AXES[params.axis]]
    rows, columns = params.grid
    made = []
    for number in range(params.count):
        inside = (number + 0.5) / params.count
        picks = [min(int((part + inside) / (rows * columns) * planes), planes - 1) for part in range(rows * columns)]
        slices = [flat(whole, params.axis, index, params.pixels) for index in picks]
        lines = [joined(slices[row * columns : (row + 1) * columns], 3) for row in range(rows)]
        made.append(joined(lines, 2))
    return made
