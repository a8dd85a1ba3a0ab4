"""`planimeter train` makes a card that `planimeter evaluate` can measure."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.__main__ import commands
from engine.cards.registry import load_card
from engine.errors import PlanimeterError, ReadError
from engine.training.publish import publish

CARD = {
    "id": "boxes",
    "version": "1",
    "task": "segment",
    "title": "Boxes",
    "fidelity": "modern",
    "badge": "trained",
    "inputs": [{"role": "ct", "modality": ["CT"], "units": "HU"}],
    "preprocess": [
        {"op": "orient", "params": {"axes": "LPS"}},
        {"op": "windows", "params": {"windows": [[-150, 250]]}},
    ],
    "graph": [
        {
            "node": "boxes",
            "block": "S",
            "in": ["ct"],
            "params": {
                "network": {"network": "SubvoxelUNet", "in_channels": 1, "out_channels": 3, "filters": [8, 12, 16]},
                "patch": [16, 16, 16],
                "padding": -1,
                "labels": ["Box_R", "Box_L"],
                "mirror_pairs": [["Box_R", "Box_L"]],
            },
        }
    ],
    "outputs": [{"kind": "mask", "label": name, "name": name} for name in ("Box_R", "Box_L")],
    "provenance": {
        "recipe": {"steps": 60, "warm_up": 3, "learning_rate": 5e-3, "average": 0.9, "compile": False, "holdout": 0.3}
    },
}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands, arguments, catch_exceptions=False, standalone_mode=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture(scope="module")
def trained(boxes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    (folder / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    out = folder / "trained"
    said = run("train", str(folder), "--data", str(boxes), "-o", str(out), "--minutes", "5", "--device", "cpu")
    assert "Mean Dice" in said
    return out


def test_the_new_card_runs_with_the_weights_it_names(trained: Path) -> None:
    loaded = load_card(trained)
    assert not loaded.problem
    assert loaded.card.weights[0].file == "weights.safetensors"
    assert (trained / "curves.csv").read_text().startswith("step,minutes")


def test_evaluate_scores_what_was_contoured(trained: Path, boxes: Path) -> None:
    summary = json.loads(run("evaluate", str(trained), "--data", str(boxes), "--json", "--device", "cpu"))
    assert summary["card"] == "boxes 1" and summary["n"] == 3
    # The second case has no left box contoured, so it does not count there.
    assert {name: row["n"] for name, row in summary["structures"].items()} == {"Box_R": 3, "Box_L": 2}
    row = summary["structures"]["Box_R"]
    assert 0 <= row["dice_ci"][0] <= row["dice"] <= row["dice_ci"][1] <= 1
    assert {"surface_dice_2mm", "hd95_mm", "volume_error"} <= row.keys()


def test_figures_are_recorded_in_the_card_once(trained: Path, boxes: Path) -> None:
    for _ in range(2):
        run("evaluate", str(trained), "--data", str(boxes), "--cases", "2", "--record", "Boxes", "--device", "cpu")
    metrics = load_card(trained).card.metrics
    assert len({(m.dataset, m.split, m.name, m.label) for m in metrics}) == len(metrics) > 0


def test_a_card_without_a_recipe_is_refused(boxes: Path, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps({**CARD, "provenance": {}}), encoding="utf-8")
    with pytest.raises(PlanimeterError, match="recipe"):
        run("train", str(tmp_path), "--data", str(boxes), "-o", str(tmp_path / "out"))


def test_weights_of_another_network_are_not_published(trained: Path, tmp_path: Path) -> None:
    other = json.loads(json.dumps(CARD))
    other["graph"][0]["params"]["network"]["filters"] = [8, 12, 16, 20]
    (tmp_path / "card.json").write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(ReadError, match="another network"):
        publish(load_card(tmp_path).card, trained / "average.safetensors", tmp_path)
