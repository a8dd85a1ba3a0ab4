"""A network looks for things everywhere in an image, and puts a box around each (RetinaNet)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.operations.kinds import Made, expect
from engine.operations.networks import Network
from engine.values import Labels, Millimetres, Share, Size, Strict

if TYPE_CHECKING:
    from engine.inference.boxes import Boxes
    from engine.inference.context import Context


class Params(Strict):
    """A detector of boxes; several weights files are not averaged, so there is one.

    Args:
        network: a RetinaNet, as `build_network` takes it.
        dimensions: 2, each plane by itself, or 3.
        labels: of the network's classes, in order.
        patch: (planes, rows, columns) that a step of training is shown; planes is 1 for 2D.
        edges_mm: edges of the squares or cubes that boxes are made from, at the finest level; each further level has
            them twice as large. Pixels, where the image has no millimetres.
        keep: boxes of a lower value are dropped.
        most: so many are kept on a plane, or in the volume, the surest.
        overlap: of two boxes that share more of both together the surer is kept.
    """

    network: Network
    dimensions: Literal[2, 3] = 2
    labels: Annotated[Labels, Field(min_length=1)]
    patch: Size
    edges_mm: Annotated[tuple[Millimetres, ...], Field(min_length=1, max_length=8)]
    keep: Share = 0.05
    most: Annotated[int, Field(ge=1, le=10_000)] = 100
    overlap: Share = 0.3

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels of a detector have the same name")
        if self.dimensions == 2 and self.patch[0] != 1:
            raise ValueError("the patch of a detector in two dimensions has one plane")
        if self.network.network != "RetinaNet":
            raise ValueError("a detector is a RetinaNet")
        return self


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Boxes of the network's labels."""
    expect(given, ("image",))
    return Made("boxes", params.labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Boxes":
    """The boxes, the surest first."""
    from engine.inference.detect import run_detector

    return run_detector(params, inputs[0], context)
