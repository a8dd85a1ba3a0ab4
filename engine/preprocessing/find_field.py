"""A picture is cut to what it shows: the round field of a fundus camera, or the tissue on a slide."""

from dataclasses import replace
from typing import Literal

from engine.preprocessing.plan import Plan
from engine.values import Strict


class Params(Strict):
    """Cut a picture to the box around its "fundus", or around the "tissue" of a slide."""

    what: Literal["fundus", "tissue"]


def plan(params: Params, so_far: Plan) -> Plan:
    """What is looked for."""
    return replace(so_far, field=params.what)
