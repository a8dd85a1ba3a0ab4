"""Export from the window of structures on an image that is no DICOM series, and a file that lies in two places."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from engine.dicom.rtstruct_read import read_rtstruct
from engine.opening import open_volume
from engine.stored.scan import scan
from engine.structures import StructureSet
from engine.volume import SeriesInfo, Volume
from tests.rtstruct.study import shell, traced
from tests.synthetic import make_geometry, make_voxels
from viewer.features.opening import Opener
from viewer.widgets.export_dialog import ExportDialog
from viewer.widgets.main_window import MainWindow

SHAPE = (7, 40, 48)


@pytest.fixture
def volume() -> Volume:
    info = SeriesInfo(series_uid="ct.nii.gz", description="ct.nii.gz")
    return Volume(make_voxels(SHAPE), make_geometry(SHAPE, (0.9, 1.1, 2.5)), "CT", "HU", info)


@pytest.fixture
def structures(volume: Volume) -> StructureSet:
    return traced(volume, {"Shell": shell(SHAPE)})


def test_the_image_is_written_with_the_structures_for_the_patient_who_is_typed_in(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume
) -> None:
    dialog = ExportDialog(structures, volume)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.path.setText(str(tmp_path / "rt.dcm"))
    assert dialog.patient is not None and not dialog.start_button.isEnabled()
    assert "patient's name" in dialog.ahead.text()
    qtbot.keyClicks(dialog.patient.name, "Doe^Jane")
    assert not dialog.start_button.isEnabled() and "patient's ID" in dialog.ahead.text()
    qtbot.keyClicks(dialog.patient.patient_id, "17")
    assert dialog.start_button.isEnabled() and str(tmp_path / "rt_images") in dialog.ahead.text()
    with qtbot.waitSignal(dialog.exported, timeout=30_000) as done:
        qtbot.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
    assert done.args[0].ok
    again = open_volume(tmp_path / "rt_images")
    assert (again.info.patient_name, again.info.patient_id) == ("Doe^Jane", "17")
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    written = next(series for series in scan([tmp_path]).series() if series.is_structures)
    assert again.info.series_uid in written.references.series_uids and written.info.patient_id == "17"
    assert read_rtstruct(tmp_path / "rt.dcm", again).rois[0].name == "Shell"


def test_an_image_of_unknown_kind_asks_for_it(
    qtbot: QtBot, tmp_path: Path, structures: StructureSet, volume: Volume
) -> None:
    dialog = ExportDialog(structures, Volume(volume.voxels, volume.geometry))
    qtbot.addWidget(dialog)
    assert dialog.patient is not None
    dialog.patient.name.setText("Doe")
    dialog.patient.patient_id.setText("17")
    assert "CT or an MR" in dialog.patient.problem and not dialog.start_button.isEnabled()
    dialog.patient.modality.setCurrentIndex(dialog.patient.modality.findData("MR"))
    assert not dialog.patient.problem and dialog.start_button.isEnabled()


def test_masks_can_be_had_instead(qtbot: QtBot, structures: StructureSet, volume: Volume) -> None:
    dialog = ExportDialog(structures, volume)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.patient is not None
    with qtbot.waitSignal(dialog.masks_wanted, timeout=5_000):
        qtbot.mouseClick(dialog.patient.masks, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()


def test_either_place_of_a_nifti_file_can_be_opened_from_the_study_list(
    seeing: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    image = nibabel.Nifti1Image(make_voxels(SHAPE).transpose(2, 1, 0), np.eye(4))
    moved = np.diag([1.0, 1, 3, 1])
    image.set_qform(moved, 1)
    moved[2, 3] = 40
    image.set_sform(moved, 2)
    nibabel.save(image, tmp_path / "a.nii.gz")
    opener = seeing.findChild(Opener)
    assert isinstance(opener, Opener)
    with qtbot.waitSignal(opener.opened, timeout=30_000):
        opener.open_paths([tmp_path / "a.nii.gz"], show=True)
    session = seeing.session
    assert session.volume is not None and session.volume.geometry.origins_lps[0][2] == 40
    assert any("differ by up to 40.0 mm" in sentence for sentence in seeing.messages.sentences)
    other = next(series for series in opener.tree.series if series.placement == "qform")
    with qtbot.waitSignal(opener.opened, timeout=30_000):
        opener.open_series(other)
    assert session.volume is not None and session.volume.geometry.origins_lps[0][2] == 0
