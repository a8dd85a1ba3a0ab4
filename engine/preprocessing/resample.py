"""The voxels are brought to a spacing."""

from dataclasses import replace

from pydantic import model_validator

from engine.preprocessing.plan import Between, Plan
from engine.values import Strict, Triple


class Params(Strict):
    """Bring the voxels to a spacing: averaged where that is coarser, linear where it is finer.

    Args:
        spacing_mm: (column, row, plane) mm wanted, along the axes that the card orients to.
        keep_between_mm: an axis whose own spacing lies in its [low, high] is left as it is.
    """

    spacing_mm: Triple
    keep_between_mm: Between | None = None

    @model_validator(mode="after")
    def _rising(self) -> "Params":
        if self.keep_between_mm is not None and any(low > high for low, high in self.keep_between_mm):
            raise ValueError("the low end of a kept spacing lies above its high end")
        return self


def plan(params: Params, so_far: Plan) -> Plan:
    """The spacing."""
    return replace(so_far, spacing_mm=params.spacing_mm, keep_between_mm=params.keep_between_mm)
