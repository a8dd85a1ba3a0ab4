"""Weights of TotalSegmentator become cards that draw what it draws, by its names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.contouring.fill import fill
from engine.errors import CardError
from engine.image_file import read_image_file
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from engine.shipped import read_list
from tests.importing.checkpoints import write_checkpoint
from tests.importing.nnunet_models import Model, soft_image
from tests.importing.peers import needs_nnunet, predicted

Json = dict[str, Any]
TRAINER = "nnUNetTrainer_2000epochs_NoMirroring"


def part(number: int, patch: tuple[int, ...] = (16, 16, 16), spacing: float = 1.5) -> Model:
    """The model of one data set, with TotalSegmentator's labels."""
    labels = read_list("totalsegmentator.json")["labels"][str(number)]
    return Model(
        name=f"Dataset{number:03}_TotalSegMRI_part", patch=patch, spacing=(spacing,) * 3, channels=("MR",),
        schemes=("ZScoreNormalization",), reader="NibabelIOWithReorient", trainer=TRAINER,
        labels={"background": 0} | {name: value for value, name in enumerate(labels, start=1)}, mirrors=(0, 1, 2),
    )  # fmt: skip


def test_every_task_that_is_free_and_plain_can_be_told_by_its_weights() -> None:
    table = read_list("totalsegmentator.json")
    for task in table["tasks"]:
        if "not_here" not in task:
            assert all(str(number) in table["labels"] for number in task["ids"])
    total = next(task for task in table["tasks"] if task["task"] == "total")
    assert sum(len(table["labels"][str(number)]) for number in total["ids"]) == 117


def test_the_parts_of_a_task_become_one_card(tmp_path: Path) -> None:
    for number in (850, 851):
        write_checkpoint(part(number), tmp_path / "results")
    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / "results", target, Wish(), silent)
    card = load_card(target).card

    assert card.id == "totalsegmentator-total-mr"
    assert len(card.outputs) == 50
    assert {"Spleen", "Kidney_L", "Femur_R"} <= {output.name for output in card.outputs}
    assert card.licence.weights == "Apache-2.0"
    node = card.graph[0].params.model_dump()
    assert (node["mirrors"], node["step"], node["axes"], node["first_mm"]) == ((), 0.8, "RAS", (1.5, 1.5, 1.5))


def test_a_missing_part_and_a_task_that_is_not_known_are_named(tmp_path: Path) -> None:
    write_checkpoint(part(850), tmp_path / "results")
    target = tmp_path / "card"
    target.mkdir()
    with pytest.raises(CardError, match="lacks the weights 851"):
        converted(tmp_path / "results", target, Wish(), silent)
    with pytest.raises(CardError, match="no task 'heart'"):
        converted(tmp_path / "results", target, Wish(task="heart"), silent)
    with pytest.raises(CardError, match="other models find"):
        converted(_named(tmp_path, "Dataset913_TotalSeg_lung_nodules"), target, Wish(), silent)


def _named(place: Path, name: str) -> Path:
    write_checkpoint(Model(name=name), place / "named")
    return place / "named"


def test_a_data_set_of_the_same_number_is_not_taken_for_it(tmp_path: Path) -> None:
    write_checkpoint(Model(name="Dataset297_Mine"), tmp_path)
    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / "Dataset297_Mine", target, Wish(), silent)
    assert load_card(target).card.provenance.imported_from == "nnU-Net v2"


def test_voxels_are_those_of_totalsegmentator(tmp_path: Path) -> None:
    python = needs_nnunet()
    image = soft_image((18, 30, 26), (2.1, 2.3, 2.9))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(image, tmp_path / "image.nii.gz")
    models = [part(number, (24, 24, 24)) for number in (850, 851)]
    case = {
        "name": "total", "task": "total_mr", "ids": [850, 851], "spacing": 1.5, "trainer": TRAINER,
        "results": str(tmp_path / "results"), "images": [str(tmp_path / "image.nii.gz")], "out": str(tmp_path / "out"),
        "models": [str(model.write(tmp_path / "results")) for model in models],
    }  # fmt: skip
    predicted(python, tmp_path, [case])
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out.nii.gz")))

    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / "results", target, Wish(), silent)
    volume = read_image_file(tmp_path / "image.nii.gz")
    result = run_card(
        load_card(target), {"mr": volume}, device="cpu", options=RunOptions(override=True, chosen={"exact": True})
    )
    ours = np.zeros(volume.geometry.shape, np.uint8)
    for value, roi in enumerate(result.rois, start=1):
        ours[fill({k: plane.area for k, plane in roi.planes.items()}, volume.geometry)] = value
    assert len(np.unique(theirs)) > 10, "a comparison of nothing"
    assert (ours == theirs).mean() >= 0.9999
