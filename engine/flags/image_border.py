"""A structure that touches the border of the image, so that a part of it may lie outside."""

from collections.abc import Iterator

import shapely

from engine.flags.flag import Subject, Told, planes_text
from engine.flags.patient import Patient

#: A line this near to the outermost voxels' centres, as a share of a voxel, has run out of image.
_NEAR = 0.75
#: The patient's outline may touch with its corners: so much of a plane's side, mm, must lie on the border.
_LEAST_MM = 20.0


def find(subject: Subject, patient: Patient | None) -> Iterator[Told]:
    """Whole organs at any border; the outline of the body at the sides of its planes alone."""
    is_outline = subject.roi.roi_type == "EXTERNAL"
    if not is_outline and not (subject.is_organ and subject.anatomy.is_whole):
        return
    name, last = subject.roi.name, subject.geometry.shape[0] - 1
    beside = [plane for plane in subject.areas if _at_side(subject, plane, _LEAST_MM if is_outline else 0.0)]
    if beside:
        middle = beside[len(beside) // 2]
        yield subject.flag(
            f"{name} reaches the border of the image on {planes_text(beside)}, so a part of it may be missing.",
            "at the image's border",
            middle,
        )
        return
    ends = [plane for plane in sorted({0, last}) if plane in subject.areas and last > 0]
    if ends and not is_outline:
        where = " and ".join("the first plane" if plane == 0 else "the last plane" for plane in ends)
        yield subject.flag(
            f"{name} reaches {where} of the image, so a part of it may be missing.", "at the image's end", ends[-1]
        )


def _at_side(subject: Subject, plane: int, least_mm: float) -> bool:
    du, dv = subject.geometry.spacing_uv
    _, rows, columns = subject.geometry.shape
    area = subject.areas[plane]
    u0, v0, u1, v1 = area.bounds
    low_u, low_v = _NEAR * du, _NEAR * dv
    high_u, high_v = (columns - 1 - _NEAR) * du, (rows - 1 - _NEAR) * dv
    if u0 > low_u and v0 > low_v and u1 < high_u and v1 < high_v:
        return False
    inner = shapely.box(low_u, low_v, high_u, high_v)
    outside = area.boundary.difference(inner)
    return bool(outside.length >= least_mm and outside.length > 0)
