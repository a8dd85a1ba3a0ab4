"""Crops around what an earlier node found."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine.values import Millimetres, Size, Strict

if TYPE_CHECKING:
    import torch

    from engine.inference.preprocess import Prepared
    from engine.inference.sampling import Around


class Params(Strict):
    """Crops around what the node's second input found: one around places, one around each box.

    Args:
        pixels: (planes, rows, columns) of a crop; planes is 1 for a network of two dimensions.
        sizes_mm: edge of the crops, one channel group a size (multi-scale); empty for the size of what was found.
    """

    kind: Literal["crops"]
    pixels: Size
    sizes_mm: Annotated[tuple[Millimetres, ...], Field(max_length=8)] = ()


def build(params: Params, image: "Prepared", around: "Around | None") -> "list[torch.Tensor]":
    """(channels x sizes, planes, rows, columns) of each crop.

    Raises:
        CardError: nothing was found that a crop could be around.
    """
    import torch

    from engine.inference.sampling import cut_around, targets_of, whole_of

    whole = whole_of(image)
    made = []
    for target in targets_of(image, around):
        cuts = []
        for size in params.sizes_mm or (target.extent_mm,):
            cuts.append(cut_around(whole, target.centre, image.spacing, (size,) * 3, params.pixels))
        made.append(torch.cat(cuts))
    return made
