"""Reports are written whole or not at all, say what was to be said, and are accepted by programs that are not ours."""

import csv
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from engine.answers import Box, Finding
from engine.dicom import report_write
from engine.dicom.report_contours import Contents
from engine.dicom.report_read import read_report
from engine.dicom.report_write import export_report
from engine.errors import CertificationError, WriteError
from engine.findings.assessment import Assessment, Signature, Verdict
from engine.findings.report_page import report_page
from engine.findings.table import write_table
from engine.volume import Geometry, Instance, SeriesInfo, Volume
from tests.report.findings import box, by_form, every_kind, score

SIGNED = Signature("Doe^Jane", "Hospital of Örebro", "2026-02-03T11:00:00+01:00")


def judged(*findings: Finding) -> tuple[Finding, ...]:
    said = Assessment(Verdict.ACCEPTED, reader="Doe^Jane", time="2026-02-03T10:00:00+01:00")
    return tuple(
        replace(finding, assessment=said) if finding.assessment.verdict is Verdict.UNSEEN else finding
        for finding in findings
    )


def test_what_is_written_comes_back_finding_by_finding(volume: Volume, tmp_path: Path) -> None:
    findings = every_kind()
    written = export_report(findings, volume, tmp_path / "report.dcm")
    assert written.certificate.ok and len(written.certificate.findings) == len(findings)
    read = read_report(tmp_path / "report.dcm", volume)
    assert read.notes == () and not read.complete and read.filed == written.filed
    for said, back in zip(findings, read.findings, strict=True):
        assert (type(back), back.name, back.uid, back.form) == (type(said), said.name, said.uid, said.form)
        assert (back.assessment.verdict, back.assessment.comment) == (said.assessment.verdict, said.assessment.comment)
        assert (back.assessment.reader, back.assessment.time) == (said.assessment.reader, said.assessment.time)
        assert back.assessment.stated == said.assessment.stated
        assert back.provenance == said.provenance or not said.provenance.algorithm
        if not isinstance(said.assessment.value, float):
            assert back.assessment.value == said.assessment.value
    assert read.findings[2].assessment.value == pytest.approx(0.1, rel=1e-12)
    assert (read.findings[1].one_of, read.findings[2].abstained) == (("a", "b"), "Unlike all.")  # type: ignore[union-attr]
    assert read.findings[1].evidence.plane == 2 and read.findings[6].evidence.series_uid == "1.2.3.4"
    assert (read.findings[4].evidence.roi_number, read.findings[4].evidence.roi_uid) == (3, "2.9")
    marked = read.findings[7]
    np.testing.assert_allclose(marked.evidence.low_kji, (1.0, 10.25, 8.5), atol=1e-4)  # type: ignore[arg-type]
    np.testing.assert_allclose(marked.evidence.high_kji, (3.0, 20.0, 16.75), atol=1e-4)  # type: ignore[arg-type]
    proof = json.loads((tmp_path / "report.dcm.certificate.json").read_text("utf-8"))
    assert proof["ok"] and proof["findings"][2]["value of the model"] == "0.83"


def test_a_low_probability_that_was_accepted_says_no_wherever_it_stands(volume: Volume, tmp_path: Path) -> None:
    said = Assessment(Verdict.ACCEPTED, reader="Doe^Jane", time="2026-02-03T10:00:00+01:00")
    low = score(1, value=0.00986, assessment=said, classes=("malignant",), rivals=("benign",))
    other = score(2, name="Benign", value=0.02, assessment=said, classes=("benign",), rivals=("malignant",))
    words = "Malignant: no (accepted: the model's 0.00986 is below its threshold of 0.35)."
    against = "'Malignant: no' and 'Benign: no' contradict each other"
    made = export_report([low, other], volume, tmp_path / "r.dcm", signature=SIGNED).certificate.findings[0]
    assert (made["value of the model"], made["conclusion of the reader"]) == ("0.00986", "no")
    assert made["in words"].startswith(f"{words} {against}")
    (group,) = highdicom.sr.srread(tmp_path / "r.dcm").content.get_image_measurement_groups(tracking_uid="2.25.101")
    texts = [str(item.TextValue) for item in group[0].ContentSequence if item.ValueType == "TEXT"]
    assert made["in words"] in texts
    coded = {
        item.ConceptNameCodeSequence[0].CodeMeaning: item.ConceptCodeSequence[0].CodeValue
        for item in group[0].ContentSequence
        if item.ValueType == "CODE"
    }
    assert coded["Conclusion of the reader"] == "373067005", "No (SCT, PS3.16 CID 230)"
    (back, _) = read_report(tmp_path / "r.dcm", volume).findings
    assert (back.classes, back.rivals) == (low.classes, low.rivals)  # type: ignore[union-attr]
    write_table([low, other], volume, tmp_path / "t.csv")
    row = next(csv.DictReader((tmp_path / "t.csv").open(encoding="utf-8")))
    assert (row["value"], row["verdict"], row["conclusion"]) == ("0.00986", "accepted", "no")
    assert row["in_words"] == made["in words"]
    page = report_page([low, other], volume)
    assert page.rows[0].cells[1][0] == "0.00986" and page.rows[0].cells[2][0] == "no"
    assert any(sentence.startswith(against) for sentence in page.sentences)


@pytest.mark.parametrize(
    ("name", "comment", "reader"),
    [
        ("所見", "右肺に結節", "山田^太郎"),
        ("A\\B", "Line one\nline two \\ three", "Doe^Jane^M^Dr"),
        ("N" * 200, "c" * 5000, "Müller^Jörg"),
    ],
)
def test_any_words_come_back_as_they_were(volume: Volume, tmp_path: Path, name: str, comment: str, reader: str) -> None:
    said = Assessment(Verdict.ACCEPTED, comment=comment, reader=reader, time="2026-02-03T10:00:00+01:00")
    finding = score(1, name=name, label="x" * 64, code=None, assessment=said)
    signature = replace(SIGNED, name=reader)
    export_report([finding], volume, tmp_path / "r.dcm", signature=signature)
    read = read_report(tmp_path / "r.dcm", volume)
    (back,) = read.findings
    assert (back.name, back.assessment) == (name, said) and read.filed.signature == signature
    if shutil.which("dciodvfy"):
        told = subprocess.run(["dciodvfy", "-new", os.fspath(tmp_path / "r.dcm")], capture_output=True, check=False)
        assert b"Error" not in told.stderr


def test_texts_that_tell_studies_apart_and_are_cut_are_named(volume: Volume, tmp_path: Path) -> None:
    assert not export_report([score(1)], volume, tmp_path / "fits.dcm").certificate.changes
    info = replace(volume.info, accession_number="A" * 20, patient_id="P" * 70)
    told = export_report([score(1)], replace(volume, info=info), tmp_path / "cut.dcm").certificate.changes
    assert len(told) == 2 and "patient ID" in told[0] and "accession number" in told[1]
    assert "PPP" not in told[0] and "AAA" not in told[1]
    written = dcmread(tmp_path / "cut.dcm")
    assert (written.PatientID, written.AccessionNumber) == ("P" * 64, "A" * 16)


def test_a_box_beyond_the_image_is_cut_at_its_edge(volume: Volume, tmp_path: Path) -> None:
    export_report([box(low_kji=(-3.0, -9.0, 4.0), high_kji=(99.0, 9.0, 99.0))], volume, tmp_path / "r.dcm")
    (read,) = read_report(tmp_path / "r.dcm", volume).findings
    planes, _, columns = volume.geometry.shape
    assert read.evidence.low_kji == (0.0, -0.5, 4.0)
    assert read.evidence.high_kji == (planes - 1, 9.0, columns - 0.5)


def test_programs_that_are_not_ours_accept_it(volume: Volume, tmp_path: Path) -> None:
    if not (shutil.which("dciodvfy") and shutil.which("dsrdump")):
        pytest.skip("dciodvfy (dicom3tools) and dsrdump (dcmtk) are not installed")
    export_report(judged(*every_kind()), volume, tmp_path / "r.dcm", signature=SIGNED)
    told = subprocess.run(["dciodvfy", "-new", str(tmp_path / "r.dcm")], capture_output=True, check=False).stderr
    assert "Error" not in told.decode("utf-8", "replace")
    dump = subprocess.run(["dsrdump", "-Ee", str(tmp_path / "r.dcm")], capture_output=True, check=False)
    assert dump.returncode == 0 and dump.stderr == b""
    assert b"Comprehensive 3D SR" in dump.stdout and dump.stdout.count(b"Measurement Group") == len(every_kind())


def test_highdicom_finds_each_finding_by_its_template(volume: Volume, tmp_path: Path) -> None:
    export_report(every_kind(), volume, tmp_path / "r.dcm")
    content = highdicom.sr.srread(tmp_path / "r.dcm").content
    planar = content.get_planar_roi_measurement_groups()
    volumetric = content.get_volumetric_roi_measurement_groups()
    others = content.get_image_measurement_groups()
    assert sorted(group.tracking_uid for group in planar) == ["2.25.106", "2.25.202"]
    assert [group.tracking_uid for group in volumetric] == ["2.25.201"] and len(volumetric[0].roi) == 3
    assert len(others) == len(every_kind()) - 3
    (first,) = content.get_image_measurement_groups(tracking_uid="2.25.101")
    values = {measurement.name.meaning: measurement.value for measurement in first.get_measurements()}
    assert values == {"Certainty of Finding": pytest.approx(83.0), "Threshold of the model": pytest.approx(35.0)}
    assert planar[0].roi.value.shape == (5, 2)


def test_it_keeps_the_rules_by_which_ohif_finds_measurements(volume: Volume, tmp_path: Path) -> None:
    """As the reader of OHIF's DICOM SR extension goes through a report, where it would fail or skip."""
    export_report(every_kind(), volume, tmp_path / "r.dcm")
    root = dcmread(tmp_path / "r.dcm")

    def concept(item: Dataset) -> str:
        return str(item.ConceptNameCodeSequence[0].CodeValue)

    (library,) = [item for item in root.ContentSequence if concept(item) == "111028"]
    images = [item for item in library.ContentSequence[0].ContentSequence if "ReferencedSOPSequence" in item]
    assert concept(library.ContentSequence[0]) == "126200"
    assert {i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in images} == {
        instance.sop_instance_uid for instance in volume.instances
    }
    (measurements,) = [item for item in root.ContentSequence if concept(item) == "126010"]
    drawn = 0
    for group in measurements.ContentSequence:
        items = group.ContentSequence
        # Every item has a name; the first UID is the tracking UID; there is a tracking identifier.
        assert concept(group) == "125007" and all(concept(item) for item in items)
        assert concept(next(item for item in items if item.ValueType == "UIDREF")) == "112040"
        assert any(concept(item) == "112039" for item in items)
        # A measurement has items below it and one value.
        numbers = [item for item in items if item.ValueType == "NUM"]
        assert all(item.ContentSequence and len(item.MeasuredValueSequence) == 1 for item in numbers)
        # Outlines are in pixels and name one image.
        outlines = [item for item in items if item.ValueType in ("SCOORD", "SCOORD3D")]
        assert all(item.ValueType == "SCOORD" and item.RelationshipType == "CONTAINS" for item in outlines)
        assert all(
            len(item.ContentSequence) == 1 and item.ContentSequence[0].ReferencedSOPSequence for item in outlines
        )
        drawn += bool(outlines)
    assert drawn == 3
    assert (
        len({item.UID for g in measurements.ContentSequence for item in g.ContentSequence if concept(item) == "112040"})
        == 13
    )


def test_the_place_of_a_finding_is_where_the_image_has_it(volume: Volume, tmp_path: Path) -> None:
    """The centre of a pixel is half a pixel from the corner from which DICOM counts."""
    export_report([box(low_kji=(2.0, 10.0, 20.0), high_kji=(2.0, 11.0, 23.0))], volume, tmp_path / "r.dcm")
    (group,) = highdicom.sr.srread(tmp_path / "r.dcm").content.get_planar_roi_measurement_groups()
    np.testing.assert_allclose(group.roi.value[[0, 2]], [[20.5, 10.5], [23.5, 11.5]])
    (image,) = group.roi.ContentSequence
    assert image.referenced_sop_instance_uid == volume.instances[2].sop_instance_uid


def test_a_signed_report_is_complete_and_verified_and_names_who_signed(volume: Volume, tmp_path: Path) -> None:
    partial = export_report(every_kind(), volume, tmp_path / "partial.dcm")
    unsigned = dcmread(tmp_path / "partial.dcm")
    assert (unsigned.CompletionFlag, unsigned.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    assert unsigned.PreliminaryFlag == "PRELIMINARY" and "VerifyingObserverSequence" not in unsigned
    signed = export_report(
        judged(*every_kind()), volume, tmp_path / "signed.dcm", signature=SIGNED, predecessor=partial.filed
    )
    report = dcmread(tmp_path / "signed.dcm")
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == ("COMPLETE", "VERIFIED", "FINAL")
    (signer,) = report.VerifyingObserverSequence
    assert (signer.VerifyingObserverName, signer.VerifyingOrganization) == (SIGNED.name, SIGNED.organisation)
    assert signer.VerificationDateTime == "20260203110000+0100"
    (study,) = report.PredecessorDocumentsSequence
    (earlier,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert earlier.ReferencedSOPInstanceUID == partial.filed.sop_instance_uid == signed.certificate.predecessor
    assert (report.InstanceNumber, report.PatientID) == (2, volume.info.patient_id)
    assert read_report(tmp_path / "signed.dcm", volume).filed.signature == SIGNED


def test_a_signed_report_stays_and_a_change_is_a_new_one_that_names_it(volume: Volume, tmp_path: Path) -> None:
    findings = judged(score(1))
    first = export_report(findings, volume, tmp_path / "r.dcm", signature=SIGNED)
    before = (tmp_path / "r.dcm").read_bytes()
    changed = (replace(findings[0], assessment=replace(findings[0].assessment, comment="After all")),)
    with pytest.raises(WriteError, match="Doe Jane signed, which is kept"):
        export_report(changed, volume, tmp_path / "r.dcm", signature=SIGNED, predecessor=first.filed)
    assert (tmp_path / "r.dcm").read_bytes() == before
    second = export_report(changed, volume, tmp_path / "r2.dcm", signature=SIGNED, predecessor=first.filed)
    assert second.filed.sop_instance_uid != first.filed.sop_instance_uid
    assert second.certificate.predecessor == first.filed.sop_instance_uid
    later = replace(SIGNED, time="2026-02-04T11:00:00+01:00")
    same = export_report(findings, volume, tmp_path / "r.dcm", signature=later, predecessor=first.filed)
    assert same.filed == first.filed and (tmp_path / "r.dcm").read_bytes() == before


def test_what_nobody_judged_is_not_signed(volume: Volume, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="'Malignant' and 1 more has not been judged yet"):
        export_report([score(1), box(1)], volume, tmp_path / "r.dcm", signature=SIGNED)
    with pytest.raises(WriteError, match="a name and an organisation"):
        export_report(judged(score(1)), volume, tmp_path / "r.dcm", signature=replace(SIGNED, organisation=" "))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ({"value": 0.830001}, "value of the model is '0.830001'"),
        ({"name": "Benign"}, "name is 'Benign'"),
        ({"assessment": Assessment(Verdict.ACCEPTED)}, "verdict is 'accepted' in the file and was to be 'unseen'"),
        ({"threshold": 0.5}, "threshold is '0.5'"),
    ],
)
def test_a_file_that_says_otherwise_is_not_put_in_place(
    volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, object], word: str
) -> None:
    (tmp_path / "r.dcm").write_text("what stood there")
    honest = report_write.report_content

    def other(contents: Contents, *rest: object) -> Dataset:
        return honest(Contents((replace(contents.findings[0], **found),)), *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(report_write, "report_content", other)
    with pytest.raises(CertificationError, match=word):
        export_report([score(1)], volume, tmp_path / "r.dcm")
    assert [path.name for path in tmp_path.iterdir()] == ["r.dcm"]
    assert (tmp_path / "r.dcm").read_text() == "what stood there"


def test_a_folder_that_cannot_be_written_to_loses_nothing(volume: Volume, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="could not be written"):
        export_report([score(1)], volume, tmp_path / "absent" / "r.dcm")


def test_a_value_that_is_no_number_is_named(volume: Volume, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="'Malignant' has a value that is no number"):
        export_report([score(1, value=float("nan"))], volume, tmp_path / "r.dcm")


def picture(planes: int = 1, frames: bool = False) -> Volume:
    """A photograph without a frame of reference, or the frames of one file."""
    geometry = Geometry.regular((0.0, 0.0, 0.0), np.eye(3), (1.0, 1.0, 1.0), (planes, 30, 40))
    sop_class = "1.2.840.10008.5.1.4.1.1.3.1" if frames else "1.2.840.10008.5.1.4.1.1.77.1.4"
    instances = tuple(
        Instance(sop_class, "1.2.3.5" if frames else f"1.2.3.5.{k}", k + 1 if frames else None) for k in range(planes)
    )
    info = SeriesInfo(series_uid="1.2.3", study_uid="1.2", modality="XC", patient_id="7", patient_name="Doe^John")
    return Volume(np.zeros(geometry.shape, np.int16), geometry, "XC", "", info, instances)


@pytest.mark.parametrize("volume", [picture(), picture(5), picture(5, frames=True)])
def test_pictures_without_a_frame_of_reference_are_reported_in_pixels(volume: Volume, tmp_path: Path) -> None:
    form = by_form("plain", {"finding": "Naevus", "size": 31.0})
    size = replace(form.assessment.stated[1], unit="{pixels}")
    lesion = replace(form, assessment=replace(form.assessment, stated=(form.assessment.stated[0], size)))
    marked = box(1, low_kji=(0, 5, 5), high_kji=(volume.geometry.shape[0] - 1, 9.5, 9.5))
    export_report([score(1), marked, lesion], volume, tmp_path / "r.dcm")
    read = read_report(tmp_path / "r.dcm", volume)
    assert read.findings[1].evidence.high_kji == marked.high_kji and read.notes == ()
    assert read.findings[2].assessment.stated[1].unit == "{pixels}"
    content = highdicom.sr.srread(tmp_path / "r.dcm").content
    groups = content.get_planar_roi_measurement_groups() + content.get_volumetric_roi_measurement_groups()
    assert len(groups) == 1
    if shutil.which("dciodvfy"):
        told = subprocess.run(["dciodvfy", "-new", os.fspath(tmp_path / "r.dcm")], capture_output=True, check=False)
        assert b"Error" not in told.stderr


def test_a_box_outside_the_planes_is_told_on_the_nearest(volume: Volume, tmp_path: Path) -> None:
    export_report([box(low_kji=(7, 1, 1), high_kji=(9, 5, 5))], volume, tmp_path / "r.dcm")
    (read,) = read_report(tmp_path / "r.dcm", volume).findings
    assert isinstance(read, Box) and read.low_kji[0] == read.high_kji[0] == volume.geometry.shape[0] - 1


def test_an_image_that_names_no_study_has_no_report(volume: Volume, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="name no study"):
        export_report([score(1)], replace(volume, info=replace(volume.info, study_uid="")), tmp_path / "r.dcm")


def test_an_image_that_is_not_dicom_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="no DICOM image"):
        export_report([score(1)], replace(picture(), instances=()), tmp_path / "r.dcm")
