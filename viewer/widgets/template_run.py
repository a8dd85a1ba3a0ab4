"""Several models run in turn, as a template of cards says; those that can't be run are told, and the others run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from engine.volume import Volume
from viewer.session import Session
from viewer.widgets.cards_panel import STOPPED, CardsPanel

if TYPE_CHECKING:
    from engine.card_templates import CardTemplate, TemplateCard
    from engine.cards.registry import LoadedCard


class TemplateRun(QObject):
    """Runs one template at a time through the panel of the models; each model's answer is an undoable step."""

    #: A sentence for the user, and its level.
    message = Signal(str, str)

    def __init__(self, session: Session, panel: CardsPanel) -> None:
        super().__init__(panel)
        self._session, self._panel = session, panel
        self._template: CardTemplate | None = None
        self._cards: dict[str, LoadedCard] = {}
        self._left: list[TemplateCard] = []
        self._volume: Volume | None = None
        self._ran = 0
        self._not_run: list[str] = []
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
        self._cards = {loaded.id: loaded for loaded in cards}
        self._left, self._ran = list(template.cards), 0
        self._not_run, self._notes = [], []
        self._next()

    def _next(self) -> None:
        template = self._template
        if template is None:
            return
        if self._session.volume is not self._volume:
            self._end("Another series was opened.")
            return
        while self._left:
            step, done = self._left.pop(0), len(template.cards) - len(self._left) - 1
            loaded = self._cards.get(step.card)
            if loaded is None:
                self._not_run.append(f"{step.card}: this model is not here.")
                continue
            count = len(template.cards)
            reason = self._panel.run_as(loaded, step, (done, count), f"{done + 1} of {count} of '{template.title}'")
            if not reason:
                return
            self._not_run.append(f"{loaded.title}: {reason}")
        self._end("")

    def _over(self, sentence: str) -> None:
        template = self._template
        if template is None:
            return
        if sentence == STOPPED:
            self._end("It was stopped.")
            return
        step = template.cards[len(template.cards) - len(self._left) - 1]
        if sentence:
            self._not_run.append(f"{step.card}: {sentence}")
        else:
            # The panel shows those of the last model alone.
            self._notes += [f"{self._cards[step.card].title}: {note}" for note in self._panel.notes]
            self._ran += 1
        # Not within the signal of the run that has just ended.
        QTimer.singleShot(0, self, self._next)

    def _end(self, stopped: str) -> None:
        template, self._template = self._template, None
        assert template is not None, "it was under way"
        self._left = []
        count = len(template.cards)
        parts = [f"{template.title}: {self._ran} of {count} models drew.", stopped]
        parts += [f"Not run: {reason}" for reason in self._not_run]
        parts += [f"Undo takes them back one by one, {self._ran} times."] if self._ran > 1 else []
        parts += self._notes
        whole = self._ran == count and not self._notes
        self.message.emit(" ".join(part for part in parts if part), "info" if whole else "warning")
