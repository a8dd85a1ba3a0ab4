"""The values that all parts of a card are made of: bounded, and strict about what they don't know."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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


class CodedConcept(Strict):
    """A DICOM code: value, scheme ("SCT" for SNOMED CT) and meaning."""

    value: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    scheme: Annotated[str, StringConstraints(min_length=1, max_length=16)]
    meaning: Annotated[str, StringConstraints(min_length=1, max_length=64)]
