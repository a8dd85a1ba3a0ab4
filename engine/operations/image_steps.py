"""What another program does to an image before its network sees it, word by word, in that program's own order.

Axes are the first, second and third of the program's array: columns, rows and planes, as a NIfTI file has them.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from engine.values import Strict


def _each_once(letters: str) -> str:
    if letters and sorted("LAS".index({"R": "L", "P": "A", "I": "S"}.get(letter, letter)) for letter in letters) != [
        0,
        1,
        2,
    ]:
        raise ValueError("the axes need one letter each of L or R, A or P, and S or I")
    return letters


#: Patient directions along which the first, second and third axis rise, in any order; "" for those of the image.
AnyLetters = Annotated[str, StringConstraints(pattern=r"^([LRAPSI]{3})?$"), AfterValidator(_each_once)]
Edge = Annotated[int, Field(ge=0, le=4096)]
Edges = Annotated[tuple[Edge, ...], Field(min_length=2, max_length=3)]
Apart = Annotated[float, Field(ge=0, le=2000)]
Percent = Annotated[float, Field(ge=0, le=100)]
Beyond = Literal["constant", "edge", "minimum", "reflect"]


class Resample(Strict):
    """Bring the image to a spacing, by lines between its voxels; the first voxel stays where it is.

    Args:
        spacing_mm: along the three axes; 0 keeps the image's own.
        least_mm, most_mm: an axis whose own spacing lies between them keeps it.
    """

    do: Literal["resample"]
    spacing_mm: tuple[Apart, Apart, Apart]
    least_mm: tuple[Apart, Apart, Apart] | None = None
    most_mm: tuple[Apart, Apart, Apart] | None = None


class CropForeground(Strict):
    """Cut the image to the box around all that is above a value.

    Args:
        above: the value.
        margin: voxels that are added on each side.
        multiple: of which the size along each axis is made one.
        inside: the box ends where the image ends; else it is filled up.
        beyond, value: what it is filled up with.
    """

    do: Literal["crop_foreground"]
    above: float = 0.0
    margin: Edges = (0, 0, 0)
    multiple: Edges = (1, 1, 1)
    inside: bool = False
    beyond: Beyond = "constant"
    value: float = 0.0


class Pad(Strict):
    """Fill the image up to a size.

    Args:
        size: at least; 0 for the image's own. Or of which it is made a multiple, with `multiple`.
        multiple: as said.
        at_end: behind the image alone, not on both sides.
        beyond, value: what it is filled up with.
    """

    do: Literal["pad"]
    size: Edges
    multiple: bool = False
    at_end: bool = False
    beyond: Beyond = "constant"
    value: float = 0.0


class Resize(Strict):
    """Bring the image to a number of voxels, whatever its spacing.

    Args:
        size: along each axis.
        mode: "area" averages, "linear" draws lines, "nearest" takes the nearest.
    """

    do: Literal["resize"]
    size: Edges
    mode: Literal["area", "linear", "nearest"] = "area"


class ScaleRange(Strict):
    """Map the values from `low` to `high` to those from `to_low` to `to_high`; `clip` cuts off what lies outside."""

    do: Literal["scale_range"]
    low: float
    high: float
    to_low: float | None = None
    to_high: float | None = None
    clip: bool = False

    @model_validator(mode="after")
    def _wide(self) -> "ScaleRange":
        if self.low == self.high:
            raise ValueError("low and high are the same, so the range holds no values")
        return self


class ScalePercentiles(Strict):
    """Map the image's values between two of its percentiles to those from `to_low` to `to_high`.

    Args:
        low, high: percentiles.
        clip: cut off what lies outside.
        relative: the percentiles are those of the range that the values are brought to.
        each_channel: by its own percentiles.
    """

    do: Literal["scale_percentiles"]
    low: Percent
    high: Percent
    to_low: float | None = None
    to_high: float | None = None
    clip: bool = False
    relative: bool = False
    each_channel: bool = False

    @model_validator(mode="after")
    def _wide(self) -> "ScalePercentiles":
        if self.low >= self.high:
            raise ValueError("low is not below high, so there are no values between the percentiles")
        return self


class ScaleAll(Strict):
    """Map all of the image's values to those from `to_low` to `to_high`; or multiply them by 1 + `factor`."""

    do: Literal["scale_all"]
    to_low: float | None = 0.0
    to_high: float | None = 1.0
    factor: float | None = None
    each_channel: bool = False


class Normalise(Strict):
    """Less a mean, over a deviation: of the image itself where none are given.

    Args:
        mean, deviation: one, or one a channel with `each_channel`.
        nonzero: of the voxels that are not 0, which alone are changed.
        each_channel: by its own figures.
    """

    do: Literal["normalise"]
    mean: Annotated[tuple[float, ...], Field(max_length=16)] = ()
    deviation: Annotated[tuple[float, ...], Field(max_length=16)] = ()
    nonzero: bool = False
    each_channel: bool = False

    @model_validator(mode="after")
    def _divides(self) -> "Normalise":
        if 0 in self.deviation:
            raise ValueError("a deviation of 0 divides by nothing")
        return self


class Cut(Strict):
    """Values not above (or, not `above`, not below) a threshold become `value`."""

    do: Literal["cut"]
    threshold: float
    above: bool = True
    value: float = 0.0


Step = Annotated[
    Resample | CropForeground | Pad | Resize | ScaleRange | ScalePercentiles | ScaleAll | Normalise | Cut,
    Field(discriminator="do"),
]
Steps = Annotated[tuple[Step, ...], Field(max_length=32)]
