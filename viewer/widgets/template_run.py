"""Several models run in turn, as a template of cards says; those that can't be run are told, and the others run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from engine.volume import Volume
from viewer.runs import Part, Together
from viewer.session import Session
from viewer.widgets.cards_panel import STOPPED, CardsPanel

if TYPE_CHECKING:
    from engine.card_templates import CardTemplate, TemplateCard
    from engine.cards.registry import LoadedCard


_ABSENT = "Not here: bring it in with Engine → Import a model…, or take it out of the template."


class TemplateRun(QObject):
    """Runs one template at a time through the panel of the models; undo takes back all that they drew as one.

    Each answer comes in when it is there, and is in the journal before the next model begins.
    """

    #: A sentence for the user, and its level.
    message = Signal(str, str)
    #: A template began, or is over.
    running_changed = Signal(bool)

    def __init__(self, session: Session, panel: CardsPanel) -> None:
        super().__init__(panel)
        self._session, self._panel = session, panel
        self._template: CardTemplate | None = None
        self._together = Together("")
        self._cards: dict[str, LoadedCard] = {}
        self._left: list[TemplateCard] = []
        self._now: TemplateCard | None = None
        self._volume: Volume | None = None
        self._ran = 0
        self._not_run: dict[str, str] = {}
        self._notes: list[str] = []
        panel.over.connect(self._over)

    @property
    def is_running(self) -> bool:
        """Whether a template is under way."""
        return self._template is not None

    def start(self, template: CardTemplate, cards: Sequence[LoadedCard]) -> None:
        """Run a template on the open series; nothing happens while anything runs.

        Args:
            template: what to run.
            cards: all that there are.
        """
        if self.is_running or self._panel.is_running or self._session.volume is None:
            return
        self._template, self._volume = template, self._session.volume
        self._together = Together(template.title)
        self._cards = {loaded.id: loaded for loaded in cards}
        self._ran, self._now = 0, None
        self.running_changed.emit(True)
        against = {step.card: self._why_not(step.card) for step in template.cards}
        self._not_run = {card_id: reason for card_id, reason in against.items() if reason}
        self._notes = []
        self._left = [step for step in template.cards if step.card not in self._not_run]
        if self._left and self._not_run:
            # Known before the first of them begins, which may take minutes.
            self.message.emit(f"{template.title} runs without {', '.join(map(self._name, self._not_run))}.", "warning")
        self._next()

    def _why_not(self, card_id: str) -> str:
        """What keeps a model from running, and what to do; "" where nothing does."""
        loaded = self._cards.get(card_id)
        return self._panel.why_not(loaded) if loaded is not None else _ABSENT

    def _name(self, card_id: str) -> str:
        loaded = self._cards.get(card_id)
        return f"{loaded.title} ({card_id})" if loaded is not None and loaded.title != card_id else card_id

    def _next(self) -> None:
        template = self._template
        if template is None:
            return
        if self._session.volume is not self._volume:
            self._end("Another series was opened.")
            return
        if self._panel.is_running:
            self._end("Another model was run in between.")
            return
        while self._left:
            step = self._now = self._left.pop(0)
            part = Part(step, template.cards.index(step) + 1, len(template.cards), self._together)
            reason = self._panel.run_as(self._cards[step.card], part)
            if not reason:
                return
            self._not_run[step.card] = reason
        self._end("")

    def _over(self, sentence: str) -> None:
        step = self._now
        if self._template is None or step is None:
            return
        if sentence == STOPPED:
            self._end("It was stopped.")
            return
        if sentence:
            self._not_run[step.card] = sentence
        else:
            # The panel shows those of the last model alone.
            self._notes += [f"{self._cards[step.card].title}: {note}" for note in self._panel.notes]
            self._ran += 1
        # Not within the signal of the run that has just ended.
        QTimer.singleShot(0, self, self._next)

    def _end(self, stopped: str) -> None:
        template, self._template = self._template, None
        assert template is not None, "it was under way"
        self._left, self._now = [], None
        count, steps = len(template.cards), self._together.steps
        first = [f"{template.title}: {self._ran} of {count} models ran.", stopped]
        if self._ran > 1 and steps == 1:
            first.append("One undo takes all of it back.")
        elif steps > 1:
            first.append(f"Something else was done in between, so it is {steps} steps for undo.")
        lines = [" ".join(part for part in first if part)]
        for reason in dict.fromkeys(self._not_run.values()):
            names = [self._name(card_id) for card_id, told in self._not_run.items() if told == reason]
            lines.append(f"Not run: {', '.join(names)}. {reason}")
        lines += [*self._notes, *self._together.notes]
        text = "\n".join(lines)
        self._panel.tell(text)
        level = "info" if len(lines) == 1 and self._ran == count else "warning"
        self.message.emit(text, level if self._ran else "error")
        self.running_changed.emit(False)
