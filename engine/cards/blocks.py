"""The blocks that a card's graph is made of, and the operations before and after it: names and bounded values only.

Nothing in a card is an expression or code. What each block computes is told in `engine.inference`; a block that this
version can describe but not yet run is refused by `engine.cards.registry` in words.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$")]
Short = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=4000)]
Millimetres = Annotated[float, Field(gt=0, le=2000)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Triple = tuple[Millimetres, Millimetres, Millimetres]
Size = tuple[
    Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)]
]
Flip = Literal["left-right", "anterior-posterior", "superior-inferior"]
Labels = Annotated[tuple[Identifier, ...], Field(max_length=2000)]


class Strict(BaseModel):
    """Base of all parts of a card: unknown fields are errors, and values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)


Name = TypeVar("Name", bound=str)
Params = TypeVar("Params", bound=Strict)


class Step(Strict, Generic[Name, Params]):
    """An operation by name, with its parameters."""

    op: Name
    params: Params


# --- before the graph ------------------------------------------------------------------------------------------------


class OrientParams(Strict):
    """Reorder and flip the axes, so that columns, rows and planes rise along these patient directions."""

    axes: Annotated[str, StringConstraints(pattern=r"^[LRAPSI]{3}$")] = "LPS"


class MaskBodyParams(Strict):
    """Set everything outside the patient to `outside`, by the same body outline that the card `external` draws."""

    outside: float = -1024.0


class CropBodyParams(Strict):
    """Keep the box around the patient, `margin_mm` wider on each side where the image goes that far."""

    margin_mm: Annotated[float, Field(ge=0, le=200)] = 10.0


class ResampleParams(Strict):
    """Bring the voxels to a spacing: averaged where that is coarser, linear where it is finer.

    Args:
        spacing_mm: (column, row, plane) mm wanted.
        keep_between_mm: an axis whose own spacing lies in its [low, high] is left as it is.
    """

    spacing_mm: Triple
    keep_between_mm: (
        tuple[tuple[Millimetres, Millimetres], tuple[Millimetres, Millimetres], tuple[Millimetres, Millimetres]] | None
    ) = None


class WindowsParams(Strict):
    """One channel a window: clipped to [low, high] and scaled to -1..1."""

    windows: Annotated[tuple[tuple[float, float], ...], Field(min_length=1, max_length=16)]

    @model_validator(mode="after")
    def _rising(self) -> "WindowsParams":
        if any(low >= high for low, high in self.windows):
            raise ValueError("the low end of a window must lie below its high end")
        return self


class NormaliseParams(Strict):
    """Shift and scale to mean 0 and deviation 1, by given figures or by those of the image.

    Args:
        over: which voxels the figures are taken from where `mean` and `deviation` are not given.
        mean, deviation: one a channel, in the image's units.
        clip_percentiles: values beyond these percentiles of the same voxels are clipped first.
    """

    over: Literal["image", "body", "nonzero"] = "image"
    mean: Annotated[tuple[float, ...], Field(max_length=256)] = ()
    deviation: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=256)] = ()
    clip_percentiles: tuple[Annotated[float, Field(ge=0, le=100)], Annotated[float, Field(ge=0, le=100)]] | None = None


class ResizeParams(Strict):
    """Bring photographs and single planes to a number of pixels, aspect kept and padded or not."""

    pixels: tuple[Annotated[int, Field(ge=1, le=8192)], Annotated[int, Field(ge=1, le=8192)]]
    keep_aspect: bool = True


class FindFieldParams(Strict):
    """Find the disc of a fundus photograph, or the tissue on a slide, and drop what is around it."""

    what: Literal["fundus", "tissue"]


class BiasFieldParams(Strict):
    """N4 correction of the slow brightness changes of MR."""

    shrink: Annotated[int, Field(ge=1, le=8)] = 4


class BandsParams(Strict):
    """Choose bands of a hyperspectral image as channels."""

    bands: Annotated[tuple[Count, ...], Field(min_length=1, max_length=512)]


PreprocessStep = Annotated[
    Step[Literal["orient"], OrientParams]
    | Step[Literal["mask_body"], MaskBodyParams]
    | Step[Literal["crop_body"], CropBodyParams]
    | Step[Literal["resample"], ResampleParams]
    | Step[Literal["windows"], WindowsParams]
    | Step[Literal["normalise"], NormaliseParams]
    | Step[Literal["resize"], ResizeParams]
    | Step[Literal["find_field"], FindFieldParams]
    | Step[Literal["bias_field"], BiasFieldParams]
    | Step[Literal["bands"], BandsParams],
    Field(discriminator="op"),
]

#: What `engine.inference.preprocess` can do.
PREPROCESS_READY = frozenset({"orient", "mask_body", "crop_body", "resample", "windows", "normalise"})


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
    """

    op: Literal["crop"]
    spacing_mm: Triple | None = None
    labels: Labels = ()
    margin_mm: Annotated[float, Field(ge=0, le=500)] = 20.0
    least_mm: Triple | None = None
    level: Share = 0.5


class Concatenate(Strict):
    """Channels of all inputs behind one another: probabilities fed forward beside the image."""

    op: Literal["concatenate"]


class Combine(Strict):
    """One answer of several with the same labels."""

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
    rename: Annotated[dict[Identifier, Identifier], Field(max_length=2000)] = {}


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


# --- after the graph --------------------------------------------------------------------------------------------------


class PiecesParams(Strict):
    """Keep the largest connected pieces; of nothing named, of every label."""

    labels: Labels = ()
    keep: Annotated[int, Field(ge=1, le=100)] = 1


class LeastSizeParams(Strict):
    """Drop connected pieces below a volume."""

    labels: Labels = ()
    cm3: Annotated[float, Field(ge=0, le=10_000)]


class FillHolesParams(Strict):
    """Fill holes: on each plane, or only those closed in all three directions."""

    labels: Labels = ()
    on_planes: bool = False


class InsideParams(Strict):
    """Drop what lies outside another label."""

    labels: Labels = ()
    of: Identifier


class MergePlanesParams(Strict):
    """Join instances found plane by plane to objects where they overlap."""

    labels: Labels = ()
    least_overlap: Share = 0.3
    least_planes: Annotated[int, Field(ge=1, le=100)] = 1


PostStep = Annotated[
    Step[Literal["largest_pieces"], PiecesParams]
    | Step[Literal["least_size"], LeastSizeParams]
    | Step[Literal["fill_holes"], FillHolesParams]
    | Step[Literal["inside"], InsideParams]
    | Step[Literal["merge_planes"], MergePlanesParams],
    Field(discriminator="op"),
]

#: What `engine.inference.post` can do.
POST_READY = frozenset({"largest_pieces", "least_size", "fill_holes", "inside"})
