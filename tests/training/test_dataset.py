"""Reading a data set, and what is said about a bad one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.errors import MismatchError, PlanimeterError, ReadError
from engine.training.nnunet_set import DataSet

STRUCTURES = ["Box_R", "Box_L"]


def test_cases_come_with_what_was_contoured(boxes: Path) -> None:
    dataset = DataSet(boxes, STRUCTURES)
    assert dataset.names == ["a", "b", "c"]
    whole, partial = dataset.read("a"), dataset.read("b")
    assert whole.contoured.tolist() == [True, True]
    assert partial.contoured.tolist() == [True, False]
    assert set(np.unique(partial.labels)) == {0, 1}
    assert whole.spacing == (3.0, 4.0, 4.0)


def test_classes_follow_the_order_asked_for(boxes: Path) -> None:
    as_stored = DataSet(boxes, STRUCTURES).read("a")
    swapped = DataSet(boxes, STRUCTURES[::-1]).read("a")
    assert ((as_stored.labels == 1) == (swapped.labels == 2)).all()


def test_the_crop_keeps_the_patient_and_every_label(boxes: Path) -> None:
    case = DataSet(boxes, STRUCTURES).read("a")
    cropped = case.cropped(margin=0)
    assert cropped.image.shape == (24, 20, 28)
    assert (cropped.labels > 0).sum() == (case.labels > 0).sum()


def altered(boxes: Path, target: Path) -> Path:
    shutil.copytree(boxes, target)
    return target


def test_a_folder_that_is_no_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"dataset\.json"):
        DataSet(tmp_path, STRUCTURES)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"labels": 3}'])
def test_a_broken_description_is_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset.json").write_text(content, encoding="utf-8")
    with pytest.raises(PlanimeterError):
        DataSet(tmp_path, STRUCTURES)


def test_a_label_that_is_not_there_is_named(boxes: Path) -> None:
    with pytest.raises(MismatchError, match="Sphere"):
        DataSet(boxes, ["Box_R", "Sphere"])


def test_no_images(boxes: Path, tmp_path: Path) -> None:
    folder = altered(boxes, tmp_path / "set")
    shutil.rmtree(folder / "imagesTr")
    with pytest.raises(ReadError, match="imagesTr"):
        DataSet(folder, STRUCTURES)


def test_missing_or_damaged_labels(boxes: Path, tmp_path: Path) -> None:
    folder = altered(boxes, tmp_path / "set")
    dataset = DataSet(folder, STRUCTURES)
    (folder / "labelsTr/a.nii.gz").write_bytes(b"not an image")
    with pytest.raises(ReadError, match=r"a\.nii\.gz"):
        dataset.read("a")
    (folder / "labelsTr/a.nii.gz").unlink()
    with pytest.raises(ReadError, match="missing"):
        dataset.read("a")


def test_without_a_table_everything_counts_as_contoured(boxes: Path, tmp_path: Path) -> None:
    folder = altered(boxes, tmp_path / "set")
    description = json.loads((folder / "dataset.json").read_text())
    del description["contoured"]
    (folder / "dataset.json").write_text(json.dumps(description))
    assert DataSet(folder, STRUCTURES).read("b").contoured.all()


def test_contours_that_are_left_out_count_as_not_contoured(boxes: Path) -> None:
    case = DataSet(boxes, ["Box_R", "Box_L"]).read("a")
    without = case.without([False, True])
    assert without.contoured.tolist() == [True, False]
    assert set(np.unique(without.labels)) == {0, 1}
    assert set(np.unique(case.labels)) == {0, 1, 2}
