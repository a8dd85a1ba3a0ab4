"""What is done to the voxels that a network of nnU-Net sets, before they go back to the image."""

from typing import Annotated

from pydantic import Field, model_validator

from engine.values import Identifier, Labels, Strict


class Tidy(Strict):
    """Rules of TotalSegmentator's, in this order; voxels are joined by their faces.

    Args:
        largest: labels of which the largest piece alone is kept.
        least_mm3: label → volume that a piece of it must exceed.
        in_turn: the labels are bodies in a row, from head to foot, no two of which touch. Where two do, each piece of
            all of them is one body, named anew in turn: upwards from the lowest label that is there; or downwards from
            the first one, where that is there and the last one isn't.
        grown_mm: each label grows so far into what has none.
    """

    largest: Labels = ()
    least_mm3: Annotated[dict[Identifier, Annotated[float, Field(gt=0, le=1e9)]], Field(max_length=64)] = Field(
        default_factory=dict
    )
    in_turn: bool = False
    grown_mm: Annotated[float, Field(ge=0, le=50)] = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> "Tidy":
        if self.in_turn and (self.largest or self.least_mm3):
            raise ValueError("bodies in a row have no other rules")
        return self

    @property
    def names(self) -> set[str]:
        """The labels that it speaks of."""
        return {*self.largest, *self.least_mm3}

    @property
    def is_of_voxels(self) -> bool:
        """Whether it means something for voxels alone, not for probabilities."""
        return self.in_turn or self.grown_mm > 0
