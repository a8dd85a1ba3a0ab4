"""A network of nnU-Net v2, with its own way from the image to the network and back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.operations.image_steps import AnyLetters
from engine.operations.kinds import PLACES, Kind, Made, expect, expect_labels
from engine.operations.networks import Network
from engine.operations.tidy import Tidy
from engine.values import Labels, Millimetres, Strict, Triple

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.outlines import Outlines

Axis = Annotated[int, Field(ge=0, le=2)]
Edge = Annotated[int, Field(ge=1, le=4096)]
Class = Annotated[int, Field(ge=0, le=2000)]


class Channel(Strict):
    """How the values of one image are normalised.

    Args:
        scheme: "ct": clipped to `low` and `high`, less `mean`, over `deviation`; "zscore": by the image's own mean and
            deviation; "rescale": to 0..1; "rgb": over 255; "none".
        masked: zscore by the voxels inside the non-zero part alone, which alone are changed.
    """

    scheme: Literal["ct", "zscore", "rescale", "rgb", "none"]
    masked: bool = False
    mean: float = 0.0
    deviation: float = 1.0
    low: float = 0.0
    high: float = 0.0


class Resampling(Strict):
    """How values are brought to another grid.

    Args:
        order: of the spline.
        order_across: along the coarse axis of an image whose planes are far apart, where that goes on its own.
        separate: whether it does; None where the largest spacing is more than 3 times the smallest.
    """

    order: Annotated[int, Field(ge=0, le=5)]
    order_across: Literal[0, 1] = 0
    separate: bool | None = None


class Params(Strict):
    """One configuration of nnU-Net v2, run as its own predictor runs it; several weights files are its folds.

    In this order: axes, crop to what is not zero, normalisation, resampling, tiles with a Gaussian weight, mean of the
    logits over mirrored copies and folds, logits back to the image. Contours are traced from the logits on the
    network's grid; `exact` gives the outlines of the voxels that nnU-Net itself would set.

    Args:
        network: as `build_network` takes it.
        dimensions: 3, or 2 for one plane at a time.
        axes: patient directions along which columns, rows and planes rise as the network was taught; "" for how the
            image's file stores them.
        first_mm: the image is brought to this spacing towards the patient's right, front and head before all else: by a
            line, with its outermost voxels where they are, in whole numbers. The voxels that are set there go back to
            the nearest. (TotalSegmentator's way around nnU-Net.)
        transpose: the order in which it takes [plane, row, column].
        spacing_mm: along the axes so ordered; one fewer in two dimensions.
        channels: one an image.
        image, logits, previous: how each is resampled.
        patch: voxels of a tile along each axis.
        step: from tile to tile, at most, as a share of it.
        mirrors: axes (of the tile) that are mirrored, in all combinations.
        quick: leave the mirrored copies out.
        labels: of the network's channels; behind the background for softmax, which is channel 0.
        activation: softmax, one label a voxel; sigmoid, regions that may overlap.
        covers: for regions, the classes that each covers.
        paints: for regions, the class that each is painted with, in order.
        cascade: what an earlier node found becomes further channels, one a label.
        around: labels of what an earlier node found: it looks at the box around them alone, in whole numbers.
        margin_mm: of that box, on each side.
        only: labels that another node looks around: these alone are outlined, exactly whatever `exact` says.
        tidy: what is done to the voxels that the network sets; of probabilities, what pieces are kept.
        exact: as above.
    """

    network: Network
    dimensions: Literal[2, 3]
    axes: AnyLetters = ""
    first_mm: Triple | None = None
    transpose: tuple[Axis, Axis, Axis] = (0, 1, 2)
    spacing_mm: Annotated[tuple[Millimetres, ...], Field(min_length=2, max_length=3)]
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=16)]
    image: Resampling = Resampling(order=3)
    logits: Resampling = Resampling(order=1)
    previous: Resampling = Resampling(order=1)
    patch: Annotated[tuple[Edge, ...], Field(min_length=2, max_length=3)]
    step: Annotated[float, Field(gt=0, le=1)] = 0.5
    mirrors: Annotated[tuple[Axis, ...], Field(max_length=3)] = ()
    quick: bool = False
    labels: Annotated[Labels, Field(min_length=1)]
    activation: Literal["softmax", "sigmoid"] = "softmax"
    covers: Annotated[tuple[tuple[Class, ...], ...], Field(max_length=2000)] = ()
    paints: Annotated[tuple[Class, ...], Field(max_length=2000)] = ()
    cascade: bool = False
    around: Labels = ()
    margin_mm: Annotated[float, Field(ge=0, le=500)] = 0.0
    only: Labels = ()
    tidy: Tidy = Tidy()
    exact: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels have the same name")
        if sorted(self.transpose) != [0, 1, 2]:
            raise ValueError("the axes are not each there once")
        if len(self.patch) != self.dimensions or len(self.spacing_mm) != self.dimensions:
            raise ValueError(f"the patch and the spacing need {self.dimensions} numbers")
        if len(set(self.mirrors)) != len(self.mirrors) or any(axis >= self.dimensions for axis in self.mirrors):
            raise ValueError("an axis is mirrored that is not there, or twice")
        regions = len(self.labels) if self.activation == "sigmoid" else 0
        if len(self.covers) != regions or len(self.paints) != regions:
            raise ValueError("each region, and nothing else, says what it covers and is painted with")
        if self.first_mm is not None and self.cascade:
            raise ValueError("a cascade is not resampled before all else")
        if self.around and self.cascade:
            raise ValueError("it can't both continue what was found and look around it")
        if set(self.only) - set(self.labels):
            raise ValueError("a label is to be outlined that it does not have")
        if self.tidy.names - set(self.labels):
            raise ValueError("pieces of a label are chosen that it does not have")
        if self.tidy != Tidy() and self.covers:
            raise ValueError("voxels of regions, which may overlap, can't be tidied")
        if self.tidy.is_of_voxels and not self.gives_voxels:
            raise ValueError("bodies in a row, and labels that grow, are voxels: it must be exact")
        if self.logits.order > 1:
            raise ValueError("logits are resampled by order 0 or 1")
        return self

    @property
    def gives_voxels(self) -> bool:
        """Whether outlines of voxels are made, not maps."""
        return self.exact or bool(self.only)

    @property
    def channels_out(self) -> int:
        """How many the network has, the background included."""
        return len(self.labels) + int(self.activation == "softmax")


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Maps of the labels, or outlines where they are to be exact."""
    images: list[tuple[Kind, ...]] = [("image",)] * len(params.channels)
    follows = params.cascade or bool(params.around)
    expect(given, *images, *([PLACES] if follows else []))
    if not all(made.acquired for made in given[: len(images)]):
        raise ValueError("it looks at images as they were acquired: it needs inputs of the card")
    if follows and given[-1].kind != "outlines":
        raise ValueError("it continues what an exact node found")
    expect_labels(params.around, *given[len(images) :])
    return Made("outlines" if params.gives_voxels else "maps", params.only or params.labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps | Outlines":
    """The labels on the network's grid, or as outlines of voxels on the image's own planes."""
    from engine.inference.nnunet import run_nnunet

    follows = params.cascade or params.around
    return run_nnunet(params, inputs[: len(params.channels)], inputs[-1] if follows else None, context)
