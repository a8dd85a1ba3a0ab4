"""Names of numbers in label maps are read from a file, or typed, and decide what is learned as what."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from engine.cards.schema import CardInput
from engine.errors import MismatchError, ReadError
from engine.training.check import check_data
from engine.training.dataset import open_data
from engine.training_process.check_lines import lines_of
from engine.training_process.label_names import names_text, parsed_names, read_names, write_names
from tests.training.test_commands import CARD

CT = CardInput(role="ct", modality=("CT",), units="HU")


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Two cases whose labels 2 and 5 are a right and a left box."""
    folder = tmp_path / "set"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for seed, case in enumerate("ab"):
        rng = np.random.default_rng(seed)
        labels = np.zeros((6, 12, 12), np.uint8)
        labels[1:4, 2:5, 2:5], labels[2:5, 6:10, 6:10] = 2, 5
        image = rng.integers(-900, 900, labels.shape).astype(np.int16)
        sitk.WriteImage(sitk.GetImageFromArray(image), str(folder / "images" / f"{case}.nii.gz"))
        sitk.WriteImage(sitk.GetImageFromArray(labels), str(folder / "labels" / f"{case}.nii.gz"))
    return folder


@pytest.mark.parametrize(("file", "text"), [
    ("labels.json", '{"background": 0, "Box_L": 5, "Box_R": 2}'),
    ("labels.json", '{"labels": {"2": "Box_R", "5": "Box_L"}}'),
    ("labels.txt", "# of our department\n2 Box_R\n5 = Box_L\n"),
    ("labels.txt", '0 0 0 0 0 0 0 "Clear Label"\n    2   255    0    0        1  1  1    "Box_R"\n'
                   '    5     0  255    0        1  1  1    "Box_L"\n'),
])  # fmt: skip
def test_names_from_a_file_say_which_number_is_learned_as_what(volumes: Path, file: str, text: str) -> None:
    (volumes / file).write_text(text, encoding="utf-8")
    assert read_names(volumes) == ({2: "Box_R", 5: "Box_L"}, file)
    case = open_data(volumes, ["Box_L", "Box_R"], [CT]).read("a")
    assert [int((case.labels == value).sum()) for value in (1, 2)] == [48, 27] and case.others == ()


def test_without_names_the_order_is_guessed_and_said(volumes: Path, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    check = check_data(str(tmp_path), volumes)
    assert any("taken in order: 1 = Box_R, 2 = Box_L." in doubt for doubt in check.doubts)
    assert "Not learned, and left aside: value 5." in check.doubts
    write_names(volumes, parsed_names("2 = Box_R, 5 = Box_L"))
    check = check_data(str(tmp_path), volumes)
    assert "By labels.json: 2 = Box_R, 5 = Box_L." in lines_of(check)
    assert not check.doubts and [row.most for row in check.sets[0].rows] == pytest.approx([0.027, 0.048])


def test_a_structure_without_a_number_is_refused_with_those_that_have_one(volumes: Path) -> None:
    write_names(volumes, {2: "Crate", 5: "Box_L"})
    with pytest.raises(MismatchError, match=r"labels\.json names no Box_R; its structures are: Crate, Box_L"):
        open_data(volumes, ["Box_R", "Box_L"], [CT])


def test_what_is_typed_comes_back_or_is_refused_in_a_sentence() -> None:
    assert parsed_names("2 = Right box; 5: Left\n7 C") == {2: "Right box", 5: "Left", 7: "C"}
    assert parsed_names(names_text({5: "B", 2: "A"})) == {2: "A", 5: "B"}
    for text, said in (("Liver", "no number with a name"), ("1 = A, 1 = B", "twice"), ("1 = A, 2 = A", "twice"),
                       ("300 = A", "greatest is 255")):  # fmt: skip
        with pytest.raises(ReadError, match=said):
            parsed_names(text)
