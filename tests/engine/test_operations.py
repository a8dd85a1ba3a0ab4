"""What a card can say, the engine can do: every word of the three tables is run on a small image."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from engine.answers import Result
from engine.cards.roles import only_input
from engine.contouring.fill import fill
from engine.inference.context import Context
from engine.inference.graph import run_nodes
from engine.inference.networks import build_network
from engine.inference.preprocess import Prepared, prepare
from engine.inference.run import run_card
from engine.operations.table import OPERATIONS
from engine.postprocessing.table import POSTPROCESSING
from engine.preprocessing import bias_field
from engine.preprocessing.table import PREPROCESSING
from engine.progress import silent
from engine.volume import Geometry, Volume
from tests.engine.foreign_examples import FOREIGN
from tests.engine.models import segmenter_node, write_card, write_weights

Json = dict[str, Any]
ORIENT: Json = {"op": "orient", "params": {}}
VIEW: Json = {"kind": "montage", "pixels": [1, 16, 16], "grid": [2, 2]}


def node(name: str, op: str, takes: str, **params: Any) -> Json:
    return {"node": name, "op": op, "in": takes.split(), "params": params}


def output(label: str, node: str | None = None, kind: str = "mask") -> Json:
    return {"kind": kind, "label": label, "name": label} | ({"node": node} if node else {})


BOX = node("box", "threshold", "ct", label="Box", low=100)
EVERYTHING = node("all", "threshold", "ct", label="All", low=-500)


def classifier(folder: Path) -> Json:
    network: Json = {
        "network": "ConvClassifier",
        "in_shape": [1, 32, 32],
        "classes": 3,
        "channels": [4],
        "strides": [2],
    }
    torch.manual_seed(0)
    weights = write_weights(folder, "classifier", build_network(network))
    return node("kind", "classify", "ct", network=network, labels=["a", "b", "c"], view=VIEW) | {"weights": [weights]}


SPOTS = node("spots", "candidates", "ct", label="Spot", spots="bright", diameters_mm=[16], least=0.01, dimensions=3)


def sieve(folder: Path) -> list[Json]:
    """A sieve with random weights behind the finder of spots."""
    network: Json = {
        "network": "ConvClassifier",
        "in_shape": [1, 16, 16],
        "classes": 1,
        "channels": [4],
        "strides": [2],
    }
    torch.manual_seed(0)
    weights = write_weights(folder, "sieve", build_network(network))
    looks: Json = {
        "network": network,
        "labels": ["Spot"],
        "activation": "sigmoid",
        "pixels": [1, 16, 16],
        "edge_mm": 32,
    }
    return [SPOTS, node("sure", "sieve", "ct spots", keep=0, **looks) | {"weights": [weights]}]


def boxed(result: Result, volume: Volume) -> bool:
    """Whether the middle of a box lies in the bright box."""
    middles = [np.rint((np.array(box.low_kji) + box.high_kji) / 2).astype(int) for box in result.boxes]
    return any(bright(volume)[tuple(middle)] for middle in middles)


def phantom() -> Volume:
    """A block of tissue in air with a bright box of 8 × 20 × 24 voxels in it, off the middle."""
    voxels = np.full((24, 64, 64), -1000, np.int16)
    voxels[2:22, 4:60, 4:60] = 40
    voxels[6:14, 10:30, 30:54] = 200
    return Volume(voxels, Geometry.regular((3, 5, 7), np.eye(3), (2, 2, 2), voxels.shape), "CT", "HU")


def voxels_of(result: Result, volume: Volume, index: int = 0) -> NDArray[np.bool_]:
    return fill({k: c.area for k, c in result.rois[index].planes.items()}, volume.geometry)


FITTED: Json = {
    "columns": ["variables.age"], "means": [60], "scales": [10], "lows": [40], "highs": [80], "weights": [[2]],
    "offsets": [0], "patients": 20, "events": 9,
}  # fmt: skip
AGE: Json = {"key": "age", "label": "Age", "kind": "number", "low": 0, "high": 120}


def head(folder: Path) -> list[Json]:
    """A logistic formula on the features of a classifier, of which one counts."""
    numbers = FITTED | {"columns": ["deep.0"], "means": [0], "scales": [1], "lows": [-1], "highs": [1]}
    deep = node("deep", "features", "kind")
    return [classifier(folder), deep, node("risk", "head", "deep", model="logistic", labels=["ill"], fitted=numbers)]


def detector(folder: Path) -> list[Json]:
    network: Json = {
        "network": "RetinaNet", "in_channels": 1, "num_classes": 1, "num_anchors": 1, "filters": [4, 8], "levels": 1,
        "width": 8,
    }  # fmt: skip
    torch.manual_seed(0)
    weights = write_weights(folder, "detector", build_network(network))
    looks: Json = {"network": network, "labels": ["Spot"], "patch": [1, 64, 64], "edges_mm": [20], "keep": 0, "most": 3}
    return [node("where", "detect", "ct", **looks) | {"weights": [weights]}]


@dataclass(frozen=True)
class Example:
    """A card that uses an operation, and what shows that it worked."""

    graph: Callable[[Path], list[Json]]
    outputs: list[Json]
    shows: Callable[[Result, Volume], bool]
    changes: dict[str, Any] | None = None


def bright(volume: Volume) -> NDArray[np.bool_]:
    return np.asarray(volume.voxels > 100)


def fed(folder: Path) -> list[Json]:
    arguments = {
        "network": "UNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 3, "channels": [4, 8, 8],
        "strides": [2, 2], "num_res_units": 1, "norm": "batch",
    }  # fmt: skip
    network = segmenter_node(folder, arguments=arguments) | {"in": ["both"]}
    return [BOX, node("both", "concatenate", "ct box"), network]


def atlas(folder: Path) -> list[Json]:
    """An atlas that is the image itself, with its box as the only organ."""
    volume = phantom()
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in (("average", volume.voxels), ("probabilities", bright(volume).astype(np.uint8) * 255)):
        made = sitk.GetImageFromArray(values)
        made.SetSpacing(volume.geometry.spacing_xyz)
        sitk.WriteImage(made, str(folder / f"{name}.nii.gz"))
    return [node("atlas", "atlas", "ct", labels=["Box"], iterations=[2])]


def of_nnunet(folder: Path) -> list[Json]:
    """A small network of random weights, its two classes equally likely on the whole."""
    network: Json = {
        "network": "StagedUNet", "dimensions": 3, "in_channels": 1, "out_channels": 2, "features": [4, 8],
        "kernels": [[3, 3, 3]] * 2, "strides": [[1, 1, 1], [2, 2, 2]], "blocks": [1, 1], "decoder_convolutions": [1],
    }  # fmt: skip
    torch.manual_seed(0)
    weights = write_weights(folder, "staged", build_network(network))
    channels = [{"scheme": "ct", "mean": 0, "deviation": 300, "low": -1000, "high": 1000}]
    params = {"network": network, "dimensions": 3, "channels": channels, "patch": [16, 16, 16], "labels": ["Box"]}
    return [node("net", "nnunet", "ct", spacing_mm=[2, 2, 2], **params) | {"weights": [weights]}]


EXAMPLES: dict[str, Example] = {
    "segment": Example(
        lambda folder: [segmenter_node(folder)], [output("Left"), output("Right")],
        lambda result, volume: any(not roi.is_empty for roi in result.rois),
    ),
    "nnunet": Example(
        of_nnunet, [output("Box")], lambda result, volume: 0.01 < voxels_of(result, volume).mean() < 0.99
    ),
    "classify": Example(
        lambda folder: [classifier(folder)], [output(label, kind="score") for label in "abc"],
        lambda result, volume: abs(sum(score.value for score in result.scores) - 1) < 1e-3,
    ),
    "atlas": Example(
        atlas, [output("Box")],
        lambda result, volume: (voxels_of(result, volume) & bright(volume)).sum() > 0.9 * bright(volume).sum(),
        {"preprocess": [ORIENT]},
    ),
    "body_outline": Example(
        lambda folder: [node("body", "body_outline", "ct", least_cm3=1)], [output("External")],
        lambda result, volume: (voxels_of(result, volume) ^ (volume.voxels > -500)).mean() < 0.01,
    ),
    "threshold": Example(
        lambda folder: [BOX], [output("Box")],
        lambda result, volume: bool((voxels_of(result, volume) == bright(volume)).all()),
    ),
    "crop": Example(
        lambda folder: [BOX, node("around", "crop", "ct box", margin_mm=0), EVERYTHING | {"in": ["around"]}],
        [output("All")],
        lambda result, volume: 0 < voxels_of(result, volume).sum() < 1.3 * bright(volume).sum(),
        {"preprocess": [ORIENT]},
    ),
    "mask": Example(
        lambda folder: [BOX, EVERYTHING, node("inside", "mask", "all box")], [output("All", "inside")],
        lambda result, volume: bool((voxels_of(result, volume) == bright(volume)).all()),
    ),
    "concatenate": Example(
        fed, [output("Left"), output("Right")], lambda result, volume: any(not roi.is_empty for roi in result.rois)
    ),
    "combine": Example(
        lambda folder: [BOX, EVERYTHING | {"params": {"label": "Box", "low": -500}},
                        node("both", "combine", "box all", how="product")],
        [output("Box", "both")],
        lambda result, volume: bool((voxels_of(result, volume) == bright(volume)).all()),
    ),
    "saliency": Example(
        lambda folder: [node("salient", "saliency", "ct", label="Box", polarity="bright", smooth_mm=0)],
        [output("Box")],
        lambda result, volume: bool((voxels_of(result, volume) == bright(volume)).all()),
        {"preprocess": [ORIENT, {"op": "windows", "params": {"windows": [[0, 200]]}}]},
    ),
    "refine_edges": Example(
        lambda folder: [BOX | {"params": {"label": "Box", "low": -500}}, BOX | {"node": "fine"},
                        node("refined", "refine_edges", "box fine", width_mm=5)],
        [output("Box", "refined")],
        # Near the edge of the tissue the box decides, which is not there; inside of it the tissue.
        lambda result, volume: bool(voxels_of(result, volume)[12, 9:55, 9:55].all())
        and not voxels_of(result, volume)[:, [4, 59]].any(),
    ),
    "candidates": Example(lambda folder: [SPOTS], [output("Spot", kind="box")], boxed),
    "sieve": Example(sieve, [output("Spot", "sure", kind="box")], boxed),
    "overlay": Example(
        lambda folder: [BOX, EVERYTHING, node("both", "overlay", "all box")], [output("Box"), output("All")],
        lambda result, volume: bool((voxels_of(result, volume) == bright(volume)).all())
        and not (voxels_of(result, volume, 1) & bright(volume)).any(),
    ),
    "hierarchy": Example(
        lambda folder: [classifier(folder), node("tree", "hierarchy", "kind", parents={"ab": ["a", "b"], "c": ["c"]})],
        [output("ab", kind="score"), output("c", kind="score"), output("a", kind="score"), output("b", kind="score")],
        lambda result, volume: abs(result.scores[0].value - result.scores[2].value - result.scores[3].value) < 1e-5,
    ),
    "pool": Example(
        lambda folder: [classifier(folder), node("all", "pool", "kind kind", pool="vote")],
        [output("a", kind="score"), output("b", kind="score"), output("c", kind="score")],
        lambda result, volume: sorted(score.value for score in result.scores) == [0, 0, 1],
    ),
    "gate": Example(
        lambda folder: [classifier(folder), node("given", "gate", "kind kind", label="a")],
        [output("a", "given", "score"), output("b", "given", "score"), output("c", "given", "score")],
        # Together they are no likelier than that by which they are weighed.
        lambda result, volume: result.scores[0].value == pytest.approx(sum(s.value for s in result.scores) ** 2),
    ),
    "features": Example(
        head, [output("ill", kind="score")], lambda result, volume: 0 < result.scores[0].value < 1
    ),
    "head": Example(
        head, [output("ill", kind="risk")], lambda result, volume: 0 < result.scores[0].value < 1
    ),
    "vesselness": Example(
        lambda folder: [node("tubes", "vesselness", "ct", label="Tube", sigmas_mm=[8], contrast=0.01)],
        [output("Tube")],
        lambda result, volume: bool((voxels_of(result, volume) & bright(volume)).any()),
    ),
    "components": Example(
        lambda folder: [BOX, node("pieces", "components", "box", label="Spot")],
        [output("Box"), output("Spot", kind="box")],
        lambda result, volume: boxed(result, volume) and len(result.boxes) == 1,
    ),
    "graph_cut": Example(
        lambda folder: [BOX, node("all", "threshold", "ct", label="All", low=-500, high=99),
                        node("both", "overlay", "all box"),
                        node("cut", "graph_cut", "both", labels=["Box", "All"])],
        [output("Box", "cut"), output("All", "cut")],
        lambda result, volume: bool((voxels_of(result, volume) & bright(volume)).any()),
    ),
    "detect": Example(
        detector, [output("Spot", kind="box")], lambda result, volume: len(result.boxes) >= 24
    ),
    "choose": Example(
        lambda folder: [BOX, node("named", "choose", "box", labels=["Box"], rename={"Box": "Case"})], [output("Case")],
        lambda result, volume: bool((voxels_of(result, volume) == bright(volume)).all()),
    ),
} | {word: Example(*parts) for word, parts in FOREIGN.items()}  # fmt: skip


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
