"""Findings → Export the report: which kind of file, whether it is signed, and what that means beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QFileDialog, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from engine import person_name
from engine.answers import FiledFindings, Finding
from engine.dicom.image_beside import image_place
from engine.dicom.written_image import PatientIdentity
from engine.errors import PlanimeterError
from engine.findings.assessment import FiledReport, Signature
from engine.findings.conclusions import contradictions
from engine.findings.words import is_judged
from engine.later import later
from engine.progress import Progress
from engine.structures import StructureSet
from engine.unseen import Seen, unseen_planes, unseen_sentence
from engine.volume import Volume
from viewer.widgets.choice_box import ChoiceBox
from viewer.widgets.export_dialog import FOLDER_KEY, make_folder, suggested_folder
from viewer.widgets.patient_form import PatientForm
from viewer.widgets.report_strip import is_signed, moment
from viewer.widgets.settings import ORGANISATION_KEY, READER_KEY, settings
from viewer.widgets.task_dialog import TaskDialog
from viewer.widgets.theme import WARNING

if TYPE_CHECKING:
    from engine.dicom import report_write
    from engine.dicom.report_certificate import ReportCertificate
    from engine.findings import report_page
    from engine.findings import table as findings_table
    from viewer.widgets import page_pdf
else:
    findings_table, report_page = later("engine.findings.table"), later("engine.findings.report_page")
    report_write, page_pdf = later("engine.dicom.report_write"), later("viewer.widgets.page_pdf")

_SUFFIXES = {"report": ".dcm", "table": ".csv", "page": ".pdf"}


@dataclass(frozen=True)
class Written:
    """What was written: the file, its hash, and of a structured report its certificate and identity.

    `patient` is whom the image is of that was written with it, as was asked.
    """

    path: Path
    sha256: str
    certificate: ReportCertificate | None = None
    filed: FiledReport | None = None
    patient: PatientIdentity | None = None


class ReportDialog(TaskDialog):
    """Writes the findings that were there when it opened.

    Args:
        findings, volume: to write.
        filed: what files hold of them.
        structures: on the image, for what was computed from one.
        seen: contours of these that a person has looked at.
        pictures: takes the pictures for a page, before it is written.
        sign: begin with a report that is signed.
        known: whom an image that is no DICOM image is of, as was asked before.
    """

    exported = Signal(object)

    def __init__(
        self,
        findings: tuple[Finding, ...],
        volume: Volume,
        filed: FiledFindings,
        pictures: Callable[[], list[tuple[str, QImage]]],
        *,
        structures: StructureSet | None = None,
        seen: Seen = frozenset(),
        sign: bool = False,
        known: PatientIdentity | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Report of the findings", "Export", "Write the file", parent)
        self._findings, self._volume, self._filed, self._pictures = findings, volume, filed, pictures
        self._structures, self._seen = structures, seen
        #: Asked for where the image is no DICOM image, and so is written with a report.
        self.patient = (
            None if volume.instances else PatientForm(volume, self, why=_why(volume), masks=False, known=known)
        )
        self._build(sign)
        self._kind_chosen()
        self.resize(520, 260)
        self.grow()

    def _build(self, sign: bool) -> None:
        stored = settings()
        self.kind = ChoiceBox(self)
        self.kind.addItem("DICOM structured report", "report")
        self.kind.addItem("Table for other programs (CSV)", "table")
        self.kind.addItem("One page with pictures (PDF)", "page")
        self.kind.setToolTip("What is written; a structured report is read back and compared before it is put in place")
        # Who wants to sign is told why not, rather than given another kind of file that nobody signs.
        self.kind.setCurrentIndex(0 if sign or self._volume.instances else 2)
        self.sign = QCheckBox("&Sign it: complete, and verified by me", self)
        self.sign.setToolTip("Only when every finding has been judged; a signed file is never changed again")
        self.sign.setChecked(sign)
        self.nevertheless = QCheckBox("Sign it ne&vertheless; the report says that they contradict each other", self)
        self.nevertheless.setToolTip("Better is to change or judge anew what can't be true")
        self.name = QLineEdit(str(stored.value(READER_KEY, "")), self)
        self.name.setPlaceholderText("Family^Given")
        self.name.setToolTip("Your name, the family name first and ^ behind it; judgements carry it too")
        self.organisation = QLineEdit(str(stored.value(ORGANISATION_KEY, "")), self)
        self.organisation.setToolTip("The organisation for which you sign")
        self.path = QLineEdit(self)
        self.path.setToolTip("The file to write")
        self.browse = QPushButton("Browse …", self)
        self.browse.setToolTip("Choose the file to write")
        file = QHBoxLayout()
        file.addWidget(self.path, 1)
        file.addWidget(self.browse)
        form = QFormLayout()
        form.addRow("&Kind", self.kind)
        form.addRow("", self.sign)
        form.addRow("&Name", self.name)
        form.addRow("&Organisation", self.organisation)
        label = QLabel("F&ile", self)
        label.setBuddy(self.path)
        form.addRow(label, file)
        self.ahead = QLabel(self)
        self.ahead.setWordWrap(True)
        self.ahead.setStyleSheet(f"color: {WARNING};")
        self.kind.currentIndexChanged.connect(lambda _: self._kind_chosen())
        for box in (self.sign, self.nevertheless):
            box.toggled.connect(lambda _: self._look_ahead())
        for field in (self.name, self.organisation, self.path):
            field.textChanged.connect(lambda _: self._look_ahead())
        self.browse.clicked.connect(self._browse)
        if self.patient is None:
            self.lay_out(form, self.ahead, self.nevertheless)
        else:
            self.patient.changed.connect(self._look_ahead)
            self.lay_out(form, self.patient, self.ahead, self.nevertheless)

    # What is asked for ----------------------------------------------------------------------------------------------

    @property
    def signature(self) -> Signature | None:
        """Of the person who signs; None for a report that is not signed."""
        if self.kind.currentData() != "report" or not self.sign.isChecked():
            return None
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        return Signature(self.name.text().strip(), self.organisation.text().strip(), now)

    def _kind_chosen(self) -> None:
        kind = self.kind.currentData()
        now = Path(self.path.text()) if self.path.text() else suggested_folder() / self._suggested_name()
        path = now.with_suffix(_SUFFIXES[kind])
        signed = self._filed.report is not None and self._filed.report.signature is not None
        if kind == "report" and signed:
            path = _free(path)
        self.path.setText(str(path))
        self._look_ahead()
        self.grow()

    def _suggested_name(self) -> str:
        if not self._volume.instances and not self._volume.geometry.in_patient:
            # Pages of a folder have nothing else to be told by.
            return f"SR_{Path(self._volume.info.source).stem}"
        parts = [self._volume.modality, self._volume.info.study_date, self._volume.info.series_number]
        return "SR_" + ("_".join("".join(c for c in part if c.isalnum()) for part in parts if part) or "findings")

    def _look_ahead(self) -> None:
        """Tell what the report will be, before it is written."""
        report = self.kind.currentData() == "report"
        for widget in (self.sign, self.name, self.organisation):
            widget.setEnabled(report and not self.running and (widget is self.sign or self.sign.isChecked()))
        problem = self._problem() if report else ""
        sentences = [problem] if problem else []
        if self.patient is not None:
            self.patient.setVisible(report)
        unseen = sum(not is_judged(finding) for finding in self._findings)
        if unseen and not problem:
            sentences.append(f"{unseen} of {len(self._findings)} findings have not been judged; the file says so.")
        written = " ".join(self.name.text().split())
        if " " in written and not set("^=") & set(written) and report and self.sign.isChecked():
            given, _, family = written.rpartition(" ")
            sentences.append(f"'{written}' counts as a family name alone: write {family}^{given}.")
        against = contradictions(self._findings)
        sentences += [each.sentence for each in against]
        asks = bool(against) and report and self.sign.isChecked()
        self.nevertheless.setVisible(asks)
        rois = self._structures.rois if self._structures is not None else ()
        contours = unseen_sentence((roi.name, len(unseen_planes(roi, self._seen))) for roi in rois)
        if contours and report and self.sign.isChecked() and not problem:
            sentences.append(f"{contours} What is signed are the findings.")
        if not report and self.sign.isChecked() and not is_signed(self._findings, self._filed, self._structures):
            sentences.append("Only a structured report is signed; this file will not be.")
        before = self._filed.report
        if report and before is not None and not problem and self._is_another(before):
            signed = before.signature
            who = f"that {person_name.shown(signed.name)} signed at {moment(signed.time)}" if signed else "before it"
            sentences.append(f"It is a new report, which names the one {who} as its predecessor. That stays as it is.")
        path = self._target()
        if path is not None and report and self.patient is not None and not problem:
            place = image_place(self._volume, path)
            sentences.append(f"The image is {'there' if place.exists() else 'written'} as {place.name}.")
        if path is not None and path.exists():
            sentences.append(f"{path.name} exists; it is replaced once the new file has been written whole.")
        self.ahead.setText("\n".join(sentences))
        self.ahead.setVisible(bool(sentences))
        self.start_button.setText("Sign and export" if self.signature is not None else "Export")
        refused = bool(problem) or (asks and not self.nevertheless.isChecked())
        self.start_button.setEnabled(path is not None and not refused and not self.running)

    def _is_another(self, before: FiledReport) -> bool:
        signature = self.signature
        who = None if signature is None else (signature.name, signature.organisation)
        was = None if before.signature is None else (before.signature.name, before.signature.organisation)
        return bool(self._filed.why_another(self._findings, self._structures)) or who != was

    def _problem(self) -> str:
        try:
            with_image = self.patient is not None
            report_write.check_reportable(self._findings, self._volume, self.signature, with_image=with_image)
        except PlanimeterError as error:
            return str(error)
        return self.patient.problem if self.patient is not None else ""

    def _target(self) -> Path | None:
        text = self.path.text().strip()
        return Path(text).expanduser() if text else None

    def _browse(self) -> None:
        suffix = _SUFFIXES[self.kind.currentData()]
        name, _ = QFileDialog.getSaveFileName(
            self, "Export the report", self.path.text(), f"*{suffix}", options=QFileDialog.Option.DontConfirmOverwrite
        )
        if name:
            self.path.setText(name)

    # The writing ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Write it, on a thread."""
        path, kind, signature = self._target(), self.kind.currentData(), self.signature
        if path is None or self.running or not self.start_button.isEnabled():
            return
        stored = settings()
        stored.setValue(FOLDER_KEY, str(path.parent))
        if signature is not None:
            stored.setValue(READER_KEY, signature.name)
            stored.setValue(ORGANISATION_KEY, signature.organisation)
        pictures = self._pictures() if kind == "page" else []
        findings, volume, filed, structures = self._findings, self._volume, self._filed, self._structures
        patient = self.patient.patient if self.patient is not None else None

        def work(progress: Progress) -> Written:
            make_folder(path.parent)
            if kind == "report":
                made = report_write.export_report(
                    findings,
                    volume,
                    path,
                    signature=signature,
                    predecessor=filed.report,
                    structures=structures,
                    patient=patient,
                )
                return Written(path, made.certificate.sha256, made.certificate, made.filed, patient)
            if kind == "table":
                return Written(path, findings_table.write_table(findings, volume, path))
            # A page says who signed only what stands on it.
            holds = is_signed(findings, filed, structures)
            signed = filed.report.signature if filed.report is not None and holds else None
            page = report_page.report_page(findings, volume, structures, signed)
            return Written(path, page_pdf.write_page(page, pictures, path))

        self.run_task(work, self.exported.emit, "The export was stopped; no file was written or changed.")

    def show_state(self) -> None:
        """Let what is written be changed only while nothing is."""
        for widget in (self.kind, self.path, self.browse, self.patient):
            if widget is not None:
                widget.setEnabled(not self.running)
        self._look_ahead()


def _why(volume: Volume) -> str:
    """Why a patient is asked for."""
    what = "image" if volume.geometry.in_patient else "picture"
    return (
        f"The {what} is no DICOM file and names no patient. It is therefore written too, as a DICOM {what} that the "
        "report refers to."
    )


def _free(path: Path) -> Path:
    """The path, or with a number behind its name where something stands there."""
    number, free = 2, path
    while free.exists():
        free = path.with_stem(f"{path.stem}_{number}")
        number += 1
    return free
