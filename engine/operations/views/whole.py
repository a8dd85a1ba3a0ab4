"""The whole image at once."""

from typing import TYPE_CHECKING, Literal

from engine.values import Size, Strict

if TYPE_CHECKING:
    from engine.inference.preprocess import Prepared
    from engine.inference.sampling import Around, Shown


class Params(Strict):
    """The whole image, brought to `pixels` (planes, rows, columns); planes is 1 for a network of two dimensions."""

    kind: Literal["whole"]
    pixels: Size


def build(params: Params, image: "Prepared", around: "Around | None") -> "list[Shown]":
    """One view of (channels, planes, rows, columns)."""
    from engine.inference.sampling import sized, whole_of

    return [sized(whole_of(image), params.pixels)]
