"""Which steps the approval of a structure forbids."""

from engine.answers import Document
from engine.edits import AnswerChange, AreaChange, Change, Step
from engine.structures import ReviewState, Roi

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
