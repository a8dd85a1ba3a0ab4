"""Sieves learn from pictures with marked findings, and boxes are compared with the marks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from engine.__main__ import commands
from engine.answers import Box
from engine.cards.registry import load_card
from engine.errors import MismatchError
from engine.training.evaluate_boxes import Judged, judged_of, sensitivities
from engine.training.marked import marked_images
from engine.training.run import train_card

Json = dict[str, Any]


@pytest.fixture(scope="session")
def dotted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures with dark dots: red ones are marked, blue ones are not."""
    folder, rng = tmp_path_factory.mktemp("dotted"), np.random.default_rng(3)
    for name in "abcdef":
        picture = np.full((96, 96, 3), 200, np.uint8)
        mask = np.zeros((96, 96), np.uint8)
        for number, place in enumerate(rng.permutation(25)[:12]):
            row, column = 10 + 18 * (place // 5), 10 + 18 * (place % 5)
            dot = (slice(row - 2, row + 3), slice(column - 2, column + 3))
            picture[dot] = (200, 60, 60) if number < 6 else (60, 60, 200)
            mask[dot] = 255 if number < 6 else 0
        for kind, values in (("images", picture), ("dots", mask)):
            (folder / kind).mkdir(exist_ok=True)
            Image.fromarray(values).save(folder / kind / f"{name}.png")
    return folder


def card(folder: Path) -> Path:
    network = {"network": "PatchNet", "in_channels": 3, "num_classes": 2, "filters": [8], "dropout": 0.0}
    looks: Json = {"network": network, "labels": ["Dot"], "activation": "softmax", "pixels": [1, 12, 12]}
    found: Json = {"label": "Dot", "spots": "dark", "diameters_mm": [5], "channel": 1, "least": 0.1}
    graph: list[Json] = [
        {"node": "spots", "op": "candidates", "in": ["photo"], "params": found},
        {"node": "sure", "op": "sieve", "in": ["photo", "spots"], "params": looks | {"edge_mm": 12, "keep": 0}},
    ]
    recipe: Json = {"minutes": 1, "steps": 40, "batch": 16, "learning_rate": 0.02, "warm_up": 2, "average": 0.9,
                    "holdout": 0.3, "compile": False, "augment": {"colour": 0.0, "erase": 0.0}}  # fmt: skip
    values: Json = {
        "id": "dots", "version": "1.0", "task": "detect", "title": "Red dots", "fidelity": "inspired", "badge": "runs",
        "inputs": [{"role": "photo", "modality": ["XC"], "units": "rgb"}],
        "preprocess": [{"op": "windows", "params": {"windows": [[0, 255]]}}], "graph": graph,
        "outputs": [{"kind": "box", "label": "Dot", "name": "Dot"}], "provenance": {"recipe": recipe},
    }  # fmt: skip
    folder.mkdir()
    (folder / "card.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


def test_a_sieve_learns_which_candidates_are_findings(dotted: Path, tmp_path: Path) -> None:
    train_card(
        str(card(tmp_path / "recipe")), dotted, validation=None, output=tmp_path / "made", minutes=None, seed=0,
        device="cpu", report=lambda fraction, text: None,
    )  # fmt: skip
    told = CliRunner().invoke(
        commands, ["evaluate", str(tmp_path / "made"), "--data", str(dotted), "--json", "--learned"]
    )
    summary = json.loads(told.stdout)
    # Half of the spots are blue: without the sieve there would be six false boxes a picture.
    assert summary["n"] == 6 and summary["labels"]["Dot"]["findings"] == 36
    assert summary["labels"]["Dot"]["sensitivity"]["0.5"] > 0.9 and summary["froc"] > 0.9


def box(row: float, column: float, value: float) -> Box:
    return Box(1, "Dot", "Dot", (-0.5, row - 2, column - 2), (0.5, row + 2, column + 2), value)


def test_a_box_meets_a_finding_on_it_or_two_pixels_beside_and_each_counts_once(dotted: Path, tmp_path: Path) -> None:
    described = load_card(card(tmp_path / "recipe")).card
    marks = marked_images(dotted, ["Dot"], described)[0].open(["Dot"])[1]["Dot"]
    _, row, column = marks.centres[0]
    boxes = [box(row + 4, column, 0.9), box(row, column, 0.8), box(row + 6, column, 0.7), box(row, column + 3, 0.6)]
    judged = judged_of(boxes, marks)
    assert judged.findings == 6
    assert judged.right.tolist() == [True, False, False, False]
    assert judged.wrong.tolist() == [False, False, True, False]
    assert marks.numbers[0, int(row) + 4, int(column)] == marks.numbers[0, int(row), int(column)]


def test_sensitivity_is_taken_at_the_false_boxes_that_are_allowed() -> None:
    right = np.array([True, False, True, False, True])
    one = Judged(np.array([0.9, 0.8, 0.7, 0.6, 0.5]), right, ~right, 4)
    # One picture: no false box is allowed up to .5, one at 1, two from 2 on.
    assert sensitivities([one]).tolist() == [0.25, 0.25, 0.25, 0.5, 0.75, 0.75, 0.75]
    tied = Judged(np.full(5, 0.5), right, ~right, 4)
    assert sensitivities([tied]).tolist() == [0, 0, 0, 0, 0.75, 0.75, 0.75]


def test_a_label_without_a_folder_is_named(dotted: Path, tmp_path: Path) -> None:
    described = load_card(card(tmp_path / "recipe")).card
    with pytest.raises(MismatchError, match="no folder with masks of 'Haemorrhage'"):
        marked_images(dotted, ["Haemorrhage"], described)
