"""Holes are filled."""

from typing import TYPE_CHECKING

from engine.postprocessing.params import StepParams

if TYPE_CHECKING:
    from engine.inference.maps import Map, Other


class Params(StepParams):
    """Fill holes, of nothing named in every label: on each plane, or only those closed in all three directions."""

    on_planes: bool = False


def run(params: Params, label: str, given: "Map", other: "Other") -> "Map":
    """The map with its holes filled."""
    from engine.inference.pieces import with_filled_holes

    return with_filled_holes(given, params.on_planes)
