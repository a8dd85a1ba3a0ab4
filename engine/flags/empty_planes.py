"""Planes inside a structure on which nothing of it is drawn."""

from collections.abc import Iterator

from engine.flags.flag import Subject, Told, planes_text
from engine.flags.patient import Patient


def find(subject: Subject, patient: Patient | None) -> Iterator[Told]:
    """Of organs in one piece and of the outline of the body."""
    whole = subject.is_organ and subject.anatomy.is_in_one_piece
    if not whole and subject.roi.roi_type != "EXTERNAL":
        return
    planes = list(subject.areas)
    empty = [plane for plane in range(planes[0], planes[-1]) if plane not in subject.areas]
    if empty:
        yield subject.flag(
            f"{subject.roi.name} has nothing on {planes_text(empty)}, and is drawn on both sides of "
            f"{'it' if len(empty) == 1 else 'them'}.",
            "has empty planes",
            empty[0],
        )
