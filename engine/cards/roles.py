"""Which image plays which role for a card: told by a person, or plain from what the images are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from engine.volume import Volume

if TYPE_CHECKING:
    from engine.cards.schema import Card, CardInput

Image = TypeVar("Image")


@dataclass(frozen=True)
class Traits:
    """What is known of an image before it is read: its DICOM modality and frame of reference, "" where unknown."""

    modality: str
    frame_of_reference_uid: str = ""


@dataclass(frozen=True)
class Casting(Generic[Image]):
    """Images by the roles that they play.

    Args:
        inputs: role → image.
        missing: inputs that are required and that no image is for.
        open: role → images that could play it, where that is for a person to say.
    """

    inputs: Mapping[str, Image]
    missing: "tuple[CardInput, ...]" = ()
    open: Mapping[str, tuple[Image, ...]] = field(default_factory=dict)


def cast(
    card: "Card",
    images: Sequence[Image],
    traits: Callable[[Image], Traits],
    chosen: Mapping[str, Image] | None = None,
) -> Casting[Image]:
    """Give each role of a card an image.

    Args:
        images: the open series first, which goes to the first role that it suits; others only where a single one of
            them suits, those in the frame of reference of the open series before all others.
        traits: of an image.
        chosen: role → image, as a person said.
    """
    inputs: dict[str, Image] = dict(chosen or {})
    undecided: dict[str, tuple[Image, ...]] = {}
    missing = []
    home = images[0] if images else None
    for wanted in card.inputs:
        if wanted.role in inputs:
            continue
        free = [image for image in images if not any(image is taken for taken in inputs.values())]
        suiting = [image for image in free if traits(image).modality in wanted.modality]
        if not suiting and home is not None and any(image is home for image in free):
            # The open series may not say what it is; whether that matters is for `why_unsuitable` to tell.
            suiting = [home] if not traits(home).modality or len(card.inputs) == 1 else []
        if home is not None and any(image is home for image in suiting):
            inputs[wanted.role] = home
            continue
        frame = traits(home).frame_of_reference_uid if home is not None else ""
        near = [image for image in suiting if frame and traits(image).frame_of_reference_uid == frame]
        suiting = near or suiting
        if len(suiting) == 1:
            inputs[wanted.role] = suiting[0]
        elif suiting:
            undecided[wanted.role] = tuple(suiting)
        elif wanted.required:
            missing.append(wanted)
    return Casting(inputs, tuple(missing), undecided)


def only_input(card: "Card", volume: Volume) -> dict[str, Volume]:
    """A volume as the first input of a card."""
    return {card.inputs[0].role: volume}
