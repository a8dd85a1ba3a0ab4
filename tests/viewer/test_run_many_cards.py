"""Forty models and hundreds of structures: found, chosen, run in turn as a template, and taken out again."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from engine.answers import Result
from engine.card_templates import CardTemplate, find_card_template, user_templates
from engine.cards.registry import SHIPPED, LoadedCard, load_card, user_models
from engine.importing.client import remove_model
from engine.process.messages import Cancelled, Failed, Finished, Progress
from engine.structures import Provenance, Roi
from tests.viewer.cards_bench import BY_MODEL, Bench, ct, roi
from tests.viewer.person import Person
from viewer.features.card_templates import CardTemplates
from viewer.features.upkeep import Upkeep
from viewer.widgets.card_text import card_html
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.settings import settings
from viewer.widgets.template_dialog import TemplateDialog
from viewer.widgets.template_run import TemplateRun

Json = dict[str, Any]


def write(folder: Path, card_id: str, title: str, *names: str, **changes: Any) -> LoadedCard:
    """The card 'external' under another name; several structures are its one label several times."""
    values: Json = json.loads((SHIPPED / "external" / "card.json").read_text())
    (output,) = values["outputs"]
    values |= {"id": card_id, "title": title, "outputs": [output | {"name": name} for name in names]} | changes
    (folder / card_id).mkdir(parents=True)
    (folder / card_id / "card.json").write_text(json.dumps(values))
    loaded = load_card(folder / card_id)
    assert not loaded.problem, loaded.problem
    return loaded


@pytest.fixture(autouse=True)
def no_favourites() -> None:
    settings().remove("models/favourites")


@pytest.fixture
def many(qtbot: QtBot, tmp_path: Path) -> Bench:
    cards = [write(tmp_path, f"m{n:02}", f"Model {n % 20}", f"Structure_{n}", f"Vertebra_{n}") for n in range(40)]
    base: Json = json.loads((SHIPPED / "external" / "card.json").read_text())["inputs"][0]
    neck = [base | {"regions": ["neck"]}]
    cards.append(write(tmp_path, "neck", "Throat", "Parotid_L", "Parotid_R", "Larynx", inputs=neck))
    return Bench(qtbot, cards)


def listed(panel: CardsPanel) -> list[str]:
    return [panel.list.item(row).text() for row in range(panel.list.count())]


def type_words(qtbot: QtBot, panel: CardsPanel, words: str) -> None:
    panel.search.field.clear()
    qtbot.keyClicks(panel.search.field, words)


def test_a_model_is_found_by_title_structure_or_part_of_the_body(qtbot: QtBot, many: Bench) -> None:
    panel = many.panel
    assert panel.list.count() == 41
    type_words(qtbot, panel, "neck paro")
    assert listed(panel) == ["Throat"] and panel.selected is not None and panel.selected.id == "neck"
    type_words(qtbot, panel, "vertebra_7")
    assert listed(panel) == ["Model 7 (m07)"], "another of that title is left out by the search"
    type_words(qtbot, panel, "model 7")
    assert "Model 7 (m07)" in listed(panel) and "Model 7 (m27)" in listed(panel)
    type_words(qtbot, panel, "nothing of the kind")
    assert panel.selected is None and "No model holds these words" in panel.details.text()
    assert not panel.run_button.isEnabled()
    panel.select("m03")
    assert panel.list.count() == 41 and panel.selected.id == "m03"  # type: ignore[union-attr]


def test_a_card_of_many_structures_says_licence_and_hashes_not_far_below(tmp_path: Path) -> None:
    files = [{"file": f"fold_{n}/checkpoint_final.pth", "sha256": f"{n:064x}"} for n in range(7)]
    sources = [{"file": "plans.json", "sha256": "f" * 64}, *files]
    loaded = write(
        tmp_path, "hundred", "Hundred", *(f"Part_{n}" for n in range(117)),
        provenance={"imported_from": "nnU-Net v2", "sources": sources},
        licence={"code": "Apache-2.0", "weights": "absent", "commercial": False},
    )  # fmt: skip
    shown = card_html(loaded, [])
    assert "Part_11 and 105 more" in shown and "Part_12" not in shown
    assert "weights absent" in shown and "nnU-Net v2, 8 files" in shown
    assert f"{4:064x} fold_4/checkpoint_final.pth; and 2 more in its card.json" in shown and "plans.json" not in shown


def test_three_models_are_in_sight_whatever_room_there_is(qtbot: QtBot, many: Bench) -> None:
    panel = many.panel
    panel.resize(panel.minimumSizeHint())
    with qtbot.waitExposed(panel):
        panel.show()
    assert panel.list.height() == panel.list.minimumHeight()
    assert panel.list.viewport().rect().contains(panel.list.visualItemRect(panel.list.item(2)))


def test_the_arrow_goes_from_the_search_into_the_list(qtbot: QtBot, many: Bench) -> None:
    panel = many.panel
    panel.show()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    panel.search.field.setFocus()
    type_words(qtbot, panel, "model 7")
    first = panel.list.currentRow()
    qtbot.keyClick(panel.search.field, Qt.Key.Key_Down)
    assert panel.list.hasFocus() and panel.list.currentRow() == first
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    assert panel.list.currentRow() == first + 1


def test_favourites_come_first_and_alone_and_are_kept(qtbot: QtBot, many: Bench) -> None:
    panel = many.panel
    panel.select("m25")
    (favourite, *_) = panel.list.actions()
    favourite.trigger()
    assert listed(panel)[0] == "Model 5 (m25)" and panel.selected.id == "m25"  # type: ignore[union-attr]
    qtbot.mouseClick(panel.search.favourites, Qt.MouseButton.LeftButton)
    assert panel.list.count() == 1
    again = CardsPanel(many.session, many.history, many.jobs, panel.cards)  # type: ignore[arg-type]
    qtbot.addWidget(again)
    assert listed(again)[0] == "Model 5 (m25)"
    favourite.trigger()
    assert panel.list.count() == 0 and "No model is a favourite" in panel.details.text()


def test_only_the_structures_that_are_ticked_are_asked_for(qtbot: QtBot, many: Bench) -> None:
    panel = many.panel
    panel.select("neck")
    assert panel.structures.button.text() == "All 3 structures…"
    dialog = panel.structures.ask()
    qtbot.keyClicks(dialog.search, "parotid")
    none = next(button for button in dialog.findChildren(QPushButton) if button.text() == "None")
    qtbot.mouseClick(none, Qt.MouseButton.LeftButton)
    assert dialog.names == ("Larynx",) and dialog.said.text() == "1 of 3"
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert panel.structures.button.text() == "1 of 3 structures…"
    panel.select("m01")
    panel.select("neck")
    panel.run()
    assert many.jobs.runs[-1][2].only == frozenset({"Larynx"})


def template_of(*cards: Json) -> CardTemplate:
    return CardTemplate.model_validate({"title": "All", "cards": list(cards)})


@pytest.fixture
def runner(many: Bench) -> TemplateRun:
    return TemplateRun(many.session, many.panel)


def answer(bench: Bench, *names: str, notes: tuple[str, ...] = ()) -> None:
    result = Result(tuple(roi(name, number) for number, name in enumerate(names, 1)), "CPU", notes)
    bench.jobs.finished.emit(Finished(len(bench.jobs.runs), result, 1.0))


def test_the_models_of_a_template_run_in_turn_under_its_names(qtbot: QtBot, many: Bench, runner: TemplateRun) -> None:
    said: list[tuple[str, str]] = []
    runner.message.connect(lambda *words: said.append(words))
    called = {"output": "Structure_1", "name": "Liver", "colour": [1, 2, 3], "roi_type": "AVOIDANCE"}
    runner.start(
        template_of({"card": "m01", "structures": [called]}, {"card": "gone"}, {"card": "m02"}), many.panel.cards
    )
    assert [run[0].name for run in many.jobs.runs] == ["m01"]
    assert many.jobs.runs[0][2].only == frozenset({"Structure_1"})
    many.jobs.progressed.emit(Progress(1, 0.5, "Drawing"))
    assert "Model 1 of 3: Drawing" in many.panel.progress.stage.text()
    answer(many, "Structure_1", notes=("Its lower end is missing.",))
    qtbot.waitUntil(lambda: len(many.jobs.runs) == 2)
    assert many.history.undo_text == "All: Model 1 (1 structure)"
    many.jobs.progressed.emit(Progress(2, 0.5, "Drawing"))
    assert "Model 3 of 3" in many.panel.progress.stage.text()
    answer(many, "Structure_2", "Vertebra_2")
    qtbot.waitUntil(lambda: len(said) == 2)
    assert many.names() == ["Liver", "Structure_2", "Vertebra_2"]
    (liver, *_) = many.session.structures.rois  # type: ignore[union-attr]
    assert (liver.colour, liver.roi_type) == ((1, 2, 3), "AVOIDANCE")
    (before, words, level) = said[0][0], *said[1]
    assert before == "All runs without gone."
    assert level == "warning" and words.splitlines() == [
        "All: 2 of 3 models ran. One undo takes all of it back.",
        "Not run: gone. Not here: bring it in with Engine → Import a model…, or take it out of the template.",
        "Model 1: Its lower end is missing.",
    ]
    assert many.panel.notice.text() == words, "it is still there when the message has gone"
    assert many.history.undo_text == "All: Model 1, Model 2 (3 structures)"
    many.history.undo()
    assert many.names() == []
    many.history.redo()
    assert many.names() == ["Liver", "Structure_2", "Vertebra_2"]


def test_a_model_that_fails_is_told_and_a_stop_ends_the_template(
    qtbot: QtBot, many: Bench, runner: TemplateRun
) -> None:
    said: list[str] = []
    runner.message.connect(lambda words, level: said.append(words))
    template = template_of({"card": "m01"}, {"card": "m02"}, {"card": "m03"})
    runner.start(template, many.panel.cards)
    many.jobs.failed.emit(Failed(1, "Its weights are damaged."))
    qtbot.waitUntil(lambda: len(many.jobs.runs) == 2)
    many.panel.cancel()
    many.jobs.cancelled.emit(Cancelled(2))
    qtbot.waitUntil(lambda: bool(said))
    assert said == ["All: 0 of 3 models ran. It was stopped.\nNot run: Model 1 (m01). Its weights are damaged."]
    assert len(many.jobs.runs) == 2 and not runner.is_running and not many.panel.is_running


def test_a_template_is_made_of_what_is_drawn_and_chosen_now(qtbot: QtBot, many: Bench) -> None:
    from dataclasses import replace

    by_neck = replace(BY_MODEL, algorithm="neck")
    drawn = replace(roi("Larynx", 1, by_neck), colour=(9, 8, 7))
    volume = ct()
    from engine.structures import StructureSet

    dialog = TemplateDialog(
        many.panel.cards, StructureSet(volume.geometry, (drawn,)), {"m01": None}, {"m01": {"air": "kept"}}
    )
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.save_button.isEnabled()
    qtbot.keyClicks(dialog.title, "Mine")
    assert dialog.said.text() == "2 models, 3 structures."
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    made = find_card_template("mine")
    steps = {step.card: step for step in made.cards}
    assert steps["m01"].structures == () and steps["m01"].chosen == {"air": "kept"}
    (larynx,) = steps["neck"].structures
    assert (larynx.output, larynx.called, larynx.colour) == ("Larynx", "Larynx", (9, 8, 7))
    assert user_templates().joinpath("mine.json").exists()


def test_what_a_card_drew_beside_a_structure_of_its_name_belongs_to_the_template(qtbot: QtBot, many: Bench) -> None:
    from dataclasses import replace

    from engine.structures import StructureSet

    # The name was taken by a structure of a person, and both were kept.
    drawn = roi("Larynx^AI", 2, replace(BY_MODEL, algorithm="neck"))
    dialog = TemplateDialog(many.panel.cards, StructureSet(ct().geometry, (drawn,)), {}, {})
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.said.text() == "1 model, 1 structure."
    qtbot.keyClicks(dialog.title, "Beside")
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    (step,) = find_card_template("beside").cards
    (larynx,) = step.structures
    assert (larynx.output, larynx.called) == ("Larynx", "Larynx")


def test_two_structures_of_one_name_are_refused_in_a_sentence(qtbot: QtBot, tmp_path: Path) -> None:
    cards = [write(tmp_path, name, name, "Liver", "Spleen") for name in ("one", "two")]
    dialog = TemplateDialog(cards, None, {"one": frozenset({"Liver"}), "two": frozenset({"Liver"})}, {})
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.keyClicks(dialog.title, "Twice")
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    assert dialog.error.text() == "Two structures are called 'Liver'." and dialog.isVisible()


def test_a_model_that_was_added_is_removed_from_the_list_after_a_question(person: Person, qtbot: QtBot) -> None:
    window = person.window
    write(user_models(), "added", "Added", "Liver")
    panel = window.findChild(CardsPanel)
    upkeep = next(part for part in window.children() if isinstance(part, Upkeep))
    templates = next(part for part in window.children() if isinstance(part, CardTemplates))
    panel.show_cards([load_card(user_models() / "added"), load_card(SHIPPED / "external")])
    panel.select("external")
    assert not upkeep.remove.isEnabled() and upkeep.export.isEnabled()
    panel.select("added")
    upkeep.remove.trigger()
    box = window.findChild(QMessageBox)
    keep = next(button for button in box.buttons() if button.text() == "Keep")
    assert box.defaultButton() is keep and "Added (added)" in box.text()
    qtbot.mouseClick(next(button for button in box.buttons() if button.text() == "Remove"), Qt.MouseButton.LeftButton)
    assert not (user_models() / "added").exists()
    qtbot.waitUntil(lambda: all(loaded.id != "added" for loaded in panel.cards), timeout=20_000)
    templates.fill()
    texts = [action.text() for action in templates.menu.actions()]
    assert texts[0] == "Head and neck: body and organs at risk" and "Make a template…" in texts
    assert not templates.menu.actions()[0].isEnabled(), "nothing is open"
    assert window.findChildren(QLabel) and np.isfinite(len(texts))


@pytest.mark.parametrize("noticed", ["when asked to remove it", "when a run is over"])
def test_a_model_that_another_window_removed_leaves_the_list(qtbot: QtBot, person: Person, noticed: str) -> None:
    window = person.window
    write(user_models(), "added", "Added", "Liver")
    panel = window.findChild(CardsPanel)
    upkeep = next(part for part in window.children() if isinstance(part, Upkeep))
    panel.show_cards([load_card(user_models() / "added"), load_card(SHIPPED / "external")])
    panel.select("added")
    remove_model("added")
    if noticed == "when a run is over":
        panel.over.emit("It failed.")
    else:
        upkeep.remove.trigger()
        box = window.findChild(QMessageBox)
        qtbot.mouseClick(next(each for each in box.buttons() if each.text() == "Remove"), Qt.MouseButton.LeftButton)
        assert "no model 'added'" in window.messages.sentences[-1]
    qtbot.waitUntil(lambda: all(loaded.id != "added" for loaded in panel.cards), timeout=20_000)


def test_a_structure_that_is_still_to_be_drawn_takes_what_a_model_drew_unasked(qtbot: QtBot) -> None:
    planned = Roi(4, "External", (1, 2, 3), "AVOIDANCE", provenance=Provenance(description="Drawn by hand"))
    emptied = replace(planned, provenance=replace(planned.provenance, edited=True))
    for waiting, asked in ((planned, False), (emptied, True)):
        bench = Bench(qtbot, [load_card(SHIPPED / "external")], (waiting,))
        new = roi("External", 1)
        bench.finish(new)
        assert (bench.panel.findChild(QMessageBox) is not None) is asked, "who emptied it is asked"
        assert bench.names() == ["External"]
        only = bench.session.structures.rois[0]  # type: ignore[union-attr]
        assert only.is_empty is asked
        if not asked:
            assert (only.number, only.colour, only.roi_type) == (4, (1, 2, 3), "AVOIDANCE")
            assert only.provenance == new.provenance
