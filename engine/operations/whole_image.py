"""A network of another program gives scores to a whole image, prepared as that program prepares it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.operations.image_steps import AnyLetters, CropForeground, Pad, Resample, Resize, Steps
from engine.operations.kinds import Kind, Made, expect
from engine.operations.networks import Network
from engine.values import Labels, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.scores import Scores


class Params(Strict):
    """A network that gives one value a label; several weights files are an ensemble, averaged.

    Args:
        network: as `build_network` takes it.
        dimensions: 3, or 2 for pictures, of which each plane is looked at by itself.
        axes: patient directions along which the axes of its array rise; "" for how the image's file stores them.
        images: how many it takes, each a channel; of a picture in colour the channels are red, green and blue.
        before: what is done to them.
        labels: of the network's values, in order.
        activation: softmax, sigmoid, or none for plain values.
    """

    network: Network
    dimensions: Literal[2, 3] = 3
    axes: AnyLetters = ""
    images: Annotated[int, Field(ge=1, le=16)] = 1
    before: Steps = ()
    labels: Annotated[Labels, Field(min_length=1)]
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels of a classifier have the same name")
        if any(isinstance(step, Resize | Pad) and len(step.size) != self.dimensions for step in self.before):
            raise ValueError(f"the size of its image needs {self.dimensions} numbers")
        if self.dimensions == 2 and (self.axes or any(isinstance(s, Resample | CropForeground) for s in self.before)):
            raise ValueError("a picture has no patient directions, and is not resampled or cropped")
        return self


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Scores of the network's labels."""
    images: list[tuple[Kind, ...]] = [("image",)] * params.images
    expect(given, *images)
    if not all(made.acquired for made in given):
        raise ValueError("it looks at images as they were acquired: it needs inputs of the card")
    return Made("scores", params.labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Scores":
    """The scores, one row a view."""
    from engine.inference.whole_image import run_whole

    return run_whole(params, inputs, context)
