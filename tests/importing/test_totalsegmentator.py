"""Weights of TotalSegmentator become cards that draw what it draws, by its names."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.contouring.fill import fill
from engine.errors import CardError
from engine.files.image_file import read_image_file
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from engine.shipped import read_list
from tests.engine.models import noisy
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


def cropping(name: str, number: int, spacing: float, patch: tuple[int, ...]) -> Model:
    """A model of CT, for a task that looks at a part of the image."""
    labels = read_list("totalsegmentator.json")["labels"][str(number)]
    coarse, fine = "nnUNetTrainer_4000epochs_NoMirroring", "nnUNetTrainer_MOSAIC_1k_QuarterLR_NoMirroring"
    return Model(
        name=name, patch=patch, spacing=(spacing,) * 3, reader="NibabelIOWithReorient",
        trainer=coarse if number == 298 else fine,
        labels={"background": 0} | {label: value for value, label in enumerate(labels, start=1)}, mirrors=(0, 1, 2),
    )  # fmt: skip


#: Task → its data sets and one by which it is cropped, if any; each on an image of its own.
TASKS: dict[str, list[Model]] = {
    "total_mr": [part(number, (24, 24, 24)) for number in (850, 851)],
    "lung_nodules": [
        cropping("Dataset298_TotalSegmentator_total_6mm", 298, 6.0, (32, 40, 40)),
        cropping("Dataset913_lung_nodules", 913, 1.5, (32, 32, 32)),
    ],
}


def test_every_task_can_be_told_by_its_weights() -> None:
    table = read_list("totalsegmentator.json")
    for task in table["tasks"]:
        assert all(str(number) in table["labels"] for number in task["ids"])
    total = next(task for task in table["tasks"] if task["task"] == "total")
    assert sum(len(table["labels"][str(number)]) for number in total["ids"]) == 117
    by_name = {task["task"]: task for task in table["tasks"]}
    for task in table["tasks"]:
        if "crop" in task:
            (number,) = by_name[task["crop"]["by"]]["ids"]
            assert set(task["crop"]["around"]) <= set(table["labels"][str(number)]), task["task"]


def test_a_task_that_looks_around_what_another_finds_becomes_one_card(tmp_path: Path) -> None:
    for model in TASKS["lung_nodules"]:
        write_checkpoint(model, tmp_path / "results")
    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / "results", target, Wish(), silent)
    card = load_card(target).card
    assert card.id == "totalsegmentator-lung-nodules"
    assert [node.node for node in card.graph] == ["around-part298", "part913"]
    coarse, fine = (node.params.model_dump() for node in card.graph)
    assert coarse["step"] == 0.8 and len(coarse["only"]) == 5
    assert set(fine["around"]) == set(coarse["only"])
    assert fine["margin_mm"] == 20


@pytest.mark.parametrize("exact", [False, True])
def test_nothing_is_drawn_where_what_is_looked_around_is_not_there(
    exact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in TASKS["lung_nodules"]:
        write_checkpoint(model, tmp_path / "results")
    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / "results", target, Wish(), silent)
    monkeypatch.setattr("engine.inference.nnunet_crop.fill", lambda areas, geometry: np.zeros(geometry.shape, bool))
    options = RunOptions(override=True, chosen={"exact": exact})
    result = run_card(load_card(target), {"ct": noisy((8, 30, 30))}, device="cpu", options=options)
    assert all(roi.is_empty for roi in result.rois)
    assert any("was not found in the image, so nothing is drawn" in note for note in result.notes)


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


@pytest.mark.parametrize("packed", [False, True])
def test_one_data_set_as_it_is_published_is_known_by_the_folder_that_it_is_of(packed: bool, tmp_path: Path) -> None:
    model = cropping("Dataset298_TotalSegmentator_total_6mm", 298, 6.0, (16, 16, 16))
    given = write_checkpoint(model, tmp_path / "results").parents[1]
    if packed:
        shutil.make_archive(str(tmp_path / "weights"), "zip", tmp_path / "results")
        given = tmp_path / "weights.zip"
    target = tmp_path / "card"
    target.mkdir()
    converted(given, target, Wish(), silent)
    card = load_card(target).card
    assert card.id == "totalsegmentator-total-fastest"
    assert card.licence.weights == "Apache-2.0"
    node = card.graph[0].params.model_dump()
    assert (node["mirrors"], node["step"], node["first_mm"]) == ((), 0.8, (6.0, 6.0, 6.0))


def test_a_missing_part_and_a_task_that_is_not_known_are_named(tmp_path: Path) -> None:
    write_checkpoint(part(850), tmp_path / "results")
    target = tmp_path / "card"
    target.mkdir()
    with pytest.raises(CardError, match="lacks the weights 851"):
        converted(tmp_path / "results", target, Wish(), silent)
    with pytest.raises(CardError, match="no task 'heart'"):
        converted(tmp_path / "results", target, Wish(task="heart"), silent)
    with pytest.raises(CardError, match="lacks the weights 298"):
        converted(_named(tmp_path, "Dataset913_TotalSeg_lung_nodules"), target, Wish(), silent)
    with pytest.raises(CardError, match="lacks the weights 305"):
        converted(_named(tmp_path, "Dataset803_TotalSeg_vertebrae"), target, Wish(task="vertebrae_pp_refined"), silent)


def _named(place: Path, name: str) -> Path:
    write_checkpoint(Model(name=name), place / "named")
    return place / "named"


def test_a_data_set_of_the_same_number_is_not_taken_for_it(tmp_path: Path) -> None:
    write_checkpoint(Model(name="Dataset297_Mine"), tmp_path)
    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / "Dataset297_Mine", target, Wish(), silent)
    assert load_card(target).card.provenance.imported_from == "nnU-Net v2"


def image_for(task: str) -> sitk.Image:
    """Soft blobs; where a task looks at a part of them, in one corner of an image of air."""
    if task == "total_mr":
        image = soft_image((18, 30, 26), (2.1, 2.3, 2.9))
        image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
        return image
    shape, spacing = (36, 54, 50), (4.0, 4.2, 5.0)
    values = np.full(shape, -1000, np.int16)
    values[20:30, 6:20, 28:42] = sitk.GetArrayFromImage(soft_image((10, 14, 14), spacing, 1))
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    return image


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what TotalSegmentator itself makes of all tasks, in one process, since it takes long to start."""
    python = needs_nnunet()
    place = tmp_path_factory.mktemp("totalsegmentator")
    cases: list[Json] = []
    for task, models in TASKS.items():
        sitk.WriteImage(image_for(task), place / f"{task}.nii.gz")
        cases.append({
            "name": task, "task": task, "results": str(place / "results"), "images": [str(place / f"{task}.nii.gz")],
            "out": str(place / f"{task}-out"), "models": [str(model.write(place / "results")) for model in models],
        })  # fmt: skip
    predicted(python, place, cases)
    return place


@pytest.mark.parametrize("task", TASKS)
def test_voxels_are_those_of_totalsegmentator(task: str, theirs: Path, tmp_path: Path) -> None:
    there = sitk.GetArrayFromImage(sitk.ReadImage(str(theirs / f"{task}-out.nii.gz")))
    target = tmp_path / "card"
    target.mkdir()
    converted(theirs / "results", target, Wish(task=task), silent)
    volume = read_image_file(theirs / f"{task}.nii.gz")
    loaded = load_card(target)
    role = loaded.card.inputs[0].role
    result = run_card(loaded, {role: volume}, device="cpu", options=RunOptions(override=True, chosen={"exact": True}))
    ours = np.zeros(volume.geometry.shape, np.uint8)
    for value, roi in enumerate(result.rois, start=1):
        ours[fill({k: plane.area for k, plane in roi.planes.items()}, volume.geometry)] = value
    assert len(np.unique(there)) > (10 if task == "total_mr" else 2), "a comparison of nothing"
    if task != "total_mr":
        assert not there[..., :15].any(), "not cropped"
    assert (ours == there).mean() >= 0.9999
    if task == "total_mr":
        return
    # Contours lie on the same place, whatever part of the image the network saw; they are of its grid, so not the same.
    smooth = run_card(loaded, {role: volume}, device="cpu", options=RunOptions(override=True, precision="float32"))
    drawn = np.zeros(volume.geometry.shape, np.bool_)
    for roi in smooth.rois:
        drawn |= fill({k: plane.area for k, plane in roi.planes.items()}, volume.geometry)
    assert 2 * (drawn & (there > 0)).sum() > 0.9 * (drawn.sum() + (there > 0).sum())
