"""A template of models as one undoable, journaled step, whatever a person does while its later models run."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from engine.answers import Document, Result, Score
from engine.card_templates import CardTemplate
from engine.cards.registry import SHIPPED, LoadedCard, load_card
from engine.edits import replay
from engine.flags import table
from engine.flags.table import Kind as FlagKind
from engine.journal import Journal, Kind
from engine.process.messages import Failed, Finished
from engine.structures import Provenance, Roi, StructureSet
from tests.viewer.cards_bench import BY_MODEL, Bench, ct, roi
from tests.viewer.person import LEFT, Person
from viewer.features.card_templates import CardTemplates
from viewer.history import add
from viewer.jobs import EngineJobs
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.flag_watch import FlagWatch
from viewer.widgets.history_panel import undone
from viewer.widgets.structures_panel import StructuresPanel
from viewer.widgets.template_run import TemplateRun

NEW = (Kind.DO, Kind.JOIN)
NAMES = ("first", "second", "third")
ALL = CardTemplate.model_validate({"title": "All", "cards": [{"card": name} for name in NAMES]})


@pytest.fixture
def cards(tmp_path: Path) -> list[LoadedCard]:
    """The card 'external' three times, under other names."""
    values: dict[str, Any] = json.loads((SHIPPED / "external" / "card.json").read_text())
    for name in NAMES:
        (tmp_path / name).mkdir()
        text = json.dumps(values | {"id": name, "title": name.title()})
        (tmp_path / name / "card.json").write_text(text)
    return [load_card(tmp_path / name) for name in NAMES]


class Templates:
    """The whole window with a series and no structures, and an engine that answers when it is told to."""

    def __init__(self, person: Person, cards: Sequence[LoadedCard], monkeypatch: pytest.MonkeyPatch) -> None:
        self.person, self.window = person, person.window
        self.jobs = 0
        monkeypatch.setattr(EngineJobs, "run", self._run)
        panel = self.window.findChild(CardsPanel)
        templates = self.window.findChild(CardTemplates)
        assert panel is not None and templates is not None
        self.panel, self.runner = panel, templates.runner
        person.until(lambda: bool(panel.cards))
        volume = ct()
        self.window.session.open(volume, StructureSet(volume.geometry))
        person.until(lambda: bool(self.window.recording.session_id))
        self.runner.start(ALL, cards)
        assert self.jobs == 1

    def _run(self, jobs: EngineJobs, *about: Any, **more: Any) -> int:
        self.jobs += 1
        return self.jobs

    def answers(self, *names: str) -> None:
        """The model that runs answers; the next has begun, or the template is over."""
        now = self.jobs
        result = Result(tuple(roi(name, number) for number, name in enumerate(names, 1)), "CPU")
        self.panel.jobs.finished.emit(Finished(now, result, 1.0))
        self._go_on(now)

    def fails(self, sentence: str) -> None:
        now = self.jobs
        self.panel.jobs.failed.emit(Failed(now, sentence))
        self._go_on(now)

    def _go_on(self, now: int) -> None:
        self.person.until(lambda: self.jobs > now or not self.runner.is_running)

    def brush(self, *, release: bool = True) -> None:
        """Paint on plane 3, where nothing else is."""
        self.person.go_to(3)
        self.person.key(Qt.Key.Key_B)
        start, stop = self.person.at(100, 100), self.person.at(120, 100)
        QTest.mousePress(self.person.axial, LEFT, Qt.KeyboardModifier.NoModifier, start)
        QTest.mouseMove(self.person.axial, stop)
        QApplication.processEvents()
        if release:
            self.release()

    def release(self) -> None:
        QTest.mouseRelease(self.person.axial, LEFT, Qt.KeyboardModifier.NoModifier, self.person.at(120, 100))

    def choose(self, name: str) -> None:
        """Make the structure of a name the active one."""
        self.window.session.set_active(next(each.number for each in self.person.structures.rois if each.name == name))

    def rename(self, name: str, other: str) -> None:
        """Give a structure another name, by the keyboard."""
        self.choose(name)
        self.person.key(Qt.Key.Key_R)
        panel = self.window.findChild(StructuresPanel)
        assert panel is not None
        self.person.until(lambda: panel.view.viewport().findChild(QLineEdit) is not None)
        editor = panel.view.viewport().findChild(QLineEdit)
        editor.selectAll()
        QTest.keyClicks(editor, other)
        QTest.keyClick(editor, Qt.Key.Key_Return)
        self.person.until(lambda: other in self.person.names)
        QApplication.processEvents()

    def after_a_crash(self) -> tuple[Document, tuple[str, ...]]:
        """What the journal on the disk gives back, and what undo would take back then."""
        journal: Journal = self.window.recording._journal.result()  # type: ignore[union-attr]
        saved = journal.replay(self.person.structures.geometry)
        document, done, _ = replay(saved.base, saved.steps)
        return document, tuple(step.text for step in done)


@pytest.fixture
def templates(person: Person, cards: list[LoadedCard], monkeypatch: pytest.MonkeyPatch) -> Templates:
    return Templates(person, cards, monkeypatch)


def test_what_is_unlikely_is_told_once_for_the_whole_template(
    templates: Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, watch = templates.person, templates.window.findChild(FlagWatch)
    assert watch is not None
    # Each structure alone: what is told of two together is of no weight here.
    monkeypatch.setattr(
        table, "FLAGS", {"image border": FlagKind(alone=lambda subject, patient: [subject.flag("", "out", 0)])}
    )
    for name in ("Liver", "Spleen", "Kidney_L"):
        assert not any("unlikely" in sentence for sentence in templates.window.messages.sentences)
        templates.answers(name)
        count = len(person.names)
        if count < 3:
            person.until(lambda count=count: len(watch.flags) == count and not watch.looking)
    said = "3 things are anatomically unlikely: image border 3 times (Kidney_L, Liver, Spleen)."
    person.until(lambda: said in templates.window.messages.sentences)
    assert sum("unlikely" in sentence for sentence in templates.window.messages.sentences) == 1


def named(document: Document) -> list[str]:
    return [each.name for each in document.structures.rois]


def drawn(document: Document | None) -> list[tuple[str, bool, list[int]]]:
    assert document is not None
    return [(each.name, each.visible, sorted(each.planes)) for each in document.structures.rois]


def test_one_undo_takes_all_models_of_a_template_back_and_a_crash_keeps_what_was_drawn(templates: Templates) -> None:
    person = templates.person
    templates.answers("Liver")
    assert named(templates.after_a_crash()[0]) == ["Liver"], "it is on the disk while the second model runs"
    templates.fails("Out of memory.")
    templates.answers("Spleen", "Kidney_L")
    assert person.names == ["Liver", "Spleen", "Kidney_L"]
    lines = templates.window.messages.sentences[-1].splitlines()
    assert lines[0] == "All: 2 of 3 models ran. One undo takes all of it back."
    assert lines[1] == "Not run: Second (second). Out of memory."
    document, undo = templates.after_a_crash()
    assert named(document) == person.names and undo == ("All: First, Third (3 structures)",)
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == []
    assert named(templates.after_a_crash()[0]) == []
    entries = templates.window.recording.entries()
    came = [entry for entry in entries if entry.kind in NEW]
    assert [entry.tool.split()[0] for entry in came] == ["first", "third"]
    assert undone(entries) == {entry.id for entry in came}, "the history strikes both rows out"
    person.ctrl(Qt.Key.Key_Y)
    assert person.names == ["Liver", "Spleen", "Kidney_L"]
    assert undone(templates.window.recording.entries()) == frozenset()
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == []


def test_what_is_drawn_between_two_models_stays_a_step_of_its_own(templates: Templates) -> None:
    person = templates.person
    templates.answers("Liver")
    person.session.set_active(None)
    templates.brush()
    drawn = person.structures.rois[-1]
    templates.answers("Spleen")
    templates.answers("Kidney_L")
    assert person.names == ["Liver", "ROI 1", "Spleen", "Kidney_L"]
    assert "Something else was done in between, so it is 2 steps for undo." in templates.window.messages.sentences[-1]
    assert templates.after_a_crash()[1][1:] == (
        f"Brush on plane 4 of {drawn.name}",
        "All: Second, Third (2 structures)",
    )
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == ["Liver", "ROI 1"] and person.structures.rois[-1].planes == drawn.planes
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == ["Liver"]
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == []
    for _ in range(3):
        person.ctrl(Qt.Key.Key_Y)
    assert person.names == ["Liver", "ROI 1", "Spleen", "Kidney_L"]


def test_what_is_hidden_or_renamed_between_two_models_leaves_the_template_one_step(templates: Templates) -> None:
    person, session = templates.person, templates.window.session
    own = add(session.structures, (replace(roi("Own", 1), provenance=Provenance()),), text="Add Own", tool="add")
    templates.window.history.do(own)
    templates.answers("Liver")
    for name in ("Own", "Liver"):
        templates.choose(name)
        person.key(Qt.Key.Key_V)
    assert not any(each.visible for each in person.structures.rois)
    templates.answers("Spleen")
    templates.rename("Spleen", "Milz")
    templates.answers("Kidney_L")
    names = ["Own", "Liver", "Milz", "Kidney_L"]
    assert person.names == names
    assert "One undo takes all of it back." in templates.window.messages.sentences[-1]
    document, undo = templates.after_a_crash()
    assert named(document) == names and drawn(document) == drawn(session.document)
    assert undo == ("Add Own", "All: First, Second, Third (3 structures)")
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == ["Own"] and not person.structures.rois[0].visible, "what is hidden stays hidden"
    assert drawn(templates.after_a_crash()[0]) == drawn(session.document)
    came = {entry.tool.split()[0]: entry.id for entry in templates.window.recording.entries() if entry.kind in NEW}
    assert {came[name] for name in NAMES} <= undone(templates.window.recording.entries())
    person.ctrl(Qt.Key.Key_Y)
    assert person.names == names
    assert [each.visible for each in person.structures.rois] == [False, False, True, True]


def test_another_structure_that_is_renamed_between_two_models_is_a_step_of_its_own(templates: Templates) -> None:
    person, session = templates.person, templates.window.session
    own = add(session.structures, (replace(roi("Own", 1), provenance=Provenance()),), text="Add Own", tool="add")
    templates.window.history.do(own)
    templates.answers("Liver")
    templates.rename("Own", "Mine")
    templates.answers("Spleen")
    templates.answers("Kidney_L")
    assert "so it is 2 steps for undo." in templates.window.messages.sentences[-1]
    person.ctrl(Qt.Key.Key_Z)
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == ["Own", "Liver"]


def test_a_stroke_that_is_begun_before_the_first_answer_makes_a_structure_of_its_own(templates: Templates) -> None:
    person = templates.person
    templates.brush(release=False)
    templates.answers("Liver")
    templates.answers("Spleen")
    templates.release()
    templates.answers("Kidney_L")
    assert person.names == ["Liver", "Spleen", "ROI 1", "Kidney_L"]
    liver, _, own, _ = person.structures.rois
    assert not liver.provenance.edited and list(own.planes) == [3]
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == ["Liver", "Spleen", "ROI 1"]


def test_what_was_undone_between_two_models_stays_undone(qtbot: Any, cards: list[LoadedCard]) -> None:
    bench = Bench(qtbot, cards)
    runner = TemplateRun(bench.session, bench.panel)
    runner.start(ALL, cards)
    for number, name in enumerate(("Liver", "Spleen", "Kidney_L"), 1):
        answer(qtbot, bench, runner, number, roi(name))
        if name == "Liver":
            bench.history.undo()
    assert bench.names() == ["Spleen", "Kidney_L"]
    bench.history.undo()
    assert bench.names() == []


def answer(qtbot: Any, bench: Bench, runner: TemplateRun, job: int, *answers: Roi | Score) -> None:
    """The model that runs answers; the next has begun, or the template is over."""
    bench.jobs.finished.emit(Finished(job, Result(answers), 1.0))
    qtbot.waitUntil(lambda: len(bench.jobs.runs) > job or not runner.is_running)


def test_two_models_that_draw_one_name_keep_both(qtbot: Any, cards: list[LoadedCard]) -> None:
    bench = Bench(qtbot, cards, (roi("Liver", 7),))
    runner, said = TemplateRun(bench.session, bench.panel), list[str]()
    runner.message.connect(lambda words, level: said.append(words))
    runner.start(ALL, cards)
    for number in (1, 2, 3):
        answer(qtbot, bench, runner, number, roi("Liver"))
    assert bench.names() == ["Liver", "Liver^AI", "Liver^AI2"], "the first took the place of an earlier run's"
    assert said[-1].splitlines()[1:] == [
        "Liver is drawn by two models; that of Second is called Liver^AI.",
        "Liver is drawn by two models; that of Third is called Liver^AI2.",
    ]
    bench.history.undo()
    assert bench.names() == ["Liver"]


def test_scores_of_several_models_are_one_step_with_their_structures(qtbot: Any, cards: list[LoadedCard]) -> None:
    bench = Bench(qtbot, cards)
    runner = TemplateRun(bench.session, bench.panel)
    runner.start(ALL, cards)
    answers: tuple[tuple[Roi | Score, ...], ...] = (
        (roi("Liver"),),
        (Score(1, "a", "A", 0.7, provenance=BY_MODEL),),
        (Score(1, "b", "B", 0.2, provenance=BY_MODEL),),
    )
    for number, each in enumerate(answers, 1):
        answer(qtbot, bench, runner, number, *each)
    assert bench.history.undo_text == "All: First, Second, Third (1 structure and 2 scores)"
    bench.history.undo()
    document = bench.session.document
    assert document is not None and not document.scores and not bench.names()


def test_every_model_that_is_missing_or_fails_is_named_with_its_reason(qtbot: Any, cards: list[LoadedCard]) -> None:
    bench = Bench(qtbot, cards, volume=ct("PT"))
    runner, said = TemplateRun(bench.session, bench.panel), list[tuple[str, str]]()
    runner.message.connect(lambda *words: said.append(words))
    template = CardTemplate.model_validate(
        {"title": "Lost", "cards": [{"card": "gone"}, {"card": "first"}, {"card": "away"}]}
    )
    runner.start(template, cards)
    ((words, level),) = said
    lines = words.splitlines()
    assert level == "error" and lines[0] == "Lost: 0 of 3 models ran."
    assert [line.split(". ")[0] for line in lines[1:]] == ["Not run: gone, away", "Not run: First (first)"]
    assert "bring it in with Engine → Import a model…" in lines[1] and "made for CT" in lines[2]
