"""The images that a card looks at, found at a path and read: one for each role."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.cards.roles import Traits, cast
from engine.cards.schema import Card, CardInput
from engine.cards.suitability import frames_apart, missing_input, not_made_for
from engine.errors import MismatchError, ReadError, UnsuitableInputError
from engine.files.grid_file import Placement
from engine.opening import find_images, named_series, open_volume, order_of
from engine.progress import Progress, part, silent
from engine.stored.catalogue import Series
from engine.stored.read import name_of
from engine.volume import Volume


@dataclass(frozen=True)
class Wanted:
    """What a person said of the images.

    Args:
        series_uid: of the first input; None for what the program prefers.
        by_role: role → Series Instance UID, or the path of a file or folder of its own.
        placement: which form places NIfTI files; "" for the file's own choice.
        units: of the values; "" for the file's own.
    """

    series_uid: str | None = None
    by_role: Mapping[str, str] = field(default_factory=dict)
    placement: Placement = ""
    units: str = ""


def open_inputs(card: Card, path: Path, wanted: Wanted, progress: Progress = silent) -> dict[str, Volume]:
    """Read the images of a card at `path`, by role; an input that is not required may be absent.

    Raises:
        ReadError: there is nothing that can be opened.
        MismatchError: which image plays a role is for a person to say, or a role is not the card's.
        UnsuitableInputError: an input that is required is not there.
    """
    first = card.inputs[0].role
    unknown = set(wanted.by_role) - {image.role for image in card.inputs}
    if unknown:
        raise MismatchError(f"The model '{card.id}' has no input '{min(unknown)}'; it has: {_roles(card)}.")
    places = _places(wanted, path)
    if len(card.inputs) == 1:
        wish = card.inputs[0].modality
        if first in places:
            return {first: open_volume(places[first], None, progress, wanted.placement, wanted.units, modalities=wish)}
        uid = wanted.by_role.get(first, wanted.series_uid)
        return {first: open_volume(path, uid, progress, wanted.placement, wanted.units, modalities=wish)}
    homes: dict[str, Path] = {}
    images = []
    for place in dict.fromkeys((*places.values(), path)):
        found = sorted(find_images(place, part(progress, 0.0, 0.2)), key=order_of)
        images += [series for series in found if homes.setdefault(series.uid, place) == place]
    by_role = {role: wanted.by_role[role] for role in wanted.by_role if role not in places}
    given = [image for image in card.inputs if image.role in places]
    by_role |= {image.role: _only(places[image.role], image, images, homes) for image in given}
    uid = by_role.get(first, wanted.series_uid)
    usable = [series for series in images if not series.problem]
    if not usable:
        raise ReadError(images[0].problem)
    kinds = card.inputs[0].modality
    suiting = [series for series in usable if series.modality in kinds] or [s for s in usable if not s.modality]
    # What is to play another role does not play the first where there is another image.
    suiting = [series for series in suiting if series.uid not in by_role.values()] or suiting
    if uid is None and not suiting:
        raise UnsuitableInputError(missing_input(card, card.inputs[0]).text)
    home = _named(usable, first, uid) if uid is not None else suiting[0]
    chosen = {first: home} | {role: _named(usable, role, uid) for role, uid in by_role.items() if role != first}
    casting = cast(card, [home, *(series for series in usable if series is not home)], traits_of, chosen)
    wrong = [image for image in card.inputs if image.role in chosen and not _could_be(chosen[image.role], image)]
    if casting.missing and wrong:
        raise UnsuitableInputError(not_made_for(card, wrong[0], chosen[wrong[0].role].modality).text)
    for role, several in casting.open.items():
        names = "; ".join(f"{name_of(series)} ({series.uid})" for series in several)
        raise MismatchError(f"Several images could be '{role}': {names}. Choose with --input {role}=UID.")
    if casting.missing:
        raise UnsuitableInputError(missing_input(card, casting.missing[0]).text)
    apart = frames_apart(card, {role: series.info.frame_of_reference_uid for role, series in casting.inputs.items()})
    if apart:
        raise UnsuitableInputError(apart[0].text)
    if not wrong and len({series.uid for series in casting.inputs.values()}) < len(casting.inputs):
        raise MismatchError(f"One image can't play several roles ({', '.join(casting.inputs)}); give each its own.")
    count = len(casting.inputs)
    volumes = {}
    for index, (role, series) in enumerate(casting.inputs.items()):
        reading = part(progress, 0.2 + 0.8 * index / count, 0.2 + 0.8 * (index + 1) / count)
        volumes[role] = open_volume(
            homes[series.uid], series.uid, reading, wanted.placement, wanted.units if role == first else ""
        )
    return volumes


def traits_of(series: Series) -> Traits:
    """What is known of a series before it is read."""
    return Traits(series.modality, series.info.frame_of_reference_uid)


def _places(wanted: Wanted, path: Path) -> dict[str, Path]:
    """Role → the path that a person gave for it.

    Raises:
        MismatchError: it looks like a path, and there is nothing.
    """
    places = {}
    for role, text in wanted.by_role.items():
        if Path(text).exists():
            places[role] = Path(text)
        elif "/" in text or "\\" in text or text.lower().endswith((".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".dcm")):
            raise MismatchError(f"There is nothing at {text} to be '{role}'.")
    return places


def _only(place: Path, image: CardInput, images: list[Series], homes: Mapping[str, Path]) -> str:
    """The UID of the one image at a path that may play a role.

    Raises:
        MismatchError: several may, or none.
    """
    own = [series for series in images if homes[series.uid] == place and not series.problem]
    own = [series for series in own if _could_be(series, image)] or own
    if len(own) != 1:
        names = "; ".join(f"{name_of(series)} ({series.uid})" for series in own)
        what = f"several images that could be '{image.role}': {names}" if own else f"no image to be '{image.role}'"
        raise MismatchError(f"There {'are' if own else 'is'} {what} at {place}; name one file, or a folder with one.")
    return own[0].uid


def _could_be(series: Series, image: CardInput) -> bool:
    """Whether a series is of the kind that plays a role, or doesn't say of which it is."""
    return not series.modality or series.modality in image.modality


def _named(images: list[Series], role: str, uid: str) -> Series:
    try:
        return named_series(images, uid)[0]
    except ReadError:
        raise MismatchError(f"There is no image series {uid} to be '{role}'.") from None


def _roles(card: Card) -> str:
    return ", ".join(image.role for image in card.inputs)
