"""How the surroundings of voxels differ within an organ becomes numbers for a head."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.operations.kinds import PLACES, Made, expect, expect_labels
from engine.values import Labels, Share, Size, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.features import Features

#: Values of one patch, of all channels together.
_MOST_VALUES = 5000


class Fitted(Strict):
    """A linear code of patches: a patch less the `mean`, times each of the `components`.

    Args:
        mean: (channels x planes x rows x columns) of a patch.
        components: alike; a row a number of the code, the one that tells most first.
        explained: share of the variance of the patches that it was fitted on.
    """

    mean: Annotated[tuple[float, ...], Field(min_length=1, max_length=_MOST_VALUES)]
    components: Annotated[
        tuple[Annotated[tuple[float, ...], Field(max_length=_MOST_VALUES)], ...], Field(min_length=1, max_length=64)
    ]
    explained: Share

    @model_validator(mode="after")
    def _square(self) -> "Fitted":
        if any(len(row) != len(self.mean) for row in self.components):
            raise ValueError("a fitted code of patches has a number for each value of a patch")
        return self


class Params(Strict):
    """Patches around the voxels of an organ, as a linear code, compared between the parts of it.

    The code is that of a linear autoencoder: the principal components of the patches (Baldi and Hornik, Neural
    Networks 1989;2:53). The organ is parted into connected regions of about one size by k-means on where its voxels
    lie.

    Args:
        labels: of the second input, the organ; all where none is named.
        level: at which they count.
        patch: (planes, rows, columns) voxels, odd.
        components: numbers of a code.
        clusters: regions of the organ, fewer where it has fewer voxels.
        statistics: of each number of a code: the largest "deviation" within a region, the "lowest" and the "highest"
            mean of a region.
        most: so many patches are looked at, evenly chosen.
        fitted: the code; none before training.
    """

    labels: Labels = ()
    level: Share = 0.5
    patch: Size
    components: Annotated[int, Field(ge=1, le=64)] = 16
    clusters: Annotated[int, Field(ge=2, le=2000)] = 500
    statistics: Annotated[tuple[Literal["deviation", "lowest", "highest"], ...], Field(min_length=1)] = ("deviation",)
    most: Annotated[int, Field(ge=100, le=200_000)] = 20_000
    fitted: Fitted | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if any(size % 2 == 0 for size in self.patch):
            raise ValueError("a patch around a voxel has odd sizes")
        if len(set(self.statistics)) != len(self.statistics):
            raise ValueError("a statistic of patches is named twice")
        if self.fitted is not None and len(self.fitted.components) != self.components:
            raise ValueError("a fitted code of patches has as many components as the card says")
        return self


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Features: each statistic of each number of the code."""
    expect(given, ("image",), PLACES)
    expect_labels(params.labels, given[1])
    return Made("features")


def is_ready(params: Params) -> bool:
    """Whether its code was fitted."""
    return params.fitted is not None


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Features":
    """One row of features."""
    from engine.inference.patch_statistics import run_patch_statistics

    return run_patch_statistics(params, inputs[0], inputs[1], context)
