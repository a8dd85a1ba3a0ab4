"""How patches of an organ differ between its regions, and the code that they are compared by."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.cards.registry import load_card
from engine.errors import EngineError
from engine.inference.patch_statistics import patches_of, regions_of, statistics_of
from engine.inference.preprocess import prepare
from engine.inference.run import run_card
from engine.operations.patch_statistics import Params
from engine.training.run import train_card
from engine.volume import Geometry, Volume
from tests.recipes.generators.hearts import ventricles

Json = dict[str, Any]
WALL = {"node": "wall", "op": "threshold", "in": ["ct"], "params": {"label": "Wall", "low": 60, "high": 200}}


class Everywhere:
    """An organ that is all of the image."""

    labels = ("Organ",)

    def dense_on(self, other: Any, labels: Any) -> Any:
        return np.ones((1, *other.shape), np.float16)


def test_a_patch_is_what_lies_around_its_voxel_and_the_edge_goes_on() -> None:
    voxels = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
    image = prepare(Volume(voxels, Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 1), voxels.shape), "CT", "HU"), [])
    where, patches = patches_of(Params(patch=(1, 3, 3), components=1), image, Everywhere(), 1000)
    assert len(where) == voxels.size
    padded = np.pad(voxels, [(0, 0), (1, 1), (1, 1)], mode="edge")
    for (plane, row, column), patch in zip(where, patches, strict=True):
        assert np.array_equal(patch, padded[plane, row : row + 3, column : column + 3].ravel())


def test_regions_are_of_one_size_connected_and_the_same_each_time() -> None:
    points = np.argwhere(np.ones((4, 20, 20))) * [5.0, 1.0, 1.0]
    regions = regions_of(points, 40)
    assert np.array_equal(regions, regions_of(points, 40))
    sizes = np.bincount(regions)
    assert len(sizes) > 30 and sizes.min() > 0 and sizes.max() < 5 * sizes.mean()
    # None reaches far: that of 40 is about 7 voxels wide.
    assert max(np.ptp(points[regions == index], axis=0)[1:].max() for index in range(len(sizes))) < 15


def test_statistics_are_those_of_each_region_by_itself() -> None:
    rng = np.random.default_rng(0)
    codes, regions = rng.normal(size=(200, 3)), rng.integers(0, 7, 200)
    told = statistics_of(codes, regions)
    parts = [codes[regions == index] for index in range(7)]
    assert told["deviation"] == pytest.approx(np.max([part.std(axis=0) for part in parts], axis=0))
    assert told["lowest"] == pytest.approx(np.min([part.mean(axis=0) for part in parts], axis=0))
    assert told["highest"] == pytest.approx(np.max([part.mean(axis=0) for part in parts], axis=0))


def test_code_and_machine_are_fitted_on_a_cohort_and_written_into_the_card(tmp_path: Path) -> None:
    ventricles(tmp_path / "learn", 12, 1)
    graph: list[Json] = [
        WALL,
        {"node": "parts", "op": "patch_statistics", "in": ["ct", "wall"],
         "params": {"patch": [1, 3, 3], "components": 2, "clusters": 20, "most": 500}},
        {"node": "machine", "op": "head", "in": ["parts"], "params": {"model": "svm", "labels": ["stenosis"]}},
    ]  # fmt: skip
    outputs = [{"kind": "score", "label": "stenosis", "name": "stenosis", "node": "machine"}]
    values: Json = {
        "id": "m", "version": "1.0", "task": "classify", "title": "Small", "fidelity": "modern", "badge": "runs",
        "inputs": [{"role": "ct", "modality": ["CT"], "units": "HU"}], "graph": graph, "outputs": outputs,
        "preprocess": [{"op": "orient", "params": {}}], "provenance": {"recipe": {"holdout": 0.0}},
    }  # fmt: skip
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "card.json").write_text(json.dumps(values), encoding="utf-8")
    train_card(
        str(tmp_path / "m"), tmp_path / "learn", validation=None, output=tmp_path / "card", minutes=None, seed=None,
        device="cpu", report=lambda done, text: None,
    )  # fmt: skip
    loaded = load_card(tmp_path / "card")
    assert not loaded.problem
    params = loaded.card.graph[1].params
    assert isinstance(params, Params) and params.fitted is not None and 0.3 < params.fitted.explained <= 1
    components = np.array(params.fitted.components)
    assert components @ components.T == pytest.approx(np.eye(2), abs=1e-4)
    head: Any = loaded.card.graph[2].params
    assert set(head.fitted.columns) <= {"parts.deviation-0", "parts.deviation-1"}
    # Of no organ there is nothing to be told.
    voxels = np.full((8, 48, 48), -1000, np.int16)
    voxels[:, 10:40, 10:40] = 300
    empty = Volume(voxels, Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 3), voxels.shape), "CT", "HU")
    with pytest.raises(EngineError, match="Nothing of Wall was found"):
        run_card(loaded, {"ct": empty}, device="cpu")
