"""Measures added, moved, named and deleted, each as one undoable step. No Qt."""

from collections.abc import Iterable
from dataclasses import replace

from engine.answers import Document
from engine.edits import AnswerChange, Step
from engine.measures.measure import Measure, as_points
from engine.measures.table import KINDS
from engine.volume import FloatArray
from viewer.edits.target import RefusedError
from viewer.history import History
from viewer.session import Session

#: Longest name of a measure.
LONGEST_NAME = 64


def add_measure(
    session: Session, history: History, kind: str, points_lps: FloatArray, normal_lps: tuple[float, float, float]
) -> Measure:
    """Add a measure of `kind` by its (n, 3) points, LPS mm. Raises RefusedError when nothing is open."""
    document = _open(session)
    measure = Measure(document.next_number(Measure), kind, as_points(points_lps), normal_lps)
    change = AnswerChange(None, measure, len(document.measures))
    history.do(Step(f"{KINDS[kind].title} {measure.number}", f"measure {kind}", (change,)))
    return measure


def move_measure(session: Session, history: History, measure: Measure, points_lps: FloatArray) -> None:
    """Give a measure other (n, 3) points, LPS mm."""
    after = measure.with_points(points_lps)
    if after != measure:
        _change(session, history, measure, after, f"Move {_named(measure)}")


def rename_measure(session: Session, history: History, measure: Measure, name: str) -> None:
    """Give a measure a name; "" takes it away. Raises RefusedError when it is too long."""
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME:
        raise RefusedError(f"The name is longer than {LONGEST_NAME} characters.")
    if name != measure.name:
        _change(session, history, measure, replace(measure, name=name), f"Rename {_named(measure)}")


def delete_measures(session: Session, history: History, numbers: Iterable[int]) -> None:
    """Delete the measures of these numbers."""
    document, chosen = _open(session), set(numbers)
    doomed = [(index, each) for index, each in enumerate(document.measures) if each.number in chosen]
    if doomed:
        what = _named(doomed[0][1]) if len(doomed) == 1 else f"{len(doomed)} measures"
        changes = tuple(AnswerChange(measure, None, index) for index, measure in reversed(doomed))
        history.do(Step(f"Delete {what}", "delete", changes))


def _change(session: Session, history: History, before: Measure, after: Measure, text: str) -> None:
    index = _open(session).measures.index(before)
    history.do(Step(text, f"measure {before.kind}", (AnswerChange(before, after, index),)))


def _named(measure: Measure) -> str:
    return measure.name or f"{KINDS[measure.kind].title} {measure.number}"


def _open(session: Session) -> Document:
    if session.document is None:
        raise RefusedError("Open a series first, then measure on it.")
    return session.document
