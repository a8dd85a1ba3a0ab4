"""What becomes of a model's answers in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.answers import Result
from engine.later import later
from engine.structures import Roi
from viewer.history import History
from viewer.runs import Part, places, run_step
from viewer.session import Session
from viewer.widgets.replace_question import ask_to_replace

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from engine import card_templates
    from engine.cards.registry import LoadedCard
else:
    card_templates = later("engine.card_templates")


def let_in(
    session: Session,
    history: History,
    loaded: LoadedCard,
    result: Result,
    *,
    anyway: bool,
    drawn: Roi | None = None,
    part: Part | None = None,
    parent: QWidget,
) -> None:
    """Let the answers in as one step; where they would overwrite a person's work, ask first.

    Args:
        session, history: of the window.
        loaded: the card.
        result: its answer.
        anyway: it was run on an image that it was not made for.
        drawn: the structure that it looked at, as it was then.
        part: what the card is in a template; None where it runs alone.
        parent: of the question.
    """
    structures, volume = session.structures, session.volume
    if structures is None or not result.answers:
        return
    if part is not None:
        result = card_templates.as_called(part.called, result)
    met = places(structures, result, part.together.drawn if part is not None else ())
    free, contested = dict(met.free), dict(met.contested)

    def do(replaced: dict[str, int]) -> None:
        document = session.document
        if document is None:
            return
        step = run_step(document, loaded.card, result, replaced, anyway=anyway, drawn=drawn)
        if part is None:
            history.do(step)
        else:
            part.together.do(history, step, result, loaded.title)

    if not contested:
        do(free)
        return

    def decided(replace: bool) -> None:
        if session.volume is volume:
            do(free | contested if replace else free)

    ask_to_replace(loaded.title, sorted(contested), decided, parent)
