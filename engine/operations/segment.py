"""An encoder–decoder network, run over overlapping tiles, gives each voxel a probability a label."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.operations.kinds import Made, expect
from engine.operations.networks import Network
from engine.values import Flip, Identifier, Labels, Size, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps


class Params(Strict):
    """An encoder–decoder run over overlapping tiles; several weights files are an ensemble, which is averaged.

    Args:
        network: as `build_network` takes it.
        dimensions: 3, or 2 for one plane at a time.
        context_planes: neighbours on each side that a 2D network sees as further channels (2.5D).
        patch: (planes, rows, columns) of a tile; planes is 1 for 2D.
        overlap: of neighbouring tiles, as a share of the tile.
        padding: value of what lies outside the image, after preprocessing.
        labels: of the channels, in order; after the background for softmax, which is channel 0.
        activation: softmax, one label a voxel; sigmoid, labels that may overlap.
        flips: mirrored copies whose probabilities are averaged.
        quick: leave the mirrored copies out.
        mirror_pairs: labels that swap in a left-right mirror.
    """

    network: Network
    dimensions: Literal[2, 3] = 3
    context_planes: Annotated[int, Field(ge=0, le=16)] = 0
    patch: Size
    overlap: Annotated[float, Field(ge=0, lt=0.95)] = 0.5
    padding: float = 0.0
    labels: Annotated[Labels, Field(min_length=1)]
    activation: Literal["softmax", "sigmoid"] = "softmax"
    flips: Annotated[tuple[Flip, ...], Field(max_length=3)] = ()
    quick: bool = False
    mirror_pairs: Annotated[tuple[tuple[Identifier, Identifier], ...], Field(max_length=500)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels of a segmenter have the same name")
        unknown = {name for pair in self.mirror_pairs for name in pair} - set(self.labels)
        if unknown:
            raise ValueError(f"mirror_pairs name labels that the segmenter lacks: {', '.join(sorted(unknown))}")
        if self.dimensions == 2 and self.patch[0] != 1:
            raise ValueError("the patch of a 2D segmenter has one plane")
        return self


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Maps of the network's labels."""
    expect(given, ("image",))
    return Made("maps", params.labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps":
    """Probabilities of the labels, in memory that does not grow with the length of the patient."""
    from engine.inference.segment import run_segmenter

    return run_segmenter(params, inputs[0], context)
