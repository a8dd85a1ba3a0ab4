"""Sorts the planes of a series into stacks of parallel planes, and says what is unusual about each.

A stack is what becomes one volume: planes of one size, spacing and direction, each at a place of its own. A series
splits into several where it holds several orientations, sizes, localizers, echoes, phases, or repeated acquisitions.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dicom.header import Header
from engine.dicom.planes import TRAITS, VOLUME_MODALITIES, StoredPlane
from engine.errors import GeometryError
from engine.volume import Geometry

#: Directions of one stack agree within this (difference of unit vectors; 0.06°), spacings within this share.
DIRECTION_TOLERANCE = 1e-3
SPACING_TOLERANCE = 1e-3
#: Planes nearer to each other than this (mm, along the normal) lie at one place.
SAME_PLACE_MM = 0.01
#: A gap is uneven when it differs from the median gap by more than this share of it.
UNEVEN_SHARE = 0.01
#: Traits that may part a stack whose planes interleave without meeting.
_ACQUISITIONS = ("AcquisitionNumber", "TemporalPositionIdentifier", "EchoNumbers", "StackID", "ImageType")


@dataclass(frozen=True, slots=True)
class Stack:
    """Planes that make one volume, in order of rising position along their normal.

    Args:
        label: what tells it from the other stacks of its series, "" where it is the only one.
        notes: plain sentences about it for the user.
        problem: why it cannot be opened, "" when it can.
    """

    planes: tuple[StoredPlane, ...]
    header: Header
    label: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""


def make_geometry(planes: Sequence[StoredPlane]) -> Geometry:
    """The geometry of sorted planes of one stack.

    Raises:
        GeometryError: a position, direction or spacing is missing, or they contradict each other.
    """
    first = planes[0]
    if first.orientation is None or first.spacing_uv is None or any(plane.position is None for plane in planes):
        raise GeometryError("The planes do not say where they are.")
    thickness = first.thickness if first.thickness is not None and first.thickness > 0 else 1.0
    return Geometry(
        np.array([plane.position for plane in planes], dtype=np.float64),
        np.array(first.orientation[:3]),
        np.array(first.orientation[3:]),
        first.spacing_uv,
        (len(planes), first.image.rows, first.image.columns),
        thickness,
    )


def make_stacks(headers: Sequence[Header]) -> list[Stack]:
    """The stacks of the files of one series, the largest first."""
    owner = {id(plane.image): header for header in headers for plane in header.planes}
    planes, copies = _without_copies([plane for header in headers for plane in header.planes])
    damaged = [header.path for header in headers if header.problem]
    planes = [plane for plane in planes if not owner[id(plane.image)].problem]
    groups = _partition(planes, lambda plane: _kind(owner[id(plane.image)], plane))
    found: list[Stack] = []
    unplaced = 0
    for group in groups:
        placed = [plane for plane in group if _is_placed(plane)]
        lost = [plane for plane in group if not _is_placed(plane)]
        unplaced += len(lost)
        if lost:
            header = owner[id(lost[0].image)]
            found.append(Stack(tuple(lost), header, "no position" if placed else "", (), _unplaced(lost, header)))
        for aligned in _aligned(placed):
            for label, part, note in _split(aligned):
                found.append(_stack(part, owner[id(part[0].image)], label, (note,) if note else ()))
    found.sort(key=lambda stack: (bool(stack.problem), -len(stack.planes), str(stack.planes[0].image.path)))
    notes = []
    uids = {plane.image.path: plane.image.sop_instance_uid for plane in planes}
    if not all(uids.values()):
        notes.append("Files of this series have no SOP Instance UID: structures cannot refer to them.")
    elif len(set(uids.values())) < len(uids):
        notes.append("Planes of this series share a SOP Instance UID: references to its images are ambiguous.")
    if unplaced and len(found) > 1:
        notes.append(f"{_count(unplaced, 'plane', 'planes')} without a place left out.")
    return _annotated(found, copies, damaged, notes)


def _annotated(stacks: list[Stack], copies: list[Path], damaged: list[Path], notes: list[str]) -> list[Stack]:
    """The stacks with labels where there are several, and with the notes that concern the whole series."""
    if copies:
        notes.append(f"{_count(len(copies), 'copy', 'copies')} of files with the same UID left out: {_names(copies)}.")
    if damaged:
        notes.append(f"{_count(len(damaged), 'damaged file', 'damaged files')} left out: {_names(damaged)}.")
    labels = [stack.label or _difference(stack, stacks) for stack in stacks] if len(stacks) > 1 else [""]
    return [
        Stack(stack.planes, stack.header, label, (*stack.notes, *notes), stack.problem)
        for stack, label in zip(stacks, labels, strict=False)
    ]


def _difference(stack: Stack, stacks: Sequence[Stack]) -> str:
    """In a few words, how a stack differs from the others of its series."""

    def describe(of: Stack) -> list[str]:
        plane = of.planes[0]
        return [
            "localizer" if "LOCALIZER" in of.header.image_type.upper().split("\\") else "",
            of.header.modality,
            _orientation_word(plane),
            f"{plane.image.columns}×{plane.image.rows}",
            "" if plane.spacing_uv is None else f"{plane.spacing_uv[0]:.3g} mm pixels",
            f"series {of.header.series_number}",
        ]

    mine = describe(stack)
    others = [describe(other) for other in stacks if other is not stack]
    return next(
        (word for i, word in enumerate(mine) if word and all(other[i] != word for other in others)), ""
    ) or next((word for i, word in enumerate(mine) if word and any(other[i] != word for other in others)), "")


def _orientation_word(plane: StoredPlane) -> str:
    if plane.orientation is None:
        return ""
    normal = np.abs(np.cross(plane.orientation[:3], plane.orientation[3:]))
    word = ("sagittal", "coronal", "axial")[int(normal.argmax())]
    return word if normal.max() > 0.999 else f"oblique {word}"


def _kind(header: Header, plane: StoredPlane) -> Hashable:
    image = plane.image
    localizer = (
        "LOCALIZER" in header.image_type.upper() or "LOCALIZER" in plane.traits[TRAITS.index("ImageType")].upper()
    )
    return (
        header.modality,
        header.frame_of_reference_uid,
        header.series_number,
        localizer,
        image.rows,
        image.columns,
        image.samples,
        image.photometric,
    )


def _partition(planes: Iterable[StoredPlane], key: Callable[[StoredPlane], Hashable]) -> list[list[StoredPlane]]:
    groups: dict[Hashable, list[StoredPlane]] = defaultdict(list)
    for plane in planes:
        groups[key(plane)].append(plane)
    return list(groups.values())


def _without_copies(planes: list[StoredPlane]) -> tuple[list[StoredPlane], list[Path]]:
    """The planes, each stored instance once, and the files of the copies.

    Files that share a UID but lie elsewhere are no copies: such series exist, and lose no plane here.
    """
    seen: dict[Hashable, StoredPlane] = {}
    copies: dict[Path, None] = {}
    kept = []
    for plane in sorted(planes, key=lambda plane: (str(plane.image.path), plane.frame or 0)):
        uid = plane.image.sop_instance_uid
        key = (uid, plane.frame, plane.position, plane.orientation, plane.image.rows, plane.image.columns)
        if uid and key in seen and seen[key].image.path != plane.image.path:
            copies[plane.image.path] = None
            continue
        seen[key] = plane
        kept.append(plane)
    return kept, list(copies)


def _is_placed(plane: StoredPlane) -> bool:
    return plane.position is not None and plane.orientation is not None and plane.spacing_uv is not None


def _unplaced(planes: Sequence[StoredPlane], header: Header) -> str:
    missing = [
        name
        for name, values in (
            ("Image Position (Patient)", [plane.position for plane in planes]),
            ("Image Orientation (Patient)", [plane.orientation for plane in planes]),
            ("Pixel Spacing", [plane.spacing_uv for plane in planes]),
        )
        if any(value is None for value in values)
    ]
    what = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
    which = f"{header.path.name} does" if len(planes) == 1 else f"{len(planes)} planes, such as {header.path.name}, do"
    if header.modality in VOLUME_MODALITIES:
        return f"{which} not say {what}, without which nothing can be measured; export the series again with it."
    return f"{which} not lie in the patient's frame (no {what}): {header.modality or 'unknown'} images are not opened."


def _aligned(planes: Sequence[StoredPlane]) -> list[list[StoredPlane]]:
    """Planes by direction and pixel spacing."""
    clusters: list[tuple[NDArray[np.float64], list[StoredPlane]]] = []
    known: dict[Hashable, list[StoredPlane]] = {}
    for plane in planes:
        key = (plane.orientation, plane.spacing_uv)
        if key not in known:
            vector = np.array(plane.orientation)
            spacing = np.array(plane.spacing_uv)
            for other, members in clusters:
                turned = np.abs(other[:6] - vector).max() > DIRECTION_TOLERANCE
                scaled = np.abs(other[6:] / spacing - 1).max() > SPACING_TOLERANCE if spacing.min() > 0 else True
                if not turned and not scaled:
                    known[key] = members
                    break
            else:
                known[key] = []
                clusters.append((np.concatenate([vector, spacing]), known[key]))
        known[key].append(plane)
    return [members for _, members in clusters]


def _positions(planes: Sequence[StoredPlane]) -> NDArray[np.float64]:
    orientation = planes[0].orientation
    assert orientation is not None
    normal = np.cross(orientation[:3], orientation[3:])
    return np.array([plane.position for plane in planes], dtype=np.float64) @ normal


def _sorted(planes: Sequence[StoredPlane]) -> list[StoredPlane]:
    return [planes[i] for i in np.argsort(_positions(planes), kind="stable")]


def _most_at_one_place(planes: Sequence[StoredPlane]) -> int:
    positions = np.sort(_positions(planes))
    most = run = 1
    for gap in np.diff(positions):
        run = run + 1 if gap < SAME_PLACE_MM else 1
        most = max(most, run)
    return most


def _split(planes: list[StoredPlane]) -> list[tuple[str, list[StoredPlane], str]]:
    """(label, sorted planes, note) of each stack of aligned planes."""
    most = _most_at_one_place(planes)
    if most == 1:
        return _split_interleaved(planes) or [("", _sorted(planes), "")]
    varying = [i for i in range(len(TRAITS)) if len({plane.traits[i] for plane in planes}) > 1]
    for size in (1, 2, 3):
        best: dict[Hashable, list[StoredPlane]] = {}
        chosen: tuple[int, ...] = ()
        for traits in combinations(varying[:8] if size == 3 else varying, size):
            parts: dict[Hashable, list[StoredPlane]] = defaultdict(list)
            for plane in planes:
                parts[tuple(plane.traits[i] for i in traits)].append(plane)
            # More stacks than this would be one plane each: the trait is a counter or a clock, not an acquisition.
            if len(parts) > 2 * most or (best and len(parts) >= len(best)):
                continue
            if all(_most_at_one_place(part) == 1 for part in parts.values()):
                best, chosen = parts, traits
        if best:
            return [(_trait_label(part[0], chosen), _sorted(part), "") for part in best.values()]
    return _split_by_rank(planes)


def _split_by_rank(planes: list[StoredPlane]) -> list[tuple[str, list[StoredPlane], str]]:
    ordered = _sorted(sorted(planes, key=lambda plane: (plane.instance_number, str(plane.image.path))))
    positions = _positions(ordered)
    layers: list[list[StoredPlane]] = []
    place: list[StoredPlane] = []
    for k, plane in enumerate(ordered):
        place = [*place, plane] if k and positions[k] - positions[k - 1] < SAME_PLACE_MM else [plane]
        while len(layers) < len(place):
            layers.append([])
        layers[len(place) - 1].append(plane)
    note = "Several planes lie at one place and nothing in the files tells why: parted by their Instance Number."
    return [(f"part {n}", _sorted(layer), note) for n, layer in enumerate(layers, 1)]


def _split_interleaved(planes: list[StoredPlane]) -> list[tuple[str, list[StoredPlane], str]]:
    """Overlapping acquisitions whose planes fall between each other's; nothing when the planes are one stack."""
    if len(planes) < 4 or _is_even(_positions(_sorted(planes))):
        return []
    for trait in _ACQUISITIONS:
        i = TRAITS.index(trait)
        parts = _partition(planes, lambda plane, i=i: plane.traits[i])  # type: ignore[misc]
        if len(parts) < 2 or any(len(part) < 2 for part in parts):
            continue
        extents = sorted((float(p.min()), float(p.max())) for p in map(_positions, parts))
        overlap = any(lower[1] > upper[0] for lower, upper in pairwise(extents))
        if overlap and all(_is_even(np.sort(_positions(part))) for part in parts):
            return [(_trait_label(part[0], (i,)), _sorted(part), "") for part in parts]
    return []


def _is_even(positions: NDArray[np.float64]) -> bool:
    gaps = np.diff(positions)
    return len(gaps) < 2 or bool(np.abs(gaps / np.median(gaps) - 1).max() <= UNEVEN_SHARE)


def _trait_label(plane: StoredPlane, traits: Iterable[int]) -> str:
    words = []
    for i in traits:
        name = "".join(f" {c.lower()}" if c.isupper() else c for c in TRAITS[i]).strip()
        words.append(f"{name} {plane.traits[i].replace(chr(92), '/') or 'none'}")
    return ", ".join(words)


def _stack(planes: Sequence[StoredPlane], header: Header, label: str, notes: tuple[str, ...]) -> Stack:
    try:
        geometry = make_geometry(planes)
    except GeometryError as error:
        return Stack(tuple(planes), header, label, notes, f"{error} (such as {planes[0].image.path.name})")
    return Stack(tuple(planes), header, label, (*notes, *_shape_notes(geometry, planes, header)))


def _shape_notes(geometry: Geometry, planes: Sequence[StoredPlane], header: Header) -> list[str]:
    """What is unusual about where the planes lie."""
    notes = []
    if len(planes) == 1 and (planes[0].thickness is None or planes[0].thickness <= 0):
        notes.append("The one plane does not say how thick it is: 1 mm is assumed for volumes.")
    if planes[0].image.photometric == "MONOCHROME1":
        notes.append("Stored as MONOCHROME1: low values are meant to be shown bright; the values are as measured.")
    if geometry.is_regular:
        return notes
    step = geometry.origins_lps[-1] - geometry.origins_lps[0]
    along = float(step @ geometry.normal)
    across = float(np.linalg.norm(step - along * geometry.normal))
    tilt = float(np.degrees(np.arctan2(across, along)))
    if tilt > 0.05:
        how = "The gantry was tilted" if header.modality == "CT" else "The planes are sheared"
        notes.append(f"{how} by {tilt:.1f}°: the planes are not stacked at right angles.")
    gaps = np.diff(geometry.positions)
    median = float(np.median(gaps))
    odd = [k for k in range(len(gaps)) if abs(gaps[k] / median - 1) > UNEVEN_SHARE]
    if odd:
        shown = ", ".join(
            f"{gaps[k]:.2f} mm between planes {k + 1} and {k + 2}{_missing(geometry.positions[k], gaps[k], median)}"
            for k in odd[:3]
        )
        rest = f", and at {len(odd) - 3} other places" if len(odd) > 3 else ""
        notes.append(f"The gaps between planes are uneven: {median:.2f} mm, but {shown}{rest}.")
    return notes


def _missing(position: float, gap: float, median: float) -> str:
    """What a gap of several regular ones means: planes that are not there, with their first place along the normal."""
    lost = round(gap / median) - 1
    if lost < 1 or abs(gap / median - round(gap / median)) > 0.05:
        return ""
    seems = "seem" if lost > 1 else "seems"
    return f" ({_count(lost, 'plane', 'planes')} {seems} to be missing at {position + gap / (lost + 1):.1f} mm)"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _names(paths: Sequence[Path]) -> str:
    rest = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(path.name for path in paths[:3]) + rest
