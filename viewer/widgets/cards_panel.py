"""The panel from which a model is run: which cards suit the open series, what they draw, and how a run goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.answers import RunOptions
from engine.later import later
from engine.process.messages import Cancelled, Failed, Finished, Progress
from engine.structures import Roi
from engine.volume import Volume
from viewer.history import History
from viewer.jobs import EngineJobs, Task, run_in_background, sentence_for
from viewer.layers import LayersChanged
from viewer.runs import Part, about_of, counted
from viewer.session import Session
from viewer.widgets.card_images import CardImages
from viewer.widgets.card_page import CardPage
from viewer.widgets.card_picker import CardPicker
from viewer.widgets.card_results import let_in
from viewer.widgets.card_text import card_html, run_text
from viewer.widgets.options_form import OptionsForm
from viewer.widgets.roles_form import Image, RolesForm
from viewer.widgets.run_progress import RunProgress
from viewer.widgets.run_times import Asked, expected, remember
from viewer.widgets.structure_choice import StructureChoice
from viewer.widgets.variables_form import VariablesForm

if TYPE_CHECKING:
    from engine.cards import suitability
    from engine.cards.registry import LoadedCard
else:
    suitability = later("engine.cards.suitability")

STOPPED = "The run was stopped; nothing was changed."
DEVICES = (("on any device", "auto"), ("on the CPU", "cpu"), ("on CUDA", "cuda"))


class CardsPanel(QWidget):
    """Lists the cards, runs one at a time, and brings its result into the structures as one undoable step.

    Args:
        session, history: of the window.
        jobs: the engine.
        cards: what to list; `show_cards` changes it.
        others: gives the images besides the open series that a model might look at as well.
    """

    #: A sentence for the user, and its level: "info", "warning" or "error".
    message = Signal(str, str)
    #: A run is about to begin.
    begins = Signal()
    #: A run has begun, or is over.
    running_changed = Signal()
    #: A run is over: "" where it gave something, else why not.
    over = Signal(str)

    def __init__(
        self,
        session: Session,
        history: History,
        jobs: EngineJobs,
        cards: Sequence[LoadedCard],
        parent: QWidget | None = None,
        *,
        others: Callable[[], Sequence[Image]] = tuple,
    ) -> None:
        super().__init__(parent)
        self._session, self._history, self.jobs = session, history, jobs
        self.images = CardImages(session, others)
        self._reading: Task | None = None
        self._running: LoadedCard | None = None
        self._job = 0
        self._overridden: tuple[str, ...] = ()
        self._asked: Asked | None = None
        self._chosen = RunOptions()
        self._drawn: Roi | None = None
        #: What the last run that ended told of its answers.
        self.notes: tuple[str, ...] = ()
        self._part: Part | None = None
        self._let_in = partial(let_in, session, history)
        self._build()
        jobs.progressed.connect(self._progressed)
        jobs.finished.connect(self._finished)
        jobs.failed.connect(self._failed)
        jobs.cancelled.connect(self._cancelled)
        session.volume_changed.connect(self._volume_changed)
        session.layers_changed.connect(self._layers_changed)
        session.structures_changed.connect(lambda _: self.refresh() if self.roles.wants_structure else None)
        self.show_cards(cards)
        if not cards:
            # The window is there before the models' folders have been read.
            self.details.setText("Looking for models …")

    # What is shown --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.picker = CardPicker(self)
        self.picker.changed.connect(self._show_selected)
        self.picker.activated.connect(self.run)
        self.search, self.list = self.picker.search, self.picker.list
        self._page = CardPage(self)
        self.details, self.notice = self._page.text, self._page.notice
        self.override = QCheckBox("Run it all the same", self)
        self.override.setToolTip("The card was not made for this image; the structures will say that it was run anyway")
        self.override.toggled.connect(lambda _: self._show_buttons())
        self.roles = RolesForm(self)
        self.roles.changed.connect(self._show_refusals)
        self.variables = VariablesForm(self)
        self.variables.changed.connect(self._show_buttons)
        self.structures = StructureChoice(self)
        self.options = OptionsForm(self)
        self.device = QComboBox(self)
        for text, value in DEVICES:
            self.device.addItem(text, value)
        self.device.setToolTip("Where the model runs; any device: the fastest that there is")
        self.run_button = QPushButton(self)
        self.run_button.setToolTip("Run the chosen model on the open series (Ctrl+R)")
        self.run_button.clicked.connect(self.run)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setToolTip("Stop the run and free its memory; nothing is changed (Ctrl+K)")
        self.cancel_button.clicked.connect(self.cancel)
        self.expected = QLabel(self, wordWrap=True)
        self.device.currentIndexChanged.connect(lambda _: self._show_expected())
        self.options.changed.connect(self._show_expected)
        self.progress = RunProgress(self)

        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 1)
        buttons.addWidget(self.device)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.picker, 2)
        layout.addWidget(self._page, 3)
        part: QWidget
        for part in (self.override, self.roles, self.variables, self.structures, self.options):
            layout.addWidget(part)
        layout.addLayout(buttons)
        for part in (self.expected, self.progress):
            layout.addWidget(part)

    def show_cards(self, cards: Sequence[LoadedCard]) -> None:
        """List these cards: those that suit the open series first, the others grey."""
        images = self.images.all()
        refusals = {loaded.id: self.images.why_not(loaded, images) for loaded in cards}
        self.picker.show_cards(cards, refusals, self.images.unlike(cards), self._session.volume)

    def _show_refusals(self) -> None:
        """What speaks against the chosen card with the images that are chosen for it, and what may be done about it."""
        loaded = self.selected
        if loaded is not None and self.roles.fields:
            self.picker.refusals[loaded.id] = self.images.why_not(loaded, self.images.all(), self.roles.casting)
        refusals = self.picker.refusals_of_selected
        self.details.setText(card_html(loaded, refusals) if loaded is not None else self.picker.why_empty)
        self.override.setChecked(False)
        self.override.setVisible(bool(refusals) and all(refusal.overridable for refusal in refusals))
        self._show_buttons()

    @property
    def cards(self) -> tuple[LoadedCard, ...]:
        """All cards, also those that a search leaves out."""
        return self.picker.every

    def refresh(self) -> None:
        """Look again at what there is for the models to look at."""
        self.show_cards(self.picker.every)

    @property
    def selected(self) -> LoadedCard | None:
        """The chosen card."""
        return self.picker.selected

    def select(self, card_id: str) -> None:
        """Choose the card with this id."""
        self.picker.select(card_id)

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._running is not None

    def _show_selected(self) -> None:
        loaded = self.selected
        card = loaded.card if loaded is not None and loaded.is_readable else None
        self.structures.show_card(card)
        self.options.show_card(card)
        self.variables.show_card(card)
        self.roles.show_card(card, self.images.all())
        self._show_refusals()

    def _show_buttons(self) -> None:
        loaded, running = self.selected, self.is_running
        refusals = self.picker.refusals_of_selected
        allowed = all(refusal.overridable for refusal in refusals) and (not refusals or self.override.isChecked())
        self.run_button.setText(run_text(loaded))
        ready = allowed and not self.roles.casting.missing and not self.variables.problem
        self.run_button.setEnabled(loaded is not None and ready and not running)
        self.device.setVisible(not running)
        self.cancel_button.setVisible(running)
        self.running_changed.emit()
        self._show_expected()

    def _asks(self) -> Asked | None:
        """What a run would be asked for now."""
        loaded, volume = self.selected, self._session.volume
        if loaded is None or volume is None or not loaded.is_readable:
            return None
        return Asked(loaded.card, self.options.chosen, self.device.currentData(), volume)

    def _show_expected(self) -> None:
        """Say how long a run will take, where runs before tell."""
        asked = self._asks() if self.run_button.isEnabled() else None
        known = expected(asked) if asked is not None else None
        self.expected.setText(known.sentence if known is not None else "")
        self.expected.setVisible(known is not None)

    def _say(self, sentence: str, level: str = "info") -> None:
        self._page.tell(sentence)
        if sentence:
            self.message.emit(sentence, level)

    # A run ----------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run the chosen card on the open series; nothing happens while another runs or where it may not."""
        loaded, volume = self.selected, self._session.volume
        if loaded is None or volume is None or not self.run_button.isEnabled():
            return
        refusal = self._history.refusal()
        if refusal:
            self._say(refusal, "warning")
            return
        self._overridden = tuple(refusal.text for refusal in self.picker.refusals_of_selected)
        self._part = None
        self._asked = self._asks()
        images = self.roles.casting.inputs if self.roles.fields else self.images.casting(loaded).inputs
        self._start(loaded, images, self._options())

    def why_not(self, loaded: LoadedCard) -> str:
        """Why a template can't run a card on what is open now; "" where it can."""
        return self.images.why_not_unasked(loaded) or self._history.refusal()

    def run_as(self, loaded: LoadedCard, part: Part) -> str:
        """Run a card as a template says, whichever is chosen here; why it can't be run, "" where it runs.

        No other may be running.
        """
        refusal = self.why_not(loaded)
        if refusal:
            return refusal
        volume, called = self._session.volume, part.called
        assert volume is not None, "without a series every card is refused"
        self._overridden, self._part = (), part
        chosen = dict(called.chosen)
        self._asked = Asked(loaded.card, chosen, self.device.currentData(), volume)
        options = RunOptions(chosen=chosen, only=called.only)
        self._start(loaded, self.images.casting(loaded).inputs, options)
        return ""

    def tell(self, sentence: str) -> None:
        """Let a sentence stand where it is told what came of a run."""
        self._page.tell(sentence)

    def _start(self, loaded: LoadedCard, images: Mapping[str, Image], options: RunOptions) -> None:
        self._say("")
        self.begins.emit()
        self._running, self._chosen = loaded, options
        self._drawn = next((image.roi for image in images.values() if image.roi is not None), None)
        known = expected(self._asked) if self._asked is not None and self._part is None else None
        self.progress.start(
            "Handing the series to the engine" if self.jobs.is_ready else "The engine is starting",
            known.seconds if known is not None else None,
        )
        self.cancel_button.setEnabled(True)
        self._show_buttons()
        if all(image.volume is not None for image in images.values()):
            self._hand_over({role: image.volume for role, image in images.items() if image.volume is not None})
            return
        self.progress.say("Reading the other images")
        self._reading = run_in_background(
            lambda progress: {role: image.volume or image.read(progress) for role, image in images.items()},
            finished=self._hand_over,
            failed=lambda sentence: self._end(sentence, "error"),
            cancelled=lambda: self._end(STOPPED),
            parent=self,
        )

    def _hand_over(self, inputs: dict[str, Volume]) -> None:
        """Give the images to the engine, where they suit now that all are read."""
        self._reading = None
        loaded = self._running
        if loaded is None:
            return
        if not self.cancel_button.isEnabled():
            self._end(STOPPED)
            return
        refusals = [
            refusal
            for refusal in suitability.why_unsuitable(loaded.card, inputs)
            if refusal.text not in self._overridden
        ]
        if refusals:
            self._end(" ".join(refusal.text for refusal in refusals), "error")
            return
        try:
            self._job = self.jobs.run(loaded.folder, inputs, device=self.device.currentData(), options=self._chosen)
        except Exception as error:
            self._end(sentence_for(error), "error")

    def _options(self) -> RunOptions:
        return RunOptions(
            override=bool(self._overridden),
            chosen=self.options.chosen,
            variables=self.variables.told,
            only=self.structures.only,
        )

    def cancel(self) -> None:
        """Stop the run."""
        if self.is_running:
            self.cancel_button.setEnabled(False)
            self.progress.say("Stopping …")
            if self._reading is not None:
                self._reading.cancel()
            else:
                self.jobs.cancel(self._job)

    def _volume_changed(self) -> None:
        self.cancel()
        self.images.looked = {}
        self.variables.forget()
        self.refresh()

    def _layers_changed(self, change: LayersChanged) -> None:
        if change.looks is None:
            self.refresh()

    def _progressed(self, message: Progress) -> None:
        if message.job != self._job or not self.cancel_button.isEnabled():
            return
        part = self._part
        if part is not None:
            stage = f"Model {part.number} of {part.count}: {message.stage}"
            message = replace(message, fraction=(part.number - 1 + message.fraction) / part.count, stage=stage)
        self.progress.show_message(message)

    def _finished(self, message: Finished) -> None:
        if message.job != self._job or self._running is None:
            return
        loaded, stopping = self._running, not self.cancel_button.isEnabled()
        if stopping or self._session.structures is None:
            # The result came while the stop was on its way, or for a series that is no longer open.
            self._end(STOPPED)
            return
        result = message.result
        if self._asked is not None:
            remember(self._asked, message.seconds, result.device)
        done = f"{loaded.title} gave {counted(result)} in {message.seconds:.0f} s on {result.device}."
        self.notes = result.notes
        self._end(" ".join((done, *result.notes)), "warning" if result.notes else "info", gave=True)
        anyway = bool(self._overridden)
        self._let_in(loaded, result, anyway=anyway, drawn=self._drawn, part=self._part, parent=self)
        self.over.emit("")

    def _failed(self, message: Failed) -> None:
        if message.job != self._job or self._running is None:
            return
        loaded, stopping = self._running, not self.cancel_button.isEnabled()
        self._end(message.sentence, "error")
        if message.unsuitable and not stopping:
            # What only a look at the image could tell: from now on it stands on the card, with the choice to go on.
            self.images.looked[about_of(loaded.card)] = suitability.Refusal(message.sentence, True)
            self.refresh()
            self.select(loaded.id)

    def _cancelled(self, message: Cancelled) -> None:
        if message.job == self._job:
            self._end(STOPPED)

    def _end(self, sentence: str, level: str = "info", *, gave: bool = False) -> None:
        self._running, self._job = None, 0
        self.progress.stop()
        self._show_buttons()
        self._say(sentence.strip(), level)
        if not gave:
            self.over.emit(sentence)
