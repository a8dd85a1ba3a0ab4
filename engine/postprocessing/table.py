"""All steps after a graph: what a card can say is what the engine can do. A new one is a file, and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.postprocessing import fill_holes, inside, largest_pieces, least_size
from engine.postprocessing.params import StepParams

if TYPE_CHECKING:
    from engine.inference.maps import Map, Other


@dataclass(frozen=True)
class Postprocessing:
    """One kind of step.

    Args:
        params: what a card says of it.
        run: of params, a label, its map and the maps of the others, the map after it.
    """

    params: type[StepParams]
    run: "Callable[[Any, str, Map, Other], Map]"


POSTPROCESSING: dict[str, Postprocessing] = {
    "largest_pieces": Postprocessing(largest_pieces.Params, largest_pieces.run),
    "least_size": Postprocessing(least_size.Params, least_size.run),
    "fill_holes": Postprocessing(fill_holes.Params, fill_holes.run),
    "inside": Postprocessing(inside.Params, inside.run),
}
