"""Reading a data set, and what is said about a bad one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

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


@pytest.mark.parametrize("change", [{"origin": (3.0, 0.0, 0.0)}, {"direction": (-1, 0, 0, 0, -1, 0, 0, 0, 1)}])
def test_labels_at_another_place_in_the_patient_are_refused(
    boxes: Path, tmp_path: Path, change: dict[str, tuple[float, ...]]
) -> None:
    folder = altered(boxes, tmp_path / "set")
    path = folder / "labelsTr" / "a.nii.gz"
    labels = sitk.ReadImage(str(path))
    labels.SetOrigin(change.get("origin", (0.01, 0.0, 0.0)))
    labels.SetDirection(change.get("direction", labels.GetDirection()))
    sitk.WriteImage(labels, str(path))
    with pytest.raises(MismatchError, match=r"Case a: .* mm apart"):
        DataSet(folder, STRUCTURES).read("a")


def test_a_rounded_header_is_no_other_place(boxes: Path, tmp_path: Path) -> None:
    folder = altered(boxes, tmp_path / "set")
    path = folder / "labelsTr" / "a.nii.gz"
    labels = sitk.ReadImage(str(path))
    labels.SetOrigin((0.01, 0.0, 0.0))
    sitk.WriteImage(labels, str(path))
    assert DataSet(folder, STRUCTURES).read("a").voxels_of


@pytest.mark.parametrize("called", ["MR", "MRI T2", "PET"])
def test_images_that_are_called_by_another_modality_are_refused(boxes: Path, tmp_path: Path, called: str) -> None:
    folder = altered(boxes, tmp_path / "set")
    told = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    (folder / "dataset.json").write_text(json.dumps(told | {"channel_names": {"0": called}}), encoding="utf-8")
    with pytest.raises(MismatchError, match=f"{called}, where the model takes CT"):
        DataSet(folder, STRUCTURES)


def test_images_that_no_input_takes_are_named(boxes: Path, tmp_path: Path) -> None:
    folder = altered(boxes, tmp_path / "set")
    told = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    names = {"0": "CT", "1": "PET"}
    (folder / "dataset.json").write_text(json.dumps(told | {"channel_names": names}), encoding="utf-8")
    (said,) = DataSet(folder, STRUCTURES).left_out
    assert said.endswith("no more than 1 of the images: PET.")
