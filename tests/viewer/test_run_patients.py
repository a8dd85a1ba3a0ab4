"""Whom an image is of that doesn't say so itself: asked for once, whatever is written of it."""

from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from engine.answers import Score
from engine.dicom.written_image import PatientIdentity
from engine.edits import AnswerChange, Step
from engine.volume import SeriesInfo, Volume
from tests.rtstruct.study import shell, traced
from tests.synthetic import make_geometry, make_voxels
from tests.viewer.hand import LEFT, Hand
from viewer.widgets.certificate_view import CertificateView
from viewer.widgets.export_dialog import ExportDialog
from viewer.widgets.report_dialog import ReportDialog

SHAPE = (7, 40, 48)


@pytest.fixture
def volume() -> Volume:
    info = SeriesInfo(series_uid="ct.nii.gz", description="ct.nii.gz")
    return Volume(make_voxels(SHAPE), make_geometry(SHAPE, (0.9, 1.1, 2.5)), "CT", "HU", info)


def test_who_the_image_is_of_is_asked_once_for_structures_and_reports(
    window: Hand, qtbot: QtBot, tmp_path: Path, volume: Volume
) -> None:
    window.open(volume, traced(volume, {"Shell": shell(SHAPE)}))
    score = Score(1, "a", "Malignant", 0.82)
    window.history.do(Step("Run", "a-model", (AnswerChange(None, score, 0),)))
    exports = {text: each for _, each in window.window.listed_actions for text in [each.text().replace("&", "")]}
    exports["Export RTSTRUCT…"].trigger()
    dialog = window.window.findChild(ExportDialog)
    dialog.path.setText(str(tmp_path / "rt.dcm"))
    dialog.patient.name.setText("Doe^Jane")
    dialog.patient.patient_id.setText("17")
    with qtbot.waitSignal(dialog.exported, timeout=30_000):
        QTest.mouseClick(dialog.start_button, LEFT)
    window.window.findChild(CertificateView).close()
    for text, kind in (("Export RTSTRUCT…", ExportDialog), ("Export the report…", ReportDialog)):
        exports[text].trigger()
        asked = next(each for each in window.window.findChildren(kind) if each.isVisible())
        assert asked.patient.patient == PatientIdentity("Doe^Jane", "17", "CT")
        asked.close()
