"""An organ that lies outside the body."""

from collections.abc import Iterator

from engine.flags.flag import Subject, Told
from engine.flags.patient import Patient

#: Share of it that must lie outside, by more than a few mm, and its volume, cm³.
_LEAST_SHARE, _LEAST_CM3 = 0.02, 0.1


def find(subject: Subject, patient: Patient | None) -> Iterator[Told]:
    """Organs in a CT in which the body is seen."""
    if patient is None or not subject.is_organ:
        return
    share, plane = patient.share_outside(subject.areas)
    if share >= _LEAST_SHARE and share * subject.volume_cm3 >= _LEAST_CM3:
        place = patient.place_outside(subject.areas[plane], plane)
        x, y, z = subject.geometry.lps_from_plane(plane, [place])[0].tolist()
        yield subject.flag(
            f"{share:.0%} of {subject.roi.name} lies outside the body, most of it on plane {plane + 1}.",
            f"{share:.0%} outside the body",
            plane,
            (x, y, z),
        )
