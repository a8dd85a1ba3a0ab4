"""The image is cut to the box around the patient."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from engine.preprocessing.plan import Plan
from engine.values import Strict


class Params(Strict):
    """Keep the box around the patient, `margin_mm` wider on each side where the image goes that far."""

    margin_mm: Annotated[float, Field(ge=0, le=200)] = 10.0


def plan(params: Params, so_far: Plan) -> Plan:
    """The margin."""
    return replace(so_far, margin_mm=params.margin_mm)
