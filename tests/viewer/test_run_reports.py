"""What a reader says leaves the program, signed or not, as a report, a table or a page; reports of files come in."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
import shapely
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from shapely import MultiPolygon

from engine.answers import FiledFindings, Score
from engine.edits import AnswerChange, Step, replay
from engine.findings.assessment import Evidence, Verdict
from engine.findings.forms import find_form
from engine.findings.steps import add_finding, assess
from engine.journal import Journal, State, recent, unfinished
from engine.structures import Generation, PlaneContours, Provenance, Roi, StructureSet
from tests.viewer.findings_hand import (
    add_classes,
    back,
    dialog_of,
    export,
    judge_all,
    open_series,
    panel,
    result,
    strip,
    type_in,
)
from tests.viewer.hand import CTRL, LEFT, Hand, click_in_next_box, own_data
from viewer.features.exporting import Exporting
from viewer.features.opening import Opener
from viewer.features.reports import Reports
from viewer.history import adopt
from viewer.session import View
from viewer.widgets.masks_dialog import MasksDialog
from viewer.widgets.report_dialog import ReportDialog
from viewer.widgets.report_strip import ReportStrip
from viewer.widgets.report_view import ReportView


@pytest.fixture
def reader(window: Hand, built_in: Path) -> Iterator[Hand]:
    """A CT series with four findings that nobody has judged."""
    window.session.close()
    for kept in window.window.recording.kept:
        window.window.recording.forget(kept.session_id)
    window.window.findChild(Opener).open_paths([built_in], show=True)
    window.wait_until(lambda: window.session.volume is not None)
    window.history.do(adopt(window.session.document, result(), replaced={}, text="Sieve", tool="a-sieve"))
    window.pane(View.AXIAL).setFocus()
    yield window
    window.window.guards.clear()


def test_contours_of_a_model_that_nobody_has_seen_are_told_before_findings_are_signed(reader: Hand) -> None:
    judge_all(reader)
    session, findings = reader.session, reader.session.document.findings
    drawn = Roi(1, "Lesion", planes={3: PlaneContours(MultiPolygon([shapely.box(0, 0, 9, 9)]))},
                provenance=Provenance(Generation.AUTOMATIC))  # fmt: skip
    structures = StructureSet(session.volume.geometry, (drawn,))
    for seen, told in ((frozenset(), True), (frozenset({(1, 3)}), False)):
        dialog = ReportDialog(findings, session.volume, session.filed_findings, list, structures=structures,
                              seen=seen, sign=True, parent=reader.window)  # fmt: skip
        dialog.name.setText("Roe^Ann")
        dialog.organisation.setText("Clinic")
        assert ("1 contour drawn by a model has not been marked as seen" in dialog.ahead.text()) is told
        dialog.deleteLater()


def test_what_nobody_judged_is_not_signed_but_can_be_reported_so(reader: Hand, tmp_path: Path) -> None:
    reader.key(Qt.Key.Key_N)
    reader.key(Qt.Key.Key_A)
    dialog = dialog_of(reader, sign=True)
    dialog.name.setText("Doe^Jane")
    dialog.organisation.setText("St Elsewhere")
    assert not dialog.start_button.isEnabled() and "has not been judged" in dialog.ahead.text()
    dialog.sign.setChecked(False)
    assert dialog.start_button.isEnabled() and "3 of 4 findings have not been judged" in dialog.ahead.text()
    dialog.reject()
    export(reader, tmp_path / "draft.dcm")
    file = pydicom.dcmread(tmp_path / "draft.dcm")
    assert (file.CompletionFlag, file.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    assert strip(reader) == "Reported, not signed"
    reader.key(Qt.Key.Key_N)
    reader.key(Qt.Key.Key_X)
    reader.key(Qt.Key.Key_X)
    assert strip(reader) == "Changed since the report"


def test_verdicts_that_contradict_each_other_are_signed_only_on_purpose_and_the_report_says_so(
    reader: Hand, tmp_path: Path
) -> None:
    judge_all(reader)
    add_classes(reader)
    for key in ((Score, 11), (Score, 12)):
        reader.session.set_active_finding(key)
        reader.key(Qt.Key.Key_A)
    assert strip(reader) == "Not signed; verdicts contradict each other"
    assert "'Tumour: yes' and 'Cyst: yes'" in reader.window.findChild(ReportStrip).text.toolTip()
    dialog = dialog_of(reader, sign=True)
    dialog.name.setText("Doe^Jane")
    dialog.organisation.setText("St Elsewhere")
    dialog.path.setText(str(tmp_path / "r.dcm"))
    assert not dialog.start_button.isEnabled() and "contradict each other" in dialog.ahead.text()
    QTest.mouseClick(dialog.nevertheless, LEFT, pos=QPoint(8, dialog.nevertheless.height() // 2))
    QTest.mouseClick(dialog.start_button, LEFT)
    reader.wait_until(lambda: reader.window.findChild(ReportView) is not None, 60)
    view = reader.window.findChild(ReportView)
    assert [view.table.item(row, 2).text() for row in range(4)] == ["yes", "no", "yes", "yes"]
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert b"contradict each other" in (tmp_path / "r.dcm").read_bytes()
    back(reader)


def test_who_signs_is_shown_how_a_name_is_written_and_read(reader: Hand) -> None:
    judge_all(reader)
    dialog = dialog_of(reader, sign=True)
    dialog.name.clear()
    assert dialog.name.placeholderText() == "Family^Given"
    QTest.keyClicks(dialog.name, "Jane Doe")
    assert "'Jane Doe' counts as a family name alone: write Doe^Jane" in dialog.ahead.text()
    dialog.name.selectAll()
    QTest.keyClicks(dialog.name, "Doe^Jane")
    assert "family name" not in dialog.ahead.text()
    dialog.reject()
    back(reader)


def test_who_wants_to_sign_a_file_that_is_no_dicom_is_asked_for_its_patient(reader: Hand) -> None:
    volume = replace(reader.session.volume, instances=())
    dialog = ReportDialog(reader.session.document.findings, volume, FiledFindings(), list, sign=True)
    assert dialog.kind.currentData() == "report" and not dialog.start_button.isEnabled()
    assert dialog.patient is not None and "with a name and an organisation" in dialog.ahead.text()
    dialog.kind.setCurrentIndex(2)
    assert "this file will not be" in dialog.ahead.text() and dialog.start_button.isEnabled()
    dialog.deleteLater()


def test_a_signed_report_is_changed_only_when_asked_and_the_new_one_names_it(reader: Hand, tmp_path: Path) -> None:
    judge_all(reader)
    export(reader, tmp_path / "signed.dcm", sign=True)
    first = pydicom.dcmread(tmp_path / "signed.dcm")
    assert (first.CompletionFlag, first.VerificationFlag) == ("COMPLETE", "VERIFIED")
    (observer,) = first.VerifyingObserverSequence
    assert (observer.VerifyingObserverName, observer.VerifyingOrganization) == ("Doe^Jane", "St Elsewhere")
    assert strip(reader).startswith("Signed by Doe Jane, St Elsewhere, at 2")
    before = reader.session.document
    said = click_in_next_box("Leave it")
    reader.key(Qt.Key.Key_X)
    assert "Doe Jane signed this report" in said[0] and reader.session.document is before
    back(reader)
    said = click_in_next_box("Leave it")
    type_in(panel(reader).detail.comment, "no")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert said and reader.session.document is before and panel(reader).detail.comment.text() == ""
    back(reader)
    click_in_next_box("Change")
    reader.key(Qt.Key.Key_X)
    back(reader)
    assert reader.session.document.findings[-1].assessment.verdict is Verdict.REJECTED
    assert strip(reader).startswith("Changed since Doe Jane signed at 2")
    reader.key(Qt.Key.Key_Z, CTRL)
    assert strip(reader).startswith("Signed by Doe Jane"), "what was signed stands again"
    reader.key(Qt.Key.Key_Y, CTRL)
    signed_bytes = (tmp_path / "signed.dcm").read_bytes()
    dialog = dialog_of(reader, sign=True)
    assert Path(dialog.path.text()) != tmp_path / "signed.dcm"
    assert "names the one that Doe Jane signed at" in dialog.ahead.text()
    dialog.reject()
    export(reader, tmp_path / "second.dcm", sign=True)
    second = pydicom.dcmread(tmp_path / "second.dcm")
    named = second.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert named.ReferencedSOPInstanceUID == first.SOPInstanceUID != second.SOPInstanceUID
    assert (tmp_path / "signed.dcm").read_bytes() == signed_bytes


def test_a_signed_file_is_not_replaced_by_another_report(reader: Hand, tmp_path: Path) -> None:
    judge_all(reader)
    export(reader, tmp_path / "signed.dcm", sign=True)
    click_in_next_box("Change")
    reader.key(Qt.Key.Key_X)
    dialog = dialog_of(reader, sign=False)
    dialog.path.setText(str(tmp_path / "signed.dcm"))
    QTest.mouseClick(dialog.start_button, LEFT)
    reader.wait_until(dialog.error.isVisible)
    assert "Doe Jane" in dialog.error.text()
    dialog.reject()


def test_unexported_judgements_are_asked_about_and_a_table_is_enough(reader: Hand, tmp_path: Path) -> None:
    exporting = Exporting.__new__(Exporting)
    exporting.window = reader.window
    back(reader)
    assert exporting.may_leave(), "what a model scored and nobody judged is no work of a person"
    reader.key(Qt.Key.Key_N)
    reader.key(Qt.Key.Key_A)
    said = click_in_next_box("Stay")
    assert not exporting.may_leave() and said == ["Not exported yet: Malignant."]
    export(reader, tmp_path / "table.csv", kind="table")
    assert exporting.may_leave() and strip(reader) == "Not signed"
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["value"], row["verdict"]) for row in rows] == [
        ("Malignant", "0.82", "accepted"), ("Category", "0.4", "unseen"), ("Nodule", "0.9", "unseen"),
        ("Nodule", "0.6", "unseen"),
    ]  # fmt: skip
    reader.key(Qt.Key.Key_N)
    reader.key(Qt.Key.Key_X)
    reader.key(Qt.Key.Key_X)
    back(reader)
    said = click_in_next_box("Leave without")
    assert exporting.may_leave() and said == ["Not exported yet: Category."]


def test_a_page_has_pictures_and_leaves_the_views_as_they_were(reader: Hand, tmp_path: Path) -> None:
    pane = reader.pane(View.AXIAL)
    before = (reader.session.cursor_lps.tolist(), pane.scene.framing, reader.session.active_finding)
    pictures = reader.window.findChild(Reports).pictures(reader.session.document.findings)
    assert [title.split(",")[0] for title, _ in pictures] == ["Nodule", "Nodule"]
    assert not pictures[0][1].isNull() and pictures[0][1] != pictures[1][1]
    assert (reader.session.cursor_lps.tolist(), pane.scene.framing, reader.session.active_finding) == before
    export(reader, tmp_path / "page.pdf", kind="page")
    data = (tmp_path / "page.pdf").read_bytes()
    assert data.startswith(b"%PDF") and data.count(b"/Type /Page\n") == 1 and b"/Subtype /Image" in data


def test_a_report_of_a_file_is_shown_as_the_report_that_it_is(reader: Hand, built_in: Path, tmp_path: Path) -> None:
    judge_all(reader)
    back(reader)
    type_in(panel(reader).detail.comment, "as before")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    export(reader, tmp_path / "signed.dcm", sign=True)
    wrote = reader.session.document.findings
    opener = reader.window.findChild(Opener)
    for kept in reader.window.recording.kept:
        reader.window.recording.forget(kept.session_id)
    reader.session.open(reader.session.volume)
    assert reader.session.document.findings == () and strip(reader) == "Not signed"
    reader.window.panel("Structures").raise_()
    opener.open_paths([tmp_path / "signed.dcm"])
    reader.wait_until(lambda: bool(reader.session.document.findings))
    assert reader.session.document.findings == wrote
    assert not reader.window.panel("Findings").visibleRegion().isEmpty(), "in front of the other panels of its place"
    assert strip(reader).startswith("Signed by Doe Jane")
    said = click_in_next_box("Change")
    panel(reader).view.setCurrentIndex(panel(reader).model.index(0, 0))
    back(reader)
    reader.key(Qt.Key.Key_X)
    back(reader)
    assert said and strip(reader).startswith("Changed since Doe Jane signed")
    reader.key(Qt.Key.Key_Z, CTRL)
    reader.key(Qt.Key.Key_Z, CTRL)
    assert reader.session.document.findings == ()


def test_the_signature_comes_back_with_the_session(reader: Hand, tmp_path: Path) -> None:
    judge_all(reader)
    export(reader, tmp_path / "signed.dcm", sign=True)
    click_in_next_box("Change")
    reader.key(Qt.Key.Key_X)
    filed = reader.session.filed_findings
    volume, session_id = reader.session.volume, reader.window.recording.session_id
    reader.session.close()
    reader.wait_until(lambda: session_id not in {record.id for record in unfinished()})
    (record,) = [record for record in recent() if record.id == session_id]
    assert record.state is State.LEFT, "it was changed since"
    journal = Journal.resume(session_id)
    saved = journal.replay(volume.geometry)
    journal.abandon()
    again = saved.filed_findings()
    assert again.report == filed.report and again.report.signature.name == "Doe^Jane"
    assert again.reported == filed.reported != replay(saved.base, saved.steps)[0].findings


def test_a_report_is_no_longer_what_was_signed_once_a_contour_under_it_is_changed(reader: Hand, tmp_path: Path) -> None:
    session = reader.session
    roi = Roi(1, "Lesion", (255, 0, 0), planes={10: PlaneContours(MultiPolygon([shapely.box(20, 20, 60, 60)]))})
    reader.history.do(Step("Draw", "brush", (AnswerChange(None, roi, len(session.structures.rois)),)))
    score = Score(9, "m", "Malignant by shape", 0.7, evidence=Evidence(roi_number=1), uid="2.25.77")
    reader.history.do(Step("Score", "a", (AnswerChange(None, score, len(session.document.scores)),)))
    for finding in session.document.findings:
        reader.history.do(assess(session.document, finding, Verdict.ACCEPTED))
    export(reader, tmp_path / "signed.dcm", sign=True)
    assert strip(reader).startswith("Signed by Doe Jane")
    reader.editing.toolbox.choose("brush")
    reader.go_to(10)
    session.set_active(1)
    reader.click(View.AXIAL, reader.on_plane([(62, 40)], 10)[0])
    assert strip(reader).startswith("The contour of Malignant by shape was changed since Doe Jane signed at 2")
    assert strip(reader).endswith("what is shown is no longer what was signed")
    reader.key(Qt.Key.Key_Z, CTRL)
    assert strip(reader).startswith("Signed by Doe Jane")
    reader.editing.toolbox.choose("")
    # Signed anew it is another report, since it says another contour.
    reader.key(Qt.Key.Key_Y, CTRL)
    dialog = dialog_of(reader, sign=True)
    assert "a new report, which names the one that Doe Jane signed" in dialog.ahead.text()
    dialog.reject()
    volume, session_id = session.volume, reader.window.recording.session_id
    filed, document = session.filed_findings, session.document
    session.close()
    reader.wait_until(lambda: session_id not in {record.id for record in unfinished()})
    journal = Journal.resume(session_id)
    saved = journal.replay(volume.geometry)
    journal.abandon()
    now = replay(saved.base, saved.steps)[0]
    assert saved.filed_findings().why_another(now.findings, now.structures).startswith("The contour of Malignant")
    assert filed.why_another(document.findings, document.structures).startswith("The contour of Malignant")


def test_a_report_of_another_program_asks_for_the_image_that_it_is_about(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "dicom" / "dcmqi_seg" / "sr-example"
    with own_data(tmp_path):
        hand = Hand()
        try:
            hand.window.findChild(Opener).open_paths([folder / "sr.dcm"])
            hand.wait_until(lambda: bool(hand.window.messages.sentences))
            assert any("open the image" in sentence for sentence in hand.window.messages.sentences)
        finally:
            hand.close()


def test_a_file_that_is_no_report_is_only_a_file() -> None:
    filed = FiledFindings()
    assert filed.written((), None) == replace(filed, in_file=())


def test_a_photograph_is_signed_once_its_patient_is_told(reader: Hand, tmp_path: Path) -> None:
    """The picture is written as DICOM beside the report, and the next report asks for nothing again."""
    Image.new("RGB", (80, 60), (200, 150, 120)).save(tmp_path / "naevus.png")
    session = reader.session
    open_series(reader, tmp_path / "naevus.png")
    form = find_form("plain")
    assert form is not None
    reader.history.do(add_finding(session.document, form, {"finding": "Naevus"}, reader="Doe^Jane"))
    dialog = dialog_of(reader, sign=True)
    assert not dialog.start_button.isEnabled() and dialog.patient is not None and dialog.patient.isVisible()
    for field, text in (
        (dialog.name, "Doe^Jane"), (dialog.organisation, "St Elsewhere"),
        (dialog.patient.name, "Roe^Richard"), (dialog.patient.patient_id, "4711"),
    ):  # fmt: skip
        field.selectAll()
        QTest.keyClicks(field, text)
    dialog.path.setText(str(tmp_path / "r.dcm"))
    assert "tell whether it is a photograph" in dialog.ahead.text() and not dialog.start_button.isEnabled()
    dialog.patient.modality.setFocus()
    QTest.keyClick(dialog.patient.modality, Qt.Key.Key_P)
    assert "written as naevus_image.dcm" in dialog.ahead.text()
    QTest.mouseClick(dialog.start_button, LEFT)
    reader.wait_until(lambda: reader.window.findChild(ReportView) is not None, 60)
    QTest.keyClick(reader.window.findChild(ReportView), Qt.Key.Key_Escape)
    back(reader)
    picture, report = (pydicom.dcmread(tmp_path / name) for name in ("naevus_image.dcm", "r.dcm"))
    assert (picture.PatientID, report.PatientID, report.VerificationFlag) == ("4711", "4711", "VERIFIED")
    assert strip(reader).startswith("Signed by Doe Jane")
    dialog = dialog_of(reader, sign=False)
    assert dialog.kind.currentData() == "page" and not dialog.patient.isVisible()
    dialog.kind.setCurrentIndex(dialog.kind.findData("report"))
    assert dialog.patient.isVisible() and dialog.patient.patient.patient_id == "4711"
    assert dialog.start_button.isEnabled() and "is there as naevus_image.dcm" in dialog.ahead.text()
    dialog.reject()


def test_a_segmentation_of_a_photograph_is_written_with_it(reader: Hand, tmp_path: Path) -> None:
    Image.new("RGB", (80, 60), (200, 150, 120)).save(tmp_path / "naevus.png")
    open_series(reader, tmp_path / "naevus.png")
    volume = reader.session.volume
    lesion = Roi(1, "Lesion").with_areas({0: MultiPolygon([shapely.box(9, 9, 40, 30)])})
    dialog = MasksDialog(StructureSet(volume.geometry, (lesion,)), volume, reader.window)
    dialog.folder.setText(str(tmp_path / "out"))
    dialog.show()
    assert dialog.patient is not None and not dialog.patient.isVisible() and dialog.start_button.isEnabled()
    dialog.format.setCurrentIndex(dialog.format.findData("dcm"))
    assert dialog.patient.isVisible() and not dialog.start_button.isEnabled()
    QTest.keyClicks(dialog.patient.name, "Roe^Richard")
    QTest.keyClicks(dialog.patient.patient_id, "4711")
    dialog.patient.modality.setCurrentIndex(dialog.patient.modality.findData("XC"))
    QTest.mouseClick(dialog.start_button, LEFT)
    reader.wait_until(lambda: not dialog.isVisible(), 60)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "naevus_image.dcm", "naevus_segmentation.dcm",
    ]  # fmt: skip
    dialog.deleteLater()
