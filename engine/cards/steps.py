"""The operations before and after a card's graph: names and bounded values only."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field, StringConstraints, model_validator

from engine.cards.values import Count, Identifier, Labels, Millimetres, Share, Strict, Triple

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
