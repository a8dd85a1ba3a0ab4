"""Crops around what an earlier node found."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine.values import Millimetres, Size, Strict

if TYPE_CHECKING:
    from engine.inference.preprocess import Prepared
    from engine.inference.sampling import Around, Shown


class Params(Strict):
    """Crops around what the node's second input found: one around places, one around each box.

    Args:
        pixels: (planes, rows, columns) of a crop; planes is 1 for a network of two dimensions.
        sizes_mm: edge of the crops, one channel group a size (multi-scale); empty for the size of what was found.
        widen: where no sizes are given, how many times the longest edge of what was found a crop has.
    """

    kind: Literal["crops"]
    pixels: Size
    sizes_mm: Annotated[tuple[Millimetres, ...], Field(max_length=8)] = ()
    widen: Annotated[float, Field(ge=0.5, le=10)] = 1.0


def build(params: Params, image: "Prepared", around: "Around | None") -> "list[Shown]":
    """(channels x sizes, planes, rows, columns) of each crop.

    Raises:
        CardError: nothing was found that a crop could be around.
    """
    from engine.inference.sampling import cut_around, joined, targets_of, whole_of

    whole = whole_of(image)
    made = []
    for target in targets_of(image, around):
        cuts = []
        for size in params.sizes_mm or (params.widen * target.extent_mm,):
            cuts.append(cut_around(whole, target.centre, image.spacing, (size,) * 3, params.pixels))
        made.append(joined(cuts))
    return made
