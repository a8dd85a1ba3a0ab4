"""All steps before a graph: what a card can say is what the engine can do. A new one is a file, and a line here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.preprocessing import (
    bands,
    bias_field,
    crop_body,
    find_field,
    mask_body,
    normalise,
    orient,
    resample,
    resize,
    windows,
)
from engine.preprocessing.plan import Place, Plan, Values, Whole
from engine.values import Strict


@dataclass(frozen=True)
class Preprocessing:
    """One kind of step: what a card says of it, and what it does."""

    params: type[Strict]
    does: Place | Whole | Values


class Named(Protocol):
    """A step as it stands in a card."""

    @property
    def op(self) -> str:
        """Its word in the table."""

    @property
    def params(self) -> Any:
        """Its params."""


PREPROCESSING: dict[str, Preprocessing] = {
    "orient": Preprocessing(orient.Params, Place(orient.plan)),
    "mask_body": Preprocessing(mask_body.Params, Place(mask_body.plan)),
    "crop_body": Preprocessing(crop_body.Params, Place(crop_body.plan)),
    "find_field": Preprocessing(find_field.Params, Place(find_field.plan)),
    "resample": Preprocessing(resample.Params, Place(resample.plan)),
    "resize": Preprocessing(resize.Params, Place(resize.plan)),
    "bands": Preprocessing(bands.Params, Place(bands.plan)),
    "bias_field": Preprocessing(bias_field.Params, Whole(bias_field.correct)),
    "windows": Preprocessing(windows.Params, Values(windows.channels, windows.settle, windows.apply)),
    "normalise": Preprocessing(normalise.Params, Values(normalise.channels, normalise.settle, normalise.apply)),
}


def planned(steps: Sequence[Named], channels: int = 1) -> tuple[Plan, int]:
    """What the steps of place come to, and how many channels the steps of value make of those of the image.

    Raises:
        ValueError: they come in an order that can't be kept, twice, or don't fit each other.
    """
    plan, changed, whole = Plan(), False, False
    seen: set[str] = set()
    for step in steps:
        does = PREPROCESSING[step.op].does
        if isinstance(does, Values):
            changed = True
            try:
                channels = does.channels(step.params, plan, channels)
            except ValueError as error:
                raise ValueError(f"preprocessing '{step.op}': {error}") from error
            continue
        if changed:
            raise ValueError(f"the preprocessing changes values before '{step.op}'; they must come last")
        if step.op in seen:
            raise ValueError(f"the preprocessing has '{step.op}' twice")
        seen.add(step.op)
        if isinstance(does, Whole):
            if channels != 1:
                raise ValueError(f"preprocessing '{step.op}' is for images of one channel")
            whole = True
            continue
        if whole:
            raise ValueError(f"the preprocessing changes values before '{step.op}'; they must come last")
        try:
            plan = does.plan(step.params, plan)
        except ValueError as error:
            raise ValueError(f"preprocessing '{step.op}': {error}") from error
        channels = len(plan.bands) or channels
    return plan, channels
