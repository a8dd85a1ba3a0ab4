"""Corrected cases of the window become a data set that `planimeter train` reads."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from engine.opening import open_volume
from engine.structures import Roi
from engine.training.check import check_data
from engine.training.dataset import open_data
from engine.volume import Volume
from tests.contouring.shapes import centres_inside
from tests.synthetic import write_series
from tests.training.test_commands import CARD
from tests.viewer.hand import click_in_next_box
from tests.viewer.person import Person, draw_by_hand
from viewer.edits import structures
from viewer.layers import Layer, Window
from viewer.widgets.settings import READER_KEY, settings
from viewer.widgets.training_set_dialog import TrainingSetDialog

LEFT = Qt.MouseButton.LeftButton
BOTH = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def another(built_in: Path, tmp_path: Path) -> Path:
    """The study of another patient: turned upside down, and with text in no plane."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(built_in)))
    image = reader.Execute()
    volume = open_volume(built_in)
    write_series(tmp_path / "another", sitk.GetArrayFromImage(image)[::-1], volume.geometry, PatientID="OTHER-9")
    return tmp_path / "another"


def dialog_of(person: Person) -> TrainingSetDialog:
    actions = person.window.menu("Engine").actions()
    next(action for action in actions if "training set" in action.text()).trigger()
    found = person.window.findChildren(TrainingSetDialog)
    assert found
    return found[-1]


def add(person: Person, folder: Path, answer: str = "") -> TrainingSetDialog:
    """Fill the dialog in by mouse and keys."""
    dialog = dialog_of(person)
    dialog.folder.selectAll()
    QTest.keyClicks(dialog.folder, str(folder))
    assert not dialog.start_button.isEnabled()
    dialog.consent.click()
    said = click_in_next_box(answer) if answer else []
    QTest.mouseClick(dialog.start_button, LEFT)
    person.until(lambda: not dialog.running)
    assert said == (["This image is in the set already, as case_0002. Replace its structures?"] if answer else [])
    return dialog


def reviewed(person: Person) -> tuple[Volume, Roi]:
    """A structure drawn by hand and looked at."""
    person.ctrl(Qt.Key.Key_N)
    person.until(lambda: isinstance(QApplication.focusWidget(), QLineEdit))
    editor = QApplication.focusWidget()
    assert isinstance(editor, QLineEdit)
    editor.selectAll()
    QTest.keyClicks(editor, "Tumour")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    person.until(lambda: person.names == ["Tumour"])
    person.key(Qt.Key.Key_B)
    for plane, width in ((8, 20), (12, 30)):
        person.go_to(plane)
        person.drag([person.at(x, 125) for x in range(125 - width, 126 + width, 5)])
    person.key(Qt.Key.Key_V, BOTH)
    person.until(lambda: str(person.structures.rois[0].provenance.review.state) == "reviewed")
    assert person.session.volume is not None
    return person.session.volume, person.structures.rois[0]


def card_of(name: str, folder: Path) -> str:
    """A card that learns one structure."""
    card = copy.deepcopy(CARD)
    params = card["graph"][0]["params"]  # type: ignore[index]
    params["labels"], params["mirror_pairs"], params["network"]["out_channels"] = [name], [], 2
    card["outputs"] = [{"kind": "mask", "label": name, "name": name}]
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return str(folder / "card.json")


def test_two_cases_of_the_window_are_read_back_with_their_voxels_and_labels(
    person: Person, built_in: Path, another: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    settings().setValue(READER_KEY, "A. Reader")
    person.window.guards.clear()
    drawn = []
    for study in (built_in, another):
        person.open(study)
        drawn.append(reviewed(person))
        # A second structure that nobody has drawn.
        structures.add_empty(person.session, person.window.history)
        dialog = dialog_of(person)
        assert dialog.left_out.endswith("(has no contours).")
        dialog.reject()
        add(person, folder)
        said = person.window.messages.sentences[-1]
        assert f"case_000{len(drawn)} with 1 structure is in {folder} now. Left out: " in said
    # The same image again: asked, and left or replaced.
    before = (folder / "dataset.json").read_bytes()
    dialog = add(person, folder, "Leave it")
    assert dialog.error.text() == "Nothing was added; case_0002 is as it was."
    assert (folder / "dataset.json").read_bytes() == before
    dialog.reject()
    add(person, folder, "Replace")
    name = drawn[0][1].name
    data = open_data(folder, [name])
    assert data.names == ["case_0001", "case_0002"] and data.patient_of("case_0001") != data.patient_of("case_0002")
    sizes = []
    for case, study, (volume, roi) in zip(map(data.read, data.names), (built_in, another), drawn, strict=True):
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(study)))
        assert np.array_equal(case.image, sitk.GetArrayFromImage(reader.Execute()))
        shape, spacing = volume.geometry.shape, volume.geometry.spacing_uv
        wanted = np.stack([centres_inside(roi.area(plane), shape[1:], spacing) for plane in range(shape[0])])
        assert np.array_equal(case.labels == 1, wanted) and wanted.sum() > 30
        sizes.append(float(wanted.sum() * np.prod(volume.geometry.spacing_xyz)) / 1000)
    check = check_data(card_of(name, tmp_path), folder)
    (row,) = check.sets[0].rows
    assert not check.faults and (row.learn, row.choose, row.missing) == (1, 1, 0)
    assert row.most == pytest.approx(max(sizes), abs=1e-3)


def test_a_series_that_nobody_reviewed_has_nothing_to_add(person: Person, built_in: Path) -> None:
    person.open(built_in)
    draw_by_hand(person)
    actions = person.window.menu("Engine").actions()
    next(action for action in actions if "training set" in action.text()).trigger()
    assert not person.window.findChildren(TrainingSetDialog)
    assert "No structure of this series has been reviewed" in person.window.messages.sentences[-1]


def test_an_image_over_the_open_one_is_a_further_image_of_the_case(
    person: Person, built_in: Path, tmp_path: Path
) -> None:
    settings().setValue(READER_KEY, "A. Reader")
    person.window.guards.clear()
    person.open(built_in)
    volume, _ = reviewed(person)
    pet = replace(volume, voxels=volume.voxels.astype(np.float32) + 2000, modality="PT", units="SUVbw", instances=())
    person.session.add_layer(Layer(pet, pet, Window(5, 10)))
    dialog = dialog_of(person)
    ((box, _),) = dialog.over
    assert box.text().startswith("With PT") and box.isChecked()
    dialog.reject()
    add(person, tmp_path / "set")
    described = json.loads((tmp_path / "set" / "dataset.json").read_text(encoding="utf-8"))
    assert described["channel_names"] == {"0": "CT", "1": "PT"}
    assert "The PT was brought to the grid of the CT." in person.window.messages.sentences[-1]
    written = [sitk.ReadImage(str(tmp_path / "set" / "imagesTr" / f"case_0001_000{n}.nii.gz")) for n in (0, 1)]
    ct, other = (sitk.GetArrayFromImage(image) for image in written)
    assert other == pytest.approx(ct + 2000.0, abs=1e-3)
