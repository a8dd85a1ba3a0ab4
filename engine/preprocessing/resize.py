"""A picture is brought to a number of pixels."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from engine.preprocessing.plan import Plan
from engine.values import Strict

Edge = Annotated[int, Field(ge=1, le=8192)]


class Params(Strict):
    """Bring each plane to `pixels` (rows, columns), whatever its shape: averaged down, linear up."""

    pixels: tuple[Edge, Edge]


def plan(params: Params, so_far: Plan) -> Plan:
    """The size."""
    if so_far.spacing_mm is not None:
        raise ValueError("an image is brought to a spacing or to a number of pixels, not to both")
    return replace(so_far, pixels=params.pixels)
