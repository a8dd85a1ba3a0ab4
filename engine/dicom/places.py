"""Where parallel planes lie along their normal: at one place, in one even stack, or beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.dicom.planes import StoredPlane

#: Planes nearer to each other than this share of their thickness, and than so many mm, lie at one place, unless all
#: planes are so near to each other.
SAME_PLACE_SHARE, SAME_PLACE_MM = 0.05, 0.1
#: What rounding in a file may move a plane by, mm.
ROUNDING_MM = 1e-4
#: A gap is a multiple of the median one within this share of it.
_MULTIPLE_SHARE = 0.05
#: Up to this share of the places of a volume may be empty, or have two planes, without doubt that it is one volume.
FEW = 0.2


@dataclass(frozen=True, slots=True)
class Part:
    """Planes of one stack, by rising position.

    Args:
        axis: what tells it from the other parts, such as "phase"; "" where nothing does.
        member: its value of that, such as "25%"; `order` sorts it among the others.
        is_phase: the parts are moments of one motion or course.
        notes: plain sentences about it.
        problem: why it is no volume, "" when it is one.
    """

    planes: tuple[StoredPlane, ...]
    axis: str = ""
    member: str = ""
    order: tuple[tuple[float, str], ...] = ()
    is_phase: bool = False
    notes: tuple[str, ...] = ()
    problem: str = ""


def positions_of(planes: Sequence[StoredPlane]) -> NDArray[np.float64]:
    """(planes,) mm along the normal of the first one."""
    orientation = planes[0].orientation
    assert orientation is not None
    normal = np.cross(orientation[:3], orientation[3:])
    normal = normal / max(float(np.linalg.norm(normal)), 1e-9)
    return np.array([plane.position for plane in planes], dtype=np.float64) @ normal


def in_order(planes: Sequence[StoredPlane]) -> tuple[StoredPlane, ...]:
    """The planes by rising position."""
    return tuple(planes[i] for i in np.argsort(positions_of(planes), kind="stable"))


def is_single(planes: Sequence[StoredPlane]) -> bool:
    """True when no two planes lie at one place."""
    return int(places_of(planes).max()) + 1 == len(planes)


def places_of(planes: Sequence[StoredPlane]) -> NDArray[np.intp]:
    """The number of the place of each plane; planes at one place share it."""
    positions = positions_of(planes)
    order = np.argsort(positions, kind="stable")
    gaps = np.diff(positions[order])
    steps = np.concatenate([[0], np.cumsum(gaps > same_place_mm(gaps, planes[0]))]).astype(np.intp)
    places = np.empty(len(planes), np.intp)
    places[order] = steps
    return places


def same_place_mm(gaps: NDArray[np.float64], plane: StoredPlane) -> float:
    """How near planes at one place lie, when the gaps between all are these."""
    assert plane.spacing_uv is not None
    thickness = plane.thickness if plane.thickness and plane.thickness > 0 else min(plane.spacing_uv)
    limit = min(SAME_PLACE_SHARE * thickness, SAME_PLACE_MM)
    wide = gaps[gaps > limit]
    return max(min(limit, float(wide.min()) / 10), ROUNDING_MM) if wide.size else ROUNDING_MM


def is_whole(positions: NDArray[np.float64]) -> bool:
    """True when sorted positions are an even stack of which few planes are missing."""
    gaps = np.diff(positions)
    if len(gaps) < 2:
        return True
    steps = gaps / np.median(gaps)
    wholes = np.rint(steps)
    if (wholes < 1).any() or np.abs(steps - wholes).max() > _MULTIPLE_SHARE:
        return False
    return float(wholes.sum() - len(gaps)) <= max(FEW * len(positions), 1)
