"""A person reviews, approves and reopens structures, each as one step in the journal. No Qt."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from engine.approval import REOPEN
from engine.edits import AnswerChange, Step
from engine.structures import Review, ReviewState, Roi, StructureSet
from viewer.edits.target import RefusedError
from viewer.history import History
from viewer.session import Session


def mark_reviewed(session: Session, history: History, numbers: Iterable[int], reviewer: str, when: datetime) -> None:
    """Note that a person looked at structures as they are; the next edit makes them unreviewed.

    Raises:
        RefusedError: there is no name, no structure, or one is empty.
    """
    chosen = [roi for roi in _chosen(session, numbers) if roi.provenance.review.state is not ReviewState.APPROVED]
    _sign(session, history, chosen, _review(ReviewState.REVIEWED, reviewer, when), "Review")


def approve(session: Session, history: History, numbers: Iterable[int], reviewer: str, when: datetime) -> None:
    """Sign structures: they are locked until they are reopened with a reason.

    Raises:
        RefusedError: as `mark_reviewed`.
    """
    chosen = [roi for roi in _chosen(session, numbers) if roi.provenance.review.state is not ReviewState.APPROVED]
    _sign(session, history, chosen, _review(ReviewState.APPROVED, reviewer, when), "Approve")


def reopen(session: Session, history: History, numbers: Iterable[int], reason: str) -> None:
    """Let approved structures be changed again.

    Raises:
        RefusedError: no reason is given, or none of them is approved.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise RefusedError("An approved structure is reopened only with a reason.")
    chosen = [roi for roi in _chosen(session, numbers) if roi.provenance.review.state is ReviewState.APPROVED]
    if not chosen:
        raise RefusedError("None of the chosen structures is approved.")
    after = [
        replace(roi, locked=False, provenance=replace(was, review=Review(), reopened=was.review))
        for roi, was in ((roi, roi.provenance) for roi in chosen)
    ]
    _do(session, history, after, f"Reopen {_what(chosen)}: {reason}", REOPEN)


def _review(state: ReviewState, reviewer: str, when: datetime) -> Review:
    reviewer = " ".join(reviewer.split())
    if not reviewer:
        raise RefusedError("A review needs the name of the person who signs it.")
    return Review(state, reviewer, f"{when:%Y%m%d}", f"{when:%H%M%S}")


def _sign(session: Session, history: History, chosen: list[Roi], review: Review, verb: str) -> None:
    empty = [roi.name for roi in chosen if roi.is_empty and not roi.loose]
    if empty:
        raise RefusedError(f"{empty[0]} has no contours yet, so there is nothing to review.")
    if not chosen:
        raise RefusedError("Choose a structure that is not approved yet.")
    approved = review.state is ReviewState.APPROVED
    after = [
        replace(
            roi,
            locked=roi.locked or approved,
            provenance=replace(
                roi.provenance, review=review, reopened=Review() if approved else roi.provenance.reopened
            ),
        )
        for roi in chosen
    ]
    _do(session, history, after, f"{verb} {_what(chosen)} ({review.reviewer})", verb.lower())


def _do(session: Session, history: History, after: list[Roi], text: str, tool: str) -> None:
    structures = _open(session)
    index = {roi.number: place for place, roi in enumerate(structures.rois)}
    changes = tuple(AnswerChange(structures[roi.number], roi, index[roi.number]) for roi in after)
    history.do(Step(text, tool, changes))


def _what(rois: list[Roi]) -> str:
    return rois[0].name if len(rois) == 1 else f"{len(rois)} structures"


def _chosen(session: Session, numbers: Iterable[int]) -> list[Roi]:
    wanted = set(numbers)
    return [roi for roi in _open(session).rois if roi.number in wanted]


def _open(session: Session) -> StructureSet:
    if session.structures is None:
        raise RefusedError("Open a series first.")
    return session.structures
