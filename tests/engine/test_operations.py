"""What a card can say, the engine can do: every word of the three tables is run on a small image."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.cards.roles import only_input
from engine.inference.context import Context
from engine.inference.graph import run_nodes
from engine.inference.preprocess import Prepared, prepare
from engine.inference.run import run_card
from engine.operations.table import OPERATIONS
from engine.postprocessing.table import POSTPROCESSING
from engine.preprocessing import bias_field
from engine.preprocessing.table import PREPROCESSING
from engine.progress import silent
from engine.volume import Geometry, Volume
from tests.engine.models import write_card
from tests.engine.operation_examples import BOX, EVERYTHING, EXAMPLES, ORIENT, node, output, phantom, voxels_of

Json = dict[str, Any]


def test_there_is_an_example_of_every_operation() -> None:
    assert set(EXAMPLES) == set(OPERATIONS)


@pytest.mark.parametrize("word", sorted(OPERATIONS))
def test_an_operation_runs(word: str, tmp_path: Path) -> None:
    example, volume = EXAMPLES[word], phantom()
    graph = example.graph(tmp_path / "m")
    assert word in {made["op"] for made in graph}
    loaded = write_card(tmp_path / "m", graph, list(example.outputs), **(example.changes or {}))
    result = run_card(loaded, only_input(loaded.card, volume), device="cpu")
    assert len(result.rois) + len(result.scores) == sum(made["kind"] != "box" for made in example.outputs)
    assert example.shows(result, volume)


def prepared(tmp_path: Path, *steps: Json) -> Prepared:
    loaded = write_card(tmp_path / "m", [BOX], ["Box"], preprocess=list(steps))
    return prepare(phantom(), loaded.card.preprocess)


def seen(image: Prepared) -> NDArray[np.float32]:
    return image.tile((slice(None), slice(None), slice(None)))


STEPS: dict[str, tuple[Json, Callable[[Prepared], bool]]] = {
    "orient": ({"axes": "RAS"}, lambda image: image.axes.reversed_axes == (1, 2)),
    "mask_body": ({"outside": -2000}, lambda image: float(image.values[0, 0, 0]) == -2000),
    "crop_body": ({"margin_mm": 0}, lambda image: 20 <= image.shape[0] < 24),
    "find_field": ({"what": "fundus"}, lambda image: image.shape[1:] == (56, 56)),
    "resize": ({"pixels": [10, 12]}, lambda image: image.shape[1:] == (10, 12)),
    "bands": ({"bands": [3, 8]}, lambda image: seen(image)[:, 0, 20, 40].tolist() == [40, 200]),
    "resample": ({"spacing_mm": [4, 4, 4]}, lambda image: image.spacing == pytest.approx((4, 4, 4))),
    "bias_field": ({"shrink": 2, "iterations": [5]}, lambda image: len(np.unique(image.values)) > 100),
    "windows": ({"windows": [[0, 100], [-1000, 0]]}, lambda image: seen(image).shape[0] == 2),
    "normalise": ({}, lambda image: abs(float(seen(image).std()) - 1) < 1e-2),
}


def test_there_is_an_example_of_every_step_before_the_graph() -> None:
    assert set(STEPS) == set(PREPROCESSING)


@pytest.mark.parametrize("word", sorted(PREPROCESSING))
def test_a_step_before_the_graph_is_done(word: str, tmp_path: Path) -> None:
    params, shows = STEPS[word]
    assert not shows(prepared(tmp_path))
    assert shows(prepared(tmp_path, {"op": word, "params": params}))


#: Voxels that each step leaves of two boxes: one of 1000 with a hole of 27, and one of 125, less bright.
POST: dict[str, tuple[Json, int]] = {
    "largest_pieces": ({"labels": ["Box"]}, 973),
    "least_size": ({"cm3": 0.5 * 8}, 973),
    "fill_holes": ({}, 1125),
    "inside": ({"of": "Brighter", "labels": ["Box"]}, 973),
}


def test_there_is_an_example_of_every_step_after_the_graph() -> None:
    assert set(POST) == set(POSTPROCESSING)


@pytest.mark.parametrize("word", sorted(POSTPROCESSING))
def test_a_step_after_the_graph_is_done(word: str, tmp_path: Path) -> None:
    params, left = POST[word]
    voxels = np.full((20, 40, 40), -1000, np.int16)
    voxels[4:14, 5:15, 5:15] = 200
    voxels[7:10, 8:11, 8:11] = -1000
    voxels[4:9, 30:35, 30:35] = 150
    volume = Volume(voxels, Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), voxels.shape), "CT", "HU")
    brighter = node("brighter", "threshold", "ct", label="Brighter", low=180)
    graph = [BOX, brighter, node("both", "combine", "box brighter", how="max")]
    loaded = write_card(
        tmp_path / "m", graph, [output("Box"), output("Brighter")], post=[{"op": word, "params": params}]
    )
    result = run_card(loaded, only_input(loaded.card, volume), device="cpu")
    assert voxels_of(result, volume).sum() == left


def test_shading_is_taken_out_and_the_tissues_stay_apart() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((16, 48, 48), np.float32)
    truth[2:14, 6:42, 6:42] = 100
    truth[4:12, 16:32, 16:32] = 150
    rows, columns = np.mgrid[-1:1:48j, -1:1:48j]
    shaded = (truth + 2 * rng.standard_normal(truth.shape)) * np.exp(0.35 * rows - 0.3 * columns**2)
    shaded[truth == 0] = 0
    corrected = bias_field.correct(bias_field.Params(shrink=2), shaded.astype(np.float32), float("nan"), (3, 2, 2))

    def spread(values: NDArray[np.floating]) -> float:
        return float(values[truth == 100].std() / values[truth == 100].mean())

    assert spread(shaded) > 0.15 and spread(corrected) < 0.08
    ratio = corrected[truth == 150].mean() / corrected[truth == 100].mean()
    assert ratio == pytest.approx(1.5, abs=0.15)
    assert (corrected[truth == 0] == 0).all()
    flat = bias_field.correct(bias_field.Params(shrink=2), shaded[8:9].astype(np.float32), float("nan"), (3, 2, 2))
    assert flat.shape == (1, 48, 48) and spread(np.repeat(flat, 16, axis=0)) < spread(shaded)


def test_what_is_fed_to_an_image_comes_along_to_its_crop(tmp_path: Path) -> None:
    image = prepared(tmp_path, ORIENT)
    fed = replace(image, fed=np.stack([image.values, image.values / 2]).astype(np.float16))
    cut = fed.recut((slice(4, 16), slice(10, 40), slice(20, 60)), None, silent)
    assert cut.fed is not None and cut.fed.shape == (2, *cut.shape)
    assert np.allclose(cut.fed[0], cut.values, atol=1) and np.allclose(cut.fed[1], cut.values / 2, atol=1)
    finer = fed.recut((slice(4, 16), slice(10, 40), slice(20, 60)), (1, 1, 1), silent)
    assert finer.fed is not None and np.allclose(finer.fed[0], finer.values, atol=1)


def test_what_is_joined_to_a_joined_image_comes_behind_all_of_it(tmp_path: Path) -> None:
    again = node("twice", "concatenate", "both box")
    small = EVERYTHING | {"node": "end"}
    loaded = write_card(tmp_path / "m", [BOX, node("both", "concatenate", "ct box"), again, small], ["All"])
    context = Context(loaded, only_input(loaded.card, phantom()))
    made = run_nodes(context)
    assert [seen(made[name]).shape[0] for name in ("both", "twice")] == [2, 3]  # type: ignore[arg-type]


def test_a_mask_blanks_every_channel_of_a_joined_image(tmp_path: Path) -> None:
    masked = node("cut", "mask", "both box")
    small = EVERYTHING | {"node": "end"}
    loaded = write_card(tmp_path / "m", [BOX, node("both", "concatenate", "ct ct"), masked, small], ["All"])
    made = run_nodes(Context(loaded, only_input(loaded.card, phantom())))
    before, after = seen(made["both"]), seen(made["cut"])  # type: ignore[arg-type]
    changed = before != after
    assert changed.any() and after.shape[0] == 2
    np.testing.assert_array_equal(changed[0], changed[1])
