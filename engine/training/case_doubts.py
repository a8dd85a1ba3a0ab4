"""What is unlikely of a case to learn from, told before anything is learned: sides that are swapped, odd values."""

import re
from collections.abc import Sequence

import numpy as np

from engine.hounsfield import looks_like_hu
from engine.training.case import Case

#: SUV: uptake as a multiple of that of an even spread; not even a full bladder comes near this.
_MOST_SUV = 1000.0

_SIDE = re.compile(r"[\s_-](l|r|left|right)$")


def doubts_of(case: Case, structures: Sequence[str], pairs: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Sentences on a case as its data set gives it, whose axes rise along Superior, Posterior and Left.

    Args:
        case: of patients, not of pictures without a place.
        structures: in the order of its labels from 1.
        pairs: structures that are each other's mirror image.
    """
    said = []
    for left, right in (_by_side(pair) for pair in pairs):
        places = [_to_left(case, structures.index(name)) if name in structures else None for name in (left, right)]
        if places[0] is not None and places[1] is not None and places[0] < places[1]:
            said.append(
                f"{left} lies to the right of {right}: their labels, or left and right of the image, may be swapped."
            )
    images = [(case.image, case.kind), *((other.image, other.kind) for other in case.further)]
    for image, kind in images:
        low, high = float(image.min()), float(image.max())
        if kind.units == "HU" and not looks_like_hu(low, high):
            said.append(f"The values do not look like Hounsfield units: they run from {low:g} to {high:g}.")
        if kind.units == "SUVbw" and high > _MOST_SUV:
            said.append(f"The values do not look like SUV: they run from {low:g} to {high:g}.")
        if low == high:
            said.append(f"The {kind.modality} image has the same value everywhere ({low:g}).")
    return tuple(said)


def _by_side(pair: Sequence[str]) -> tuple[str, str]:
    """(left, right) of two structures; ("", "") where their names do not say which is which."""
    sides = [found[1][0] if (found := _SIDE.search(name.casefold())) else "" for name in pair]
    if sides == ["l", "r"]:
        return pair[0], pair[1]
    return (pair[1], pair[0]) if sides == ["r", "l"] else ("", "")


def _to_left(case: Case, index: int) -> float | None:
    """How far to the left the middle of a structure lies, in voxels; None where it has none."""
    places = np.flatnonzero((case.labels == index + 1).any(axis=(0, 1)))
    if not len(places):
        return None
    counts = np.count_nonzero(case.labels[:, :, places] == index + 1, axis=(0, 1))
    return float(np.average(places, weights=counts))
