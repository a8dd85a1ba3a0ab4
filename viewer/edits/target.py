"""Which structure an edit is about: the active one where it may be changed, or a new one. No Qt."""

from engine.errors import PlanimeterError
from engine.palette import free_colour
from engine.structures import Provenance, ReviewState, Roi, StructureSet
from engine.tg263 import standard_colour
from viewer.session import Session


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
    if roi is not None:
        refuse_change(roi)
    return roi


def refuse_change(roi: Roi) -> None:
    """Raises RefusedError when the contours of the ROI may not be changed: it is approved, locked or hidden."""
    refuse_approved(roi)
    if roi.locked:
        raise RefusedError(f"{roi.name} is locked: unlock it in the structures panel (L) to change it.")
    if not roi.visible:
        raise RefusedError(f"{roi.name} is hidden: show it in the structures panel (V) to change it.")


def may_change(roi: Roi) -> bool:
    """Whether the contours of the ROI may be changed."""
    try:
        refuse_change(roi)
    except RefusedError:
        return False
    return True


def refuse_approved(roi: Roi) -> None:
    """Raises RefusedError when the ROI is approved."""
    review = roi.provenance.review
    if review.state is ReviewState.APPROVED:
        raise RefusedError(f"{roi.name} is {review}: reopen it with a reason (Structures → Reopen…) to change it.")


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


def fresh_colour(structures: StructureSet, name: str = "") -> tuple[int, int, int]:
    """A colour that no other structure has: the one by which `name` is known, where it is free."""
    return free_colour([roi.colour for roi in structures.rois], standard_colour(name))
