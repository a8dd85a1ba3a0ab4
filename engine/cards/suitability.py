"""Whether an image is one that a card was made for, in words, before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from engine.body_parts import Region, said_part, said_regions
from engine.cards.schema import Card, CardInput
from engine.contouring.stack import uneven_gaps
from engine.cranium import shows_head, shows_head_and_neck
from engine.hounsfield import looks_like_hu
from engine.operations import segment
from engine.volume import COLOUR, FloatArray, Geometry, Volume

#: Modalities whose code is no word.
_MODALITIES = {
    "PT": "PET",
    "XC": "a photograph",
    "GM": "a microscope picture",
    "SM": "a microscope slide",
    "ES": "an endoscope picture",
    "OP": "an eye photograph",
    "US": "ultrasound",
    "DX": "a radiograph",
    "CR": "a radiograph",
    "MG": "a mammogram",
    "XA": "an angiogram",
}
#: Units of inputs that are pictures, which need no millimetres; the colours of one that is to be grey are averaged.
_OF_PICTURES = (COLOUR, "grey")
#: An image of less than so many millimetres each way is no cut through a patient.
_CROP_MM = 80.0
#: Planes may be tilted this far (degrees) and still count as axial, coronal or sagittal: a gantry tilts up to 30.
_TILT = 35.0
#: Fewer planes are no volume for a network that looks in three directions.
_LEAST_PLANES = 3
_AXES = {"sagittal": 0, "coronal": 1, "axial": 2}

#: No roles.
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Refusal:
    """One reason why a card is not for an image.

    Args:
        text: a sentence for the user.
        overridable: a person who knows better may run the card all the same; the result then says so.
    """

    text: str
    overridable: bool


def why_unsuitable(
    card: Card, inputs: Mapping[str, Volume], unread: Mapping[str, str] = MappingProxyType({})
) -> list[Refusal]:
    """All reasons against running `card` on images by role, the grave ones first; empty when they suit.

    Args:
        inputs: what is read.
        unread: roles for which there is an image that is yet to be read → its frame of reference, "" where unknown.
    """
    there = {*inputs, *unread}
    refusals = [missing_input(card, image) for image in card.inputs if image.required and image.role not in there]
    for image in card.inputs:
        if image.role in inputs:
            volume = inputs[image.role]
            kinds = _modality(card, image, volume)
            other = _channels(card, image, volume)
            # A picture is no slice: that it is none says why, and nobody knows better.
            refusals += [replace(refusal, overridable=False) for refusal in kinds] if kinds and other else kinds + other
            refusals += _pages(card, image, volume.geometry)
            refusals += _spacing(card, image, volume.geometry)
            refusals += _part(card, image, volume)
            refusals += _extent(card, image, volume.geometry)
            refusals += _orientation(card, image, volume.geometry)
            refusals += _unplaced(card, volume.geometry)
            refusals += _place(image, volume, inputs)
    frames = {**unread, **{role: volume.info.frame_of_reference_uid for role, volume in inputs.items()}}
    refusals += frames_apart(card, frames)
    return sorted(refusals, key=lambda refusal: refusal.overridable)


def _unplaced(card: Card, geometry: Geometry) -> list[Refusal]:
    """A file that does not say how it lies, for a model of another program that turns the image first."""
    turns = any(getattr(node.params, "axes", "") for node in card.graph)
    if not card.provenance.imported_from or not turns or geometry.stored is None or geometry.stored.placed:
        return []
    text = (
        f"The file does not say how it lies in the patient, and {card.title} turns an image first: nibabel, with "
        "which most such models read files, takes this one mirrored, left for right. Give it an sform or a qform."
    )
    return [Refusal(text, True)]


def missing_input(card: Card, image: CardInput) -> Refusal:
    """What to say of an image that a card needs and that is not there."""
    if tuple(image.modality) == ("SEG",):
        text = f"{card.title} looks at a structure as '{image.role}', and there is none: draw it, or give a mask of it."
        return Refusal(text, False)
    return Refusal(f"{card.title} needs a {_kinds(image)} image as '{image.role}', and there is none.", False)


def not_made_for(card: Card, image: CardInput, modality: str) -> Refusal:
    """What to say of an image of another kind than the card needs for an input."""
    is_it = _MODALITIES.get(modality, modality)
    role = f" as '{image.role}'" if len(card.inputs) > 1 else ""
    # Hounsfield units carry the meaning that the network was taught; on anything else it draws nonsense.
    overridable = image.units != "HU"
    return Refusal(f"{card.title} is made for {_kinds(image)}{role}, and this image is {is_it}.", overridable)


def _kinds(image: CardInput) -> str:
    # Several codes may stand for one word.
    return " or ".join(dict.fromkeys(_MODALITIES.get(name, name) for name in image.modality))


def _channels(card: Card, image: CardInput, volume: Volume) -> list[Refusal]:
    """Colours where the card reads one value a voxel, or the other way round; lengths where the image has none."""
    refusals = []
    if volume.is_colour and image.units not in _OF_PICTURES:
        refusals.append(Refusal(f"{card.title} reads grey levels, and this picture is in colour.", False))
    elif image.units == COLOUR and not volume.is_colour:
        refusals.append(Refusal(f"{card.title} needs a picture in colour, and this image has grey levels.", False))
    if volume.geometry.unit != "mm" and image.units not in _OF_PICTURES:
        refusals.append(
            Refusal(f"{card.title} needs millimetres, and this picture does not say how large its pixels are.", False)
        )
    return refusals


def _pages(card: Card, image: CardInput, geometry: Geometry) -> list[Refusal]:
    """Planes of a patient where the card looks at pictures, whatever kind of image they say they are."""
    if image.units not in _OF_PICTURES or not geometry.in_patient or geometry.shape[0] == 1:
        return []
    return [Refusal(f"{card.title} looks at pictures, and this image is a stack of planes.", True)]


def frames_apart(card: Card, frames: Mapping[str, str]) -> list[Refusal]:
    """Images that can't be laid onto each other, told before they are read.

    Args:
        card: of the model.
        frames: role → Frame of Reference UID of its image; "" where that is not known.
    """
    return [refusal for image in card.inputs for refusal in _apart(image, frames)]


def _apart(image: CardInput, frames: Mapping[str, str]) -> list[Refusal]:
    here, there = frames.get(image.role, ""), frames.get(image.register_to or "", "")
    if not here or not there or here == there:
        return []
    return [
        Refusal(
            f"The images for '{image.role}' and '{image.register_to}' are in different frames of reference, so "
            "where one lies in the other is not known.",
            False,
        )
    ]


def _place(image: CardInput, volume: Volume, inputs: Mapping[str, Volume]) -> list[Refusal]:
    """Whether the image can be laid onto the one that it goes with."""
    other = inputs.get(image.register_to) if image.register_to is not None else None
    if other is None or image.register_to is None:
        return []
    frames = {image.role: volume.info.frame_of_reference_uid, image.register_to: other.info.frame_of_reference_uid}
    if _apart(image, frames):
        return []
    low, high = bounds_lps(volume.geometry)
    low_other, high_other = bounds_lps(other.geometry)
    if np.any(low > high_other) or np.any(high < low_other):
        return [Refusal(f"The images for '{image.role}' and '{image.register_to}' do not overlap.", False)]
    return []


def bounds_lps(geometry: Geometry) -> tuple[FloatArray, FloatArray]:
    """(3,) lowest and (3,) highest LPS mm of the voxel centres."""
    last = [size - 1 for size in geometry.shape]
    corners = geometry.lps_from_kji([(k, j, i) for k in (0, last[0]) for j in (0, last[1]) for i in (0, last[2])])
    return corners.min(axis=0), corners.max(axis=0)


def _modality(card: Card, image: CardInput, volume: Volume) -> list[Refusal]:
    wanted = _kinds(image)
    refusals = []
    if volume.modality and volume.modality not in image.modality:
        refusals.append(not_made_for(card, image, volume.modality))
    elif not volume.modality and not (image.units == "HU" and looks_like_hu(*volume.span)) and len(image.modality) == 1:
        refusals.append(
            Refusal(f"{card.title} is made for {wanted}, and this file does not say what kind of image it is.", True)
        )
    if image.units and volume.units and volume.units != image.units and COLOUR not in (image.units, volume.units):
        refusals.append(
            Refusal(f"{card.title} needs values in {image.units}, and this image has {volume.units}.", False)
        )
    elif image.units == "HU" and volume.modality == "CT" and not _is_crop(image) and not looks_like_hu(*volume.span):
        refusals.append(
            Refusal(
                f"The values of this CT do not look like Hounsfield units: they run from {volume.span[0]:g} to "
                f"{volume.span[1]:g}.",
                True,
            )
        )
    elif image.units == "SUVbw" and not volume.units:
        refusals.append(Refusal(f"{card.title} needs values in SUV, and this image does not say its units.", False))
    return refusals


def _is_crop(image: CardInput) -> bool:
    """Whether a card looks at crops, which may hold lung or bone alone."""
    return image.most_extent_mm is not None and max(image.most_extent_mm) < _CROP_MM


def _spacing(card: Card, image: CardInput, geometry: Geometry) -> list[Refusal]:
    refusals = []
    if image.spacing_mm is not None:
        low, high = image.spacing_mm
        if min(geometry.spacing_uv) < low or max(geometry.spacing_uv) > high:
            u, v = geometry.spacing_uv
            text = f"The pixels are {u:.3g} × {v:.3g} mm; {card.title} is made for {low:g} to {high:g} mm."
            refusals.append(Refusal(text, True))
    if image.plane_spacing_mm is not None:
        low, high = image.plane_spacing_mm
        # Where they lie unevenly the median tells nothing of a gap that is too wide.
        least, most = uneven_gaps(geometry) or (geometry.plane_spacing, geometry.plane_spacing)
        if least < low or most > high:
            apart = f"{least:.3g}" if least == most else f"{least:.3g} to {most:.3g}"
            text = f"The planes are {apart} mm apart; {card.title} is made for {low:g} to {high:g} mm."
            refusals.append(Refusal(text, True))
    return refusals


def region_words(image: CardInput) -> str:
    """The regions of an input, for a sentence: "the head and neck"."""
    names = [str(name) for name in image.regions]
    return "the " + " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _part(card: Card, image: CardInput, volume: Volume) -> list[Refusal]:
    said = said_regions(volume)
    if not image.regions:
        return []
    if not said:
        seen = _seen_regions(volume)
        if not seen or seen & set(image.regions):
            return []
        text = f"{card.title} is made for {region_words(image)}, and this CT seems to show head and neck."
        return [Refusal(text, True)]
    if said & set(image.regions):
        return []
    text = f"{card.title} is made for {region_words(image)}, and this image says that it shows {said_part(volume)}."
    return [Refusal(text, True)]


def _seen_regions(volume: Volume) -> set[Region]:
    """Regions that may be seen in a CT by a skull in it; empty where it shows none."""
    if volume.modality != "CT" or volume.units != "HU":
        return set()
    if shows_head(volume):
        return {"head", "neck"}
    return {"head", "neck", "thorax"} if shows_head_and_neck(volume) else set()


def _extent(card: Card, image: CardInput, geometry: Geometry) -> list[Refusal]:
    extent = _extent_lps(geometry)
    if geometry.shape[0] < _LEAST_PLANES and any(
        isinstance(node.params, segment.Params) and node.params.dimensions == 3 for node in card.graph
    ):
        planes = "one plane" if geometry.shape[0] == 1 else f"{geometry.shape[0]} planes"
        return [Refusal(f"{card.title} looks at a volume, and this image has {planes}.", True)]
    names = ("left to right", "front to back", "head to feet")
    refusals = []
    covers = f" ({image.covers})" if image.covers else ""
    for axis, name in enumerate(names):
        if image.least_extent_mm is not None and extent[axis] < image.least_extent_mm[axis]:
            least = image.least_extent_mm[axis]
            text = f"The image covers {extent[axis]:.0f} mm {name}; {card.title} needs {least:.0f} mm{covers}."
            refusals.append(Refusal(text, True))
        if image.most_extent_mm is not None and extent[axis] > image.most_extent_mm[axis]:
            text = (
                f"The image covers {extent[axis]:.0f} mm {name}; {card.title} is made for at most "
                f"{image.most_extent_mm[axis]:.0f} mm{covers}."
            )
            refusals.append(Refusal(text, True))
    return refusals


def _orientation(card: Card, image: CardInput, geometry: Geometry) -> list[Refusal]:
    if image.orientation == "any":
        return []
    tilt = float(np.degrees(np.arccos(np.clip(abs(geometry.normal[_AXES[image.orientation]]), 0, 1))))
    if tilt <= _TILT:
        return []
    return [Refusal(f"The planes are not {image.orientation}, as {card.title} needs them.", True)]


def _extent_lps(geometry: Geometry) -> np.ndarray:
    """(3,) mm of the image along x, y and z, edges of the voxels included."""
    sizes = np.array([geometry.shape[2], geometry.shape[1], geometry.shape[0]]) * np.array(
        [*geometry.spacing_uv, geometry.mean_spacing]
    )
    return np.asarray(np.abs(geometry.directions) @ sizes)
