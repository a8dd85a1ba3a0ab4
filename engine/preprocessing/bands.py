"""Planes of a hyperspectral cube become channels."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from engine.preprocessing.plan import Plan
from engine.values import Strict


class Params(Strict):
    """The planes of an image are bands of light, of which these, counted from 0, become channels of one plane."""

    bands: Annotated[tuple[Annotated[int, Field(ge=0, le=4095)], ...], Field(min_length=1, max_length=256)]


def plan(params: Params, so_far: Plan) -> Plan:
    """The bands."""
    return replace(so_far, bands=params.bands)
