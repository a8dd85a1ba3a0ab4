"""Bags of views, of which the network learns by itself which to look at."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from engine.cards.registry import load_card
from engine.cards.schema import Card, parse_card
from engine.errors import CardError
from engine.files.image_file import read_image_file
from engine.inference.attention import GatedAttention
from engine.inference.context import Context
from engine.inference.graph import run_nodes
from engine.inference.pooling import pool_scores, pooled
from engine.inference.scores import Scores
from engine.operations.pool import Params
from engine.training.classifier import recipe_of
from tests.training.test_views import run, write_set

Json = dict[str, Any]

ENCODER: Json = {"network": "CNN", "in_channels": 1, "num_classes": 8, "stages": [[8], [16]], "dropout": 0.0}
CLASSIFIER: Json = {
    "network": {"network": "GatedAttention", "encoder": ENCODER, "num_classes": 1, "hidden": 8},
    "view": {"kind": "slices", "pixels": [1, 16, 16]},
    "labels": ["spot"],
    "activation": "sigmoid",
    "attention": True,
}
CARD: Json = {
    "id": "spots-by-attention",
    "version": "1",
    "task": "classify",
    "title": "Spots in one slice of a series",
    "fidelity": "modern",
    "badge": "trained",
    "inputs": [{"role": "path", "modality": ["MR"]}],
    "preprocess": [{"op": "windows", "params": {"windows": [[0, 100]]}}],
    "graph": [
        {"node": "net", "op": "classify", "in": ["path"], "params": CLASSIFIER},
        {"node": "bag", "op": "pool", "in": ["net"], "params": {"pool": "attention"}},
    ],
    "outputs": [{"kind": "score", "label": "spot", "name": "Spot"}],
    "provenance": {
        "recipe": {
            "steps": 160, "batch": 8, "views": 5, "warm_up": 5, "learning_rate": 3e-3, "average": 0.9, "compile": False,
            "holdout": 0.0, "augment": {"erase": 0},
        }
    },
}  # fmt: skip


def card_of(**params: Any) -> Card:
    values = json.loads(json.dumps(CARD))
    values["graph"][0]["params"] |= params
    return parse_card(json.dumps(values).encode(), "card.json")


@pytest.mark.slow
def test_a_gate_learns_from_the_label_of_the_bag_on_which_slice_the_spot_is(tmp_path: Path) -> None:
    learn, judge = write_set(tmp_path / "learn", 32, 1), write_set(tmp_path / "judge", 24, 2)
    (tmp_path / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    run("train", str(tmp_path), "--data", str(learn), "-o", str(tmp_path / "out"), "--device", "cpu")
    summary = json.loads(run("evaluate", str(tmp_path / "out"), "--data", str(judge), "--json", "--device", "cpu"))
    assert summary["n"] == 24 and summary["auc"] > 0.9
    loaded, hits = load_card(tmp_path / "out"), []
    for index in range(0, 24, 2):
        path = judge / f"{index}-first.nii.gz"
        brightest = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).max(axis=(1, 2)).argmax()
        made = run_nodes(Context(loaded, {"path": read_image_file(path)}, "cpu"))["net"]
        assert isinstance(made, Scores) and made.attention is not None
        assert np.exp(made.attention).sum() == pytest.approx(1, abs=1e-3)
        hits.append(made.attention.argmax() == brightest)
    assert np.mean(hits) > 0.75, "one slice in five by chance"


def test_the_gate_is_that_of_the_paper_and_shares_add_up() -> None:
    torch.manual_seed(0)
    network = GatedAttention(ENCODER, 2, 4).eval()
    views = torch.randn(3, 1, 16, 16)
    with torch.no_grad():
        out, features = network(views), torch.relu(network.encoder(views))
        v, u, w = network.values, network.gates, network.weigh.weight[0]
        gate = torch.tanh(features @ v.weight.T + v.bias) * torch.sigmoid(features @ u.weight.T + u.bias)
    torch.testing.assert_close(out[:, 2], gate @ w)
    values = torch.rand(3, 2)
    weights = np.exp(out[:, 2].numpy()) / np.exp(out[:, 2].numpy()).sum()
    expected = (weights[:, None] * values.numpy()).sum(0)
    np.testing.assert_allclose(pooled(values, "attention", attention=out[:, 2]).numpy(), expected, rtol=1e-5)
    # Of two series together as of one with the views of both.
    parts = [Scores(("a", "b"), values[s].numpy(), attention=out[s, 2].numpy()) for s in (slice(1), slice(1, 3))]
    np.testing.assert_allclose(pool_scores(Params(pool="attention"), parts).values[0], expected, rtol=1e-5)


def test_a_pool_by_attention_needs_a_network_that_gives_it_and_is_learned_from_several_views() -> None:
    with pytest.raises(CardError, match="how much each view counts"):
        card_of(attention=False)
    card = card_of()
    with pytest.raises(CardError, match="several of a picture together"):
        recipe_of(card, card.graph[0], {"steps": 1})
