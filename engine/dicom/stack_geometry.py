"""Where the planes of a stack lie, and what is unusual about it."""

from collections.abc import Sequence

import numpy as np

from engine.contouring.stack import UNEVEN_SHARE
from engine.dicom.header import Header
from engine.dicom.planes import StoredPlane
from engine.errors import GeometryError
from engine.volume import FloatArray, Geometry

#: Directions that are off from perpendicular unit vectors by more than the first are said to be rounded, and by more
#: than the second are refused; two decimals of a cosine can be off by 0.005.
ROUNDED, CONTRADICTORY = 1e-3, 0.02
#: Rounded directions are turned by at most this (degrees) so that the planes are stacked at right angles.
_ROUNDED_DEGREES = 1.0
#: Planes further than this from the line on which most of them lie are said to lie beside it, mm.
_BESIDE_MM = 0.1


def make_geometry(planes: Sequence[StoredPlane]) -> Geometry:
    """The geometry of sorted planes of one stack.

    Raises:
        GeometryError: a position, direction or spacing is missing, or they contradict each other.
    """
    first = planes[0]
    if first.orientation is None or first.spacing_uv is None or any(plane.position is None for plane in planes):
        raise GeometryError("The planes do not say where they are.")
    thickness = first.thickness if first.thickness is not None and first.thickness > 0 else 1.0
    origins = np.array([plane.position for plane in planes], dtype=np.float64)
    row, column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    if ROUNDED < _off(row, column) <= CONTRADICTORY:
        row, column = _squared(row, column, origins)
    return Geometry(
        origins, row, column, first.spacing_uv, (len(planes), first.image.rows, first.image.columns), thickness
    )


def _off(row: FloatArray, column: FloatArray) -> float:
    """How far two directions are from perpendicular unit vectors."""
    lengths = np.linalg.norm([row, column], axis=1)
    return float(max(np.abs(lengths - 1).max(), abs(row @ column)))


def _squared(row: FloatArray, column: FloatArray, origins: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The perpendicular unit vectors nearest to two rounded ones.

    Where the planes' places (mm) are along a line that the rounding can explain, they are turned to be normal to it:
    places are written with more digits than directions, and a tilt of the gantry is not made up from rounding.
    """
    left, _, right = np.linalg.svd(np.stack([row, column], axis=1), full_matrices=False)
    row, column = (left @ right).T
    line = origins[-1] - origins[0]
    if np.linalg.norm(line) > 0:
        normal, line = np.cross(row, column), line / np.linalg.norm(line)
        if float(normal @ line) > np.cos(np.radians(_ROUNDED_DEGREES)):
            row = row - (row @ line) * line
            row = row / np.linalg.norm(row)
            column = np.cross(line, row)
    return row, column


def shape_notes(geometry: Geometry, planes: Sequence[StoredPlane], header: Header) -> list[str]:
    """What is unusual about where the planes lie."""
    notes = []
    if len(planes) == 1 and (planes[0].thickness is None or planes[0].thickness <= 0):
        notes.append("The one plane does not say how thick it is: 1 mm is assumed for volumes.")
    if planes[0].image.photometric == "MONOCHROME1":
        notes.append("Stored as MONOCHROME1: low values are meant to be shown bright; the values are as measured.")
    orientation = planes[0].orientation
    assert orientation is not None
    off = _off(np.array(orientation[:3]), np.array(orientation[3:]))
    if off > ROUNDED:
        notes.append(
            f"The directions of rows and columns are rounded in the file (off by up to {off:.3f}): they were made "
            "perpendicular, and points far from the first voxel may be off by a few millimetres."
        )
    if geometry.is_regular:
        return notes
    step = geometry.origins_lps[-1] - geometry.origins_lps[0]
    along = float(step @ geometry.normal)
    across = float(np.linalg.norm(step - along * geometry.normal))
    tilt = float(np.degrees(np.arctan2(across, along)))
    if tilt > 0.05:
        how = "The gantry was tilted" if header.modality == "CT" else "The planes are sheared"
        notes.append(f"{how} by {tilt:.1f}°: the planes are not stacked at right angles.")
    if beside := _beside_the_line(geometry):
        shown = ", ".join(f"plane {k + 1} by {apart:.1f} mm" for k, apart in beside[:3])
        rest = f", and {len(beside) - 3} more" if len(beside) > 3 else ""
        notes.append(
            f"{counted(len(beside), 'plane lies', 'planes lie')} beside the line of the others ({shown}{rest}): drawn "
            "and measured in place, but sections across the planes and masks don't show it."
        )
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


def _beside_the_line(geometry: Geometry) -> list[tuple[int, float]]:
    """Planes that do not lie on the straight line of most, and by how many mm; none where they are less than half."""
    if geometry.shape[0] < 3:
        return []
    across = geometry.origins_lps - np.outer(geometry.positions, geometry.normal)
    slopes = np.diff(across, axis=0) / np.diff(geometry.positions)[:, None]
    off = across - np.outer(geometry.positions, np.median(slopes, axis=0))
    apart = np.linalg.norm(off - np.median(off, axis=0), axis=1)
    beside = [(k, float(mm)) for k, mm in enumerate(apart) if mm > _BESIDE_MM]
    return beside if len(beside) * 2 < len(apart) else []


def _missing(position: float, gap: float, median: float) -> str:
    """What a gap of several regular ones means: planes that are not there, with their first place along the normal."""
    lost = round(gap / median) - 1
    if lost < 1 or abs(gap / median - round(gap / median)) > 0.05:
        return ""
    seems = "seem" if lost > 1 else "seems"
    return f" ({counted(lost, 'plane', 'planes')} {seems} to be missing at {position + gap / (lost + 1):.1f} mm)"


def counted(number: int, one: str, many: str) -> str:
    """For a sentence: the number and its word."""
    return f"{number} {one if number == 1 else many}"
