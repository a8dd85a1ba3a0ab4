"""The axes are reordered and flipped towards given patient directions."""

from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from engine.preprocessing.plan import Plan
from engine.values import Strict

_PAIRS = ("LR", "AP", "SI")


def _three_axes(letters: str) -> str:
    if any(sum(letter in pair for letter in letters) != 1 for pair in _PAIRS):
        raise ValueError("axes name each of left-right, front-back and head-feet once")
    return letters


class Params(Strict):
    """Reorder and flip the axes, so that columns, rows and planes rise along these patient directions."""

    axes: Annotated[str, StringConstraints(pattern=r"^[LRAPSI]{3}$"), AfterValidator(_three_axes)] = "LPS"


def plan(params: Params, so_far: Plan) -> Plan:
    """The axes."""
    return replace(so_far, axes=params.axes)
