"""Networks that look at several views of several images learn from what is known of the patient."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

from engine.__main__ import commands
from engine.cards.registry import load_card
from engine.errors import CardError, MismatchError
from engine.training.classifier import Pictures, views_of
from engine.training.labelled.table import labelled_samples
from engine.training.publish import networks_of
from engine.training.recipe import ClassifierRecipe

Json = dict[str, Any]


def slices(name: str) -> list[Json]:
    network = {"network": "CNN", "in_channels": 1, "num_classes": 1, "stages": [[8], [16]], "dropout": 0.0}
    look = {"kind": "slices", "pixels": [1, 16, 16]}
    params = {"network": network, "view": look, "labels": ["spot"], "activation": "sigmoid"}
    return [
        {"node": f"{name}_net", "op": "classify", "in": [name], "params": params},
        {"node": f"{name}_any", "op": "pool", "in": [f"{name}_net"], "params": {"pool": "max"}},
    ]


CARD: Json = {
    "id": "spots-in-series",
    "version": "1",
    "task": "classify",
    "title": "Spots in one slice of two series",
    "fidelity": "modern",
    "badge": "trained",
    "inputs": [{"role": role, "modality": ["MR"]} for role in ("first", "second")],
    "preprocess": [{"op": "windows", "params": {"windows": [[0, 100]]}}],
    "graph": [
        *slices("first"),
        *slices("second"),
        {"node": "both", "op": "pool", "in": ["first_any", "second_any"], "params": {"pool": "mean"}},
    ],
    "outputs": [{"kind": "score", "label": "spot", "name": "Spot"}],
    "provenance": {
        "recipe": {
            "steps": 70,
            "batch": 8,
            "views": 5,
            "warm_up": 5,
            "learning_rate": 1e-2,
            "average": 0.9,
            "compile": False,
            "holdout": 0.0,
            "augment": {"erase": 0},
            "nodes": {"first_net": {"ensemble": 2}},
        }
    },
}


def write_series(path: Path, rng: np.random.Generator, spot: bool) -> None:
    voxels = rng.integers(0, 50, (5, 16, 16)).astype(np.int16)
    if spot:
        plane, row, column = rng.integers(0, 5), *rng.integers(3, 10, 2)
        voxels[plane, row : row + 4, column : column + 4] = 95
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))


def write_set(folder: Path, count: int, seed: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "second", "patient", "label"])
        for index in range(count):
            names = [f"{index}-{role}.nii.gz" for role in ("first", "second")]
            for name in names:
                write_series(folder / name, rng, index % 2 == 0)
            writer.writerow([*names, f"patient {index}", "spot" if index % 2 == 0 else ""])
    return folder


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands, arguments, catch_exceptions=False, standalone_mode=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    (folder / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    return folder


def test_a_finding_on_one_slice_of_two_series_is_learned_from_what_is_known_of_the_patient(
    card: Path, tmp_path: Path
) -> None:
    learn, judge = write_set(tmp_path / "learn", 24, 1), write_set(tmp_path / "judge", 16, 2)
    run("train", str(card), "--data", str(learn), "-o", str(card / "out"), "--device", "cpu")
    trained = load_card(card / "out").card
    assert [len(node.weights) for node in networks_of(trained)] == [2, 1]
    summary = json.loads(run("evaluate", str(card / "out"), "--data", str(judge), "--json", "--device", "cpu"))
    assert summary["n"] == 16 and summary["aim"] == "spot"
    # One slice in five shows it: the mean over slices hides what the largest tells.
    assert summary["auc"] > 0.9
    assert set(summary["classes"]) == {"spot"} and summary["classes"]["spot"]["n"] == 8


def test_views_of_a_patient_stay_together(card: Path, tmp_path: Path) -> None:
    described = load_card(card).card
    samples = labelled_samples(write_set(tmp_path / "set", 3, 4))
    seen = views_of(described, described.graph[2], samples, lambda done, text: None, card)
    assert seen.counts == [5, 5, 5] and seen.values.shape == (15, 1, 16, 16)
    recipe = ClassifierRecipe.from_dict({"network": {}, "labels": ("spot",)})
    pictures = Pictures(seen.values, [sample.labels for sample in samples], recipe, seen.counts)
    assert len(pictures) == 3 and pictures.views_of(1) == slice(5, 10)
    drawn = pictures.some(np.random.default_rng(0), 2, 5)
    assert sorted(drawn) == [10, 11, 12, 13, 14]


def test_an_image_that_a_set_lacks_is_named(card: Path, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", 2, 4)
    text = (folder / "labels.csv").read_text().replace("path,second", "path,third")
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    described = load_card(card).card
    with pytest.raises(MismatchError, match="no image 'second' for 0-first"):
        views_of(described, described.graph[0], labelled_samples(folder), lambda done, text: None, card)


def test_a_network_that_looks_at_what_another_finds_waits_for_it(card: Path, tmp_path: Path) -> None:
    values = json.loads(json.dumps(CARD))
    unet = {"network": "UNet", "spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [4, 8]}
    params = {"network": unet | {"strides": [2]}, "dimensions": 2, "patch": [1, 16, 16], "labels": ["place"]}
    values["graph"].insert(0, {"node": "where", "op": "segment", "in": ["first"], "params": params})
    values["graph"][1]["in"] = ["first", "where"]
    values["graph"][1]["params"]["view"] = {"kind": "crops", "pixels": [1, 16, 16]}
    (tmp_path / "card.json").write_text(json.dumps(values), encoding="utf-8")
    described = load_card(tmp_path).card
    samples = labelled_samples(write_set(tmp_path / "set", 2, 4))
    with pytest.raises(CardError, match="comes after 'where': train that first"):
        views_of(described, described.graph[1], samples, lambda done, text: None, tmp_path)


def test_what_can_not_be_learned_from_together_is_told() -> None:
    with pytest.raises(CardError, match="'vote' pools them"):
        ClassifierRecipe.from_dict({"network": {}, "labels": ("spot",), "pool": "vote", "views": 3})
