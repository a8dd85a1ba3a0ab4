"""What a network is shown in training is what it is shown in a run."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.networks.nets.unet import UNet

from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.cards.schema import Card
from engine.errors import CardError
from engine.inference.run import run_card
from engine.preprocessing.table import PREPROCESSING
from engine.training.augment import Augmentation, draw
from engine.training.case import Case, Further, ImageKind, volume_of
from engine.training.nnunet_set import DataSet
from engine.training.recipe import Recipe
from engine.training.run import train_card
from engine.training.seen import as_prepared, spacing_behind
from engine.training.segmenter import SegmenterTrainer
from engine.training.unions import Unions, open_united

#: Every step for volumes, the windows behind a normalisation by figures of the image.
STEPS: list[dict[str, Any]] = [
    {"op": "orient", "params": {"axes": "RAS"}},
    {"op": "mask_body", "params": {"outside": -1000}},
    {"op": "crop_body", "params": {"margin_mm": 9}},
    {"op": "resample", "params": {"spacing_mm": [3.0, 3.0, 4.0]}},
    {"op": "bias_field", "params": {"iterations": [5]}},
    {"op": "normalise", "params": {"over": "body", "clip_percentiles": [2, 98]}},
    {"op": "windows", "params": {"windows": [[-2, 2], [0, 1]]}},
]
#: Nothing is varied, and the crop is the whole image, padded alike on both sides.
PLAIN = dict.fromkeys(("spatial", "flip", "shift_hu", "contrast", "noise_hu", "blur", "cut", "metal", "couch"), 0)
PATCH = (48, 64, 80)


def card(**changes: Any) -> dict[str, Any]:
    network = {
        "network": "UNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 2, "channels": [2, 4], "strides": [2],
    }  # fmt: skip
    params = {"network": network, "patch": list(PATCH), "padding": -7.0, "labels": ["Box"]}
    return {
        "id": "seen", "version": "1", "task": "segment", "title": "Seen", "fidelity": "modern", "badge": "trained",
        "inputs": [{"role": "ct", "modality": ["CT"], "units": "HU"}], "preprocess": STEPS,
        "graph": [{"node": "net", "op": "segment", "in": ["ct"], "params": params}],
        "outputs": [{"kind": "mask", "label": "Box", "name": "Box"}],
        "provenance": {"recipe": {"steps": 2, "compile": False, "holdout": 0, "augment": PLAIN}},
    } | changes  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One patient of noisy tissue in air, with a box in it, on pixels of 2.5 mm and planes 3 mm apart."""
    folder = tmp_path_factory.mktemp("seen")
    rng = np.random.default_rng(5)
    image = np.full((40, 52, 60), -1000, np.int16)
    image[4:36, 8:44, 8:52] = rng.integers(-80, 120, (32, 36, 44))
    labels = np.zeros(image.shape, np.uint8)
    labels[12:24, 16:30, 20:40] = 1
    image[labels > 0] += 200
    for array, name in ((image, "imagesTr/a_0000.nii.gz"), (labels, "labelsTr/a.nii.gz")):
        stored = sitk.GetImageFromArray(array)
        stored.SetSpacing((2.5, 2.5, 3.0))
        (folder / name).parent.mkdir(exist_ok=True)
        sitk.WriteImage(stored, str(folder / name))
    described = {"labels": {"background": 0, "Box": 1}, "numTraining": 1, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
    return folder


@pytest.fixture
def case(data: Path) -> Case:
    return DataSet(data, ["Box"]).read("a")


@contextmanager
def what_networks_see() -> Iterator[list[torch.Tensor]]:
    """The tensors that whole networks are given, while the context lasts."""
    given: list[torch.Tensor] = []

    def look(module: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, UNet):
            given.append(arguments[0].detach().clone())

    handle = torch.nn.modules.module.register_module_forward_pre_hook(look)
    try:
        yield given
    finally:
        handle.remove()


def test_a_network_is_shown_the_same_in_training_and_in_a_run(data: Path, case: Case, tmp_path: Path) -> None:
    assert {step["op"] for step in STEPS} == set(PREPROCESSING) - {"find_field", "resize", "bands"}
    (tmp_path / "card.json").write_text(json.dumps(card()), encoding="utf-8")
    with what_networks_see() as in_training:
        train_card(
            str(tmp_path), data, validation=None, output=tmp_path / "out", minutes=None, seed=0, device="cpu",
            report=lambda fraction, text: None,
        )  # fmt: skip
    with what_networks_see() as in_a_run:
        run_card(
            load_card(tmp_path / "out"), {"ct": volume_of(case)}, device="cpu", options=RunOptions(precision="float32")
        )
    assert len(in_training) == 2 and len(in_a_run) == 1
    assert in_a_run[0].shape == (1, 2, *PATCH)
    # All of it was looked at: the image, what is masked in it, and what lies around it.
    assert len(torch.unique(in_a_run[0])) > 1000 and (in_a_run[0] == -7).any()
    for shown in in_training:
        assert torch.equal(shown, in_a_run[0])


def test_labels_come_along_to_the_networks_grid(case: Case) -> None:
    made = as_prepared(case, Card.model_validate(card()).preprocess)
    assert made.spacing == pytest.approx((4, 3, 3)) and made.image.shape == made.labels.shape
    volume = (case.labels > 0).sum() * np.prod(case.spacing)
    # A box of 36 × 35 × 50 mm, cut at whole voxels of 4 × 3 × 3 mm.
    assert (made.labels > 0).sum() * np.prod(made.spacing) == pytest.approx(volume, rel=0.1)
    # They lie where the image is bright.
    tissue = made.image > -500
    assert made.image[made.labels > 0].mean() > 150
    assert abs(made.image[tissue & (made.labels == 0)].mean()) < 60


def test_a_network_behind_a_crop_learns_at_the_spacing_of_the_crop(case: Case) -> None:
    values = card()
    first = values["graph"][0]
    around = {"node": "around", "op": "crop", "in": ["ct", "net"], "params": {"spacing_mm": [2, 2, 2]}}
    values["graph"] = [first, around, first | {"node": "fine", "in": ["around"]}]
    read = Card.model_validate(values)
    assert [spacing_behind(read, node) for node in (read.graph[0], read.graph[2])] == [None, (2, 2, 2)]
    assert as_prepared(case, read.preprocess, (2, 2, 2)).spacing == pytest.approx((2, 2, 2))


def cascade() -> dict[str, Any]:
    """Two networks, the second fed what the first finds."""
    values = card()
    first = values["graph"][0]
    fed = {"node": "fed", "op": "concatenate", "in": ["ct", "net"], "params": {}}
    network = first["params"]["network"] | {"in_channels": 3}
    second = first | {"node": "second", "in": ["fed"], "params": first["params"] | {"network": network}}
    return values | {"graph": [first, fed, second]}


def trained(values: dict[str, Any], data: Path, folder: Path, node: str | None = None) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "card.json").write_text(json.dumps(values), encoding="utf-8")
    train_card(
        str(folder), data, validation=None, output=folder / "out", minutes=None, seed=0, device="cpu",
        report=lambda fraction, text: None, node=node,
    )  # fmt: skip


def test_a_network_that_is_fed_by_another_learns_from_what_it_is_given_in_a_run(
    data: Path, case: Case, tmp_path: Path
) -> None:
    with what_networks_see() as in_training:
        trained(cascade(), data, tmp_path / "all")
    loaded = load_card(tmp_path / "all" / "out")
    assert not loaded.problem
    with what_networks_see() as in_a_run:
        run_card(loaded, {"ct": volume_of(case)}, device="cpu")
    (run,) = [shown for shown in in_a_run if shown.shape[1] == 3]
    shown = [shown for shown in in_training if shown.shape[1] == 3]
    assert len(shown) == 2 and all(torch.allclose(each.float(), run.float(), atol=0.02) for each in shown)
    # What the first network finds is neither nothing nor all the same.
    assert len(torch.unique(run[0, 2])) > 100


def test_a_network_can_only_be_fed_by_one_that_was_trained(data: Path, tmp_path: Path) -> None:
    with pytest.raises(CardError, match="train that first"):
        trained(cascade(), data, tmp_path / "one", node="second")


def test_probabilities_that_are_fed_do_not_vary_as_scanners_do(case: Case) -> None:
    fed = np.zeros(case.image.shape, np.float16)
    fed[12:24, 16:30, 20:40] = 0.75
    further = (Further(fed, ImageKind("", "", ()), varies=False), Further(fed, ImageKind("", "", ())))
    wild = Augmentation(spatial=0, flip=0, cut=0, contrast=0.5, shift=1.0, noise=1.0)
    crop = draw(np.random.default_rng(0), [replace(case, further=further)], (40, 52, 60), np.arange(2), wild)
    assert set(np.unique(crop.images[1])) <= {0, 0.75} and len(np.unique(crop.images[2])) > 2


def test_a_structure_may_be_the_union_of_those_of_a_data_set(data: Path) -> None:
    parts = Unions(DataSet(data, ["Box"]), ["Whole"], {"Whole": ["Box"]})
    assert (parts.read("a").labels == DataSet(data, ["Box"]).read("a").labels).all()
    with pytest.raises(CardError, match="two structures of one"):
        open_united(data, ["Box", "Whole"], {"Whole": ["Box"]}, ())


def test_in_the_last_phase_only_the_last_layers_learn_and_crops_lie_anywhere(case: Case, tmp_path: Path) -> None:
    network = {"network": "TwoPathCNN", "in_channels": 1, "out_channels": 2, "detail": 2, "context": 2, "kernel": 3}
    recipe = Recipe(
        network=network, structures=["Box"], patch=(1, 16, 16), dimensions=2, steps=4, natural=0.5, compile=False,
        augment=Augmentation(background=0.0, jitter=(0, 0, 0)), batch=8,
    )  # fmt: skip
    trainer = SegmenterTrainer(recipe, [case], [], tmp_path, "cpu")
    in_box, changed = [], []
    for _ in range(4):
        drawn = trainer._draw(trainer.progression.step)
        in_box.append(np.mean([bool(crop.labels[0, 8, 8]) for crop in drawn]))
        before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
        trainer.step()
        after = trainer.network.state_dict()
        changed.append({name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])})
    assert min(in_box[:2]) > 0.8 and max(in_box[2:]) < 0.5
    assert changed[1] == {"first", "second", "wide", "head"} and changed[2:] == [{"head"}, {"head"}]
