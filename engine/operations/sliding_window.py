"""A network of another program, run over windows as that program runs it, and its answer brought back to the image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.operations.image_steps import AnyLetters, Edge, Pad, Resample, Resize, Steps
from engine.operations.kinds import Kind, Made, expect
from engine.operations.networks import Network
from engine.values import Identifier, Labels, Share, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.outlines import Outlines

Axis = Annotated[int, Field(ge=0, le=2)]
#: How neighbouring windows are blended.
Blend = Literal["constant", "gaussian"]


class Largest(Strict):
    """Of each of the labels, the largest connected pieces are kept.

    Args:
        labels: that it is done to.
        keep: pieces.
        connectivity: 1 where voxels share a face, 2 an edge, 3 a corner.
        on_image: on the image's grid; else on the one on which the labels were set.
    """

    labels: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=2000)]
    keep: Annotated[int, Field(ge=1, le=100)] = 1
    connectivity: Annotated[int, Field(ge=1, le=3)] = 3
    on_image: bool = False


class Params(Strict):
    """A network over windows, as MONAI's sliding window runs it; several weights files are an ensemble, averaged.

    In this order: axes, the steps before, windows, blended logits, activation, and back to the image. Contours are
    traced from the probabilities on the network's grid; `exact` gives the outlines of the voxels that the other program
    would set.

    Args:
        network: as `build_network` takes it.
        dimensions: 3, or 2 for one plane at a time.
        along: for 2, the axis across those planes.
        axes: patient directions along which the axes of its array rise; "" for how the image's file stores them.
        images: how many it takes, each a channel.
        before: what is done to them.
        patch: voxels of a window along each axis; 0 for the whole image.
        overlap: of neighbouring windows, as a share of the window.
        blend, sigma: how windows are weighted; the deviation of a Gaussian as a share of the window.
        padding, padding_value: around an image that is smaller than a window.
        labels: of the network's channels; behind the background for softmax, which is channel 0.
        activation: softmax, one label a voxel; sigmoid, labels that may overlap.
        ready: the network itself ends with it, so its answers are probabilities.
        threshold: of a sigmoid, from which on a label is there.
        carried: what is brought back to the image by lines between voxels, before it is decided which label is where.
            With "labels" that is decided first, and the nearest label is taken.
        largest: what is done to the labels once they are set: where labels are carried, on the network's grid.
        exact: as above.
    """

    network: Network
    dimensions: Literal[2, 3] = 3
    along: Axis = 2
    axes: AnyLetters = ""
    images: Annotated[int, Field(ge=1, le=16)] = 1
    before: Steps = ()
    patch: Annotated[tuple[Edge, ...], Field(min_length=2, max_length=3)]
    overlap: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(min_length=2, max_length=3)]
    blend: Blend = "constant"
    sigma: Annotated[float, Field(gt=0, le=10)] = 0.125
    padding: Literal["constant", "reflect", "replicate"] = "constant"
    padding_value: float = 0.0
    labels: Annotated[Labels, Field(min_length=1)]
    activation: Literal["softmax", "sigmoid"] = "softmax"
    ready: bool = False
    threshold: Share = 0.5
    carried: Literal["probabilities", "logits", "labels"] = "probabilities"
    largest: Annotated[tuple[Largest, ...], Field(max_length=16)] = ()
    exact: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels have the same name")
        if len(self.patch) != self.dimensions or len(self.overlap) != self.dimensions:
            raise ValueError(f"the patch and the overlap need {self.dimensions} numbers")
        if sum(isinstance(step, Resample) for step in self.before) > 1:
            raise ValueError("the image is resampled twice, and once is known here")
        if any(isinstance(step, Pad) and len(step.size) != 3 for step in self.before):
            raise ValueError("the size to which the image is filled up needs 3 numbers")
        if any(isinstance(step, Resize) for step in self.before):
            raise ValueError("an image that is resized is not brought back")
        lost = {label for step in self.largest for label in step.labels} - set(self.labels)
        if lost:
            raise ValueError(f"pieces are kept of '{min(lost)}', which is no label")
        return self

    @property
    def channels_out(self) -> int:
        """How many the network has, the background included."""
        return len(self.labels) + int(self.activation == "softmax")


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Maps of the labels, or outlines where they are to be exact."""
    images: list[tuple[Kind, ...]] = [("image",)] * params.images
    expect(given, *images)
    if not all(made.acquired for made in given):
        raise ValueError("it looks at images as they were acquired: it needs inputs of the card")
    return Made("outlines" if params.exact else "maps", params.labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps | Outlines":
    """The labels on the network's grid, or as outlines of voxels on the image's own planes."""
    from engine.inference.sliding_window import run_windows

    return run_windows(params, inputs, context)
