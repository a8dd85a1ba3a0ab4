"""Slices beside each other on one picture."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine.operations.views.slices import Axis
from engine.values import Size, Strict

if TYPE_CHECKING:
    import torch

    from engine.inference.preprocess import Prepared
    from engine.inference.sampling import Around

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


def build(params: Params, image: "Prepared", around: "Around | None") -> "list[torch.Tensor]":
    """(channels, 1, grid rows x rows, grid columns x columns) of each picture."""
    import torch

    from engine.inference.sampling import AXES, flat, whole_of

    whole, planes = whole_of(image), image.shape[AXES[params.axis]]
    rows, columns = params.grid
    made = []
    for number in range(params.count):
        inside = (number + 0.5) / params.count
        picks = [min(int((part + inside) / (rows * columns) * planes), planes - 1) for part in range(rows * columns)]
        slices = [flat(whole, params.axis, index, params.pixels) for index in picks]
        lines = [torch.cat(slices[row * columns : (row + 1) * columns], dim=3) for row in range(rows)]
        made.append(torch.cat(lines, dim=2))
    return made
