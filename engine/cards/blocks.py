"""The blocks that a card's graph is made of: names and bounded values only.

Nothing in a card is an expression or code. What each block computes is told in `engine.inference`; a block that this
version can describe but not yet run is refused by `engine.cards.registry` in words.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from engine.cards.values import Count, Flip, Identifier, Labels, Millimetres, Share, Short, Size, Strict, Triple

# --- weights and networks --------------------------------------------------------------------------------------------


class Weights(Strict):
    """A file of weights in the card's folder.

    Args:
        file: plain name of a safetensors file beside the card; no folders.
        sha256: of the whole file, lower-case hexadecimal.
    """

    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}\.safetensors$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    licence: Short = ""


class Network(BaseModel):
    """A network by name, with its arguments; `engine.inference` knows which names it can build."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue]

    network: Identifier

    @property
    def arguments(self) -> dict[str, Any]:
        """Name and arguments together, as `build_network` wants them."""
        return {"network": self.network, **(self.__pydantic_extra__ or {})}


# --- S, F: a label for each voxel ------------------------------------------------------------------------------------


class SegmenterParams(Strict):
    """Block S: an encoder–decoder run over overlapping tiles.

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
    mirror_pairs: Annotated[tuple[tuple[Identifier, Identifier], ...], Field(max_length=500)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "SegmenterParams":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels of a segmenter have the same name")
        unknown = {name for pair in self.mirror_pairs for name in pair} - set(self.labels)
        if unknown:
            raise ValueError(f"mirror_pairs name labels that the segmenter lacks: {', '.join(sorted(unknown))}")
        if self.dimensions == 2 and self.patch[0] != 1:
            raise ValueError("the patch of a 2D segmenter has one plane")
        return self


class FusedParams(Strict):
    """Block F: one encoder an input, fused at each level into one decoder."""

    encoders: Annotated[tuple[Network, ...], Field(min_length=2, max_length=8)]
    decoder: Network
    fusion: Literal["concatenate", "sum", "attention"] = "concatenate"
    patch: Size
    overlap: Annotated[float, Field(ge=0, lt=0.95)] = 0.5
    labels: Annotated[Labels, Field(min_length=1)]
    activation: Literal["softmax", "sigmoid"] = "softmax"


# --- views, and C, D, B, H: a label or a number for an image ----------------------------------------------------------


class View(Strict):
    """What a classifier looks at.

    Args:
        kind: "whole" image; "slices" along `axis`; "crops" of each of `sizes_mm` around a point or mask; "montage" of
            `grid` slices on one picture; "tiles" of a slide or photograph.
        axis: of slices and montages.
        every: take each n-th slice.
        pixels: (planes, rows, columns) of a view; planes is 1 for 2D.
        sizes_mm: edge of the crops, one channel group a size (multi-scale); empty for the size of the mask.
        orthogonal: crops as triplets of orthogonal planes instead of cubes.
        rotations: number of turned triplets around the point.
        around: node or input whose mask, box or candidates the crops are centred on.
        grid: (rows, columns) of a montage.
        magnification: of slide tiles.
        least_tissue: share of a tile that must be tissue.
    """

    kind: Literal["whole", "slices", "crops", "montage", "tiles"]
    axis: Literal["axial", "coronal", "sagittal"] = "axial"
    every: Annotated[int, Field(ge=1, le=100)] = 1
    pixels: Size
    sizes_mm: Annotated[tuple[Millimetres, ...], Field(max_length=8)] = ()
    orthogonal: bool = False
    rotations: Annotated[int, Field(ge=1, le=64)] = 1
    around: Identifier | None = None
    grid: tuple[Annotated[int, Field(ge=1, le=16)], Annotated[int, Field(ge=1, le=16)]] = (1, 1)
    magnification: Annotated[float, Field(gt=0, le=100)] | None = None
    least_tissue: Share = 0.0


class ClassifierParams(Strict):
    """Block C: a network that gives one value a class for each view.

    Args:
        activation: softmax, sigmoid, or none for plain values (regression).
        features: pass the last layer's features on instead of probabilities.
    """

    network: Network
    dimensions: Literal[2, 3] = 2
    view: View
    labels: Annotated[Labels, Field(min_length=1)]
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    features: bool = False
    batch: Annotated[int, Field(ge=1, le=1024)] = 8


class DetectorParams(Strict):
    """Block D: boxes with scores from a detector, or candidates of another node sorted by a classifier."""

    network: Network | None = None
    candidates: Identifier | None = None
    view: View | None = None
    labels: Annotated[Labels, Field(min_length=1)]
    least_score: Share = 0.5
    merge_iou: Share = 0.5
    most_boxes: Annotated[int, Field(ge=1, le=10_000)] = 100


class BagParams(Strict):
    """Block B: many views of one patient to one answer."""

    pool: Literal["mean", "max", "attention", "vote", "noisy_or"]
    over: Literal["views", "slices", "tiles", "series", "regions"]
    network: Network | None = None
    labels: Labels = ()


class HeadParams(Strict):
    """Block H: features and clinical variables to a score by a fitted table of numbers.

    Args:
        model: how the weighted sum is read.
        features: names of the columns, from the nodes before it and the clinical variables, in order.
        summary: how a map of features becomes columns.
        clusters: number of clusters whose statistics are the columns.
    """

    model: Literal["svm", "logistic", "cox", "nomogram"]
    features: Annotated[tuple[Short, ...], Field(max_length=5000)] = ()
    summary: Literal["none", "mean", "cluster_statistics"] = "none"
    clusters: Annotated[int, Field(ge=0, le=10_000)] = 0
    horizon_months: Annotated[float, Field(gt=0, le=600)] | None = None
    labels: Annotated[Labels, Field(min_length=1)]


# --- G: what joins the nodes ------------------------------------------------------------------------------------------


class CropTo(Strict):
    """Cut the first input to the box around the second (probabilities), `margin_mm` wider, and `least_mm` at least.

    Args:
        spacing_mm: (column, row, plane) mm of the cut image, taken from the image as it was acquired; None for the
            card's own.
        labels: of the second input that count, all where none is named.
        level: at which they count.
        only_found: where nothing counts, nothing is looked at, in place of the whole image.
    """

    op: Literal["crop"]
    spacing_mm: Triple | None = None
    labels: Labels = ()
    margin_mm: Annotated[float, Field(ge=0, le=500)] = 20.0
    least_mm: Triple | None = None
    level: Share = 0.5
    only_found: bool = False


class Concatenate(Strict):
    """Channels of all inputs behind one another: probabilities fed forward beside the image."""

    op: Literal["concatenate"]


class Combine(Strict):
    """One answer of several, on the grid of the first input.

    Each label is combined over the inputs that have it, and each place over those that were shown it: outside the
    crop of a later network the others decide.
    """

    op: Literal["combine"]
    how: Literal["mean", "max", "product", "vote"]


class MaskWith(Strict):
    """Keep the first input only where the second is at or above `level` (cascades)."""

    op: Literal["mask"]
    level: Share = 0.5
    labels: Labels = ()


class Hierarchy(Strict):
    """Sum the probabilities of leaves to their parents."""

    op: Literal["hierarchy"]
    parents: Annotated[dict[Identifier, Labels], Field(min_length=1, max_length=2000)]


class Gate(Strict):
    """Go on with the node behind only where a label's score reaches `level`."""

    op: Literal["gate"]
    label: Identifier
    level: Share = 0.5


class Choose(Strict):
    """Pass on some of the labels, renamed where `rename` says so."""

    op: Literal["choose"]
    labels: Annotated[Labels, Field(min_length=1)]
    rename: Annotated[dict[Identifier, Identifier], Field(max_length=2000, default_factory=dict)]


GraphParams = Annotated[
    CropTo | Concatenate | Combine | MaskWith | Hierarchy | Gate | Choose, Field(discriminator="op")
]


# --- O: classic operations --------------------------------------------------------------------------------------------


class BodyOutline(Strict):
    """The patient without couch, head rest, mask or tubes.

    Args:
        air: keep or fill the air inside the patient.
        pieces: how many of the largest pieces are kept.
        least_cm3: smaller pieces are dropped.
    """

    op: Literal["body_outline"]
    label: Identifier = "External"
    air: Literal["filled", "kept"] = "filled"
    pieces: Annotated[int, Field(ge=1, le=10)] = 1
    least_cm3: Annotated[float, Field(ge=0, le=10_000)] = 50.0


class Atlas(Strict):
    """Deformable registration of an averaged patient, whose labels then come along.

    Args:
        labels: of the atlas's probability maps, in order.
        iterations: of the registration, from the coarsest level to the finest.
    """

    op: Literal["atlas"]
    labels: Annotated[Labels, Field(min_length=1)]
    iterations: Annotated[tuple[Count, ...], Field(min_length=1, max_length=6)] = (50, 50, 30)


class Vesselness(Strict):
    """Frangi's measure of tubes (or blobs) at several scales."""

    op: Literal["vesselness"]
    label: Identifier
    sigmas_mm: Annotated[tuple[Millimetres, ...], Field(min_length=1, max_length=16)]
    shape: Literal["tube", "blob", "sheet"] = "tube"
    bright: bool = True


class Threshold(Strict):
    """Everything between two values."""

    op: Literal["threshold"]
    label: Identifier
    low: float | None = None
    high: float | None = None


class Components(Strict):
    """Candidates: connected pieces above `level`, within limits of size."""

    op: Literal["components"]
    label: Identifier
    level: float = 0.5
    least_mm3: Annotated[float, Field(ge=0)] = 0.0
    most_mm3: Annotated[float, Field(gt=0)] | None = None


class Saliency(Strict):
    """Contrast saliency of regions, thresholded to a mask."""

    op: Literal["saliency"]
    label: Identifier
    bins: Annotated[int, Field(ge=2, le=1024)] = 64


class GraphCut(Strict):
    """Labels made smooth by a minimal cut of a graph over neighbours."""

    op: Literal["graph_cut"]
    labels: Annotated[Labels, Field(min_length=1)]
    smoothness: Annotated[float, Field(ge=0, le=1000)] = 1.0


ClassicParams = Annotated[
    BodyOutline | Atlas | Vesselness | Threshold | Components | Saliency | GraphCut, Field(discriminator="op")
]
