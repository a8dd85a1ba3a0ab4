"""PET as SUV by body weight."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.dicom.planes import StoredPlane


@dataclass(frozen=True, slots=True)
class Suv:
    """The factor from the file's rescaled values to `units`, and what the user must know about it."""

    units: str
    factor: float = 1.0
    notes: tuple[str, ...] = ()


def find_suv(planes: Sequence[StoredPlane]) -> Suv:
    """The values as the file gives them."""
    return Suv("")
