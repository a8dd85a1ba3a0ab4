"""Dark or bright spots of some sizes become boxes that a sieve can judge."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from engine.operations.kinds import PLACES, Made, expect
from engine.values import Identifier, Millimetres, Share, Strict

if TYPE_CHECKING:
    from engine.inference.boxes import Boxes
    from engine.inference.context import Context


class Params(Strict):
    """Spots, found by how values curve in every direction at several sizes; where places are given too, only in them.

    Args:
        label: of the boxes.
        spots: darker or brighter than around.
        diameters_mm: of the spots; pixels, where the image has no millimetres.
        channel: of the prepared image, that spots are looked for in.
        dimensions: 2, each plane by itself, or 3.
        least: how far a spot's response must stand out, in the channel's values.
        level: at which a probability counts as a place.
        most: so many are kept, the strongest.
    """

    label: Identifier
    spots: Literal["dark", "bright"]
    diameters_mm: Annotated[tuple[Millimetres, ...], Field(min_length=1, max_length=16)]
    channel: Annotated[int, Field(ge=0, le=255)] = 0
    dimensions: Literal[2, 3] = 2
    least: Annotated[float, Field(gt=0)]
    level: Share = 0.5
    most: Annotated[int, Field(ge=1, le=10_000)] = 300


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Boxes of the label."""
    expect(given, ("image",), more=PLACES)
    return Made("boxes", (params.label,))


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Boxes":
    """The spots, the strongest first; their value is the response, as a share of the strongest's."""
    from engine.inference.candidates import find_candidates

    return find_candidates(params, inputs[0], inputs[1:], context)
