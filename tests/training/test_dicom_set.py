"""DICOM studies with RTSTRUCTs as a data set."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from engine.cards.schema import CardInput
from engine.errors import PlanimeterError, ReadError
from engine.training.check import check_data
from engine.training.dataset import open_data
from engine.training_process.checked import Item, SetCheck
from engine.training_process.label_names import parsed_other_names, write_other_names
from tests.training.test_commands import CARD


def mass_card() -> dict[str, Any]:
    """A card that learns the two structures of the study that is spoiled here."""
    card: dict[str, Any] = copy.deepcopy(CARD)
    card["graph"][0]["params"] |= {"labels": ["gtv_mass_ct", "PTV"], "mirror_pairs": []}
    card["outputs"] = [{"kind": "mask", "label": name, "name": name} for name in ("gtv_mass_ct", "PTV")]
    return card


def add_twin(folder: Path, name: str, patient: str = "") -> None:
    """Put the tumour into the RTSTRUCT of a folder a second time, under a name; and give the file another patient."""
    (path,) = folder.rglob("RS.dcm")
    file = pydicom.dcmread(path)
    roi = next(roi for roi in file.StructureSetROISequence if roi.ROIName == "GTV_Mass_CT")
    for items in (file.StructureSetROISequence, file.ROIContourSequence, file.RTROIObservationsSequence):
        word = "ROINumber" if items is file.StructureSetROISequence else "ReferencedROINumber"
        twin = copy.deepcopy(next(item for item in items if item[word].value == roi.ROINumber))
        twin[word].value = 99
        if word == "ROINumber":
            twin.ROIName = name
        items.append(twin)
    file.PatientID = patient or file.PatientID
    file.save_as(path)


def test_real_studies_are_cases_on_the_series_they_were_drawn_on(shared_data: Path) -> None:
    folder = shared_data / "dicom" / "sts_petct_mr"
    dataset = open_data(folder, ["gtv_mass_ct", "Heart"])
    assert dataset.names == ["STS_001/CT/mask/RS.dcm", "STS_002/CT/mask/RS.dcm"]
    case = dataset.read(dataset.names[0])
    assert case.image.shape == case.labels.shape == (59, 202, 198)
    assert case.contoured.tolist() == [True, False]
    # The series is cropped 5 cm around the tumour, so the tumour lies in its middle.
    centre = np.argwhere(case.labels == 1).mean(axis=0) / case.labels.shape
    assert np.abs(centre - 0.5).max() < 0.15
    assert case.spacing == pytest.approx((3.27, 0.976562, 0.976562))


def test_a_folder_without_studies_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(ReadError, match="RTSTRUCT"):
        open_data(tmp_path, ["A"])


def test_structures_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanimeterError, match="upper and lower"):
        open_data(tmp_path, ["Heart", "heart"])


def test_other_images_than_ct_keep_their_values_and_say_what_they_are(shared_data: Path) -> None:
    pet = CardInput(role="pet", modality=("PT",), units="SUVbw")
    dataset = open_data(shared_data / "dicom" / "sts_petct_mr", ["gtv_mass_pet"], [pet])
    case = dataset.read(dataset.names[0])
    assert (case.kind.modality, case.kind.units) == ("PT", "SUVbw")
    assert case.image.dtype == np.float32 and (case.image % 1 > 0).any()


@pytest.mark.parametrize("roles", [("CT", "PT"), ("PT", "CT")])
def test_a_model_of_two_images_learns_from_the_one_that_was_drawn_on_and_its_companion(
    shared_data: Path, roles: tuple[str, str]
) -> None:
    inputs = {"CT": CardInput(role="ct", modality=("CT",), units="HU"),
              "PT": CardInput(role="pet", modality=("PT",), units="SUVbw")}  # fmt: skip
    folder = shared_data / "dicom" / "sts_petct_mr"
    dataset = open_data(folder, ["gtv_mass_ct"], [inputs[role] for role in roles])
    name = next(name for name in dataset.names if dataset.read(name).contoured.any())
    case = dataset.read(name)
    assert [case.kind.modality, *(other.kind.modality for other in case.further)] == list(roles)
    ct, pet = (case.image, case.further[0].image) if roles[0] == "CT" else (case.further[0].image, case.image)
    assert ct.shape == pet.shape == case.labels.shape
    # The tumour is known by its uptake, so images that lay apart would not have it inside the contour.
    assert pet[case.labels == 1].mean() > 2 * pet[case.labels == 0].mean()
    assert ct[case.labels == 1].mean() > -150


def test_a_case_without_the_other_image_is_left_out_and_named(shared_data: Path) -> None:
    two = [CardInput(role="ct", modality=("CT",), units="HU"), CardInput(role="us", modality=("US",))]
    with pytest.raises(ReadError, match="its study has no series of US in the same frame of reference"):
        open_data(shared_data / "dicom" / "sts_petct_mr", ["gtv_mass_ct"], two)


def test_a_department_s_own_names_of_rois_are_told_in_a_file(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(shared_data / "dicom" / "sts_petct_mr" / "STS_001" / "CT", folder)
    plain = open_data(folder, ["gtv_mass_ct", "Heart"])
    (name,) = plain.names
    wanted = plain.read(name)
    write_other_names(folder, parsed_other_names("GTV = nothing, GTV = gtv_mass_ct, Heart = Cor"))
    case = open_data(folder, ["GTV", "Heart"]).read(name)
    assert case.contoured.tolist() == [True, False] and np.array_equal(case.labels, wanted.labels)
    assert wanted.labels.any() and case.others == wanted.others
    with pytest.raises(ReadError, match="tumour is a name of two structures, GTV and Heart"):
        parsed_other_names("GTV = Tumour, Heart = tumour")
    with pytest.raises(ReadError, match="no structure with another name"):
        parsed_other_names("Tumour")


def test_a_structure_that_another_is_drawn_over_is_not_learned_as_absent(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(shared_data / "dicom" / "sts_petct_mr" / "STS_001" / "CT", folder)
    add_twin(folder, "PTV")
    dataset = open_data(folder, ["gtv_mass_ct", "PTV"])
    case = dataset.read(dataset.names[0])
    assert case.contoured.tolist() == [False, True] and set(np.unique(case.labels)) == {0, 2}
    (overlap,) = case.overlaps
    assert (overlap.lost, overlap.kept, overlap.share) == ("gtv_mass_ct", "PTV", 1.0)
    (card := tmp_path / "card.json").write_text(json.dumps(mass_card()), encoding="utf-8")
    doubts = check_data(str(card), folder).doubts
    told = "gtv_mass_ct and PTV overlap in 1 case (mask/RS.dcm); what they share counts as PTV, which the RTSTRUCT"
    assert any(told in doubt for doubt in doubts)
    assert any("100.0% of gtv_mass_ct. It counts as not contoured in" in doubt for doubt in doubts)


def test_overlaps_are_told_pair_by_pair_with_what_they_amount_to() -> None:
    items = tuple(
        Item(name=name, patient=name, side="learn", holds={"PTV": 9.0}, overlaps=(("Heart", "PTV", share),))
        for name, share in (("a", 0.012), ("b", 0.0001))
    )
    doubts = SetCheck(kind="cases", layout="", wanted=("Heart", "PTV"), items=items).doubts()
    assert (
        "Heart and PTV overlap in 2 cases (a, b); what they share counts as PTV, which the RTSTRUCT names last: "
        "up to 1.2% of Heart."
    ) in doubts


def test_what_reading_an_rtstruct_told_of_learned_structures_is_told_of_the_data(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(shared_data / "dicom" / "sts_petct_mr" / "STS_001" / "CT", folder)
    add_twin(folder, "GTV_Mass_CT", patient="somebody else")
    dataset = open_data(folder, ["gtv_mass_ct", "PTV"])
    notes = dataset.read(dataset.names[0]).notes
    assert any("another patient ID (somebody else)" in note for note in notes)
    assert "2 ROIs are named GTV_Mass_CT, and were taken as one structure." in notes
