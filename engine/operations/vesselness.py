"""Vessels and other tubes become probabilities, by how an image curves (Frangi's filter)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from engine.operations.kinds import Made, expect
from engine.values import Identifier, Millimetres, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps


class Params(Strict):
    """Frangi's filter: near 1 where the image is like a tube, near 0 elsewhere.

    Args:
        label: of the map.
        sigmas_mm: scales; a tube answers most at half its radius times the root of 2 or so.
        contrast: how strongly a tube stands out, in the prepared image's values.
        bright: tubes brighter than what is around; else darker.
    """

    label: Identifier
    sigmas_mm: Annotated[tuple[Millimetres, ...], Field(min_length=1, max_length=16)]
    contrast: Annotated[float, Field(gt=0)]
    bright: bool = True


def makes(params: Params, given: Sequence[Made]) -> Made:
    """A map of the label."""
    expect(given, ("image",))
    return Made("maps", (params.label,))


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps":
    """The map."""
    from engine.inference.vesselness import run_vesselness

    return run_vesselness(params, inputs[0], context)
