"""A look at a data set says what is in it, and what is wrong with it, before anything is learned."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from PIL import Image

from engine.__main__ import commands
from engine.cards.published import find_recipe
from engine.cards.registry import load_card
from engine.errors import CancelledError, MismatchError
from engine.training.case import Case, ImageKind
from engine.training.case_doubts import doubts_of
from engine.training.check import check_data
from engine.training.parting import parted
from engine.training_process.check_lines import lines_of
from engine.training_process.checked import DataCheck, Item, SetCheck, Side
from engine.training_process.layouts import layouts_for
from tests.training.conftest import STRUCTURES, write_case
from tests.training.test_commands import CARD


@pytest.fixture
def card(tmp_path: Path) -> str:
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    return str(tmp_path / "card")


@pytest.fixture
def own(boxes: Path, tmp_path: Path) -> Path:
    """A copy of the boxes that may be spoiled."""
    return shutil.copytree(boxes, tmp_path / "own")


def described(folder: Path, **values: Any) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(commands, arguments)
    return result.exit_code, result.stdout


def test_cases_are_counted_with_what_is_contoured_in_them(card: str, boxes: Path) -> None:
    check = check_data(card, boxes)
    (cases,) = check.sets
    learned, chosen = parted(load_card(Path(card)).card, boxes, {name: name for name in "abc"}, 0.3)
    assert {item.name for item in cases.items if item.side == "learn"} == set(learned)
    assert [item.name for item in cases.items if item.side == "choose"] == chosen and len(chosen) == 1
    right, left = cases.rows
    assert (right.learn + right.choose, right.missing, left.learn + left.choose, left.missing) == (3, 0, 2, 1)
    # SimpleITK counts the voxels of each label; one is 4 x 4 x 3 mm.
    for item in cases.items:
        labels = sitk.ReadImage(str(boxes / "labelsTr" / f"{item.name}.nii.gz"))
        counted = sitk.LabelShapeStatisticsImageFilter()
        counted.Execute(labels)
        wanted = {STRUCTURES[label - 1]: counted.GetPhysicalSize(label) / 1000 for label in counted.GetLabels()}
        assert item.holds == pytest.approx(wanted)
    assert check.told[1] == "Spacing: 3 mm from plane to plane, pixels of 4 mm."
    assert not check.faults
    assert any(doubt == "Box_L is missing in 1 of 3: b." for doubt in check.doubts)


def test_a_patient_with_several_cases_is_on_one_side_alone(card: str, own: Path) -> None:
    for seed, name in enumerate("defgh"):
        write_case(own, name, 10 + seed, STRUCTURES)
    described(own, patients=dict(zip("abcdefgh", "xyxyxyzz", strict=True)), contoured={})
    (cases,) = check_data(card, own).sets
    assert cases.patients_on_both_sides == []
    assert {item.patient for item in cases.items} == set("xyz")
    assert {item.side for item in cases.items} == {"learn", "choose"}


def test_what_cannot_be_read_is_named(card: str, own: Path) -> None:
    path = own / "imagesTr" / "c_0000.nii.gz"
    path.write_bytes(path.read_bytes()[:500])
    check = check_data(card, own)
    assert [item.name for item in check.sets[0].unreadable] == ["c"]
    assert any(fault.startswith("c can't be read: ") for fault in check.faults)


def test_the_same_image_on_both_sides_is_noticed(card: str, own: Path) -> None:
    for name in "bc":
        shutil.copy(own / "imagesTr" / "a_0000.nii.gz", own / "imagesTr" / f"{name}_0000.nii.gz")
    check = check_data(card, own)
    assert any("have the same image, on both sides" in leak for leak in check.leaks)
    assert check.admission.startswith("1 image stood on both sides")


def test_a_label_that_is_not_there_is_said_with_those_that_are(card: str, own: Path) -> None:
    described(own, labels={"background": 0, "Box_R": 1, "Crate": 2})
    check = check_data(card, own)
    assert check.sets == ()
    assert len(check.faults) == 1 and "no label named Box_L; its labels are: Box_R, Crate." in check.faults[0]
    assert "write the model's name for it into 'labels' there; its number stays." in check.faults[0]
    # As told, it is mended.
    described(own, labels={"background": 0, "Box_R": 1, "Box_L": 2})
    assert not check_data(card, own).faults


def test_labels_that_are_not_learned_are_named(card: str, own: Path) -> None:
    path = own / "labelsTr" / "a.nii.gz"
    image = sitk.ReadImage(str(path))
    values = sitk.GetArrayFromImage(image)
    values[0, 0, :2] = (3, 9)
    changed = sitk.GetImageFromArray(values)
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(path))
    described(own, labels={"background": 0, "Box_R": 1, "Box_L": 2, "Lid": 3})
    assert "Not learned, and left aside: Lid, value 9." in check_data(card, own).doubts


def test_another_set_to_choose_by_is_looked_at_too(card: str, boxes: Path, own: Path) -> None:
    check = check_data(card, boxes, validation=own)
    (cases,) = check.sets
    assert [item.side for item in cases.items] == ["learn"] * 3 + ["choose"] * 3
    assert cases.patients_on_both_sides == ["a", "b", "c"]
    assert len(check.leaks) == 4 and check.admission.startswith("3 patients stood on both sides")


def test_patients_on_both_sides_are_refused_or_written_into_the_card(boxes: Path, own: Path, tmp_path: Path) -> None:
    short = {**CARD["provenance"]["recipe"], "steps": 2}  # type: ignore[index]
    (tmp_path / "card.json").write_text(json.dumps({**CARD, "provenance": {"recipe": short}}), encoding="utf-8")
    asked = ["train", str(tmp_path / "card.json"), "--data", str(boxes), "--validation", str(own), "-o",
             str(tmp_path / "out"), "--device", "cpu"]  # fmt: skip
    refused = CliRunner().invoke(commands, asked)
    assert isinstance(refused.exception, MismatchError) and "(a, b, c)" in str(refused.exception)
    assert not (tmp_path / "out").exists()
    assert run(*asked, "--shared")[0] == 0
    limits = load_card(tmp_path / "out").card.limits
    assert "3 patients stood on both sides of the split when it was trained" in limits


def test_it_can_be_stopped(card: str, boxes: Path) -> None:
    def stop(fraction: float, stage: str) -> None:
        raise CancelledError(stage)

    with pytest.raises(CancelledError):
        check_data(card, boxes, progress=stop)


def test_pictures_have_no_millimetres(card: str, tmp_path: Path) -> None:
    values = json.loads((Path(card) / "card.json").read_text(encoding="utf-8"))
    params = values["graph"][0]["params"]
    params["labels"], params["mirror_pairs"], params["network"]["out_channels"] = ["Disc"], [], 2
    values["outputs"] = [{"kind": "mask", "label": "Disc", "name": "Disc"}]
    (Path(card) / "card.json").write_text(json.dumps(values), encoding="utf-8")
    for place, grey in (("images", 90), ("masks", 255)):
        for name in ("a-IM-0001-0001.png", "a-IM-0001-0002.png", "b-IM-0001-0001.png"):
            (tmp_path / "set" / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 10), grey, np.uint8)).save(tmp_path / "set" / place / name)
    check = check_data(card, tmp_path / "set")
    assert check.told[1:] == ["Size: 1 to 2 planes of 8 rows and 10 columns."]
    assert [item.holds for item in check.sets[0].items if item.name == "a"] == [{"Disc": 160.0}]
    assert any("80 to 160 pixels" in line for line in lines_of(check))


def photographs(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    rng = np.random.default_rng(0)
    lines = ["path,patient,label,split"]
    for number, (patient, label, split) in enumerate(rows):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{patient},{label},{split}")
    (folder / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_patient_that_the_table_puts_on_both_sides_is_a_fault_of_the_command(tmp_path: Path) -> None:
    rows = [("p1", "detachment", "train"), ("p2", "", "train"), ("p1", "", "validation"), ("p3", "scar", "test")]
    folder = photographs(tmp_path, rows)
    code, said = run("train", "retinal-detachment", "--data", str(folder), "--check", "--json")
    told = json.loads(said)
    (labels,) = told["sets"]
    assert code == 1 and told["ok"] is False
    assert labels["patients_on_both_sides"] == ["p1"] and labels["patients"] == 3
    assert [item["side"] for item in labels["items"]] == ["learn", "learn", "choose", "neither"]
    assert labels["rows"][0]["learn"] == 1
    assert "Not learned, and left aside: scar." in told["doubts"]
    # What `summary` adds to the values is computed from them, so they are all that a window needs.
    assert DataCheck.model_validate(check_data("retinal-detachment", folder).model_dump()).summary() == told


def test_a_good_set_is_said_to_be_one(card: str, own: Path) -> None:
    described(own, contoured={})
    code, said = run("train", card, "--data", str(own), "--check")
    assert code == 0
    assert said.splitlines()[-1] == "It can be learned from."


def test_without_a_folder_for_the_card_the_command_says_what_to_do(card: str, boxes: Path) -> None:
    result = CliRunner().invoke(commands, ["train", card, "--data", str(boxes)])
    assert result.exit_code == 2 and "--check" in result.stderr


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("", "None of the 2 images held out has detachment, so nothing is judged of that."),
        (
            "detachment",
            "All of the 2 images held out are detachment, so nothing is judged of telling that from others.",
        ),
    ],
)
def test_images_held_out_that_can_not_judge_a_label_are_told(label: str, told: str, tmp_path: Path) -> None:
    rows = [
        ("p1", "detachment", "train"),
        ("p2", "", "train"),
        ("p3", label, "validation"),
        ("p4", label, "validation"),
    ]
    assert any(doubt.startswith(told) for doubt in check_data("retinal-detachment", photographs(tmp_path, rows)).doubts)
    rows[3] = ("p4", "" if label else "detachment", "validation")
    doubts = check_data("retinal-detachment", photographs(tmp_path, rows)).doubts
    assert not any("nothing is judged" in doubt for doubt in doubts)


def test_patients_that_differ_in_their_writing_alone_are_asked_about(tmp_path: Path) -> None:
    rows = [("p1", "detachment", "train"), ("P1", "", "validation"), ("p 2", "", "train"), ("p_2", "", "train")]
    doubts = check_data("retinal-detachment", photographs(tmp_path, rows)).doubts
    asked = [doubt for doubt in doubts if "different patients" in doubt]
    assert [doubt.split(" are ")[0] for doubt in asked] == ["P1, p1", "p 2, p_2"]


def test_blanks_in_the_header_of_a_table_are_no_part_of_its_names(tmp_path: Path) -> None:
    folder = photographs(tmp_path, [("p1", "detachment", "train"), ("p2", "", "validation")])
    (folder / "labels.csv").write_text(
        (folder / "labels.csv").read_text(encoding="utf-8").replace(",", ", "), encoding="utf-8"
    )
    check = check_data("retinal-detachment", folder)
    assert not check.refusals and check.sets[0].rows[0].learn == 1


def test_a_table_as_a_spreadsheet_writes_it_is_read_and_empty_labels_are_counted(tmp_path: Path) -> None:
    folder = photographs(tmp_path, [("p1", "detachment", "train"), ("p2", "", "train"), ("p3", "", "validation")])
    plain = check_data("retinal-detachment", folder)
    text = (folder / "labels.csv").read_text(encoding="utf-8").replace(",", ";")
    text = text.replace("path;patient;label;split", "Path;PATIENT;Label;Split")
    (folder / "labels.csv").write_text(text, encoding="utf-8-sig", newline="\r\n")
    check = check_data("retinal-detachment", folder)
    assert not check.refusals and check.sets == plain.sets
    assert any(doubt.startswith("2 of 3 images have no label, which is learned as none of") for doubt in check.doubts)


def test_a_folder_without_a_data_set_is_told_what_was_looked_for_and_what_is_there(card: str, own: Path) -> None:
    (empty := own / "empty").mkdir()
    (refusal,) = check_data(card, empty).refusals
    assert "holds no data set. Looked for: nnU-Net raw" in refusal and refusal.endswith("The folder is empty.")
    (refusal,) = check_data(card, own.parent).refusals
    assert "What is there: card/, own/." in refusal
    assert refusal.endswith("own in it is laid out as nnU-Net raw: dataset.json, imagesTr, labelsTr: take that folder.")
    assert "learns from: " in check_data("liver-oar-residual", empty).refusals[0]


def test_that_nothing_is_held_out_is_told(card: str, own: Path) -> None:
    for name in "bc":
        (own / "imagesTr" / f"{name}_0000.nii.gz").unlink()
    assert any(doubt.startswith("Nothing is held out to choose by") for doubt in check_data(card, own).doubts)


def test_the_layouts_are_those_that_a_recipe_reads() -> None:
    assert "labels.csv" not in layouts_for(find_recipe("liver-oar-residual").card)
    assert "RTSTRUCT" not in layouts_for(find_recipe("retinal-detachment").card)


def test_left_and_right_that_are_swapped_in_a_part_of_the_data_are_told(card: str, own: Path) -> None:
    described(own, contoured={})
    path = own / "labelsTr" / "a.nii.gz"
    image = sitk.ReadImage(str(path))
    values = sitk.GetArrayFromImage(image)
    changed = sitk.GetImageFromArray(np.array([0, 2, 1], np.uint8)[values])
    changed.CopyInformation(image)
    assert not any("swapped" in doubt for doubt in check_data(card, own).doubts)
    sitk.WriteImage(changed, str(path))
    assert [doubt for doubt in check_data(card, own).doubts if "swapped" in doubt] == [
        "a: Box_L lies to the right of Box_R: their labels, or left and right of the image, may be swapped."
    ]


def test_values_that_are_no_hounsfield_units_are_told(card: str, own: Path) -> None:
    path = own / "imagesTr" / "b_0000.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(path)) + 1024, str(path))
    doubts = check_data(card, own).doubts
    assert any(
        doubt.startswith("b: The values do not look like Hounsfield units: they run from 0 ") for doubt in doubts
    )


@pytest.mark.parametrize(("most", "told"), [(150.0, 0), (30000.0, 1)])
def test_values_that_are_no_suv_are_told(most: float, told: int) -> None:
    image = np.linspace(0, most, 60, dtype=np.float32).reshape(3, 4, 5)
    kind = ImageKind("PT", "SUVbw")
    case = Case("a", image, np.ones(image.shape, np.uint8), (3, 4, 4), np.ones(1, np.bool_), kind=kind)
    assert len([doubt for doubt in doubts_of(case, ["GTV"], []) if "do not look like SUV" in doubt]) == told


def test_structures_that_no_case_has_are_named_in_one_sentence() -> None:
    held: dict[str, Side] = {"a": "learn", "b": "choose"}
    items = tuple(
        Item(name=name, patient=name, side=side, holds={"Liver": 9.0}, missing=("Heart", "Stomach"))
        for name, side in held.items()
    )
    doubts = SetCheck(kind="cases", layout="", wanted=("Liver", "Heart", "Stomach"), items=items).doubts()
    assert "No case to learn from has any of Heart, Stomach, so these can't be learned." in doubts
