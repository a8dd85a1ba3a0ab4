"""Data sets of other layouts: volumes with labels, pictures with masks, several images a case."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from engine.cards.schema import CardInput
from engine.errors import MismatchError, ReadError
from engine.training.dataset import open_data

CT = CardInput(role="ct", modality=("CT",), units="HU")
PET = CardInput(role="pet", modality=("PT",), units="SUVbw", register_to="ct")
MR = CardInput(role="mr", modality=("MR",))


def write(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((2.0, 2.0, 3.0))
    sitk.WriteImage(image, str(path))


def write_picture(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def test_volumes_with_labels_are_read_with_fractions_and_number_structures_from_1(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 4 * 5 * 6).reshape(4, 5, 6).astype(np.float32)
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1, 2, 3], labels[2, 2, 3] = 1, 2
    write(tmp_path / "images" / "a.nii.gz", values)
    write(tmp_path / "labels" / "a.nii.gz", labels)
    data = open_data(tmp_path, ["Front", "Back"], [MR])
    case = data.read("a")
    assert data.names == ["a"] and case.kind.modality == "MR"
    assert sorted(np.unique(case.image)) == pytest.approx(np.unique(values))
    assert [(case.labels == value).sum() for value in (1, 2)] == [1, 1] and case.contoured.all()


def test_every_image_of_a_case_is_read_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    shape = (4, 5, 6)
    write(tmp_path / "imagesTr" / "a_0000.nii.gz", np.full(shape, -100, np.int16))
    write(tmp_path / "imagesTr" / "a_0001.nii.gz", np.full(shape, 2.5, np.float32))
    write(tmp_path / "labelsTr" / "a.nii.gz", np.ones(shape, np.uint8))
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "GTV": 1}}), encoding="utf-8")
    case = open_data(tmp_path, ["GTV"], [CT, PET]).read("a")
    assert case.image.dtype == np.int16 and (case.further[0].image == 2.5).all()
    assert case.further[0].kind.units == "SUVbw"


def test_a_set_of_nothing_but_cases_to_judge_by_is_read(tmp_path: Path) -> None:
    write(tmp_path / "imagesTs" / "a_0000.nii.gz", np.full((4, 5, 6), -100, np.int16))
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "GTV": 2}}), encoding="utf-8")
    with pytest.raises(ReadError, match="labelsTs is missing"):
        open_data(tmp_path, ["GTV"], [CT])
    write(tmp_path / "labelsTs" / "a.nii.gz", np.full((4, 5, 6), 2, np.uint8))
    data = open_data(tmp_path, ["GTV"], [CT])
    assert data.names == ["a"] and (data.read("a").labels == 1).all()


def test_images_of_a_case_that_differ_in_size_are_refused_by_the_case_s_name(tmp_path: Path) -> None:
    write(tmp_path / "imagesTr" / "a_0000.nii.gz", np.zeros((4, 5, 6), np.int16))
    write(tmp_path / "imagesTr" / "a_0001.nii.gz", np.zeros((4, 5, 7), np.float32))
    write(tmp_path / "labelsTr" / "a.nii.gz", np.ones((4, 5, 6), np.uint8))
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "GTV": 1}}), encoding="utf-8")
    with pytest.raises(MismatchError, match="Case a: the image is"):
        open_data(tmp_path, ["GTV"], [CT, PET]).read("a")


def test_pictures_of_a_patient_are_the_planes_of_a_case(tmp_path: Path) -> None:
    for name, grey in (("A-1-IM-0001-0002.dcm", 20), ("A-1-IM-0001-0010.dcm", 30), ("B-2-IM-0001-0001.dcm", 40)):
        write_picture(tmp_path / "images" / f"{name}.png", np.full((8, 9), grey, np.uint8))
        write_picture(tmp_path / "masks" / f"{name}.png", np.eye(8, 9, dtype=np.uint8) * 255)
    data = open_data(tmp_path, ["Ventricle"], [MR])
    assert data.names == ["A-1", "B-2"]
    case = data.read("A-1")
    assert [int(plane[0, 0]) for plane in case.image] == [20, 30] and case.labels.sum() == 16


def test_the_channels_of_pictures_are_the_images_of_a_model_s_roles(tmp_path: Path) -> None:
    colours = np.zeros((8, 8, 3), np.uint8) + np.array([10, 20, 30], np.uint8)
    write_picture(tmp_path / "images" / "patient" / "003.png", colours)
    write_picture(tmp_path / "masks" / "patient" / "003.png", np.zeros((8, 8), np.uint8))
    inputs = [CardInput(role=role, modality=("MR",)) for role in ("t1", "flair", "t1c")]
    case = open_data(tmp_path, ["Glioma"], inputs).read("patient")
    assert [int(case.image.max()), *(int(other.image.max()) for other in case.further)] == [10, 20, 30]
    with pytest.raises(MismatchError, match="3 channels, and the model needs 1"):
        open_data(tmp_path, ["Glioma"], [MR]).read("patient")


def test_a_picture_without_a_mask_is_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "a.png", np.zeros((8, 8), np.uint8))
    (tmp_path / "masks").mkdir()
    with pytest.raises(ReadError, match=r"has no mask of the name of any of its pictures"):
        open_data(tmp_path, ["Lesion"], [MR])
    for folder in ("images", "masks"):
        write_picture(tmp_path / folder / "b.png", np.zeros((8, 8), np.uint8))
    data = open_data(tmp_path, ["Lesion"], [MR])
    assert (
        data.names == ["b"] and "there is no mask of their name in masks: a.png (1 of 2 pictures)" in data.left_out[0]
    )


def test_labels_without_a_volume_are_named_and_two_volumes_of_one_name_refused(tmp_path: Path) -> None:
    for folder, name in (("images", "a.nii.gz"), ("labels", "a.nii.gz"), ("labels", "A.nii.gz")):
        write(tmp_path / folder / name, np.ones((4, 5, 6), np.uint8))
    (said,) = open_data(tmp_path, ["GTV"], [MR]).left_out
    assert "labels" in said and said.endswith(": A.nii.gz.")
    write(tmp_path / "images" / "a.nii", np.ones((4, 5, 6), np.uint8))
    with pytest.raises(MismatchError, match="one name"):
        open_data(tmp_path, ["GTV"], [MR])


def test_a_mask_of_more_than_in_and_out_is_refused_and_one_without_a_picture_named(tmp_path: Path) -> None:
    mask = np.eye(8, 9, dtype=np.uint8) * 255
    write_picture(tmp_path / "images" / "a.png", np.full((8, 9), 20, np.uint8))
    for name in ("a", "b"):
        write_picture(tmp_path / "masks" / f"{name}.png", mask)
    data = open_data(tmp_path, ["Ventricle"], [MR])
    assert data.left_out[0].endswith(": b.png.") and data.read("a").labels.sum() == 8
    mask[0, 1] = 3
    write_picture(tmp_path / "masks" / "a.png", mask)
    with pytest.raises(MismatchError, match="3 grey values"):
        open_data(tmp_path, ["Ventricle"], [MR]).read("a")
    write_picture(tmp_path / "masks" / "a.png", np.where(np.eye(8, 9), 220, 20).astype(np.uint8))
    with pytest.raises(MismatchError, match="grey values 20 and 220; a mask is 0 where"):
        open_data(tmp_path, ["Ventricle"], [MR]).read("a")
