"""Sorts the planes of a series into stacks of parallel planes, and says what is unusual about each.

A stack is what becomes one volume: planes of one size, spacing and direction, each at a place of its own. A series
splits into several where it holds several orientations, sizes, localizers, echoes, phases, or repeated acquisitions.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dicom.header import Header
from engine.dicom.pixels import same_pixels
from engine.dicom.places import Part
from engine.dicom.planes import VOLUME_MODALITIES, StoredImage, StoredPlane
from engine.dicom.splitting import split
from engine.dicom.stack_geometry import counted, make_geometry, shape_notes
from engine.errors import GeometryError
from engine.volume import LeftOut

#: Directions of one stack agree within this (difference of unit vectors; 0.06°), spacings within this share.
DIRECTION_TOLERANCE = 1e-3
SPACING_TOLERANCE = 1e-3
#: Label of planes that do not say where they lie.
_UNPLACED = "no position"
#: Words of Image Type that mean an overview to plan the scan on.
_OVERVIEWS = {"LOCALIZER", "SCOUT", "SURVEY", "TOPOGRAM"}


@dataclass(frozen=True, slots=True)
class Stack:
    """Planes that make one volume, in order of rising position along their normal.

    Args:
        label: what tells it from the other stacks of its series, "" where it is the only one.
        notes: plain sentences about it for the user, what was left out among them.
        problem: why it cannot be opened, "" when it can.
        axis, member, order, is_phase: see `splitting.Part`.
        left_out: of its series.
    """

    planes: tuple[StoredPlane, ...]
    header: Header
    label: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""
    axis: str = ""
    member: str = ""
    order: tuple[tuple[float, str], ...] = ()
    is_phase: bool = False
    left_out: tuple[LeftOut, ...] = ()


def make_stacks(headers: Sequence[Header]) -> list[Stack]:
    """The stacks of the files of one series, the largest first."""
    owner = {id(plane.image): header for header in headers for plane in header.planes}
    planes, copies = _without_copies([plane for header in headers for plane in header.planes])
    damaged = [header.path for header in headers if header.problem]
    planes = [plane for plane in planes if not owner[id(plane.image)].problem]
    groups = _partition(planes, lambda plane: _kind(owner[id(plane.image)], plane))
    found: list[Stack] = []
    for group in groups:
        placed = [plane for plane in group if _is_placed(plane)]
        lost = [plane for plane in group if not _is_placed(plane)]
        if lost:
            header = owner[id(lost[0].image)]
            found.append(Stack(tuple(lost), header, _UNPLACED if placed else "", (), _unplaced(lost, header)))
        for aligned in _aligned(placed):
            found += [_stack(part, owner[id(part.planes[0].image)]) for part in split(aligned)]
    found.sort(key=lambda stack: (bool(stack.problem), -len(stack.planes), str(stack.planes[0].image.path)))
    notes = []
    names = {" ".join(header.patient_name.replace("^", " ").split()).casefold() for header in headers} - {""}
    if len(names) > 1:
        notes.append(
            f"The files of this series name {len(names)} patients under one patient ID: make sure that all planes are "
            "of the same person."
        )
    uids = {plane.image.path: plane.image.sop_instance_uid for plane in planes}
    if not all(uids.values()):
        notes.append("Files of this series have no SOP Instance UID: structures cannot refer to them.")
    elif len(set(uids.values())) < len(uids):
        notes.append("Planes of this series share a SOP Instance UID: references to its images are ambiguous.")
    return _annotated(found, copies, damaged, notes)


def _annotated(
    stacks: list[Stack], copies: dict[Path, tuple[StoredImage, StoredImage]], damaged: list[Path], notes: list[str]
) -> list[Stack]:
    """The stacks with labels where there are several, and with what concerns the whole series."""
    if copies:
        notes.append(
            f"{counted(len(copies), 'copy', 'copies')} of files with the same UID left out: {_names(list(copies))}."
        )
        others = [path for path, (kept, copy) in copies.items() if not same_pixels(kept, copy)]
        if others:
            notes.append(
                f"{_names(others)} {'has' if len(others) == 1 else 'have'} the UID of another file but other pixels, "
                "and it is not known which of them are meant."
            )
    several = len(stacks) > 1
    labelled = [
        replace(stack, label=(stack.label or _difference(stack, stacks)) if several else "") for stack in stacks
    ]
    found = []
    for stack in labelled:
        left_out = _left_out(stack, [other for other in labelled if other is not stack], damaged)
        told = (*stack.notes, *notes, *(left.sentence for left in left_out))
        found.append(replace(stack, notes=told, left_out=left_out))
    return found


def _left_out(stack: Stack, others: Sequence[Stack], damaged: Sequence[Path]) -> tuple[LeftOut, ...]:
    """What of the series is not in a stack."""
    found = []
    members = [other for other in others if stack.axis and other.axis == stack.axis and not other.problem]
    if members:
        ordered = sorted(members, key=lambda other: other.order)
        shown = ", ".join(other.member for other in ordered[:8]) + (", …" if len(ordered) > 8 else "")
        sentence = (
            f"This series holds {len(members) + 1} volumes told apart by {stack.axis}; this is {stack.member}. Left "
            f"out ({counted(_planes_of(members), 'plane', 'planes')}): {shown}."
        )
        kind = "phases" if stack.is_phase else "volumes"
        found.append(LeftOut(kind, _planes_of(members), _files_of(members), sentence))
    parts = [other for other in others if other not in members and other.label != _UNPLACED]
    if parts:
        shown = "; ".join(
            counted(len(other.planes), "plane", "planes") + (f" [{other.label}]" if other.label else "")
            for other in parts[:4]
        )
        rest = f"; and {len(parts) - 4} more parts" if len(parts) > 4 else ""
        sentence = f"Part of this series is left out: {shown}{rest}."
        found.append(LeftOut("parts", _planes_of(parts), _files_of(parts), sentence))
    unplaced = [other for other in others if other.label == _UNPLACED]
    if unplaced:
        sentence = f"{counted(_planes_of(unplaced), 'plane', 'planes')} without a place left out."
        found.append(LeftOut("unplaced", _planes_of(unplaced), _files_of(unplaced), sentence))
    if damaged:
        sentence = f"{counted(len(damaged), 'damaged file', 'damaged files')} left out: {_names(damaged)}."
        found.append(LeftOut("damaged", len(damaged), tuple(damaged), sentence))
    return tuple(found)


def _planes_of(stacks: Iterable[Stack]) -> int:
    return sum(len(stack.planes) for stack in stacks)


def _files_of(stacks: Iterable[Stack]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(plane.image.path for stack in stacks for plane in stack.planes))


def _difference(stack: Stack, stacks: Sequence[Stack]) -> str:
    """In a few words, how a stack differs from the others of its series."""

    def describe(of: Stack) -> list[str]:
        plane = of.planes[0]
        return [
            "localizer" if _is_overview(of.header, plane) else "",
            of.header.modality,
            "in colour" if plane.image.samples > 1 else "grey",
            _orientation_word(plane),
            f"{plane.image.columns}×{plane.image.rows}",
            "" if plane.spacing_uv is None else f"{plane.spacing_uv[0]:.3g} mm pixels",
            f"series {of.header.series_number}",
            "no rescale" if _lacks_rescale(plane) else "rescale slope 0" if plane.slope == 0 else "with rescale",
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
    return (
        header.modality,
        _is_overview(header, plane),
        image.rows,
        image.columns,
        image.samples,
        image.photometric,
        # Values with a rescale and without one cannot be compared.
        _lacks_rescale(plane),
        # A slope of zero makes all values of a plane equal.
        plane.slope == 0,
    )


def _is_overview(header: Header, plane: StoredPlane) -> bool:
    words = (*header.image_type.upper().split("\\"), *plane.trait("ImageType").upper().split("\\"))
    return not _OVERVIEWS.isdisjoint(words)


def _lacks_rescale(plane: StoredPlane) -> bool:
    return plane.slope is None or plane.intercept is None


def _partition(planes: Iterable[StoredPlane], key: Callable[[StoredPlane], Hashable]) -> list[list[StoredPlane]]:
    groups: dict[Hashable, list[StoredPlane]] = defaultdict(list)
    for plane in planes:
        groups[key(plane)].append(plane)
    return list(groups.values())


def _without_copies(
    planes: list[StoredPlane],
) -> tuple[list[StoredPlane], dict[Path, tuple[StoredImage, StoredImage]]]:
    """The planes, each stored instance once; and of each file that is a copy, what is kept in its place, and itself.

    Files that share a UID but lie elsewhere are no copies: such series exist, and lose no plane here.
    """
    seen: dict[Hashable, StoredPlane] = {}
    copies: dict[Path, tuple[StoredImage, StoredImage]] = {}
    kept = []
    for plane in sorted(planes, key=lambda plane: (str(plane.image.path), plane.frame or 0)):
        uid = plane.image.sop_instance_uid
        key = (uid, plane.frame, plane.position, plane.orientation, plane.image.rows, plane.image.columns)
        if uid and key in seen and seen[key].image.path != plane.image.path:
            copies[plane.image.path] = seen[key].image, plane.image
            continue
        seen[key] = plane
        kept.append(plane)
    return kept, copies


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


def _stack(part: Part, header: Header) -> Stack:
    label = f"{part.axis} {part.member}".strip()
    stack = Stack(
        part.planes, header, label, part.notes, part.problem, part.axis, part.member, part.order, part.is_phase
    )
    if stack.problem:
        return stack
    try:
        geometry = make_geometry(part.planes)
    except GeometryError as error:
        return replace(stack, problem=f"{error} (such as {part.planes[0].image.path.name})")
    return replace(stack, notes=(*part.notes, *shape_notes(geometry, part.planes, header)))


def _names(paths: Sequence[Path]) -> str:
    rest = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(path.name for path in paths[:3]) + rest
