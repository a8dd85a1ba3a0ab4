"""`planimeter contour` and `planimeter models`, as a person calls them."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from click.testing import CliRunner, Result

from engine.__main__ import commands
from engine.cards.readme import readme
from engine.cards.registry import SHIPPED, load_card
from engine.cards.schema import parse_card
from engine.commands import run as run_command
from engine.commands import run_steps
from engine.errors import PlanimeterError
from engine.structures import StructureSet
from engine.volume import Volume
from tests.engine.models import segmenter_node, write_card
from tests.engine.phantoms import make_scene
from tests.synthetic import write_series


def call(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments], prog_name="planimeter")


@pytest.fixture(scope="module")
def volume() -> Volume:
    return make_scene(planes=12, spacing=(2.0, 2.0, 3.0), couch="shell").volume


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, volume: Volume) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_series(folder, volume.voxels, volume.geometry)
    return folder


@pytest.fixture(scope="module")
def nifti(tmp_path_factory: pytest.TempPathFactory, volume: Volume) -> Path:
    image = sitk.GetImageFromArray(volume.voxels)
    image.SetSpacing(volume.geometry.spacing_xyz)
    path = tmp_path_factory.mktemp("nifti") / "case.nii.gz"
    sitk.WriteImage(image, str(path))
    return path


def test_a_study_becomes_a_certified_rtstruct(study: Path, tmp_path: Path) -> None:
    output, certificate = tmp_path / "RT.dcm", tmp_path / "certificate.json"
    result = call("contour", study, "--model", "external", "-o", output, "--certificate", certificate)
    assert result.exit_code == 0, result.output
    dataset = pydicom.dcmread(output)
    assert dataset.Modality == "RTSTRUCT"
    assert [roi.ROIName for roi in dataset.StructureSetROISequence] == ["External"]
    assert dataset.StructureSetROISequence[0].ROIGenerationAlgorithm == "AUTOMATIC"
    assert dataset.RTROIObservationsSequence[0].RTROIInterpretedType == "EXTERNAL"
    assert json.loads(certificate.read_text())["ok"] is True


def test_json_has_the_stages_and_stands_alone_on_standard_output(study: Path, tmp_path: Path) -> None:
    result = call("contour", study, "--model", "external", "-o", tmp_path / "RT.dcm", "--json")
    told = json.loads(result.stdout)
    assert told["ok"] and told["structures"][0]["name"] == "External"
    assert {"reading", "body outline", "writing"} <= set(told["stages"])


def test_a_model_that_is_not_for_commercial_use_says_so_in_what_it_writes(study: Path, tmp_path: Path) -> None:
    values = json.loads((SHIPPED / "external" / "card.json").read_text(encoding="utf-8"))
    card = values | {"id": "lent", "licence": {"weights": "CC BY-NC 4.0", "commercial": False}}
    (tmp_path / "lent").mkdir()
    (tmp_path / "lent" / "card.json").write_text(json.dumps(card))
    result = call("run", study, "--model", tmp_path / "lent", "-o", tmp_path / "RT.dcm", "--json")
    assert json.loads(result.stdout)["notes"][-1:] == [
        "Body outline is not for commercial use; the licence of its weights: CC BY-NC 4.0."
    ]
    (roi,) = pydicom.dcmread(tmp_path / "RT.dcm").StructureSetROISequence
    assert roi.ROIGenerationDescription == "Body outline (not for commercial use)"


def test_many_studies_go_on_past_one_that_fails(study: Path, tmp_path: Path) -> None:
    empty = tmp_path / "nothing"
    empty.mkdir()
    table = tmp_path / "table.csv"
    result = call("contour", study, empty, study, "--model", "external", "-o", tmp_path / "out", "--csv", table)
    assert result.exit_code == 1
    # What failed has a row of its own, which a reader of the table alone would miss.
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert [each["kind"] for each in rows] == ["nothing", "failed", "nothing"]
    row = rows[1]
    assert (row["study"], row["model"], row["value"]) == (str(empty), "external", "") and "nothing" in row["error"]
    written = sorted(path.name for path in (tmp_path / "out").glob("*.dcm"))
    assert written == [f"{study.name}-2.dcm", f"{study.name}.dcm"]
    assert "2 of 3 studies" in result.stdout
    assert "nothing" in result.stderr and "Traceback" not in result.stderr


def test_an_image_that_is_no_dicom_gets_masks(nifti: Path, volume: Volume, tmp_path: Path) -> None:
    result = call("contour", nifti, "--model", "external", "-o", tmp_path / "masks")
    assert result.exit_code == 0, result.output
    mask = sitk.ReadImage(str(tmp_path / "masks" / "External.nii.gz"))
    assert mask.GetSize() == volume.geometry.shape[::-1]
    single = call("contour", nifti, "--model", "external", "-o", tmp_path / "one.nii.gz")
    assert single.exit_code == 0, single.output
    assert np.array_equal(
        sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "one.nii.gz"))), sitk.GetArrayFromImage(mask)
    )


def test_an_image_that_is_no_dicom_gets_no_rtstruct_and_is_told_why(nifti: Path, tmp_path: Path) -> None:
    result = call("contour", nifti, "--model", "external", "-o", tmp_path / "RT.dcm")
    assert isinstance(result.exception, PlanimeterError)
    assert "no DICOM series" in str(result.exception) and "folder" in str(result.exception)
    assert not (tmp_path / "RT.dcm").exists()


def test_an_image_that_is_no_dicom_is_written_with_its_rtstruct_for_a_named_patient(
    nifti: Path, tmp_path: Path
) -> None:
    who = ("--with-image", "--patient-name", "Doe^Jane", "--patient-id", "17")
    result = call("contour", nifti, "--model", "external", "-o", tmp_path / "RT.dcm", *who, "--json")
    assert result.exit_code == 0, result.output
    assert any("written as a DICOM series of 12 files" in note for note in json.loads(result.stdout)["notes"])
    image = pydicom.dcmread(tmp_path / "RT_images" / "0001.dcm")
    structures = pydicom.dcmread(tmp_path / "RT.dcm")
    assert (str(structures.PatientName), structures.PatientID) == ("Doe^Jane", "17")
    referred = structures.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence
    assert referred[0].SeriesInstanceUID == image.SeriesInstanceUID
    assert call("rtstruct", "check", tmp_path / "RT.dcm", tmp_path / "RT_images").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "head-neck-oar", "-o", "one.nii.gz"), "draws 7; give a folder"),
        (("--model", "external", "-o", "masks", "--certificate", "c.json"), "no certificate"),
        (("--model", "external", "-o", "rt.dcm", "--with-image", "--patient-name", "A"), "the patient's ID"),
        (("--model", "external", "-o", "rt.dcm", "--patient-name", "A", "--patient-id", "1"), "are for --with-image"),
        (
            ("--model", "external", "-o", "masks", "--with-image", "--patient-name", "A", "--patient-id", "1"),
            "needs an RTSTRUCT file",
        ),
    ],
)
def test_what_could_not_be_written_is_refused_before_the_model_runs(
    nifti: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.setattr(run_steps, "_run", lambda *_: pytest.fail("the model ran"))
    result = call("contour", nifti, *arguments)
    assert isinstance(result.exception, PlanimeterError) and words in str(result.exception)


def test_what_the_card_refuses_is_told_and_may_be_overridden(study: Path, tmp_path: Path) -> None:
    limits = [{"role": "ct", "modality": ["CT"], "units": "HU", "spacing_mm": [0.1, 0.5]}]
    body = {"node": "body", "op": "body_outline", "in": ["ct"], "params": {}}
    loaded = write_card(tmp_path / "m", [body], ["External"], inputs=limits)
    result = call("contour", study, "--model", loaded.folder, "-o", tmp_path / "RT.dcm")
    assert "2 × 2 mm" in str(result.exception) and "--override" in str(result.exception)
    result = call("contour", study, "--model", loaded.folder, "-o", tmp_path / "RT.dcm", "--override")
    assert result.exit_code == 0, result.output
    assert "against the card's advice" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a", "b", "--model", "external", "-o", "x.dcm"), "must be a folder"),
        (("a", "b", "--model", "external", "-o", "x", "--certificate", "c.json"), "one study"),
    ],
)
def test_calls_that_make_no_sense_are_usage_errors(arguments: tuple[str, ...], words: str) -> None:
    result = call("contour", *arguments)
    assert result.exit_code == 2 and words in result.output


def test_models_are_listed_with_their_problems(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.json").write_text("{}")
    lines = call("models", "--folder", tmp_path).stdout.splitlines()
    assert any(line.startswith("external 1") for line in lines)
    assert any(line.startswith("broken") and "not a valid model card" in line for line in lines)
    told: list[dict[str, Any]] = json.loads(call("models", "--json").stdout)
    external = next(one for one in told if one["id"] == "external")
    assert external["problem"] == "" and external["outputs"][0]["name"] == "External"


def test_shipped_readmes_are_those_of_their_cards() -> None:
    for path in SHIPPED.glob("*/card.json"):
        card = parse_card(path.read_bytes(), str(path))
        assert (path.parent / "README.md").read_text(encoding="utf-8") == readme(card), path.parent.name


def test_the_readme_of_a_classifier_names_its_findings_and_says_what_counts_as_positive() -> None:
    path = SHIPPED / "skin-lesion" / "card.json"
    told = readme(parse_card(path.read_bytes(), str(path)))
    assert "| Melanoma | 160 |" in told and "| mel |" not in told
    assert "positive: values from 0.3 (Malignant or in situ, Melanoma) and 0.5 (all others) on." in told
    assert "CC BY-NC 4.0; **not for commercial use**" in told


def test_the_readme_has_the_table_of_the_metrics(tmp_path: Path) -> None:
    metrics = [
        {"dataset": "Set", "split": "validation", "n": 33, "name": "dice", "label": "Left", "value": 0.8123,
         "ci": [0.79, 0.83], "date": "2026-11-22"},
        {"dataset": "Set", "split": "validation", "n": 33, "name": "hd95_mm", "label": "Left", "value": 3.456},
        {"dataset": "Set", "split": "validation", "n": 33, "name": "dice", "value": 0.8},
    ]  # fmt: skip
    write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left"], metrics=metrics)
    result = call("models", "--write-readme", tmp_path / "m")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "| Left | 33 | 0.812 (0.790–0.830) | 3.46 |" in text
    assert "| **mean** | 33 | 0.800 | – |" in text
    assert load_card(tmp_path / "m").card.weights[0].sha256 in text


def test_what_is_unlikely_is_told_in_json_and_beside_the_notes(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_command.find_flags

    def as_liver(structures: StructureSet, numbers: Any, volume: Volume) -> Any:
        rois = tuple(replace(roi, name="Liver", roi_type="ORGAN") for roi in structures.rois)
        return whole(replace(structures, rois=rois), numbers, volume)

    monkeypatch.setattr(run_command, "find_flags", as_liver)
    result = call("run", study, "--model", "external", "-o", tmp_path / "RT.dcm", "--json")
    (flag,) = json.loads(result.stdout)["flags"]
    assert (flag["kind"], flag["structures"], flag["plane"]) == ("image border", ["Liver"], 12)
    assert len(flag["point_lps_mm"]) == 3
    assert f"Flag: {flag['text']}" in result.stderr
