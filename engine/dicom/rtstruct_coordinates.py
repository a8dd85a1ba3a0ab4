"""Coordinates of contours that a file gives in unusual ways: with decimal commas, or offset from their slab."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.dicom.digits import contour_texts
from engine.dicom.fields import with_points
from engine.loose import points_of
from engine.structures import RawContour
from engine.volume import FloatArray

#: Contour Slab Thickness and Contour Offset Vector as keys of `RawContour.attachments`.
_THICKNESS, _OFFSET = "30060044", "30060045"
#: A shorter offset moves no contour, mm.
_LEAST_MM = 1e-6
_DECIMALS = 6

Read = tuple[list[RawContour], list[FloatArray | None]]


def with_decimal_points(
    name: str, contours: Sequence[RawContour], points: Sequence[FloatArray | None], notes: list[str]
) -> Read:
    """The contours with points in place of decimal commas, where these cannot be anything else.

    Args:
        name: of the structure.
        contours: as they were read.
        points: (n, 3) LPS mm of each, None where the text is malformed.
        notes: gets a sentence where any had commas.
    """
    read: Read = (list(contours), list(points))
    changed = 0
    for i, contour in enumerate(contours):
        plain = with_points(contour.data) if points[i] is None else None
        found = None if plain is None else points_of(plain)
        if plain is not None and found is not None:
            read[0][i], read[1][i] = replace(contour, data=plain), found
            changed += 1
    if changed:
        notes.append(f"'{name}': {_counted(changed)} written with decimal commas, which were read as points.")
    return read


def moved_by_offset(
    name: str, contours: Sequence[RawContour], points: Sequence[FloatArray | None], notes: list[str]
) -> Read:
    """The contours where their Contour Offset Vector puts them: in the middle of the slab that they stand for.

    PS3.3 C.8.8.6.2: the offset leads from each point of Contour Data to the slab's central plane, and is none where no
    Contour Slab Thickness is given. Arguments as for `with_decimal_points`.
    """
    read: Read = (list(contours), list(points))
    moved: list[float] = []
    passed = 0
    for i, contour in enumerate(contours):
        here = points[i]
        if _OFFSET not in contour.attachments or here is None:
            continue
        held = json.loads(contour.attachments)
        offset = _numbers(held, _OFFSET)
        if len(offset) == 3 and np.linalg.norm(offset) < _LEAST_MM:
            continue
        thickness = _numbers(held, _THICKNESS)
        if len(offset) != 3 or len(thickness) != 1 or thickness[0] <= 0:
            passed += 1
            continue
        del held[_OFFSET]
        there = here + np.array(offset)
        text = contour_texts(there, np.array([len(there)]), _DECIMALS)[0].decode()
        read[0][i] = replace(contour, data=text, attachments=json.dumps(held))
        read[1][i] = there
        moved.append(float(np.linalg.norm(offset)))
    if moved:
        far = f"{min(moved):.3g}" if max(moved) - min(moved) < 0.005 else f"{min(moved):.3g} to {max(moved):.3g}"
        notes.append(
            f"'{name}': {_counted(len(moved))} with an offset from the middle of the slab: moved there by {far} mm, as "
            "the file asks. Other programs may show them where they were drawn."
        )
    if passed:
        notes.append(
            f"'{name}': {_counted(passed)} with an offset that does not count, as it is no vector or the slab has no "
            "thickness: kept where they were drawn."
        )
    return read


def _numbers(held: dict[str, dict[str, list[object]]], key: str) -> list[float]:
    """The values of an element of attachments; none where one is no finite number."""
    values = []
    for value in held.get(key, {}).get("Value", []):
        try:
            values.append(float(str(value)))
        except ValueError:
            return []
    return values if np.isfinite(values).all() else []


def _counted(count: int) -> str:
    return "1 contour" if count == 1 else f"{count} contours"
