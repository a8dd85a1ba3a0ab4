"""Parts parallel planes into stacks with one plane at each place, told apart by what their files say differs.

What belongs together stays together: passes that meet or interleave evenly, and planes whose frame of reference or
series number changes although they lie in one even stack, are one volume with a note. Volumes of other phases, echoes
or weightings are never mixed: where a plane cannot be told, it is left out of all of them.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage

from engine.dicom.ordering import by_order
from engine.dicom.places import FEW, Part, in_order, is_single, is_whole, places_of, positions_of
from engine.dicom.planes import StoredImage, StoredPlane
from engine.dicom.traits import PASSES, PHASES, TRAIT_NAMES, TRAITS, normal, sort_key, value_text

#: Traits that may part planes which never meet at one place.
_CLOCKS = {"AcquisitionTime", "ContentTime", "FrameReferenceTime"}
_INTERLEAVED = (
    *(trait for trait in TRAITS if trait in PHASES - _CLOCKS),
    *("EchoNumbers", "EchoTime", "BValue", "DiffusionBValue", "StackID", "ImageType"),
    *("SeriesNumber", "FrameOfReferenceUID", "StudyInstanceUID"),
)

#: Traits that change what a plane shows: planes of one volume have one value of each.
_SHOWN = (
    *("TemporalPositionIdentifier", "TemporalPositionIndex", "PhasePercent", "NominalPercentageOfCardiacPhase"),
    *("NominalPercentageOfRespiratoryPhase", "EchoTime", "BValue", "DiffusionBValue", "ConvolutionKernel", "KVP"),
)

_MR = frozenset({MRImageStorage, EnhancedMRImageStorage})
#: Volumes that lie between each other's planes reach over this share of the whole length at least.
_NEARLY_WHOLE = 0.75


def split(planes: Sequence[StoredPlane]) -> list[Part]:
    """The stacks of planes of one size, spacing and direction."""
    planes, doubles = _without_doubles(planes)
    notes: tuple[str, ...] = ()
    if doubles:
        what = "1 plane is" if doubles == 1 else f"{doubles} planes are"
        notes = (f"{what} stored twice with the same values: one of each is used.",)
    return [replace(part, notes=(*part.notes, *notes)) for part in _split(planes)]


def _split(planes: Sequence[StoredPlane]) -> list[Part]:
    places = places_of(planes)
    if places.max() + 1 == len(planes):
        return _interleaved(planes) or [Part(in_order(planes), notes=_one_stack_notes(planes))]
    return _by_traits(planes, places) or by_order(planes, places)


def _without_doubles(planes: Sequence[StoredPlane]) -> tuple[list[StoredPlane], int]:
    """The planes without those that repeat another's place and values, and their number; where such are few."""
    places = places_of(planes)
    groups: dict[int, list[StoredPlane]] = defaultdict(list)
    for plane, place in zip(planes, places.tolist(), strict=True):
        groups[place].append(plane)
    shared = [group for group in groups.values() if len(group) > 1]
    if not shared or len(shared) > max(FEW * len(groups), 1) or len(groups) == 1:
        return list(planes), 0
    dropped = set()
    for group in shared:
        ordered = sorted(group, key=lambda plane: (plane.instance_number, str(plane.image.path)))
        for k, plane in enumerate(ordered):
            if any(_same_values(plane, other) for other in ordered[:k] if id(other) not in dropped):
                dropped.add(id(plane))
    return [plane for plane in planes if id(plane) not in dropped], len(dropped)


def _same_values(one: StoredPlane, other: StoredPlane) -> bool:
    first, second = one.image, other.image
    if (one.slope, one.intercept) != (other.slope, other.intercept) or first.transfer_syntax != second.transfer_syntax:
        return False
    if min(first.offset, second.offset) <= 0 or first.frames > 1 or second.frames > 1:
        return False
    return _pixel_bytes(first) == _pixel_bytes(second)


@lru_cache(maxsize=64)
def _pixel_bytes(image: StoredImage) -> bytes | Path:
    """The stored pixel data of a file; its path, which is like no other, where it cannot be read."""
    try:
        with image.path.open("rb") as file:
            file.seek(image.offset)
            return file.read(image.length)
    except OSError:
        return image.path


# By what the files say ------------------------------------------------------------------------------------------------


def _value(plane: StoredPlane, trait: int) -> str:
    return normal(plane.traits[trait])


def _varying(planes: Sequence[StoredPlane]) -> list[int]:
    return [i for i in range(len(TRAITS)) if len({_value(plane, i) for plane in planes}) > 1]


def _parted(planes: Sequence[StoredPlane], traits: Sequence[int]) -> dict[tuple[str, ...], list[StoredPlane]]:
    parts: dict[tuple[str, ...], list[StoredPlane]] = defaultdict(list)
    for plane in planes:
        parts[tuple(_value(plane, i) for i in traits)].append(plane)
    return parts


def _by_traits(planes: Sequence[StoredPlane], places: NDArray[np.intp]) -> list[Part]:
    """Parts by the fewest values of the fewest traits that leave one plane at each place; none where no traits do.

    Traits that leave two planes at a few places are the second choice: these places are parted on their own.
    """
    at = {id(plane): place for plane, place in zip(planes, places.tolist(), strict=True)}
    most = max(Counter(places.tolist()).values())
    varying = _varying(planes)
    often = _doubled(planes, at) > 2 * FEW * len(planes)
    for allowed in (0.0, FEW) if often else (0.0,):
        for size in (1, 2, 3):
            best: dict[tuple[str, ...], list[StoredPlane]] = {}
            chosen: tuple[int, ...] = ()
            for traits in combinations(varying[:8] if size == 3 else varying, size):
                parts = _parted(planes, traits)
                # More stacks than this would be one plane each: the trait is a counter or a clock, not an acquisition.
                if len(parts) > 2 * most or len(parts) < 2 or (best and len(parts) >= len(best)):
                    continue
                if all(_doubled(part, at) <= allowed * len(part) for part in parts.values()):
                    best, chosen = parts, traits
            if best:
                return _joined(best, chosen, at) or _named(best, chosen)
    return []


def _doubled(planes: Sequence[StoredPlane], at: dict[int, int]) -> int:
    """How many planes lie at a place where another of these lies."""
    return len(planes) - len({at[id(plane)] for plane in planes})


def _named(parts: dict[tuple[str, ...], list[StoredPlane]], traits: tuple[int, ...]) -> list[Part]:
    words = [TRAITS[i] for i in traits]
    found = []
    for values, members in parts.items():
        shown = [
            value_text(word, value, (other[n] for other in parts))
            for n, (word, value) in enumerate(zip(words, values, strict=True))
        ]
        names = [TRAIT_NAMES[word] for word in words]
        member = shown[0] + "".join(f", {name} {text}" for name, text in zip(names[1:], shown[1:], strict=True))
        order = tuple(sort_key(value) for value in values)
        is_phase = len(words) == 1 and words[0] in PHASES
        part = Part(in_order(members), names[0], member, order, is_phase)
        again = [part] if is_single(members) else _split(members)
        found += [
            replace(
                part,
                planes=inner.planes,
                member=f"{member}, {inner.axis} {inner.member}".strip(" ,") if k else member,
                notes=inner.notes,
                problem=inner.problem,
            )
            for k, inner in enumerate(again)
        ]
    return found


def _joined(parts: dict[tuple[str, ...], list[StoredPlane]], traits: tuple[int, ...], at: dict[int, int]) -> list[Part]:
    """Passes that together make one even stack and share a few places, as one; none where they are volumes each."""
    if not {TRAITS[i] for i in traits} <= PASSES or len(parts) < 2:
        return []
    groups = sorted(parts.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    taken: dict[int, StoredPlane] = {}
    over: dict[tuple[str, ...], list[StoredPlane]] = {}
    for values, members in groups:
        for plane in members:
            if at[id(plane)] in taken:
                over.setdefault(values, []).append(plane)
            else:
                taken[at[id(plane)]] = plane
    shared = sum(map(len, over.values()))
    whole = in_order(list(taken.values()))
    if len(groups[0][1]) == len(taken) or shared > max(FEW * len(taken), 1) or not is_whole(positions_of(whole)):
        return []
    name = TRAIT_NAMES[TRAITS[traits[0]]]
    word = "place" if shared == 1 else "places"
    note = f"{len(parts)} passes of the scanner (by {name}) make up this volume; they meet at {shared} {word}."
    rest = [
        Part(in_order(members), name, f"{'/'.join(values)}, where another pass is used", is_phase=False)
        for values, members in over.items()
    ]
    return [Part(whole, notes=(note,)), *rest]


def _interleaved(planes: Sequence[StoredPlane]) -> list[Part]:
    """Volumes whose planes fall between each other's, or lie far apart; nothing when the planes are one stack."""
    ordered = in_order(planes)
    if len(planes) < 4 or is_whole(positions_of(ordered)):
        return []
    for trait in _INTERLEAVED:
        i = TRAITS.index(trait)
        parts = _parted(planes, (i,))
        apart = trait in ("SeriesNumber", "FrameOfReferenceUID", "StudyInstanceUID")
        least = 1 if apart and len(parts) <= len(planes) / 3 else 2
        if len(parts) < 2 or any(len(part) < least for part in parts.values()):
            continue
        extents = sorted((float(p.min()), float(p.max())) for p in map(positions_of, parts.values()))
        overlap = any(lower[1] > upper[0] for lower, upper in pairwise(extents))
        if (overlap or apart) and all(is_whole(np.sort(positions_of(part))) for part in parts.values()):
            return _named(parts, (i,))
    return []


def _one_stack_notes(planes: Sequence[StoredPlane]) -> tuple[str, ...]:
    """What is said of planes that are one stack although their files name several series or frames of reference."""
    notes = []
    frames = {plane.trait("FrameOfReferenceUID") for plane in planes}
    if len(frames) > 1:
        notes.append(
            f"The {len(planes)} planes name {len(frames)} frames of reference; they are one series in one stack, and "
            "are taken as one volume, with the frame of reference of the first plane."
        )
    studies = {plane.trait("StudyInstanceUID") for plane in planes}
    if len(studies) > 1:
        notes.append(f"The planes name {len(studies)} studies under one series UID: taken as one series of the first.")
    numbers = sorted({plane.trait("SeriesNumber") for plane in planes}, key=sort_key)
    if len(numbers) > 1:
        shown = ", ".join(number or "none" for number in numbers[:5]) + (", …" if len(numbers) > 5 else "")
        notes.append(
            f"The planes carry {len(numbers)} series numbers ({shown}) under one series UID: taken as one series."
        )
    for trait in _SHOWN:
        i = TRAITS.index(trait)
        values = sorted({_value(plane, i) for plane in planes} - {""}, key=sort_key)
        if len(values) > 1:
            shown = ", ".join(value_text(trait, value, values) for value in values[:4])
            notes.append(
                f"The planes make one even stack but differ in {TRAIT_NAMES[trait]} ({shown}"
                f"{', …' if len(values) > 4 else ''}): taken as one volume; make sure that nothing is mixed in it."
            )
    return (*notes, *_clock_note(planes))


def _clock_note(planes: Sequence[StoredPlane]) -> tuple[str, ...]:
    """What is said of planes that may be phases, told apart by a clock or their numbers alone, between each other's.

    Few times or runs of numbers, each over nearly the whole length in an even stack of its own. In MR that is how
    slices are interleaved, and is not told.
    """
    if planes[0].image.sop_class_uid in _MR:
        return ()
    clocks = ("AcquisitionTime", "ContentTime", "FrameReferenceTime")
    ways = [(f"of {{}} {TRAIT_NAMES[clock]}s", [*_parted(planes, (TRAITS.index(clock),)).values()]) for clock in clocks]
    ways.append(("numbered in {} runs", _runs(planes)))
    whole = np.ptp(positions_of(planes))
    for way, parts in ways:
        if not 1 < len(parts) <= len(planes) / 3:
            continue
        stacks = [np.sort(positions_of(part)) for part in parts]
        if all(len(stack) >= 3 and np.ptp(stack) >= _NEARLY_WHOLE * whole and is_whole(stack) for stack in stacks):
            return (
                f"Planes {way.format(len(parts))} lie between each other's over the whole length: these may be "
                f"{len(parts)} phases of a motion. Nothing else in the files says so, and they are taken as one "
                "volume.",
            )
    return ()


def _runs(planes: Sequence[StoredPlane]) -> list[list[StoredPlane]]:
    """The planes in the order of their numbers, parted where their positions turn back."""
    ordered = sorted(planes, key=lambda plane: plane.instance_number)
    steps = np.sign(np.diff(positions_of(ordered)))
    runs, way = [[ordered[0]]], 0.0
    for step, plane in zip(steps, ordered[1:], strict=True):
        if way and step != way:
            runs.append([plane])
            way = 0.0
        else:
            runs[-1].append(plane)
            way = float(step)
    return runs
