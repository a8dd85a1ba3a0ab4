"""What becomes of a model's answers in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.answers import Result
from engine.structures import Roi
from viewer.history import History
from viewer.runs import places, run_step
from viewer.session import Session
from viewer.widgets.replace_question import ask_to_replace

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from engine.cards.registry import LoadedCard


def let_in(
    session: Session,
    history: History,
    loaded: LoadedCard,
    result: Result,
    *,
    anyway: bool,
    drawn: Roi | None = None,
    among: str = "",
    parent: QWidget,
) -> None:
    """Let the answers in as one step; where they would overwrite a person's work, ask first.

    Args:
        session, history: of the window.
        loaded: the card.
        result: its answer.
        anyway: it was run on an image that it was not made for.
        drawn: the structure that it looked at, as it was then.
        among: which of several models it is that run as one.
        parent: of the question.
    """
    structures, volume = session.structures, session.volume
    if structures is None or not result.answers:
        return
    met = places(structures, result)
    free, contested = dict(met.free), dict(met.contested)

    def do(replaced: dict[str, int]) -> None:
        document = session.document
        if document is not None:
            history.do(run_step(document, loaded.card, result, replaced, anyway=anyway, drawn=drawn, among=among))

    if not contested:
        do(free)
        return

    def decided(replace: bool) -> None:
        if session.volume is volume:
            do(free | contested if replace else free)

    ask_to_replace(loaded.title, sorted(contested), decided, parent)
