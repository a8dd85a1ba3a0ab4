"""An organ that ends flat where it should taper: cut off between two planes."""

from collections.abc import Iterator

from engine.flags.flag import Subject, Told
from engine.flags.patient import Patient

#: Fewer planes than this show no shape.
_LEAST_PLANES = 6
#: The area at an end, as a share of the largest, from which on it is flat. A ball of 6 planes ends with 0.31;
#: of 800 ends of parotid glands, mandibles and abdominal organs that persons drew, 6 are flatter than this.
_FLAT = 0.7


def find(subject: Subject, patient: Patient | None) -> Iterator[Told]:
    """Whole organs whose first or last plane has almost their largest area; not at the ends of the image."""
    if not (subject.is_organ and subject.anatomy.is_whole) or len(subject.areas) < _LEAST_PLANES:
        return
    planes = list(subject.areas)
    largest = max(area.area for area in subject.areas.values())
    flat = [
        plane
        for plane in (planes[0], planes[-1])
        if 0 < plane < subject.geometry.shape[0] - 1 and subject.areas[plane].area >= _FLAT * largest
    ]
    if flat:
        where = " and ".join(str(plane + 1) for plane in flat)
        yield subject.flag(
            f"{subject.roi.name} ends flat on plane{'s' if len(flat) > 1 else ''} {where}, as if it were cut off.",
            "ends flat",
            flat[0],
        )
