"""What lies outside another label is dropped."""

from typing import TYPE_CHECKING

from engine.postprocessing.params import StepParams
from engine.values import Identifier

if TYPE_CHECKING:
    from engine.inference.maps import Map, Other


class Params(StepParams):
    """Drop what lies outside the label `of`; of nothing named, of every other label."""

    of: Identifier

    @property
    def others(self) -> tuple[str, ...]:
        """The label that the others must lie in."""
        return (self.of,)


def run(params: Params, label: str, given: "Map", other: "Other") -> "Map":
    """The map inside the other label; all of it where there is nothing of that."""
    from engine.inference.pieces import kept_inside

    container = other(params.of)
    return given if container is None or params.of == label else kept_inside(given, container)
