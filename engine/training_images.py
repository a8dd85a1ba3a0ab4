"""The images of a case to learn from: which may be one, and further ones on the grid of the first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dicom.burned_in import says_burned_in
from engine.errors import MismatchError
from engine.sitk_image import onto_grid
from engine.transform import Transform
from engine.volume import Volume

#: Share of the grid from which on a further image counts as covering it.
_WHOLLY = 0.995


@dataclass(frozen=True, eq=False)
class FurtherImage:
    """A further image of a case, of the same patient.

    Args:
        volume: on its own planes.
        transform: from its frame of reference to that of the first image.
    """

    volume: Volume
    transform: Transform = field(default_factory=Transform.identity)


def why_not_added(volume: Volume) -> str:
    """Why no case can be made of an image, in a sentence; "" where one can."""
    geometry = volume.geometry
    if not geometry.in_patient or volume.is_colour:
        return "A picture without a place in the patient can't be a case of a training set; open a CT, MR or PET."
    if not geometry.is_regular:
        return "The planes of this series are uneven or tilted, so it can't be learned from."
    if says_burned_in(volume.info):
        return (
            "The series says that text is burned into its pixels (Burned In Annotation is YES), which may name the "
            "patient; it can't be added."
        )
    return ""


def images_of(volume: Volume, further: Sequence[FurtherImage]) -> tuple[list[NDArray[Any]], list[str]]:
    """The images on the grid of the first, and what was done to them, a sentence each."""
    images = [volume.voxels if volume.voxels.dtype != np.bool_ else volume.voxels.astype(np.uint8)]
    notes = []
    for each in further:
        values, covered = onto_grid(each.volume, volume.geometry, each.transform)
        name = kind_of(each.volume)
        if not covered:
            raise MismatchError(f"The {name} lies nowhere on the image that is added; leave it out, or align it first.")
        if covered < _WHOLLY:
            notes.append(f"The {name} covers {covered:.0%} of the image; beyond that it has its least value.")
        whole = np.issubdtype(each.volume.voxels.dtype, np.integer)
        images.append(np.rint(values).astype(np.int16) if whole and np.abs(values).max() < 2**15 else values)
        notes.append(f"The {name} was brought to the grid of the {kind_of(volume)}.")
    return images, notes


def why_not_beside(volume: Volume, other: Volume) -> str:
    """Why an image can't be a further one of a case, in a sentence; "" where it can."""
    patients = {each.info.patient_id.strip() for each in (volume, other)} - {""}
    if len(patients) > 1:
        return (
            f"The {kind_of(other)} is of another patient by its Patient ID, so it can't be in one case with the image."
        )
    why = why_not_added(other)
    return f"{kind_of(other)}: {why}" if why else ""


def kind_of(volume: Volume) -> str:
    """What the image is called in a set."""
    return volume.modality or "image"
