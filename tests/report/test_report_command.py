"""`planimeter run` writes reports and tables of what a model scores, and a row for each study that failed."""

import csv
import json
from pathlib import Path

import pytest
import SimpleITK as sitk
from click.testing import CliRunner, Result
from pydicom import dcmread

from engine.__main__ import commands
from engine.answers import Result as Answers
from engine.commands.answer_files import Answered, write_findings
from engine.dicom.report_read import read_report
from engine.errors import WriteError
from engine.opening import open_volume
from tests.engine.models import write_card
from tests.engine.operation_examples import classifier, output, phantom
from tests.report.findings import box, score
from tests.synthetic import write_series


def call(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments], prog_name="planimeter")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "kinds"
    outputs = [output(label, kind="score") for label in "abc"]
    write_card(folder, [classifier(folder)], outputs, task="classify", form="plain")
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_series(folder, phantom().voxels, phantom().geometry)
    return folder


def test_what_a_model_scores_becomes_a_report_and_a_table(study: Path, model: Path, tmp_path: Path) -> None:
    report, table = tmp_path / "new" / "report.dcm", tmp_path / "scores.csv"
    result = call("run", study, "--model", model, "-o", report, "--csv", table, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["report"] == str(report) and len(told["scores"]) == 3
    read = read_report(report, open_volume(study))
    assert [f"{finding.value:.9g}" for finding in read.findings] == [
        f"{score['value']:.9g}" for score in told["scores"]
    ]  # type: ignore[union-attr]
    assert {finding.form for finding in read.findings} == {"plain"}
    assert dcmread(report).VerificationFlag == "UNVERIFIED"
    rows = list(csv.DictReader(table.open()))
    assert [row["label"] for row in rows] == ["a", "b", "c"] and {row["error"] for row in rows} == {""}


def test_of_many_studies_each_has_a_report_and_those_that_failed_a_row(
    study: Path, model: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "nothing"
    empty.mkdir()
    out, table = tmp_path / "reports", tmp_path / "scores.csv"
    result = call("run", study, empty, study, "--model", model, "--report", out, "--csv", table)
    assert result.exit_code == 1 and "Traceback" not in result.stderr
    assert sorted(path.name for path in out.glob("*.dcm")) == [f"{study.name}-2.dcm", f"{study.name}.dcm"]
    rows = list(csv.DictReader(table.open()))
    assert [row["kind"] for row in rows] == ["score"] * 3 + ["failed"] + ["score"] * 3
    assert rows[3]["study"] == str(empty) and "holds no image" in rows[3]["error"] and rows[3]["value"] == ""


def test_an_image_that_is_not_dicom_is_refused_a_report_before_the_model_runs(model: Path, tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(phantom().voxels), str(tmp_path / "case.nii.gz"))
    result = call("run", tmp_path / "case.nii.gz", "--model", model, "-o", tmp_path / "r.dcm")
    assert isinstance(result.exception, WriteError) and "no DICOM image" in str(result.exception)
    assert not (tmp_path / "r.dcm").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "x.nii.gz"), "not to x.nii.gz"),
        (("-o", "x.dcm", "--report", "y.dcm"), "give one"),
        (("more", "-o", "x.dcm"), "must be a folder for 2 studies"),
        (("--csv", "x.json"), "does not end in .csv"),
    ],
)
def test_places_that_make_no_sense_are_usage_errors(
    study: Path, model: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = call("run", study, "--model", model, *arguments)
    assert result.exit_code == 2 and words in " ".join(result.output.replace("│", " ").split())


def test_a_model_that_only_draws_has_nothing_to_report(study: Path) -> None:
    result = call("run", study, "--model", "external", "-o", "rt.dcm", "--report", "r.dcm")
    assert result.exit_code == 2 and "nothing for a report" in " ".join(result.output.replace("│", " ").split())


def test_a_table_has_a_row_a_study_whatever_became_of_it(tmp_path: Path) -> None:
    answers = [
        Answered("one", "m", "1", Answers((score(1, one_of=("a", "b"), abstained="Unlike all."), box(1)))),
        Answered("two", "m", "1", Answers()),
        Answered("three", "m", "1", None, "three holds no image."),
    ]
    write_findings(answers, tmp_path / "t.csv")
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert [(row["study"], row["kind"]) for row in rows] == [
        ("one", "score"), ("one", "box"), ("two", "nothing"), ("three", "failed"),
    ]  # fmt: skip
    assert rows[0]["no_opinion"] == "Unlike all." and rows[0]["one_of"] == "a; b"
    write_findings(answers, tmp_path / "t.json")
    told = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert told[0]["one_of"] == ["a", "b"] and told[3]["error"] == "three holds no image."


def test_a_table_that_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text("what stood there")
    monkeypatch.setattr("csv.DictWriter.writerows", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(WriteError, match="No space left"):
        write_findings([Answered("one", "m", "1", Answers((score(1),)))], tmp_path / "t.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    assert (tmp_path / "t.csv").read_text() == "what stood there"
