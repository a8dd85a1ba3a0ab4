"""An example of every operation: a card on a small image, and what shows that it worked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from engine.answers import Result
from engine.contouring.fill import fill
from engine.inference.networks import build_network
from engine.volume import Geometry, Volume
from tests.engine.foreign_examples import FOREIGN
from tests.engine.models import segmenter_node, write_weights

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


def coded(folder: Path) -> list[Json]:
    """A logistic formula of how grey a box is where it is darkest; the code of a voxel is its value."""
    numbers = FITTED | {"columns": ["parts.lowest-0"], "means": [200], "scales": [0.01], "lows": [0], "highs": [300]}
    code: Json = {"mean": [0], "components": [[1]], "explained": 1}
    params: Json = {"patch": [1, 1, 1], "components": 1, "clusters": 8, "statistics": ["lowest", "deviation"]}
    parts = node("parts", "patch_statistics", "ct box", fitted=code, **params)
    return [BOX, parts, node("risk", "head", "parts", model="logistic", labels=["dark"], fitted=numbers)]


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
    "grow_into": Example(
        lambda folder: [node("body", "body_outline", "ct", least_cm3=1),
                        node("again", "grow_into", "body body", into="External", grown_mm=3)],
        [output("External", "again")],
        lambda result, volume: bool((voxels_of(result, volume) & bright(volume)).any()),
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
    "patch_statistics": Example(
        # All of the box is of the value that the formula takes for neither dark nor bright.
        coded, [output("dark", kind="score")],
        lambda result, volume: abs(result.scores[0].value - 0.5) < 1e-3,
        {"preprocess": [ORIENT]},
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
    "merge_planes": Example(
        lambda folder: [*detector(folder), node("things", "merge_planes", "where", overlap=0.1)],
        [output("Spot", "things", kind="box")],
        # Each of the 24 planes has boxes, and some of neighbouring planes are one.
        lambda result, volume: 0 < len(result.boxes) < 72 and any(
            box.high_kji[0] - box.low_kji[0] > 1.5 for box in result.boxes
        ),
    ),
    "choose": Example(
        lambda folder: [BOX, node("named", "choose", "box", labels=["Box"], rename={"Box": "Case"})], [output("Case")],
        lambda result, volume: bool((voxels_of(result, volume) == bright(volume)).all()),
    ),
} | {word: Example(*parts) for word, parts in FOREIGN.items()}  # fmt: skip
