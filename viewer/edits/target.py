"""Which structure an edit is about: the active one where it may be changed, or a new one. No Qt."""

from engine.errors import PlanimeterError
from engine.structures import Provenance, Roi, StructureSet
from viewer.session import Session

#: Colours of new structures, in turn: far apart for the eye on grey, red and green never alone (Okabe and Ito 2008,
#: brightened for a dark background).
PALETTE: tuple[tuple[int, int, int], ...] = (
    (255, 190, 60), (90, 190, 255), (60, 205, 150), (245, 235, 90), (80, 140, 255), (255, 120, 60), (235, 140, 195),
    (170, 130, 255), (150, 225, 60), (255, 95, 120), (100, 220, 225), (205, 170, 120),
)  # fmt: skip


class RefusedError(PlanimeterError):
    """A tool can't do this now; the sentence says what to do instead."""


def editable(session: Session) -> Roi | None:
    """The active ROI; None where there is none yet.

    Raises:
        RefusedError: nothing is open, or the ROI is locked or hidden.
    """
    if session.structures is None:
        raise RefusedError("Open a series first, then draw on it.")
    roi = session.active_roi
    if roi is not None and roi.locked:
        raise RefusedError(f"{roi.name} is locked: unlock it in the structures panel (L) to change it.")
    if roi is not None and not roi.visible:
        raise RefusedError(f"{roi.name} is hidden: show it in the structures panel (V) to change it.")
    return roi


def existing(session: Session) -> Roi:
    """The active ROI. Raises RefusedError as `editable`, and where there is none."""
    roi = editable(session)
    if roi is None:
        raise RefusedError("Choose a structure first, or add one in the structures panel.")
    return roi


def fresh_roi(structures: StructureSet) -> Roi:
    """An empty ROI with a name and a colour that no other has."""
    names = {roi.name for roi in structures.rois}
    number = structures.next_number()
    serial = next(i for i in range(1, len(names) + 2) if f"ROI {i}" not in names)
    return Roi(
        number, f"ROI {serial}", fresh_colour(structures), "", provenance=Provenance(description="Drawn by hand")
    )


def fresh_colour(structures: StructureSet) -> tuple[int, int, int]:
    """The colour of the palette that is least used."""
    used = [roi.colour for roi in structures.rois]
    return min(PALETTE, key=used.count)
