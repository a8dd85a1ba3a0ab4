"""Where the network looked, as a layer over the image: asked for beneath a score, computed by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer

from engine.answers import FindingKey, RunOptions, Score, key_of
from engine.later import later
from engine.process.messages import Cancelled, Failed, Finished, Progress
from engine.saliency_map import SaliencyMap
from engine.volume import Volume
from viewer.jobs import EngineJobs, Task, run_in_background, sentence_for
from viewer.layers import Layer
from viewer.saliency import map_layer, map_offered, why_another
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.findings_panel import FindingsPanel
from viewer.widgets.main_window import MainWindow
from viewer.widgets.map_row import KEY, MapRow

if TYPE_CHECKING:
    from engine.cards import saliency
    from engine.cards.registry import LoadedCard
    from engine.cards.saliency import MapMethod
else:
    saliency = later("engine.cards.saliency")


def install(window: MainWindow) -> None:
    """Add the row beneath what a finding was computed from, and its key."""
    findings, cards, jobs = (window.findChild(kind) for kind in (FindingsPanel, CardsPanel, EngineJobs))
    assert isinstance(findings, FindingsPanel) and isinstance(cards, CardsPanel) and isinstance(jobs, EngineJobs)
    Saliency(window, findings, cards, jobs)


@dataclass(frozen=True)
class _Subject:
    """What a map is of: a score of one value, by some weights, and the method."""

    key: FindingKey
    uid: str
    value: float
    weights: str
    method: str

    def is_as(self, other: _Subject | None) -> bool:
        """Whether it is of the same score, by whatever method."""
        return other is not None and replace(other, method=self.method) == self


class Saliency(QObject):
    """A child of the window."""

    def __init__(self, window: MainWindow, findings: FindingsPanel, cards: CardsPanel, jobs: EngineJobs) -> None:
        super().__init__(window)
        self._window, self._session, self._cards, self._jobs = window, window.session, cards, jobs
        self._made: dict[_Subject, SaliencyMap] = {}
        #: The image of the map that is shown, and what it is of.
        self._shown: tuple[Volume, _Subject] | None = None
        self._job = 0
        self._wanted: _Subject | None = None
        self._reading: Task | None = None
        self.row, self._detail = MapRow(), findings.detail
        self._detail.add_evidence(self.row)
        self._action = window.add_action(
            "Findings", "Where the network looked", self.toggle, shortcut=KEY,
            tip="Show or hide the map of what moved a model's score; it is no proof of where a finding is",
        )  # fmt: skip
        findings.add_to_menu(self._action)
        self.row.asked.connect(self.toggle)
        self.row.stopped.connect(self.cancel)
        self.row.method_chosen.connect(self._other_method)
        self.row.opacity_chosen.connect(self._set_opacity)
        jobs.progressed.connect(self._progressed)
        jobs.finished.connect(self._finished)
        jobs.failed.connect(self._failed)
        jobs.cancelled.connect(self._cancelled)
        session = self._session
        session.leaving.connect(self._leave)
        session.layers_changed.connect(lambda _: self._refresh())
        for signal in (session.volume_changed, session.findings_changed, session.active_finding_changed):
            signal.connect(self._refresh)
        cards.picker.changed.connect(self._refresh)
        self._refresh()

    # What is asked for ----------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Show the map of the finding that is looked at, or hide it."""
        if self._shown is not None:
            self._take_away()
            self._refresh()
        elif self._wanted is None:
            self._ask()

    def cancel(self) -> None:
        """Stop the map that is being computed."""
        if self._wanted is None:
            return
        self.row.cancel.setEnabled(False)
        self.row.progress.say("Stopping …")
        if self._reading is not None:
            self._reading.cancel()
        else:
            self._jobs.cancel(self._job)

    def _other_method(self) -> None:
        if self._shown is not None:
            self._take_away()
            self._ask()

    def _ask(self) -> None:
        subject, offered = self._subject(), self._offered()
        if subject is None or offered is None:
            return
        if subject in self._made:
            self._show(self._made[subject], subject)
            return
        loaded, _ = offered
        casting = self._cards.images.casting(loaded)
        if casting.missing or casting.open:
            self._window.show_message("The images that the score was computed from are not all open.", "warning")
            return
        self._wanted = subject
        self.row.show_running("Handing the image to the engine" if self._jobs.is_ready else "The engine is starting")
        images = dict(casting.inputs)
        self._reading = run_in_background(
            lambda progress: {role: image.volume or image.read(progress) for role, image in images.items()},
            finished=lambda inputs: self._hand_over(loaded, inputs),
            failed=lambda sentence: self._end(sentence, "error"),
            cancelled=self._end,
            parent=self,
        )

    def _hand_over(self, loaded: LoadedCard, inputs: Mapping[str, Volume]) -> None:
        self._reading = None
        if self._wanted is None or not self.row.cancel.isEnabled():
            self._end()
            return
        score = self._session.active_finding
        if not isinstance(score, Score) or self._subject() != self._wanted:
            self._end()
            return
        # The score was computed, so whoever ran the model let it look at this image.
        options = RunOptions(override=True, maps=(score.label,), map_method=self._wanted.method)
        try:
            self._job = self._jobs.run(loaded.folder, inputs, device="auto", options=options)
        except Exception as error:
            self._end(sentence_for(error), "error")

    # What the engine tells ------------------------------------------------------------------------------------------

    def _progressed(self, message: Progress) -> None:
        if message.job == self._job and self.row.cancel.isEnabled():
            self.row.progress.show_message(message)

    def _finished(self, message: Finished) -> None:
        if message.job != self._job or self._wanted is None:
            return
        subject, score, stopping = self._wanted, self._session.active_finding, not self.row.cancel.isEnabled()
        self._end()
        if stopping or not isinstance(score, Score) or self._subject() != subject:
            return
        another = why_another(score, message.result.scores)
        if another:
            self._window.show_message(another, "warning")
            return
        (made,) = message.result.maps
        self._made[subject] = made
        self._show(made, subject)

    def _failed(self, message: Failed) -> None:
        if message.job == self._job:
            self._end(message.sentence, "error")

    def _cancelled(self, message: Cancelled) -> None:
        if message.job == self._job:
            self._end()

    def _end(self, sentence: str = "", level: Literal["info", "error"] = "info") -> None:
        self._job, self._wanted, self._reading = 0, None, None
        if sentence:
            self._window.show_message(sentence, level)
        self._refresh()

    # What is shown --------------------------------------------------------------------------------------------------

    def _offered(self) -> tuple[LoadedCard, tuple[MapMethod, ...]] | None:
        return map_offered(self._session.active_finding, self._cards.cards)

    def _subject(self) -> _Subject | None:
        finding = self._session.active_finding
        if not isinstance(finding, Score) or self._session.volume is None:
            return None
        weights = finding.provenance.weights_sha256
        return _Subject(key_of(finding), finding.uid, finding.value, weights, self.row.chosen)

    def _show(self, made: SaliencyMap, subject: _Subject) -> None:
        volume = self._session.volume
        assert volume is not None, "a score is of an open series"
        layer = map_layer(made, volume)
        self._shown = (layer.volume, subject)
        self._session.add_layer(layer)
        # Once the row has its new height.
        QTimer.singleShot(0, self.row, lambda: self._detail.bring_into_view(self.row))

    def _place(self) -> tuple[int, Layer] | None:
        """Index of the map's layer, and the layer; None where it is not shown, or was taken away in the list."""
        if self._shown is None:
            return None
        image = self._shown[0]
        return next(((n, layer) for n, layer in enumerate(self._session.layers) if layer.volume is image), None)

    def _take_away(self) -> None:
        place, self._shown = self._place(), None
        if place is not None:
            self._session.remove_layer(place[0])

    def _set_opacity(self, opacity: float) -> None:
        place = self._place()
        if place is not None:
            self._session.change_layer(place[0], replace(place[1], opacity=opacity))

    def _leave(self) -> None:
        """Another series is about to be opened, or the same one anew."""
        self.cancel()
        self._take_away()
        self._made.clear()

    def _refresh(self) -> None:
        offered = self._offered()
        self.row.setVisible(offered is not None)
        self._action.setEnabled(offered is not None)
        if offered is not None:
            names = saliency.MAP_METHODS
            self.row.offer({word: (names[word].name, names[word].shows) for word in offered[1]})
        subject = self._subject()
        if self._wanted is not None and self._wanted != subject:
            self.cancel()
        if self._shown is not None and not self._shown[1].is_as(subject):
            # Another finding is looked at, or the model says something else by now.
            self._take_away()
        place = self._place()
        if place is not None:
            empty = not bool(place[1].volume.voxels.any())
            self.row.show_shown(place[1].opacity, empty=empty)
        elif self._wanted is None:
            self._shown = None
            self.row.show_idle()
