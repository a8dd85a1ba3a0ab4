"""Detectors learn from marked volumes; on planes, and in three dimensions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.cards.registry import load_card
from engine.training.evaluate_boxes import evaluate_boxes
from engine.training.run import train_card
from tests.recipes.generators.volumes import write_volumes

Json = dict[str, Any]


def balls(rng: np.random.Generator) -> tuple[list[Any], Any]:
    """Two bright balls (marked) and a bright rod (not)."""
    shape = (12, 32, 32)
    values, labels = rng.normal(0, 10, shape), np.zeros(shape, np.uint8)
    z, y, x = np.ogrid[:12, :32, :32]
    for row in (8, 22):
        column = rng.uniform(7, 25)
        ball = (z - rng.uniform(5, 7)) ** 2 + (y - row - rng.uniform(-2, 2)) ** 2 + (x - column) ** 2 <= 3.2**2
        values[ball], labels[ball] = 150, 1
    values[:, 15, 2:30] = 150
    return [values], labels


def card(folder: Path, dimensions: int) -> Path:
    network: Json = {
        "network": "RetinaNet", "in_channels": 1, "num_classes": 1, "num_anchors": 1, "filters": [16, 32], "levels": 2,
        "width": 16, "spatial_dims": dimensions,
    }  # fmt: skip
    params: Json = {"network": network, "dimensions": dimensions, "labels": ["Ball"], "edges_mm": [4.5],
                    "patch": [12 if dimensions == 3 else 1, 32, 32]}  # fmt: skip
    recipe: Json = {
        "minutes": 5,
        "steps": 120,
        "batch": 4,
        "learning_rate": 5e-3,
        "warm_up": 5,
        "average": 0.9,
        "holdout": 0.0,
    }
    values: Json = {
        "id": "balls", "version": "1.0", "task": "detect", "title": "Balls", "fidelity": "inspired", "badge": "runs",
        "inputs": [{"role": "mr", "modality": ["MR"]}],
        "preprocess": [{"op": "windows", "params": {"windows": [[0, 150]]}}],
        "graph": [{"node": "balls", "op": "detect", "in": ["mr"], "params": params}],
        "outputs": [{"kind": "box", "label": "Ball", "name": "Ball"}], "provenance": {"recipe": recipe},
    }  # fmt: skip
    folder.mkdir()
    (folder / "card.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_detector_learns_to_put_boxes_around_what_is_marked(tmp_path: Path, dimensions: int) -> None:
    write_volumes(tmp_path / "learn", 6, 1, balls, ["Ball"], spacing=(1, 1, 1))
    write_volumes(tmp_path / "judge", 3, 2, balls, ["Ball"], spacing=(1, 1, 1))
    before = torch.get_num_threads()
    train_card(
        str(card(tmp_path / "recipe", dimensions)), tmp_path / "learn", validation=None, output=tmp_path / "made",
        minutes=None, seed=0, device="cpu", report=lambda fraction, text: None,
    )  # fmt: skip
    assert torch.get_num_threads() == before
    summary = evaluate_boxes(load_card(tmp_path / "made"), tmp_path / "judge", device="cpu").summary()
    assert not summary["failed"] and summary["labels"]["Ball"]["findings"] == 6
    assert summary["labels"]["Ball"]["sensitivity"]["2.0"] >= 0.8
