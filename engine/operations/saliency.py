"""What stands out of an image by its values is likely there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from engine.operations.kinds import Made, expect
from engine.values import Identifier, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps


class Params(Strict):
    """Global contrast: how far a value lies from all others of the image, the more so the more frequent they are.

    After Cheng et al. (CVPR 2011, histogram contrast), for grey levels; the image's first channel is looked at, as
    networks see it. The probability is 0.5 at Otsu's level of that contrast, 0 and 1 at its ends.

    Args:
        label: of what stands out.
        polarity: only what is brighter, or darker, than the image's mean; both stand out else.
        smooth_mm: deviation of the Gaussian that the image is smoothed by first; 0 for none.
        bins: of the histogram.
    """

    label: Identifier
    polarity: Literal["both", "bright", "dark"] = "both"
    smooth_mm: Annotated[float, Field(ge=0, le=50)] = 1.0
    bins: Annotated[int, Field(ge=8, le=1024)] = 64


def makes(params: Params, given: Sequence[Made]) -> Made:
    """A map of the label."""
    expect(given, ("image",))
    return Made("maps", (params.label,))


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps":
    """The map; empty where the image is all of one value, or blank."""
    from engine.inference.contrast import salient

    return salient(params, inputs[0])
