"""A review is kept and told, and passed on only with structures that each were approved as they are."""

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
from engine.structures import Approval, Review, ReviewState, StructureSet
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


def test_a_rejection_is_kept_and_said_when_the_file_is_read(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, "REJECTED")
    assert structures.approval == Approval("REJECTED", "Doe^Jane", "20240131", "120000")
    told = next(note for note in structures.notes if "unapproved" in note)
    assert "rejected by Doe Jane on 2024-01-31" in told
    assert structures.rois[0].provenance.review == Review() and not structures.rois[0].locked


def test_an_approved_file_opens_locked_and_says_so(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, "APPROVED")
    (roi,) = structures.rois
    assert roi.locked and roi.provenance.review == Review(ReviewState.APPROVED, "Doe^Jane", "20240131", "120000")
    assert any("approved by Doe Jane on 2024-01-31, and locked" in note for note in structures.notes)


def test_an_unapproved_file_says_nothing_of_it(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, "UNAPPROVED")
    assert not any("approved" in note for note in structures.notes)
    assert not any("approved" in line for line in preflight(structures, volume, ExportOptions()))


def test_what_was_reopened_is_exported_as_unapproved_and_preflight_and_certificate_say_so(
    tmp_path: Path, volume: Volume
) -> None:
    structures = read(tmp_path, volume, "APPROVED")
    roi = structures.rois[0]
    reopened = replace(roi, locked=False, provenance=replace(roi.provenance, review=Review()))
    edited = replace(structures, rois=(reopened,))
    assert any("read as approved by Doe Jane" in line for line in preflight(edited, volume, ExportOptions()))
    certificate = export_rtstruct(edited, volume, tmp_path / "out.dcm")
    assert any("read as approved by Doe Jane" in line and "unapproved" in line for line in certificate.changes)
    written = pydicom.dcmread(tmp_path / "out.dcm")
    assert written.ApprovalStatus == "UNAPPROVED" and "ReviewerName" not in written


def test_a_file_is_approved_where_each_of_its_structures_is_by_who_signed_last(tmp_path: Path, volume: Volume) -> None:
    first = read(tmp_path, volume, "APPROVED").rois[0]
    later = Review(ReviewState.APPROVED, "Röntgen^Wilhelm", "20240201", "083000")
    second = replace(first, number=7, name="CTV", provenance=replace(first.provenance, review=later))
    both = StructureSet(volume.geometry, (first, second))
    certificate = export_rtstruct(both, volume, tmp_path / "out.dcm")
    assert any("written as approved by Röntgen Wilhelm on 2024-02-01" in line for line in certificate.changes)
    written = pydicom.dcmread(tmp_path / "out.dcm")
    assert (written.ApprovalStatus, str(written.ReviewerName)) == ("APPROVED", "Röntgen^Wilhelm")
    assert (written.ReviewDate, written.ReviewTime) == ("20240201", "083000")
    again = read_rtstruct(tmp_path / "out.dcm", volume)
    assert all(roi.locked and roi.provenance.review == later for roi in again.rois)
    assert certificate.ok and certificate.conformance == ()

    partly = replace(both, rois=(first, replace(second, provenance=replace(second.provenance, review=Review()))))
    export_rtstruct(partly, volume, tmp_path / "part.dcm")
    assert pydicom.dcmread(tmp_path / "part.dcm").ApprovalStatus == "UNAPPROVED"
    (told,) = [line for line in preflight(partly, volume, ExportOptions()) if "1 of 2 structures are approved" in line]
    assert "who opens it finds no structure signed" in told
    assert all(not roi.locked for roi in read_rtstruct(tmp_path / "part.dcm", volume).rois)


def test_the_journal_keeps_the_review(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, "APPROVED")
    journal = Journal.start(Subject("1", "2", "CT", ("x",)), structures.geometry, tmp_path / "journal")
    journal.record_base(Document(structures))
    kept = journal.replay(structures.geometry).base.structures
    assert kept.approval == structures.approval
    assert kept.rois[0].provenance.review == structures.rois[0].provenance.review
    journal.close()
