"""The panel that runs models: which cards it offers, and what becomes of their results."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QMessageBox, QTextBrowser
from pytestqt.qtbot import QtBot

from engine.answers import Result, Score
from engine.cards.registry import SHIPPED, LoadedCard, load_card
from engine.cards.suitability import Refusal
from engine.process.messages import Cancelled, Failed, Finished, Progress
from engine.structures import Generation, Roi
from engine.volume import Geometry, Volume
from tests.viewer.cards_bench import BY_MODEL, Bench, card_like, ct, roi
from viewer.widgets.card_list import nearest_first
from viewer.widgets.card_page import CardPage
from viewer.widgets.run_progress import left_of
from viewer.widgets.settings import settings


@pytest.fixture
def external() -> LoadedCard:
    return load_card(SHIPPED / "external")


def test_a_result_is_one_step_that_undo_takes_back(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external], (roi("Brain", 7),))
    bench.finish(roi("External", 1), roi("Lungs", 2))
    assert bench.names() == ["Brain", "External", "Lungs"]
    assert len({one.number for one in bench.session.structures.rois}) == 3  # type: ignore[union-attr]
    bench.history.undo()
    assert bench.names() == ["Brain"]
    bench.history.redo()
    assert bench.names() == ["Brain", "External", "Lungs"]


def test_scores_come_into_the_document_and_undo_takes_them_back(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external])
    bench.finish(Score(1, "malignant", "Malignant", 0.83, 0.5, provenance=BY_MODEL))
    assert [(score.name, score.value) for score in bench.session.document.scores] == [("Malignant", 0.83)]  # type: ignore[union-attr]
    assert "1 score" in bench.panel.notice.text()
    bench.history.undo()
    assert bench.session.document.scores == ()  # type: ignore[union-attr]
    bench.history.redo()
    bench.finish(Score(1, "malignant", "Malignant", 0.4, 0.5, provenance=BY_MODEL))
    values = [score.value for score in bench.session.document.scores]  # type: ignore[union-attr]
    assert values == [0.4], "a second run takes the place of the same model's first"


def test_a_card_that_only_scores_does_not_say_that_it_draws(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external, load_card(SHIPPED / "lung-nodule")])
    bench.panel.select("external")
    assert bench.panel.run_button.text() == "Draw contours" and "Draws" in bench.panel.details.text()
    bench.panel.select("lung-nodule")
    assert bench.panel.run_button.text() == "Run the model"
    shown = bench.panel.details.text()
    assert "Scores" in shown and "Draws" not in shown and "AUC" in shown


def test_cards_that_may_be_run_against_advice_come_before_those_for_another_kind_of_image(tmp_path: Path) -> None:
    suits, far, near = (card_like(tmp_path, id=name.lower(), title=name) for name in ("Z", "A", "M"))
    against = {suits.id: (), far.id: (Refusal("For photographs.", False),), near.id: (Refusal("For a thigh.", True),)}
    assert [card.title for card in nearest_first([far, near, suits], against)] == ["Z", "M", "A"]


PICTURES = ("skin-lesion", "fundus-grade", "fundus-microaneurysm", "breast-us")


def picture(kind: str) -> Volume:
    """What such pictures look like: skin around a mole, a fundus in its dark field, the speckle of ultrasound."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[-1:1:96j, -1:1:128j]
    across = np.hypot(rows, columns)[..., None]
    if kind == "skin":
        shown = np.where(across < 0.4, (130, 80, 70), (195, 145, 150))
    elif kind == "fundus":
        shown = np.where(across < 0.93, (165, 80, 27), (0, 0, 0))
    else:
        shown = np.repeat(np.clip(rng.normal(85, 52, (96, 128, 1)), 0, 255), 3, axis=-1)
    voxels = shown.astype(np.uint8)[None]
    return Volume(voxels, Geometry.picture(voxels.shape[:3]), "", "rgb")


@pytest.mark.parametrize(
    ("kind", "first"), [("skin", "skin-lesion"), ("fundus", "fundus-grade"), ("ultrasound", "breast-us")]
)
def test_the_card_that_learned_from_such_pictures_is_offered_first_and_chosen(
    qtbot: QtBot, kind: str, first: str
) -> None:
    bench = Bench(qtbot, [load_card(SHIPPED / name) for name in reversed(PICTURES)])
    bench.session.open(picture(kind))
    assert bench.panel.selected is not None
    assert bench.panel.selected.id.split("-")[0] == first.split("-", maxsplit=1)[0]
    assert bench.panel.list.count() == len(PICTURES), "the others are offered behind it"


def test_a_card_that_does_not_suit_is_never_chosen_by_itself(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external, load_card(SHIPPED / "fundus-grade")])
    bench.session.close()
    assert bench.panel.details.text() == "Nothing is open."
    bench.session.open(picture("ultrasound"))
    assert bench.panel.selected is None and not bench.panel.run_button.isEnabled()
    assert "No model suits this image" in bench.panel.details.text()
    bench.panel.select("external")
    assert "this picture" in bench.panel.details.text()


def test_an_error_stays_until_it_is_closed(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external])
    told: list[tuple[str, str]] = []
    bench.panel.message.connect(lambda sentence, level: told.append((sentence, level)))
    bench.panel.run()
    bench.jobs.failed.emit(Failed(1, "The engine process was ended by SIGKILL."))
    assert told[-1] == ("The engine process was ended by SIGKILL.", "error")


def test_a_second_run_takes_the_place_of_an_untouched_first(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external], (roi("External", 4, colour=(1, 2, 3), uid="1.2.3"), roi("Brain", 9)))
    new = roi("External", 1)
    bench.finish(new)
    assert bench.panel.findChild(QMessageBox) is None
    assert bench.names() == ["External", "Brain"]
    first = bench.session.structures.rois[0]  # type: ignore[union-attr]
    assert first.planes[3] is new.planes[3]
    assert (first.number, first.colour, first.uid) == (4, (1, 2, 3), "1.2.3")


def test_what_another_model_drew_stays_beside_a_run(qtbot: QtBot, external: LoadedCard) -> None:
    of_another = replace(BY_MODEL, algorithm="another-model")
    bench = Bench(qtbot, [external], (roi("External", 4, of_another),))
    first = bench.session.structures.rois[0]  # type: ignore[union-attr]
    bench.finish(roi("External", 1))
    assert bench.names() == ["External", "External^AI"]
    assert bench.session.structures.rois[0] is first  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("button", "expected"), [("Replace", ["External"]), ("Keep both", ["External", "External^AI"])]
)
def test_what_a_person_edited_is_not_overwritten_unasked(
    qtbot: QtBot, external: LoadedCard, button: str, expected: list[str]
) -> None:
    edited = replace(BY_MODEL, generation=Generation.SEMIAUTOMATIC, edited=True)
    bench = Bench(qtbot, [external], (roi("External", 1, edited),))
    bench.finish(roi("External", 1))
    assert bench.names() == ["External"]
    assert bench.session.structures.rois[0].provenance.edited  # type: ignore[union-attr]
    question = bench.panel.findChild(QMessageBox)
    assert question is not None
    next(b for b in question.buttons() if b.text().replace("&", "") == button).click()
    qtbot.waitUntil(lambda: bench.names() == expected and bench.history.undo_text != "")
    bench.history.undo()
    assert bench.names() == ["External"]


def test_a_locked_structure_stays(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external], (roi("External", 1, locked=True),))
    bench.finish(roi("External", 1))
    assert bench.names() == ["External", "External^AI"]


def test_progress_shows_stage_tile_and_device_and_the_end_clears_it(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external])
    bench.panel.run()
    bench.jobs.progressed.emit(Progress(1, 0.5, "Network", 3, 18, "CPU bf16"))
    assert bench.panel.progress.bar.value() == 500
    assert "Network, tile 3 of 18 (CPU bf16)" in bench.panel.progress.stage.text()
    assert not bench.panel.run_button.isEnabled()
    bench.jobs.failed.emit(Failed(1, "The engine process was ended by SIGKILL."))
    assert bench.panel.notice.text() == "The engine process was ended by SIGKILL."
    assert bench.panel.run_button.isEnabled()
    assert not bench.panel.progress.bar.isVisible()


def test_the_bar_never_goes_back(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external])
    bench.panel.run()
    for fraction in (0.2, 0.6, 0.1, 0.5):
        bench.jobs.progressed.emit(Progress(1, fraction, "Network 2 of 3, tile 1 of 4", 1, 4, "CPU"))
    assert bench.panel.progress.bar.value() == 600


def test_a_run_is_told_by_earlier_ones_of_the_same_kind_alone(
    qtbot: QtBot, tmp_path: Path, external: LoadedCard
) -> None:
    bench = Bench(qtbot, [external, card_like(tmp_path, id="zz", title="Z")])
    bench.panel.select(external.id)
    assert not bench.panel.expected.isVisible(), "nothing is known, and nothing is made up"
    bench.finish(roi("External"))
    bench.panel.run()
    bench.jobs.finished.emit(Finished(2, Result((roi("External"),), "cpu float32"), 40.0))
    assert bench.panel.expected.text() == "Takes about 40 s on this processor, by earlier runs."
    half = np.full((10, 64, 64), -1000, np.int16)
    half[:, 16:48, 16:48] = 40
    bench.session.open(Volume(half, Geometry.regular((0, 0, 0), np.eye(3), (4, 4, 4), half.shape), "CT", "HU"))
    assert "about 20 s" in bench.panel.expected.text()
    bench.panel.device.setCurrentIndex(1)
    assert not bench.panel.expected.isVisible(), "on another device it takes another time"
    bench.panel.device.setCurrentIndex(0)
    bench.panel.select("zz")
    assert not bench.panel.expected.isVisible()
    bench.panel.select(external.id)
    many = np.full((200, 64, 64), -1000, np.int16)
    many[:, 16:48, 16:48] = 40
    bench.session.open(Volume(many, Geometry.regular((0, 0, 0), np.eye(3), (4, 4, 4), many.shape), "CT", "HU"))
    assert not bench.panel.expected.isVisible(), "no earlier run was on an image like it"


def test_settings_that_hold_nonsense_tell_nothing(qtbot: QtBot, external: LoadedCard) -> None:
    settings().setValue("runs/times", '{"a": [1, "x"]}')
    bench = Bench(qtbot, [external])
    assert not bench.panel.expected.isVisible()
    bench.finish(roi("External"))
    assert bench.panel.expected.isVisible()


@pytest.mark.parametrize(
    ("seconds", "part", "expected", "left"),
    [
        (1.0, 0.05, None, None),
        (10.0, 0.5, None, 10.0),
        (10.0, 0.0, 40.0, 30.0),
        (10.0, 0.5, 40.0, 20.0),
        (50.0, 0.1, 40.0, None),
        (60.0, 0.75, 40.0, 15.0),
    ],
)
def test_the_time_left_comes_from_earlier_runs_first_and_from_this_one_later(
    seconds: float, part: float, expected: float | None, left: float | None
) -> None:
    assert left_of(seconds, part, expected) == pytest.approx(left)


def test_cancel_is_passed_on_and_a_late_result_is_not_shown(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external])
    bench.panel.run()
    bench.panel.cancel()
    assert bench.jobs.stopped == [1]
    bench.jobs.finished.emit(Finished(1, Result((roi("External"),), "CPU"), 1.0))
    assert bench.names() == []
    assert not bench.panel.is_running
    bench.panel.run()
    bench.jobs.cancelled.emit(Cancelled(2))
    assert not bench.panel.is_running


def test_another_series_stops_the_run(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external])
    bench.panel.run()
    bench.session.open(ct())
    assert bench.jobs.stopped == [1]
    bench.jobs.finished.emit(Finished(1, Result((roi("External"),), "CPU"), 1.0))
    assert bench.names() == []


def test_cards_that_do_not_suit_come_last_with_the_reason(qtbot: QtBot, tmp_path: Path, external: LoadedCard) -> None:
    pet = {"role": "image", "modality": ["PT"], "units": "SUVbw"}
    only_pet = card_like(tmp_path, id="a-pet", title="A PET model", inputs=[pet])
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.json").write_text("{")
    bench = Bench(qtbot, [load_card(tmp_path / "broken"), only_pet, external])
    assert bench.panel.selected is external
    assert bench.panel.run_button.isEnabled()
    bench.panel.select("a-pet")
    assert "made for PET" in bench.panel.details.text()
    assert not bench.panel.run_button.isEnabled()
    assert not bench.panel.override.isVisible()
    bench.panel.select("broken")
    assert "not a model card" in bench.panel.details.text()
    assert not bench.panel.run_button.isEnabled()


def test_a_refusal_that_may_be_overridden_runs_when_ticked_and_the_step_says_so(qtbot: QtBot, tmp_path: Path) -> None:
    fine = {"role": "image", "modality": ["CT"], "spacing_mm": [0.2, 2.0]}
    bench = Bench(qtbot, [card_like(tmp_path, id="fine", inputs=[fine])])
    assert bench.panel.selected is None
    bench.panel.select("fine")
    assert bench.panel.override.isVisible()
    bench.panel.refresh()
    assert bench.panel.selected is not None, "what a person chose stays chosen"
    assert not bench.panel.run_button.isEnabled()
    bench.panel.override.click()
    bench.finish(roi("External"))
    assert bench.jobs.runs[0][2].override
    assert "not made for" in bench.history.undo_text


def test_what_a_look_at_the_image_told_stands_on_the_card_and_may_be_overridden(
    qtbot: QtBot, external: LoadedCard
) -> None:
    bench = Bench(qtbot, [external])
    bench.panel.run()
    assert not bench.jobs.runs[0][2].override
    bench.jobs.failed.emit(Failed(1, "It found none of its 7 structures in a quick look.", unsuitable=True))
    assert bench.panel.selected is not None and bench.panel.selected.id == external.id
    assert "in a quick look" in bench.panel.details.text()
    assert bench.panel.override.isVisible() and not bench.panel.run_button.isEnabled()
    bench.panel.override.click()
    bench.panel.run()
    assert bench.jobs.runs[1][2].override
    bench.jobs.cancelled.emit(Cancelled(2))
    bench.session.open(ct())
    assert bench.panel.run_button.isEnabled(), "another image was not looked at"


def test_a_look_speaks_for_all_models_of_the_same_part_of_the_body(
    qtbot: QtBot, tmp_path: Path, external: LoadedCard
) -> None:
    image = {"role": "image", "modality": ["CT"], "units": "HU", "regions": ["head"]}
    cards = [card_like(tmp_path, id=name, title=name, inputs=[image]) for name in ("aa", "bb")]
    bench = Bench(qtbot, [*cards, external])
    bench.panel.select("aa")
    bench.panel.run()
    bench.jobs.failed.emit(Failed(1, "It found none of its structures.", unsuitable=True))
    bench.panel.select("bb")
    assert bench.panel.override.isVisible() and not bench.panel.run_button.isEnabled()
    bench.panel.select(external.id)
    assert bench.panel.run_button.isEnabled()


def test_structures_without_contours_are_not_counted(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external])
    bench.finish(roi("External"), Roi(2, "Lost", provenance=BY_MODEL))
    assert "(1 structure)" in bench.history.undo_text


def test_a_choice_that_the_card_offers_is_passed_on(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external])
    air = bench.panel.options.fields["air"]
    qtbot.waitUntil(air.isVisible)
    assert isinstance(air, QComboBox) and air.currentText() == "Filled"
    bench.panel.run()
    bench.jobs.cancelled.emit(Cancelled(1))
    air.setFocus()
    qtbot.keyClick(air, Qt.Key.Key_Down)
    bench.panel.run()
    assert [options.chosen for _, _, options in bench.jobs.runs] == [{"air": "filled"}, {"air": "kept"}]


def test_inner_and_outer_contours_are_offered_where_the_card_has_them(qtbot: QtBot) -> None:
    bench = Bench(qtbot, [load_card(SHIPPED / "head-neck-oar")])
    assert list(bench.panel.options.fields) == ["bands", "quick"]
    bands = bench.panel.options.fields["bands"]
    qtbot.waitUntil(bands.isVisible)
    assert isinstance(bands, QCheckBox) and not bands.isChecked()
    assert "10 % for" in bench.panel.details.text()
    qtbot.mouseClick(bands, Qt.MouseButton.LeftButton, pos=QPoint(8, bands.height() // 2))
    bench.panel.run()
    assert bench.jobs.runs[0][2].chosen == {"bands": True, "quick": False}


def test_a_number_that_the_card_offers_is_passed_on_and_fields_follow_the_card(
    qtbot: QtBot, tmp_path: Path, external: LoadedCard
) -> None:
    option = {
        "key": "pieces", "label": "Pieces", "kind": "number", "sets": "body.pieces", "low": 1, "high": 5,
    }  # fmt: skip
    many = card_like(tmp_path, id="many", title="A card with a number", options=[option])
    bench = Bench(qtbot, [many, external])
    bench.panel.select("many")
    pieces = bench.panel.options.fields["pieces"]
    assert isinstance(pieces, QDoubleSpinBox) and (pieces.minimum(), pieces.maximum(), pieces.value()) == (1, 5, 1)
    qtbot.keyClick(pieces, Qt.Key.Key_Up)
    bench.panel.run()
    assert bench.jobs.runs[0][2].chosen == {"pieces": 2.0}
    bench.jobs.cancelled.emit(Cancelled(1))
    bench.panel.select("external")
    assert list(bench.panel.options.fields) == ["air"]


def test_a_page_with_no_room_for_all_of_it_is_read_in_a_window(qtbot: QtBot, external: LoadedCard) -> None:
    bench = Bench(qtbot, [external])
    bench.panel.resize(340, 320)
    with qtbot.waitExposed(bench.panel):
        bench.panel.show()
    bench.panel.select("external")
    button = bench.panel.findChild(CardPage).whole_button
    qtbot.waitUntil(button.isVisible)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    text = bench.panel.findChild(QTextBrowser)
    assert text is not None and text.isVisible()
    for told in ("Draws", "Licence", "Status"):
        assert told in text.toPlainText()
    text.window().close()
    bench.panel.resize(700, 1600)
    qtbot.waitUntil(button.isHidden)
