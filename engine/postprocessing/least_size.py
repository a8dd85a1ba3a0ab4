"""Small connected pieces are dropped."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from engine.postprocessing.params import StepParams

if TYPE_CHECKING:
    from engine.inference.maps import Map, Other


class Params(StepParams):
    """Drop connected pieces below a volume; of nothing named, of every label."""

    cm3: Annotated[float, Field(ge=0, le=10_000)]


def run(params: Params, label: str, given: "Map", other: "Other") -> "Map":
    """The map without pieces below the volume."""
    from engine.inference.pieces import keep_pieces

    least = params.cm3 * 1000 / float(np.prod(given.geometry.spacing_xyz))
    return keep_pieces(given, lambda sizes: sizes >= least)
