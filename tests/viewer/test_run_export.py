"""Exports from the window, and the question about work that no file has yet."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot
from shapely import MultiPolygon, Point

from engine.dicom.rtstruct_read import read_rtstruct
from engine.files.masks import read_mask
from engine.opening import open_volume
from engine.structures import Generation, PlaneContours, Provenance, Roi, StructureSet
from engine.volume import Volume
from tests.viewer.hand import click_in_next_box
from viewer.history import History, add, delete, redraw
from viewer.session import Session
from viewer.unexported import unexported
from viewer.widgets.certificate_view import CertificateView
from viewer.widgets.export_dialog import FOLDER_KEY, ExportDialog
from viewer.widgets.masks_dialog import MasksDialog
from viewer.widgets.settings import settings


@pytest.fixture(scope="module")
def volume(shared_data: Path) -> Volume:
    read = open_volume(shared_data / "dicom" / "sts_petct_mr" / "STS_001" / "CT")
    return replace(read, info=replace(read.info, patient_name="Doe^Jane"))


def ball(number: int, name: str, volume: Volume, radius: float = 30.0, **more: Any) -> Roi:
    planes = range(3, min(9, volume.geometry.shape[0]))
    disc = MultiPolygon([Point(120, 120).buffer(radius)])
    return Roi(number, name, planes={k: PlaneContours(disc) for k in planes}, **more)


@pytest.fixture
def structures(volume: Volume) -> StructureSet:
    return StructureSet(volume.geometry, (ball(1, "GTV", volume), ball(2, "PTV", volume, 40), Roi(3, "Empty")))


# The dialog -----------------------------------------------------------------------------------------------------------


def test_the_file_holds_what_was_ticked_and_the_certificate_lies_beside_it(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume
) -> None:
    dialog = ExportDialog(structures, volume)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.checklist.numbers == (1, 2)
    dialog.checklist.choose((2,))
    dialog.label.setText("Boost")
    dialog.path.setText(str(tmp_path / "rt.dcm"))
    with qtbot.waitSignal(dialog.exported, timeout=20_000) as done:
        dialog.start()
    certificate, path, written = done.args
    assert certificate.ok
    assert [roi.number for roi in written.rois] == [2] and written[2] is structures[2]
    back = read_rtstruct(path, volume)
    assert [roi.name for roi in back.rois] == ["PTV"]
    assert back.label == "Boost"
    assert back.rois[0].volume_cm3(back.geometry) == pytest.approx(structures[2].volume_cm3(volume.geometry), rel=1e-4)
    saved = json.loads((tmp_path / "rt.dcm.certificate.json").read_text())
    assert saved["sha256"] == certificate.sha256


def test_what_the_export_changes_is_told_before(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume
) -> None:
    there = tmp_path / "rt.dcm"
    there.write_bytes(b"an older file")
    dialog = ExportDialog(structures, volume)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.path.setText(str(there))
    dialog.label.setText("A label that is far too long for SH")
    qtbot.waitUntil(lambda: "shortened" in dialog.ahead.text())
    assert "rt.dcm exists" in dialog.ahead.text()
    dialog.checklist.choose(())
    qtbot.waitUntil(lambda: "No structure is ticked" in dialog.ahead.text())
    assert not dialog.start_button.isEnabled()


def test_a_failure_is_told_and_leaves_the_old_file_and_the_dialog(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    dialog = ExportDialog(structures, volume)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.path.setText(str(blocked / "rt.dcm"))
    dialog.start()
    qtbot.waitUntil(dialog.error.isVisible, timeout=20_000)
    assert str(tmp_path) in dialog.error.text()
    assert "Traceback" not in dialog.error.text()
    assert dialog.isVisible()
    assert dialog.start_button.isEnabled()
    assert blocked.read_text() == "not a folder"


def test_a_file_that_differs_from_the_screen_is_refused_aloud(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.errors import CertificationError
    from viewer.widgets import export_dialog

    def differing(*_: Any) -> None:
        raise CertificationError("a line of 'GTV' lies 5.000 mm away from where it is on screen.")

    monkeypatch.setattr(export_dialog, "export_rtstruct", differing)
    dialog = ExportDialog(structures, volume)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.path.setText(str(tmp_path / "rt.dcm"))
    with qtbot.assertNotEmitted(dialog.exported):
        dialog.start()
        qtbot.waitUntil(dialog.error.isVisible, timeout=20_000)
    assert "5.000 mm" in dialog.error.text()
    assert dialog.isVisible()


def test_the_certificate_shows_every_structure(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume
) -> None:
    from engine.dicom.rtstruct_write import export_rtstruct

    certificate = export_rtstruct(structures, volume, tmp_path / "rt.dcm")
    view = CertificateView(certificate, tmp_path / "rt.dcm")
    qtbot.addWidget(view)
    texts = [[view.table.item(row, column).text() for column in range(4)] for row in range(view.table.rowCount())]
    assert [row[0] for row in texts] == ["GTV", "PTV", "Empty"]
    assert all(row[1] == row[2] and row[3] == "1" for row in texts)
    assert "holds what is on screen" in view.verdict.text()


def test_the_certificate_names_what_was_left_out(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume
) -> None:
    from engine.dicom.presets import ExportOptions
    from engine.dicom.rtstruct_write import export_rtstruct

    certificate = export_rtstruct(structures, volume, tmp_path / "rt.dcm", ExportOptions(numbers=(1,)))
    assert certificate.left_out == ("PTV", "Empty")
    assert json.loads((tmp_path / "rt.dcm.certificate.json").read_text())["left_out"] == ["PTV", "Empty"]
    view = CertificateView(certificate, tmp_path / "rt.dcm")
    qtbot.addWidget(view)
    assert view.verdict.text() == "The file was read back and holds what was ticked: 1 of 3 structures."
    assert any("Left out: PTV, Empty." in label.text() for label in view.findChildren(QLabel))


# Masks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nii.gz", "nrrd"])
def test_masks_are_written_on_the_grid_of_the_image(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume, kind: str
) -> None:
    dialog = MasksDialog(structures, volume)
    qtbot.addWidget(dialog)
    dialog.format.setCurrentIndex(dialog.format.findData(kind))
    dialog.folder.setText(str(tmp_path / "masks"))
    with qtbot.waitSignal(dialog.written, timeout=20_000):
        dialog.start()
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == [f"GTV.{kind}", f"PTV.{kind}"]
    mask = read_mask(tmp_path / "masks" / f"GTV.{kind}")
    du, dv, dz = volume.geometry.spacing_xyz
    assert mask.values.sum() * du * dv * dz / 1000 == pytest.approx(structures[1].volume_cm3(volume.geometry), rel=0.02)


# What no file has yet -------------------------------------------------------------------------------------------------


def test_only_changed_contours_count_as_unexported(volume: Volume, structures: StructureSet) -> None:
    session = Session()
    history = History(session)
    session.open(volume, structures)
    assert unexported(session.structures, session.filed) == []
    step = redraw(structures[1], {4: MultiPolygon([Point(120, 120).buffer(29)])}, text="Erase", tool="eraser")
    assert step is not None
    history.do(step)
    assert unexported(session.structures, session.filed) == ["GTV"]
    history.undo()
    assert unexported(session.structures, session.filed) == []
    history.redo()
    assert session.structures is not None
    session.set_filed(session.structures)
    assert unexported(session.structures, session.filed) == []
    history.do(add(session.structures, (ball(9, "New", volume),), text="Add", tool="brush"))
    history.do(delete(session.structures, frozenset({2}), text="Delete PTV"))
    assert unexported(session.structures, session.filed) == ["New"]


def test_looks_alone_are_no_unexported_work(volume: Volume, structures: StructureSet) -> None:
    from viewer.history import change

    session = Session()
    session.open(volume, structures)
    hidden = replace(structures[1], visible=False, locked=True)
    History(session).do(change(structures, hidden, text="Hide"))
    assert unexported(session.structures, session.filed) == []


# In the window --------------------------------------------------------------------------------------------------------


@pytest.fixture
def window(qtbot: QtBot, volume: Volume, structures: StructureSet) -> Any:
    from viewer.features.application import create_application
    from viewer.features.exporting import Exporting
    from viewer.widgets.main_window import MainWindow

    create_application()
    window = MainWindow()
    window.exporting = Exporting(window)  # type: ignore[attr-defined]
    with qtbot.waitExposed(window):
        window.show()
    window.session.open(volume, structures)
    yield window
    window.guards.clear()
    window.close()
    window.deleteLater()


def test_closing_asks_about_unexported_work(qtbot: QtBot, window: Any, volume: Volume) -> None:
    assert window.may_leave()
    window.history.do(add(window.session.structures, (ball(9, "New", volume),), text="Add", tool="brush"))
    click_in_next_box("Stay")
    window.close()
    assert window.isVisible()
    click_in_next_box("Leave without")
    window.close()
    assert not window.isVisible()


def test_a_series_is_left_without_a_question_and_its_work_is_asked_about_with_the_window(
    window: Any, volume: Volume
) -> None:
    from viewer.features.opening import Opener

    opener = Opener(window)
    window.history.do(add(window.session.structures, (ball(9, "New", volume),), text="Add", tool="brush"))
    opener.close_series()
    assert window.session.volume is None
    said = click_in_next_box("Stay")
    assert not window.may_leave()
    assert "New (on " in said[0]


def test_an_export_from_the_menu_is_in_the_journal_and_lets_the_window_close(
    qtbot: QtBot, window: Any, volume: Volume, tmp_path: Path
) -> None:
    window.history.do(add(window.session.structures, (ball(9, "New", volume),), text="Add", tool="brush"))
    window.exporting.export_rtstruct()
    dialog = window.findChild(ExportDialog)
    dialog.path.setText(str(tmp_path / "rt.dcm"))
    with qtbot.waitSignal(dialog.exported, timeout=20_000):
        dialog.start()
    assert window.findChild(CertificateView) is not None
    assert window.may_leave()
    assert "Exported 3 structures to rt.dcm" in [entry.text for entry in window.recording.entries()]
    # A structure without contours was not ticked, and so the file does not hold all that is listed.
    assert any("left out: Empty." in sentence for sentence in window.messages.sentences)


def test_what_was_not_ticked_is_still_asked_about(qtbot: QtBot, window: Any, volume: Volume, tmp_path: Path) -> None:
    window.history.do(add(window.session.structures, (ball(9, "New", volume),), text="Add", tool="brush"))
    window.exporting.export_rtstruct()
    dialog = window.findChild(ExportDialog)
    dialog.checklist.choose((1,))
    dialog.path.setText(str(tmp_path / "rt.dcm"))
    with qtbot.waitSignal(dialog.exported, timeout=20_000):
        dialog.start()
    assert unexported(window.session.structures, window.session.filed) == ["New"]


def test_without_structures_there_is_nothing_to_export(window: Any, volume: Volume) -> None:
    window.session.open(volume)
    window.exporting.export_rtstruct()
    assert window.findChild(ExportDialog) is None
    assert any("no structures to export" in sentence for sentence in window.messages.sentences)
    assert np.all(np.isfinite(window.session.cursor_lps))


def test_the_folder_that_is_suggested_is_there_and_another_is_made(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume
) -> None:
    settings().setValue(FOLDER_KEY, str(tmp_path / "a stick that was pulled out"))
    dialog = ExportDialog(structures, volume)
    qtbot.addWidget(dialog)
    dialog.show()
    assert Path(dialog.path.text()).parent.is_dir()
    assert " is made" not in dialog.ahead.text()
    new = tmp_path / "new" / "folder"
    dialog.path.setText(str(new / "rt.dcm"))
    qtbot.waitUntil(lambda: f"The folder {new} is made" in dialog.ahead.text())
    with qtbot.waitSignal(dialog.exported, timeout=20_000):
        dialog.start()
    assert (new / "rt.dcm").is_file()


def test_a_choice_for_the_planning_system_that_is_kept_is_told(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume
) -> None:
    for expected in ("", "tg263", "tg263"):
        dialog = ExportDialog(structures, volume)
        qtbot.addWidget(dialog)
        dialog.show()
        assert dialog.preset.currentData() == (expected or "standard")
        assert ("is kept from the last export" in dialog.ahead.text()) is bool(expected)
        dialog.path.setText(str(tmp_path / "rt.dcm"))
        dialog.preset.setFocus()
        while dialog.preset.currentData() != "tg263":
            QTest.keyClick(dialog.preset, Qt.Key.Key_Down)
        with qtbot.waitSignal(dialog.exported, timeout=20_000):
            dialog.start()


# What nobody has seen ------------------------------------------------------------------------------------------------

MODEL = Provenance(Generation.AUTOMATIC, algorithm="some-model", version="1")


@pytest.fixture
def drawn_by_model(volume: Volume) -> StructureSet:
    return StructureSet(
        volume.geometry,
        (
            ball(1, "Heart", volume, provenance=MODEL),
            ball(2, "Cord", volume, 40, provenance=MODEL),
            ball(3, "PTV", volume),
        ),
    )


def test_contours_of_models_that_nobody_has_seen_are_counted_and_certified(
    qtbot: QtBot, tmp_path: Path, drawn_by_model: StructureSet, volume: Volume
) -> None:
    seen = frozenset((1, plane) for plane in range(3, 8)) | {(2, plane) for plane in range(3, 9)}
    dialog = ExportDialog(drawn_by_model, volume, seen=seen)
    qtbot.addWidget(dialog)
    dialog.show()
    assert "1 contour drawn by a model has not been marked as seen by anyone: Heart 1." in dialog.ahead.text()
    shown = [dialog.checklist.tree.topLevelItem(row).text(2) for row in range(3)]
    assert shown == ["model, 1 of 6 unseen", "model", "person"]
    dialog.path.setText(str(tmp_path / "rt.dcm"))
    with qtbot.waitSignal(dialog.exported, timeout=20_000) as done:
        dialog.start()
    certificate = done.args[0]
    assert {entry.name: entry.unseen for entry in certificate.structures} == {"Heart": (9,), "Cord": (), "PTV": ()}
    saved = json.loads((tmp_path / "rt.dcm.certificate.json").read_text())
    assert [entry["unseen"] for entry in saved["structures"]] == [[9], [], []]
    view = CertificateView(certificate, tmp_path / "rt.dcm")
    qtbot.addWidget(view)
    last = view.table.columnCount() - 1
    assert [view.table.item(row, last).text() for row in range(3)] == ["1", "–", "–"]
    assert view.table.item(0, last).toolTip() == "Planes 9"


def test_an_export_of_what_nobody_has_seen_can_be_forbidden(
    qtbot: QtBot, tmp_path: Path, drawn_by_model: StructureSet, volume: Volume
) -> None:
    dialog = ExportDialog(drawn_by_model, volume)
    qtbot.addWidget(dialog)
    dialog.show()
    assert "12 contours drawn by models have not been marked as seen by anyone: Heart 6, Cord 6." in dialog.ahead.text()
    assert dialog.start_button.isEnabled()
    QTest.mouseClick(dialog.only_seen, Qt.MouseButton.LeftButton, pos=dialog.only_seen.rect().center() / 4)
    assert dialog.only_seen.isChecked() and not dialog.start_button.isEnabled()
    assert "They are not exported" in dialog.ahead.text()
    dialog.path.setText(str(tmp_path / "rt.dcm"))
    dialog.start()
    assert not dialog.running and not (tmp_path / "rt.dcm").exists()
    dialog.checklist.choose((3,))
    qtbot.waitUntil(dialog.start_button.isEnabled)
    dialog.reject()

    again = ExportDialog(drawn_by_model, volume)
    qtbot.addWidget(again)
    assert again.only_seen.isChecked() and not again.start_button.isEnabled(), "kept until somebody unticks it"
