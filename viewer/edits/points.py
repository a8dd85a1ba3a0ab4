"""Points as structures: an isocentre, markers; placed, moved, found again. No Qt."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from engine.edits import Step
from engine.loose import points_of
from engine.structures import Provenance, RawContour, Roi, StructureSet
from engine.volume import FloatArray
from viewer.edits.target import fresh_colour
from viewer.history import add, change

#: RT ROI Interpreted Type → what a point of it is called until somebody names it.
NAMES = {"MARKER": "Marker", "ISOCENTER": "Isocentre"}


def point_of(roi: Roi) -> FloatArray | None:
    """(3,) LPS mm of a structure that is one point; None of any other."""
    if len(roi.loose) != 1 or roi.loose[0].geometric_type != "POINT" or not roi.is_empty:
        return None
    points = points_of(roi.loose[0].data)
    return points[0] if points is not None and len(points) == 1 else None


def place(structures: StructureSet, point_lps: ArrayLike, roi_type: str) -> tuple[Step, int]:
    """The step that adds a point, and the number of its structure."""
    names = {roi.name for roi in structures.rois}
    base = NAMES[roi_type]
    first = base if roi_type == "ISOCENTER" else f"{base} 1"
    name = first if first not in names else next(
        f"{base} {n}" for n in range(2, len(names) + 3) if f"{base} {n}" not in names
    )  # fmt: skip
    roi = Roi(
        structures.next_number(), name, fresh_colour(structures), roi_type, loose=(_contour(point_lps),),
        provenance=Provenance(description="Placed by hand"),
    )  # fmt: skip
    return add(structures, (roi,), text=f"Place {name}", tool="point"), roi.number


def moved(structures: StructureSet, roi: Roi, point_lps: ArrayLike) -> Step:
    """The step that moves a point elsewhere."""
    after = replace(roi, loose=(_contour(point_lps),), provenance=replace(roi.provenance, edited=True))
    return change(structures, after, text=f"Move {roi.name}", tool="point")


def _contour(point_lps: ArrayLike) -> RawContour:
    # A ten-thousandth of a mm, well within the 16 characters of a decimal string.
    values = np.asarray(point_lps, dtype=np.float64)
    return RawContour("\\".join(f"{value:.4f}" for value in values), "POINT", 1)
