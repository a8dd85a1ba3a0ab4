"""The outline of the patient, without couch, head rest, mask or tubes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from engine.operations.kinds import Made, expect
from engine.values import Identifier, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.outlines import Outlines
    from engine.volume import Volume


class Params(Strict):
    """The patient without couch, head rest, mask or tubes.

    Args:
        label: of the outline.
        air: keep or fill the air inside the patient.
        pieces: how many of the largest pieces are kept.
        least_cm3: smaller pieces are dropped.
    """

    label: Identifier = "External"
    air: Literal["filled", "kept"] = "filled"
    pieces: Annotated[int, Field(ge=1, le=10)] = 1
    least_cm3: Annotated[float, Field(ge=0, le=10_000)] = 50.0


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The outline."""
    expect(given, ("image",))
    if not given[0].acquired:
        raise ValueError("it looks at an image as it was acquired: it needs an input of the card")
    return Made("outlines", (params.label,))


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Outlines":
    """The polygons of the patient on the planes as acquired."""
    from engine.inference.body import outline
    from engine.inference.outlines import Outlines

    volume: Volume = inputs[0]
    areas = outline(volume, params.air, params.pieces, params.least_cm3, context.progress)
    return Outlines(volume.geometry, {params.label: areas})
