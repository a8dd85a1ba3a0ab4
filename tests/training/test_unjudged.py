"""What can't be judged of a classifier is said: labels of which the pictures tell nothing, and pictures without one."""

import json
import shutil
from pathlib import Path

import pytest

from engine.cards.registry import load_card
from tests.training.conftest import COLOURS
from tests.training.test_classes import CARD, run

SHORT = {**CARD["provenance"]["recipe"], "steps": 2}  # type: ignore[index, dict-item]


def listed(spots: Path, folder: Path, rows: list[tuple[int, str, str]]) -> Path:
    """Some of the spots, by their numbers, with labels and parts of their own."""
    folder.mkdir()
    lines = ["path,patient,label,split"]
    for number, label, part in rows:
        shutil.copy(spots / f"{number}.png", folder)
        lines.append(f"{number}.png,patient {number},{label},{part}")
    (folder / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_held_out_pictures_of_one_class_give_no_score(spots: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    card.write_text(json.dumps({**CARD, "provenance": {"recipe": SHORT}}), encoding="utf-8")
    every = [(index, f"{COLOURS[index % 3]};{('large', 'small')[index % 2]}", "train") for index in range(6)]
    badges = {}
    for name, last in (("one", "red;large"), ("two", "green;small")):
        rows = [*every, (6, "red;large", "validation"), (7, last, "validation")]
        asked = ["--data", str(listed(spots, tmp_path / name, rows)), "-o", str(tmp_path / f"{name} out")]
        told = run("train", str(card), *asked, "--device", "cpu")
        badges[name] = load_card(tmp_path / f"{name} out").card.badge
        assert ("'spot' has no score" in told) == (name == "one") and ("accuracy 1" in told) == (name == "two")
        assert (tmp_path / f"{name} out" / "average.safetensors").is_file()
    # The badge says that there is a score on what was held out.
    assert badges == {"one": "runs", "two": "trained"}


@pytest.fixture(scope="module")
def taught(spots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card that learned in two steps, and is calibrated."""
    folder = tmp_path_factory.mktemp("card")
    (folder / "card.json").write_text(json.dumps({**CARD, "provenance": {"recipe": SHORT}}), encoding="utf-8")
    run("train", str(folder), "--data", str(spots), "-o", str(folder / "out"), "--device", "cpu")
    run("calibrate", str(folder / "out"), "--data", str(spots), "--name", "Spots")
    return folder / "out"


def test_pictures_that_can_not_judge_are_told(taught: Path, spots: Path, tmp_path: Path) -> None:
    card = shutil.copytree(taught, tmp_path / "card")
    rows = [(number, label, "") for number, label in ((0, "red;large"), (3, "red"), (6, "striped"), (8, ""))]
    asked = ["evaluate", str(card), "--data", str(listed(spots, tmp_path / "set", rows)), "--device", "cpu"]
    told = run(*asked, "--learned")
    assert "2 pictures have no label that the model gives, and count in no figure: 6.png, 8.png." in told
    assert "Every picture that is labelled so is red, large, warm, and none is green, blue, small, cold" in told
    assert "AUC of warm -; accuracy -, balanced -" in told and "2 pictures\n" in told
    summary = json.loads(run(*asked, "--learned", "--json", "--record", "Red"))
    assert summary["n"] == 2 and summary["unlabelled"] == ["6.png", "8.png"]
    assert summary["accuracy"] is summary["balanced_accuracy"] is None and len(summary["notes"]) >= 2
    figures = {metric.name for metric in load_card(card).card.metrics if metric.dataset == "Red"}
    assert figures and not figures & {"accuracy", "balanced_accuracy", "auc"}


def test_what_is_known_by_the_calibration_alone_is_told(taught: Path, spots: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(taught, tmp_path / "card")
    asked = ["evaluate", str(folder), "--data", str(spots), "--device", "cpu", "--cases", "9"]
    assert "keeps no record" not in run(*asked)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    del card["provenance"]["learned"]
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert (
        "keeps no record of what it learned from; what it was told to have learned from when it was calibrated (Spots)"
        in run(*asked)
    )
