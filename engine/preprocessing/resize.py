"""A picture is brought to a number of pixels."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field, model_validator

from engine.preprocessing.plan import Plan
from engine.values import Strict

Edge = Annotated[int, Field(ge=1, le=8192)]


class Params(Strict):
    """Bring each plane to a number of pixels: averaged down, linear up.

    Args:
        pixels: (rows, columns), whatever the plane's shape.
        columns: so many, and as many rows as the plane's shape asks for; in place of `pixels`.
    """

    pixels: tuple[Edge, Edge] | None = None
    columns: Edge | None = None

    @model_validator(mode="after")
    def _either(self) -> "Params":
        if (self.pixels is None) == (self.columns is None):
            raise ValueError("a picture is brought to rows and columns, or to a number of columns")
        return self


def plan(params: Params, so_far: Plan) -> Plan:
    """The size."""
    if so_far.spacing_mm is not None:
        raise ValueError("an image is brought to a spacing or to a number of pixels, not to both")
    return replace(so_far, pixels=params.pixels, columns=params.columns)
