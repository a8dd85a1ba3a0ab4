"""Boxes that were found plane by plane become boxes of things that run through several planes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from engine.operations.kinds import Made, expect
from engine.values import Share, Strict

if TYPE_CHECKING:
    from engine.inference.boxes import Boxes
    from engine.inference.context import Context


class Params(Strict):
    """Boxes of neighbouring planes and one label are one thing where they cover each other; each box belongs to one.

    Args:
        overlap: of two boxes, what they share, over both together, from which on they are one.
        least_planes: things on fewer planes are dropped.
        keep: things of a lower value are dropped; the value of one is that of its surest box.
    """

    overlap: Annotated[Share, Field(gt=0)] = 0.3
    least_planes: Annotated[int, Field(ge=1, le=100)] = 1
    keep: Share = 0.0


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Boxes of the same labels."""
    expect(given, ("boxes",))
    return Made("boxes", given[0].labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Boxes":
    """The boxes, the surest first."""
    from engine.inference.plane_boxes import merged

    return merged(params, inputs[0], context.card.id)
