"""Which steps the approval of a structure forbids."""

from engine.answers import Document
from engine.edits import AnswerChange, AreaChange, Change, Step
from engine.structures import ReviewState, Roi, StructureSet

#: The tool of the one step that takes an approval back; its text gives the reason.
REOPEN = "reopen"


def forbidden(document: Document, step: Step, *, forward: bool = True) -> str:
    """Why an approval forbids to do or undo a step, in a sentence; "" where it may be."""
    if forward and step.tool == REOPEN:
        return ""
    for change in step.changes:
        roi = _touched(document, change, forward=forward)
        if roi is not None and roi.provenance.review.state is ReviewState.APPROVED:
            return (
                f"{roi.name} is {roi.provenance.review} and can't be changed: reopen it with a reason "
                "(Structures → Reopen…)."
            )
    return ""


def approval_told(structures: StructureSet, filed: StructureSet) -> tuple[str, bool]:
    """Who signed the structures, and of which that holds no longer, in a sentence; "" where nobody did.

    Args:
        structures: as they are.
        filed: as files hold them.

    Returns:
        The sentence, and whether what was signed is what is shown.
    """
    lost: dict[str, list[str]] = {}
    for roi in structures.rois:
        if roi.provenance.reopened.state is ReviewState.APPROVED:
            lost.setdefault(f"reopened since {roi.provenance.reopened}", []).append(roi.name)
    for roi in filed.rois:
        if roi.provenance.review.state is ReviewState.APPROVED and roi.number not in structures:
            lost.setdefault(f"deleted since {roi.provenance.review}", []).append(roi.name)
    if lost:
        told = "; ".join(f"{', '.join(names)}: {how}" for how, names in lost.items())
        return f"{told}. What is shown is no longer what was signed.", False
    signed = [roi.provenance.review for roi in structures.rois if roi.provenance.review.state is ReviewState.APPROVED]
    if not signed:
        return "", True
    last = max(signed, key=lambda review: (review.date, review.time))
    told = f"{len(signed)} of {len(structures.rois)} structures are signed, the last {last}"
    # RTSTRUCT has one approval for all that is in it (Approval Module, PS3.3).
    partly = len(signed) < len(structures.rois)
    return f"{told}. A file keeps that only where all structures in it are signed." if partly else told, True


def _touched(document: Document, change: Change, *, forward: bool) -> Roi | None:
    """The ROI as it is that a change would alter in anything but how it is shown."""
    if isinstance(change, AreaChange):
        return next((roi for roi in document.structures.rois if roi.number == change.number), None)
    assert isinstance(change, AnswerChange), "there are two kinds of change"
    now, then = (change.before, change.after) if forward else (change.after, change.before)
    if not isinstance(now, Roi):
        return None
    return None if isinstance(then, Roi) and _substance(now) == _substance(then) else now


def _substance(roi: Roi) -> tuple[object, ...]:
    planes = {plane: id(contours) for plane, contours in roi.planes.items()}
    return planes, roi.loose, roi.name, roi.roi_type, roi.code, roi.locked, roi.provenance, roi.recipe
