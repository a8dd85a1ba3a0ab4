"""`labels.csv` as departments write it: what is understood, what is told, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from engine.__main__ import commands
from engine.cards.registry import load_card
from engine.errors import MismatchError, PlanimeterError, ReadError
from engine.training.check import check_data
from engine.training.cohort import patients_of
from engine.training.labelled.table import labelled_samples, notes_of_labelled
from engine.training_process.check_lines import lines_of


def pictures(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 10 * number, np.uint8)).save(folder / name)
    return folder


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "labels.csv").write_text(text, encoding=encoding, newline="")
    return folder


def test_an_id_stands_for_the_one_image_of_its_name(tmp_path: Path) -> None:
    pictures(tmp_path, "img/p1.png", "img/P2.png", "q.3.png")
    table(tmp_path, "path,patient,label\np1,a,x\nimg\\p2,b,x\nq.3,c,\n")
    samples = labelled_samples(tmp_path)
    assert [sample.load().voxels.flat[0] for sample in samples] == [0, 10, 20]
    pictures(tmp_path, "other/p1.png")
    with pytest.raises(
        MismatchError, match=r"'p1', which may be any of img/p1.png, other/p1.png; write the path whole"
    ):
        labelled_samples(tmp_path)


def test_rows_and_images_without_each_other_are_named(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    table(tmp_path, "path,patient,label,split\na,1,detachment,train\nz,2,,train\nb.jpg,3,,validation\n")
    check = check_data("retinal-detachment", tmp_path)
    assert [fault.split(":")[0] for fault in check.faults] == ["z can't be read", "b.jpg can't be read"]
    assert all("which is not there" in fault for fault in check.faults)
    assert "2 images are not listed in labels.csv, and left out: b.png, c.png." in check.doubts


def test_many_that_cannot_be_read_are_told_in_few_lines(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    table(tmp_path, "path,patient,label\na,1,detachment\n" + "".join(f"z{k},{k},\n" for k in range(40)))
    faults = check_data("retinal-detachment", tmp_path).faults
    assert len(faults) == 5 and faults[-1].startswith("36 more can't be read: z")


def test_what_the_table_needs_is_shown_and_what_it_has_instead(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    table(tmp_path, "path,patient,label,split\na,1,detachment,train\nb,2,,validation\n")
    assert any(
        line == "labels.csv has the columns path (an image), patient, label (detachment) and, where the parts are "
        "given, split." for line in lines_of(check_data("retinal-detachment", tmp_path))
    )  # fmt: skip
    table(tmp_path, "Bild;Diagnose;patient\na;detachment;1\n")
    (refusal,) = check_data("retinal-detachment", tmp_path).refusals
    assert (
        "has no column 'path', 'label'; it needs path, patient, label, and its columns are: Bild, Diagnose" in refusal
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("path;patient;label\r\na;1;x\r\n;;\r\nb;2;y\r\n;;\r\n", "utf-8-sig"),
        ('sep=;\n"path";"patient";"label"\n"a";"1";"x"\n\n"b";"2";"y"', "cp1252"),
        ("\n\nPATH\tPatient\tLabel\na\t1\tx\nb\t2\ty\n", "utf-16"),
    ],
)
def test_spreadsheets_write_it_in_many_ways(tmp_path: Path, text: str, encoding: str) -> None:
    table(pictures(tmp_path, "a.png", "b.png"), text, encoding)
    assert [(s.name, s.group, s.labels) for s in labelled_samples(tmp_path)] == [("a", "1", {"x"}), ("b", "2", {"y"})]
    assert notes_of_labelled(tmp_path) == []


def test_letters_of_windows_are_guessed_and_that_is_told(tmp_path: Path) -> None:
    table(pictures(tmp_path, "a.png"), "path,patient,label\na,Müller,x\n", "cp1252")
    assert labelled_samples(tmp_path)[0].group == "Müller"
    assert any("not in UTF-8" in note for note in notes_of_labelled(tmp_path))


def test_values_that_would_move_into_other_columns_are_refused(tmp_path: Path) -> None:
    table(pictures(tmp_path, "a.png"), "path,patient,label,age\na,1,x,63,5\n")
    with pytest.raises(MismatchError, match=r"Line 2 of .* has 5 values, and there are 4 columns"):
        labelled_samples(tmp_path)
    table(tmp_path, "path,patient,label,Label\na,1,x,y\n")
    with pytest.raises(MismatchError, match="twice"):
        labelled_samples(tmp_path)


def test_an_image_that_is_listed_twice_counts_once_or_is_refused(tmp_path: Path) -> None:
    table(pictures(tmp_path, "a.png", "b.png"), "path,patient,label\na,1,x\nb,2,y\na.png,1,x\n")
    assert [sample.name for sample in labelled_samples(tmp_path)] == ["a", "b"]
    assert "labels.csv lists a.png twice with the same values; each was taken once." in notes_of_labelled(tmp_path)
    table(tmp_path, "path,patient,label\na,1,x\nb,2,y\na.png,1,y\n")
    with pytest.raises(MismatchError, match=r"lists 'a.png' twice, with different labels \(line 4\)"):
        labelled_samples(tmp_path)


def test_labels_of_another_writing_are_the_models_and_told(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    table(tmp_path, "path,patient,label\na,1,Malignant\nb,2,malignant \nc,3,Low-grade;low grade\n")
    samples = labelled_samples(tmp_path, ["malignant", "benign"])
    assert [sample.labels for sample in samples] == [{"malignant"}, {"malignant"}, {"Low-grade", "low grade"}]
    assert notes_of_labelled(tmp_path, ["malignant", "benign"]) == [
        "Labels that are written otherwise than the model's were taken as those: Malignant as malignant.",
        "Low-grade, low grade are counted as different labels; if they are one, write them alike.",
    ]


def test_images_without_a_part_are_counted(tmp_path: Path) -> None:
    table(pictures(tmp_path, "a.png", "b.png"), "path,patient,label,split\na,1,x,Train\nb,2,y,\n")
    assert labelled_samples(tmp_path)[0].part == "train"
    assert any("and not of b (1 of 2), which are in neither" in note for note in notes_of_labelled(tmp_path))


CLINICAL: dict[str, Any] = {
    "id": "clinical", "version": "1", "task": "prognosis", "title": "Clinical", "fidelity": "inspired", "badge": "runs",
    "inputs": [{"role": "photo", "modality": ["XC"], "units": "rgb"}],
    "variables": [{"key": "psa", "label": "PSA", "kind": "number", "high": 5000, "decimals": 2}],
    "graph": [
        {"node": "risk", "op": "head", "in": ["variables"],
         "params": {"model": "cox", "labels": ["death"], "horizon_months": 24}},
    ],
    "outputs": [{"kind": "score", "label": "death", "name": "Death"}],
}  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), [("4,2", 4.2), ("4.25", 4.25), ("0,125", 0.125), ("1250", 1250)])
def test_decimal_commas_are_read_in_every_column_of_numbers(tmp_path: Path, written: str, meant: float) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "card.json").write_text(json.dumps(CLINICAL), encoding="utf-8")
    card = load_card(tmp_path / "card").card
    table(pictures(tmp_path, "a.png"), f"path;patient;label;PSA;time_months;event\na;1;;{written};7,5;1\n")
    (patient,) = patients_of(labelled_samples(tmp_path), card)
    assert patient.given == {"psa": meant} and (patient.months, patient.event) == (7.5, True)


def test_a_number_that_may_be_two_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "card.json").write_text(json.dumps(CLINICAL), encoding="utf-8")
    card = load_card(tmp_path / "card").card
    table(pictures(tmp_path, "a.png"), "path;patient;label;psa;time_months;event\na;1;;1,250;7;1\n")
    with pytest.raises(MismatchError, match="can't be 1,250; it is a number from 0 to 5000"):
        patients_of(labelled_samples(tmp_path), card)


def test_a_table_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"path,patient,label\na,1,x\0\0\x81\n")
    with pytest.raises(ReadError, match=r"no text|UTF-8"):
        labelled_samples(tmp_path)
    result = CliRunner().invoke(commands, ["train", "retinal-detachment", "--data", str(tmp_path), "--check"])
    assert result.exit_code == 1 or isinstance(result.exception, PlanimeterError)
