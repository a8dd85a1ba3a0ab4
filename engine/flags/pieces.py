"""Several pieces where one is expected."""

from collections.abc import Iterator

from engine.flags.flag import Subject, Told, planes_text
from engine.flags.patient import Patient

#: Smaller pieces than this, of the whole and in cm³, are crumbs of a line and no piece.
_LEAST_SHARE, _LEAST_CM3 = 0.01, 0.02


def find(subject: Subject, patient: Patient | None) -> Iterator[Told]:
    """Pieces beside the largest.

    Not those that empty planes part from it, which are told as such, nor those at an end of the image, beyond which the
    two may meet; of what runs on, such as the aorta, at an end of what is drawn.
    """
    if not (subject.is_organ and subject.anatomy.is_in_one_piece):
        return
    least = max(_LEAST_CM3, _LEAST_SHARE * subject.volume_cm3)
    near, ends = _run_around(subject), {0, subject.geometry.shape[0] - 1}
    if not subject.anatomy.is_whole:
        ends |= {min(subject.areas), max(subject.areas)}
    others = [
        piece
        for piece in subject.pieces[1:]
        if subject.volume_of(piece) >= least and any(plane in near for plane in piece) and not ends & piece.keys()
    ]
    if others:
        second = others[0]
        planes = sorted(second)
        plane = planes[len(planes) // 2]
        polygon = subject.areas[plane].geoms[second[plane][0]]
        yield subject.flag(
            f"{subject.roi.name} is in {len(others) + 1} pieces; the second, of {subject.volume_of(second):.2g} cm³, "
            f"lies on {planes_text(planes)}.",
            f"in {len(others) + 1} pieces",
            plane,
            subject.point_in(polygon, plane),
        )


def _run_around(subject: Subject) -> set[int]:
    """Planes that have an area, without an empty one between them and the largest piece."""
    main = subject.pieces[0]
    first, last = min(main), max(main)
    while first - 1 in subject.areas:
        first -= 1
    while last + 1 in subject.areas:
        last += 1
    return set(range(first, last + 1))
