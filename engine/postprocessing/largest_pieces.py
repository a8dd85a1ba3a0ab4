"""Only the largest connected pieces are kept."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from engine.postprocessing.params import StepParams

if TYPE_CHECKING:
    from engine.inference.maps import Map, Other


class Params(StepParams):
    """Keep the largest connected pieces; of nothing named, of every label."""

    keep: Annotated[int, Field(ge=1, le=100)] = 1


def run(params: Params, label: str, given: "Map", other: "Other") -> "Map":
    """The map without its smaller pieces."""
    from engine.inference.pieces import keep_pieces

    return keep_pieces(given, lambda sizes: np.arange(len(sizes)) <= params.keep)
