"""A card tells what it learned from, and is judged by the rest; what can't be read is left out and told."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.__main__ import commands
from engine.cards.registry import load_card
from engine.errors import EngineError, MismatchError
from engine.training.dataset import open_data
from engine.training.learned import LEARNED_FILE, UNTOLD, learned_from, print_of
from engine.training.parting import parted
from tests.training.conftest import STRUCTURES, write_case
from tests.training.test_commands import CARD, run

SHORT = {**CARD["provenance"]["recipe"], "steps": 2}  # type: ignore[index]


@pytest.fixture(scope="module")
def taught(boxes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card that learned from two of the three boxes."""
    folder = tmp_path_factory.mktemp("taught")
    (folder / "card.json").write_text(json.dumps({**CARD, "provenance": {"recipe": SHORT}}), encoding="utf-8")
    run("train", str(folder), "--data", str(boxes), "-o", str(folder / "out"), "--device", "cpu")
    return folder / "out"


@pytest.fixture
def more(boxes: Path, tmp_path: Path) -> Path:
    """The boxes and two that nobody has seen."""
    own = shutil.copytree(boxes, tmp_path / "more")
    for seed, name in enumerate("de"):
        write_case(own, name, 10 + seed, STRUCTURES)
    path = own / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"contoured": {}}), encoding="utf-8")
    return own


def judged(card: Path, data: Path, *more: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(
        run("evaluate", str(card), "--data", str(data), "--json", "--device", "cpu", *more)
    )
    return told


def test_a_card_knows_the_cases_that_it_learned_from_and_no_others(taught: Path, boxes: Path) -> None:
    learned, chosen = parted(load_card(taught).card, boxes, {name: name for name in "abc"}, 0.3)
    known, dataset = learned_from(load_card(taught)), open_data(boxes, STRUCTURES)
    assert {name for name in "abc" if print_of(dataset.read(name)) in known} == set(learned) and len(chosen) == 1


def test_it_is_judged_by_the_cases_that_it_did_not_learn_from(taught: Path, more: Path) -> None:
    told = judged(taught, more)
    assert (told["n"], told["learned_from"]) == (3, 2)
    assert "2 images were learned from, and left out." in told["notes"]  # type: ignore[operator]
    whole = judged(taught, more, "--learned")
    assert whole["n"] == 5 and "may be better than it is" in whole["notes"][-1]  # type: ignore[index]


def test_it_is_not_judged_by_what_it_learned_from_alone(taught: Path, more: Path) -> None:
    (held_out,) = parted(load_card(taught).card, more, {name: name for name in "abc"}, 0.3)[1]
    for name in {held_out, "d", "e"}:
        (more / "imagesTr" / f"{name}_0000.nii.gz").unlink()
    with pytest.raises(MismatchError, match="learned from all 2 cases"):
        judged(taught, more)


def test_what_cannot_be_read_is_left_out_and_named(taught: Path, more: Path) -> None:
    plain = judged(taught, more)
    (more / "labelsTr" / "d.nii.gz").unlink()
    (more / "imagesTr" / "e_0000.nii.gz").write_bytes(b"no image")
    asked = ["evaluate", str(taught), "--data", str(more), "--device", "cpu"]
    result = CliRunner().invoke(commands, [*asked, "--json"])
    told = json.loads(result.stdout)
    assert told["n"] == plain["n"] - 2  # type: ignore[operator]
    assert set(told["left_out"]) == {"d", "e"} and not told["failed"]
    assert result.exit_code == 3
    assert "2 cases could not be read, or the card could not be run on them: d, e." in result.stderr
    result = CliRunner().invoke(commands, asked)
    assert "Left out, d: " in result.stdout and "Left out, e: " in result.stdout


def test_a_case_that_the_card_can_not_be_run_on_ends_the_command_with_a_status(
    taught: Path, more: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*arguments: object, **more: object) -> None:
        raise EngineError("Memory ran out; close other programs.")

    monkeypatch.setattr("engine.training.evaluate.run_card", without_memory)
    asked = ["evaluate", str(taught), "--data", str(more), "--device", "cpu", "--cases", "1"]
    result = CliRunner().invoke(commands, asked)
    assert result.exit_code == 3 and "Memory ran out" in result.stdout
    assert "1 case could not be read, or the card could not be run on it: " in result.stderr


def test_a_card_with_figures_of_what_it_did_not_learn_from_is_called_trained(
    taught: Path, more: Path, tmp_path: Path
) -> None:
    card = shutil.copytree(taught, tmp_path / "card")
    values = json.loads((card / "card.json").read_text(encoding="utf-8"))
    assert values["badge"] == "trained"
    (card / "card.json").write_text(json.dumps(values | {"badge": "runs"}), encoding="utf-8")
    for told, badge in ((["--learned"], "runs"), ([], "trained")):
        judged(card, more, "--record", "More", *told)
        assert load_card(card).card.badge == badge


def test_a_card_that_does_not_tell_is_said_not_to(taught: Path, more: Path, tmp_path: Path) -> None:
    old = shutil.copytree(taught, tmp_path / "old")
    values = json.loads((old / "card.json").read_text(encoding="utf-8"))
    del values["provenance"]["learned"]
    (old / "card.json").write_text(json.dumps(values), encoding="utf-8")
    told = judged(old, more, "--cases", "1")
    assert told["learned_from"] is None and UNTOLD in told["notes"]  # type: ignore[operator]


def test_what_an_earlier_run_learned_from_goes_with_its_weights(taught: Path, more: Path, tmp_path: Path) -> None:
    before = learned_from(load_card(taught))
    for name in "abc":
        (more / "imagesTr" / f"{name}_0000.nii.gz").unlink()
        (more / "labelsTr" / f"{name}.nii.gz").unlink()
    card = shutil.copytree(taught, tmp_path / "card")
    for path in card.glob("checkpoint*"):
        path.unlink()
    values = json.loads((card / "card.json").read_text(encoding="utf-8"))
    values["licence"] = {"weights": "CC-BY-NC-4.0", "commercial": False}
    (card / "card.json").write_text(json.dumps(values), encoding="utf-8")
    for start, out in ((["--go-on"], "on"), ([], "anew")):
        run("train", str(card), "--data", str(more), "-o", str(tmp_path / out), "--device", "cpu", *start)
    assert before < learned_from(load_card(tmp_path / "on"))
    assert not before & learned_from(load_card(tmp_path / "anew"))
    assert (tmp_path / "anew" / LEARNED_FILE).is_file()
    # Weights that go on from others keep their licence; those learned from the beginning have that of their data.
    kept, own = (load_card(tmp_path / name).card for name in ("on", "anew"))
    assert (kept.licence.weights, kept.licence.commercial) == ("CC-BY-NC-4.0", False)
    assert (own.licence.weights, own.licence.commercial) == ("as its owner says", True)
    assert {weights.licence for weights in own.weights} == {"as its owner says"}


def test_calibration_leaves_out_what_was_learned_from(taught: Path, more: Path, tmp_path: Path) -> None:
    card = shutil.copytree(taught, tmp_path / "card")
    result = CliRunner().invoke(commands, ["calibrate", str(card), "--data", str(more), "--device", "cpu"])
    assert result.exit_code == 0 and "2 of 5 cases were learned from, and left out." in result.stderr
    calibration = load_card(card).card.uncertainty.calibration
    assert calibration is not None and calibration.n == 3


def test_structures_that_no_case_has_are_told_and_none_at_all_is_no_result(taught: Path, more: Path) -> None:
    path = more / "dataset.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(described | {"contoured": {"d": ["Box_R"], "e": ["Box_R"]}}), encoding="utf-8")
    assert "Not judged, as no case has it contoured: Box_L." in judged(taught, more)["notes"]  # type: ignore[operator]
    path.write_text(json.dumps(described | {"contoured": {"d": [], "e": []}}), encoding="utf-8")
    asked = ["evaluate", str(taught), "--data", str(more), "--device", "cpu"]
    with pytest.raises(MismatchError, match=r"has Box_R or Box_L contoured, so nothing can be judged"):
        CliRunner().invoke(commands, asked, catch_exceptions=False)
