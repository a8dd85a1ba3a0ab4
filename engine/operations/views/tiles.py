"""A large picture, cut into tiles of which those without tissue are left out."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine.values import Share, Size, Strict

if TYPE_CHECKING:
    from engine.inference.preprocess import Prepared
    from engine.inference.sampling import Around, Shown

Magnification = Annotated[float, Field(gt=0, le=100)]


class Params(Strict):
    """Tiles that lie edge to edge, one view each.

    At 1x a pixel is taken to be 10 micrometres wide, so that 20x is 0.5 and 40x is 0.25.

    Args:
        pixels: (1, rows, columns) of a tile.
        magnification: at which tiles are seen; None for the picture's own pixels.
        taken_at: magnification of pictures that do not say how wide their pixels are.
        least_tissue: share of a tile that must not be background, where a picture is in colour.
        most: no more than so many tiles, spread evenly over those with tissue.
    """

    kind: Literal["tiles"]
    pixels: Size
    magnification: Magnification | None = None
    taken_at: Magnification = 20.0
    least_tissue: Share = 0.0
    most: Annotated[int, Field(ge=1, le=10_000)] = 256


def build(params: Params, image: "Prepared", around: "Around | None") -> "list[Shown]":
    """(channels, 1, rows, columns) of each tile.

    Raises:
        CardError: no tile has so much tissue, or the picture is coarser than the tiles, or smaller than one.
    """
    from engine.inference.tiles import cut_tiles

    return cut_tiles(params, image)
