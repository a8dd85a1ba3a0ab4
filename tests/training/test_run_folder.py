"""A run of training in a folder: stopped, gone on with, finished, and what is known of it meanwhile."""

import json
from pathlib import Path

import pytest

from engine.cards.published import find_recipes
from engine.cards.registry import load_card
from engine.errors import CancelledError, ReadError
from engine.training import loop
from engine.training.publish import networks_of
from engine.training.run import recipe_of
from engine.training.worker import trained
from engine.training_process import run_folder
from engine.training_process.run_folder import (
    Run,
    RunRecord,
    claimed,
    find_runs,
    minutes_left,
    new_folder,
    planned_minutes,
    read_curves,
    read_record,
    write_record,
)
from tests.training.test_commands import CARD


@pytest.fixture
def folder(boxes: Path, home: Path, tmp_path: Path) -> Path:
    """A run of boxes, not begun."""
    (tmp_path / "card").mkdir()
    short = {**CARD["provenance"]["recipe"], "steps": 10}  # type: ignore[index]
    card = {**CARD, "provenance": {"recipe": short}, "limits": "Trained by nobody yet. Boxes alone."}
    (tmp_path / "card" / "card.json").write_text(json.dumps(card), encoding="utf-8")
    folder = new_folder("boxes")
    write_record(folder, RunRecord(recipe=str(tmp_path / "card"), title="Boxes", data=str(boxes), device="cpu"))
    return folder


def silent(fraction: float, stage: str) -> None:
    assert 0 <= fraction <= 1


def test_a_run_is_stopped_and_gone_on_with_until_its_card_can_be_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_REPORT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "_LOG_STEPS", 4)
    assert read_record(folder).state == "stopped"

    def stop(fraction: float, stage: str) -> None:
        silent(fraction, stage)
        assert read_record(folder).state == "going"
        if "step 5," in stage:
            raise CancelledError(stage)

    with pytest.raises(CancelledError):
        trained(folder, stop)
    assert read_record(folder).state == "stopped"
    (curve,) = read_curves(folder)
    assert curve.name == "" and len(curve.losses) == len(curve.rates) == 1 and not curve.scores
    trained(folder, silent)
    (run,) = find_runs()
    assert run.folder == folder and run.has_card and run.record.state == "finished"
    assert set(run.record.scores["boxes"]) == {"Box_R", "Box_L", "mean"}
    assert not load_card(folder).problem
    assert load_card(folder).card.limits == "Trained on its user's own data. Boxes alone."
    (curve,) = read_curves(folder)
    assert curve.scores[-1][1] == pytest.approx(run.record.scores["boxes"]["mean"], abs=1e-4)


def test_what_goes_wrong_is_kept_with_the_run(folder: Path, tmp_path: Path) -> None:
    write_record(folder, read_record(folder).model_copy(update={"data": str(tmp_path / "nowhere")}))
    with pytest.raises(ReadError):
        trained(folder, silent)
    record = read_record(folder)
    assert record.state == "failed" and record.told.endswith("nowhere is not a folder, so there is no data set.")


def test_two_processes_do_not_train_in_one_folder(folder: Path) -> None:
    write_record(folder, read_record(folder).model_copy(update={"state": "going"}))
    with claimed(folder):
        assert read_record(folder).state == "going"
        with pytest.raises(ReadError, match="going on already"):
            trained(folder, silent)
    assert read_record(folder).state == "stopped"
    assert [path.name for path in folder.iterdir()] == [run_folder.RECORD_FILE]


def test_what_is_no_run_is_left_out_of_the_list(folder: Path) -> None:
    for name, text in (("a", "{}"), ("b", "no json")):
        (folder.parent / name).mkdir()
        (folder.parent / name / run_folder.RECORD_FILE).write_text(text, encoding="utf-8")
    assert [run.folder for run in find_runs()] == [folder]
    assert new_folder("boxes") == folder.parent / "boxes-2"
    assert new_folder("/some/where/My card").name == "My-card-1"


def test_a_card_of_a_run_that_was_begun_anew_is_not_offered(folder: Path) -> None:
    (folder / "card.json").write_text("{}", encoding="utf-8")
    assert not Run(folder, read_record(folder)).has_card


def test_steps_that_a_killed_run_does_again_are_drawn_once(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "curves.csv").write_text(
        "step,minutes,learning_rate,loss,validation\n50,0.5,1e-3,0.9,\n100,1.0,9e-4,0.8,\n100,1.2,9e-4,,0.3\n"
        "150,1.5,8e-4,0.7,\n100,1.1,9e-4,0.75,\n150,1.6,8e-4,nan,\n20",
        encoding="utf-8",
    )
    (curve,) = read_curves(tmp_path)
    assert curve.name == "first"
    assert curve.losses == ((0.5, 0.9), (1.0, 0.8), (1.1, 0.75))
    assert curve.rates == ((0.5, 1e-3), (1.0, 9e-4), (1.2, 9e-4), (1.1, 9e-4), (1.6, 8e-4))
    assert curve.scores == ((1.2, 0.3),)


def test_the_minutes_that_a_recipe_takes_are_those_that_training_takes() -> None:
    for loaded in find_recipes():
        card = loaded.card
        minutes = [recipe_of(card, node.node).minutes for node in networks_of(card)]
        assert planned_minutes(card) == pytest.approx(sum(minutes)), card.id


def test_the_time_left_is_told_by_the_pace() -> None:
    assert minutes_left((100, 0.2), (160, 0.3)) == pytest.approx(7)
    assert minutes_left((100, 0.2), (103, 0.3)) is None
    assert minutes_left((100, 0.2), (160, 0.2)) is None
