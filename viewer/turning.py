"""Plane views that are turned about the crosshair, away from the planes of the grid. Immutable values. No Qt."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.volume import FloatArray

#: Turns smaller than this are arithmetic: the sine of what would move the far end of a body by a thousandth of a mm.
_NOTHING = 1e-6


@dataclass(frozen=True, eq=False)
class Turned:
    """How far each view is turned.

    Args:
        rotations: word of a view → (3, 3) rotation, LPS, from how the view lies by itself; views that are not here are
            not turned.
        about_lps: (3,) mm, a point on the plane of every view: they were last turned about it.
    """

    rotations: Mapping[str, FloatArray]
    about_lps: FloatArray

    def as_json(self) -> dict[str, object]:
        """As a session keeps it."""
        turned = {view: rotation.ravel().tolist() for view, rotation in self.rotations.items()}
        return {"rotations": turned, "about_lps": self.about_lps.tolist()}


def turned_by(
    before: Turned | None, views: Iterable[str], axis_lps: ArrayLike, angle: float, about_lps: ArrayLike
) -> Turned | None:
    """Some views turned on by an angle, radians, about a (3,) unit axis through a point; None where none is any more.

    A positive angle turns as the fingers of the right hand do whose thumb is the axis.
    """
    turn = rotation(axis_lps, angle)
    rotations = dict(before.rotations) if before is not None else {}
    for view in views:
        # Kept a rotation to the last digit, however often it is turned.
        left, _, right = np.linalg.svd(turn @ rotations.get(view, np.eye(3)))
        rotations[view] = left @ right
    rotations = {view: held for view, held in rotations.items() if np.abs(held - np.eye(3)).max() > _NOTHING}
    return Turned(rotations, np.array(about_lps, dtype=np.float64)) if rotations else None


def rotation(axis_lps: ArrayLike, angle: float) -> FloatArray:
    """(3, 3) by Rodrigues' formula."""
    x, y, z = np.asarray(axis_lps, dtype=np.float64)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def from_json(kept: object, views: Iterable[str]) -> Turned | None:
    """What `Turned.as_json` gave; None where it is nothing of the kind, as another version may have written it."""
    if not isinstance(kept, Mapping) or not isinstance(kept.get("rotations"), Mapping):
        return None
    try:
        about = np.array(kept["about_lps"], dtype=np.float64)
        held = kept["rotations"]
        rotations = {view: np.array(held[view], dtype=np.float64).reshape(3, 3) for view in views if view in held}
    except (KeyError, TypeError, ValueError):
        return None
    numbers = [about, *rotations.values()]
    if about.shape != (3,) or not rotations or not all(np.isfinite(array).all() for array in numbers):
        return None
    if any(np.abs(own @ own.T - np.eye(3)).max() > 1e-6 or np.linalg.det(own) < 0 for own in rotations.values()):
        return None
    return Turned(rotations, about)
