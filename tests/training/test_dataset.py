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


@pytest.mark.parametrize(("left", "said"), [(1, "number 1, which is the number of Box_"), (0, "of the background")])
def test_a_number_that_is_not_a_structures_own_is_refused(boxes: Path, tmp_path: Path, left: int, said: str) -> None:
    folder = altered(boxes, tmp_path / "set")
    description = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    description["labels"] = {"Box_R": 1, "Box_L": left}
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    with pytest.raises(MismatchError, match=said):
        DataSet(folder, STRUCTURES)


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


@pytest.mark.parametrize(
    "table", [{"0": "background", "1": "Box_R", "2": "Box_L"}, {"background": 0, "Box_R": [1], "Box_L": "2"}]
)
def test_labels_are_numbered_in_either_order(boxes: Path, tmp_path: Path, table: dict[str, object]) -> None:
    folder = altered(boxes, tmp_path / "set")
    told = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert told["labels"] == {"background": 0, "Box_R": 1, "Box_L": 2}
    (folder / "dataset.json").write_text(json.dumps(told | {"labels": table}), encoding="utf-8")
    assert (DataSet(folder, STRUCTURES).read("a").labels == DataSet(boxes, STRUCTURES).read("a").labels).all()


@pytest.mark.parametrize("number", [[1, 2], 1.5, None, True])
def test_a_label_without_a_number_is_a_sentence(boxes: Path, tmp_path: Path, number: object) -> None:
    folder = altered(boxes, tmp_path / "set")
    told = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    told["labels"]["Box_R"] = number
    (folder / "dataset.json").write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(PlanimeterError, match="Box_R"):
        DataSet(folder, STRUCTURES)


def test_voxels_that_nobody_judged_are_not_learned_as_background(boxes: Path, tmp_path: Path) -> None:
    folder = altered(boxes, tmp_path / "set")
    told = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    told["labels"]["ignore"] = 3
    (folder / "dataset.json").write_text(json.dumps(told), encoding="utf-8")
    assert DataSet(folder, STRUCTURES).read("a").contoured.all()
    labels = sitk.ReadImage(str(folder / "labelsTr" / "a.nii.gz"))
    labels[0, 0, 0] = 3
    sitk.WriteImage(labels, str(folder / "labelsTr" / "a.nii.gz"))
    with pytest.raises(MismatchError, match="'ignore'"):
        DataSet(folder, STRUCTURES).read("a")


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf")])
def test_labels_between_whole_numbers_are_refused(boxes: Path, tmp_path: Path, value: float) -> None:
    folder = altered(boxes, tmp_path / "set")
    labels = sitk.Cast(sitk.ReadImage(str(folder / "labelsTr" / "a.nii.gz")), sitk.sitkFloat32)
    sitk.WriteImage(labels, str(folder / "labelsTr" / "a.nii.gz"))
    assert DataSet(folder, STRUCTURES).read("a").labels.any()
    labels[0, 0, 0] = value
    sitk.WriteImage(labels, str(folder / "labelsTr" / "a.nii.gz"))
    with pytest.raises(MismatchError, match="between whole numbers"):
        DataSet(folder, STRUCTURES).read("a")


def test_an_image_with_values_that_are_no_numbers_is_refused(boxes: Path, tmp_path: Path) -> None:
    folder = altered(boxes, tmp_path / "set")
    image = sitk.Cast(sitk.ReadImage(str(folder / "imagesTr" / "a_0000.nii.gz")), sitk.sitkFloat32)
    image[0, 0, 0] = float("nan")
    sitk.WriteImage(image, str(folder / "imagesTr" / "a_0000.nii.gz"))
    with pytest.raises(ReadError, match="not finite"):
        DataSet(folder, STRUCTURES).read("a")


def test_files_and_patients_that_belong_to_no_case_are_named(boxes: Path, tmp_path: Path) -> None:
    folder = altered(boxes, tmp_path / "set")
    assert DataSet(folder, STRUCTURES).left_out == ()
    shutil.copy(folder / "imagesTr" / "a_0000.nii.gz", folder / "imagesTr" / "d_0000.nii")
    shutil.copy(folder / "labelsTr" / "a.nii.gz", folder / "labelsTr" / "A.nii.gz")
    told = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    told["patients"] = {"A": "one", "b": "one ", "c": "one"}
    (folder / "dataset.json").write_text(json.dumps(told), encoding="utf-8")
    dataset = DataSet(folder, STRUCTURES)
    images, labels, patients = dataset.left_out
    assert "imagesTr" in images and "d_0000.nii" in images and "labelsTr" in labels and ": A.nii.gz" in labels
    assert "(A)" in patients and "1 of the cases" in patients
    assert [dataset.patient_of(name) for name in dataset.names] == ["a", "one", "one"]


def test_cases_that_the_table_of_contours_does_not_name_are_told(boxes: Path, tmp_path: Path) -> None:
    assert not any("contoured" in told for told in DataSet(boxes, STRUCTURES).left_out)
    folder = altered(boxes, tmp_path / "set")
    description = json.loads((folder / "dataset.json").read_text())
    del description["contoured"]["b"]
    (folder / "dataset.json").write_text(json.dumps(description))
    dataset = DataSet(folder, STRUCTURES)
    assert not dataset.read("b").contoured.any()
    (told,) = [each for each in dataset.left_out if "contoured" in each]
    assert "does not name b, so nothing counts" in told
