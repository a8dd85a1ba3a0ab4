"""Each slice along an axis is a view."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine.values import Size, Strict

if TYPE_CHECKING:
    from engine.inference.preprocess import Prepared
    from engine.inference.sampling import Around, Shown

Axis = Literal["axial", "coronal", "sagittal"]


class Params(Strict):
    """Every n-th slice along `axis` of the prepared image, brought to `pixels` (1, rows, columns)."""

    kind: Literal["slices"]
    pixels: Size
    axis: Axis = "axial"
    every: Annotated[int, Field(ge=1, le=100)] = 1


def build(params: Params, image: "Prepared", around: "Around | None") -> "list[Shown]":
    """(channels, 1, rows, columns) of each slice; the feet are down on coronal and sagittal ones."""
    from engine.inference.sampling import AXES, flat, whole_of

    whole, count = whole_of(image), image.shape[AXES[params.axis]]
    return [flat(whole, params.axis, index, params.pixels) for index in range(0, count, params.every)]
