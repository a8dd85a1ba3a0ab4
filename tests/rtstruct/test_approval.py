"""A review that was read: kept, told, and never passed on to a file that nobody has reviewed."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from engine.answers import Document
from engine.dicom.presets import ExportOptions, preflight
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.journal import Journal, Subject
from engine.structures import Approval, StructureSet
from engine.volume import Volume
from tests.rtstruct.study import Contour, make_study, write_rtstruct


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return make_study(tmp_path / "ct")


def read(tmp_path: Path, volume: Volume, status: str) -> StructureSet:
    def reviewed(ds: Dataset) -> None:
        ds.ApprovalStatus = status
        ds.ReviewDate, ds.ReviewTime, ds.ReviewerName = "20240131", "120000", "Doe^Jane"

    write_rtstruct(tmp_path / "rt.dcm", volume, {"PTV": [Contour(0)]}, reviewed)
    return read_rtstruct(tmp_path / "rt.dcm", volume)


@pytest.mark.parametrize("status", ["APPROVED", "REJECTED"])
def test_a_review_is_kept_and_said_when_the_file_is_read(tmp_path: Path, volume: Volume, status: str) -> None:
    structures = read(tmp_path, volume, status)
    assert structures.approval == Approval(status, "Doe^Jane", "20240131")
    told = next(note for note in structures.notes if "unapproved" in note)
    assert f"{status.lower()} by Doe Jane on 2024-01-31" in told


def test_an_unapproved_file_says_nothing_of_it(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, "UNAPPROVED")
    assert not any("approved" in note for note in structures.notes)
    assert not any("approved" in line for line in preflight(structures, volume, ExportOptions()))


def test_the_export_is_unapproved_and_preflight_and_certificate_say_so(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, "APPROVED")
    edited = replace(structures, rois=(replace(structures.rois[0], name="PTV_1"),))
    assert any("read as approved by Doe Jane" in line for line in preflight(edited, volume, ExportOptions()))
    certificate = export_rtstruct(edited, volume, tmp_path / "out.dcm")
    assert any("read as approved by Doe Jane" in line and "unapproved" in line for line in certificate.changes)
    written = pydicom.dcmread(tmp_path / "out.dcm")
    assert written.ApprovalStatus == "UNAPPROVED" and "ReviewerName" not in written


def test_the_journal_keeps_the_review(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, "APPROVED")
    journal = Journal.start(Subject("1", "2", "CT", ("x",)), structures.geometry, tmp_path / "journal")
    journal.record_base(Document(structures))
    assert journal.replay(structures.geometry).base.structures.approval == structures.approval
    journal.close()
