"""A network looks at what lies around each candidate, and those that it does not believe are dropped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.operations.classify import Mirror
from engine.operations.kinds import Made, expect
from engine.operations.networks import Network
from engine.values import Labels, Millimetres, Share, Size, Strict

if TYPE_CHECKING:
    from engine.inference.boxes import Boxes
    from engine.inference.context import Context


class Params(Strict):
    """A network that gives values to crops around boxes; several weights files are an ensemble, averaged.

    Sieves can be chained, each looking at what the one before left.

    Args:
        network: as `build_network` takes it.
        dimensions: of a crop.
        labels: of the network's values, in order; the boxes have these afterwards.
        activation: sigmoid, or softmax, where the network's first value is that of "none of them".
        pixels: (planes, rows, columns) of a crop; planes is 1 for 2D.
        edge_mm: of a crop; pixels, where the image has no millimetres.
        keep: boxes whose highest value is lower are dropped.
        most: so many are kept, the surest.
        mirrors: axes along which mirrored copies of a crop are looked at too; their logits are averaged.
        batch: crops at a time.
    """

    network: Network
    dimensions: Literal[2, 3] = 2
    labels: Annotated[Labels, Field(min_length=1)]
    activation: Literal["softmax", "sigmoid"] = "softmax"
    pixels: Size
    edge_mm: Millimetres
    keep: Share = 0.05
    most: Annotated[int, Field(ge=1, le=10_000)] = 100
    mirrors: Annotated[tuple[Mirror, ...], Field(max_length=3)] = ()
    batch: Annotated[int, Field(ge=1, le=1024)] = 64

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels of a sieve have the same name")
        if self.dimensions == 2 and self.pixels[0] != 1:
            raise ValueError("a crop in two dimensions has one plane")
        return self


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Boxes of the network's labels."""
    expect(given, ("image",), ("boxes",))
    return Made("boxes", params.labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Boxes":
    """The boxes that are left, the surest first."""
    from engine.inference.sieve import run_sieve

    return run_sieve(params, inputs[0], inputs[1], context)
