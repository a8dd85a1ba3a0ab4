"""Reports of findings in the window: signed and exported, and those of files shown on the image they are about."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage

from engine import person_name
from engine.answers import Document, Finding, key_of
from engine.findings.steps import findings_joined
from engine.findings.words import reader_says
from engine.later import later
from engine.progress import Progress
from engine.stored.catalogue import Series
from viewer.features.findings import FINDINGS
from viewer.features.opening import Opener
from viewer.findings import evidence_text, show_evidence
from viewer.jobs import run_in_background
from viewer.session import View
from viewer.widgets.findings_panel import FindingsPanel
from viewer.widgets.main_window import MainWindow, bring_to_front
from viewer.widgets.question import Question
from viewer.widgets.report_strip import ReportStrip, is_signed, moment

if TYPE_CHECKING:
    from engine import opening
    from engine.dicom import report_contours
    from engine.dicom.report_read import ReportContents
    from engine.dicom.written_image import PatientIdentity
    from engine.stored import read
    from viewer.widgets import report_dialog, report_view
else:
    opening, read = later("engine.opening"), later("engine.stored.read")
    report_contours = later("engine.dicom.report_contours")
    report_dialog, report_view = later("viewer.widgets.report_dialog"), later("viewer.widgets.report_view")

NOTHING_TO_REPORT = "There are no findings to report; run a model that scores, or add a finding by hand."
#: Pictures on a page.
_MOST_PICTURES = 3


def install(window: MainWindow) -> None:
    """Add the ways to a report beneath the findings and in the menu, and open reports of files."""
    panel, opener = window.findChild(FindingsPanel), window.findChild(Opener)
    assert isinstance(panel, FindingsPanel) and isinstance(opener, Opener), "every window has findings, and can open"
    Reports(window, panel, opener)


class Reports(QObject):
    """A child of the window: `window.findChild(Reports)`."""

    def __init__(self, window: MainWindow, panel: FindingsPanel, opener: Opener) -> None:
        super().__init__(window)
        self._window, self._opener = window, opener
        #: Whom images that are no DICOM are of, as was asked for what was written last: by Series Instance UID.
        self.patients: dict[str, PatientIdentity] = {}
        menu = window.menu("Findings")
        menu.addSeparator()
        sign = window.add_action(
            "Findings", "&Sign…", partial(self.export, sign=True), shortcut="Ctrl+Shift+F", for_series=True,
            tip="Sign what has been judged, as a report that is complete and verified",
        )  # fmt: skip
        sign.setIconText("Sign…")
        export = window.add_action(
            "Findings", "&Export the report…", self.export, shortcut="Ctrl+Shift+E", for_series=True,
            tip="Write the findings to a structured report, a table or a page",
        )  # fmt: skip
        export.setIconText("Export…")
        panel.add_below(ReportStrip(window.session, sign, export))
        panel.set_guard(self.may_change)
        opener.report_wanted.connect(self.open_report)

    # Out ------------------------------------------------------------------------------------------------------------

    def export(self, *, sign: bool = False) -> None:
        """Ask what to write, and write it."""
        session = self._window.session
        document, volume = session.document, session.volume
        if document is None or volume is None or not document.findings:
            self._window.show_message(NOTHING_TO_REPORT)
            return
        dialog = report_dialog.ReportDialog(
            document.findings, volume, session.filed_findings, partial(self.pictures, document.findings),
            structures=document.structures, seen=self._window.history.seen, sign=sign,
            known=self.patients.get(volume.info.series_uid), parent=self._window,
        )  # fmt: skip
        dialog.exported.connect(partial(self._exported, document, volume.info.series_uid))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _exported(self, document: Document, series_uid: str, written: report_dialog.Written) -> None:
        if written.patient is not None:
            self.patients[series_uid] = written.patient
        self._window.recording.reported(
            written.path, written.sha256, document.findings, written.filed, document.structures
        )
        if written.certificate is None:
            self._window.show_message(f"{written.path} was written.")
            return
        self._window.show_message(f"{written.path} was written and says what is on screen.")
        words = {finding.uid: self._words(finding) for finding in document.findings}
        report_view.ReportView(written.certificate, written.path, self._window, words=words).open()

    def _words(self, finding: Finding) -> dict[str, str]:
        """What a certificate has in codes and numbers of pixels, as the window tells it."""
        words = {"Where": evidence_text(self._window.session, finding)}
        return words | ({"Reader": reader_says(finding)} if finding.assessment.stated else {})

    def pictures(self, findings: tuple[Finding, ...]) -> list[tuple[str, QImage]]:
        """(title, picture) of where the findings are, and of what is in view where none has a place."""
        session, panes = self._window.session, self._window.panes
        pane, active, cursor = panes.planes[View.AXIAL], session.active_finding, session.cursor_lps
        framing = {view: each.scene.framing for view, each in panes.planes.items()}
        taken: list[tuple[str, QImage]] = []
        for finding in findings:
            place = finding.evidence
            somewhere = place.plane is not None or place.low_kji is not None or place.roi_number is not None
            if somewhere and len(taken) < _MOST_PICTURES and not show_evidence(session, finding):
                session.set_active_finding(key_of(finding))
                taken.append((f"{finding.name}, {pane.scene.annotations.title}", pane.draw().copy()))
        session.move_cursor(cursor)
        session.set_active_finding(key_of(active) if active is not None else None)
        for view, each in panes.planes.items():
            each.scene.set_framing(framing[view])
        return taken or [(pane.scene.annotations.title, pane.draw().copy())]

    def may_change(self) -> bool:
        """Ask before what a person signed is changed."""
        session = self._window.session
        filed, document = session.filed_findings, session.document
        if document is None or not is_signed(document.findings, filed, document.structures):
            return True
        assert filed.report is not None and filed.report.signature is not None, "a person signed it"
        who, when = person_name.shown(filed.report.signature.name), moment(filed.report.signature.time)
        asked = f"{who} signed this report at {when}. Change it?"
        more = (
            "The signed file stays as it is. What you change is a new report, which names the signed one as its "
            "predecessor once you sign or export it."
        )
        return Question(asked, more, "Change", "Leave it").is_wanted(self._window)

    # In -------------------------------------------------------------------------------------------------------------

    def open_report(self, series: Series) -> None:
        """Show the findings of a report on the image that they are about, which is opened where it is not."""
        volume = self._window.session.volume
        left, _ = opening.referred(series, self._opener.tree.series)
        fitting = {image.info.series_uid for image in left}
        if volume is not None and (not left or volume.info.series_uid in fitting):
            self._read(series)
            return
        if not left:
            damaged = series.handler.why_damaged(series)
            about = f"{series.files[0].name} is a report; open the image that it is about first."
            self._window.show_message(damaged or about, "error")
            return
        owner = opening.owner_of(series, left)
        assert owner is not None, "one of those that it refers to"

        def opened() -> None:
            self._opener.opened.disconnect(opened)
            self._opener.failed.disconnect(failed)
            now = self._window.session.volume
            if now is not None and now.info.series_uid == owner.info.series_uid:
                self._read(series)

        def failed(_: str) -> None:
            self._opener.opened.disconnect(opened)
            self._opener.failed.disconnect(failed)

        self._opener.opened.connect(opened)
        self._opener.failed.connect(failed)
        self._opener.open_series(owner)

    def _read(self, series: Series) -> None:
        volume = self._window.session.volume
        if volume is None:
            return
        path = series.files[0]

        def work(progress: Progress) -> tuple[ReportContents, str]:
            contents = read.read_findings(series, volume, progress)
            return contents, hashlib.sha256(path.read_bytes()).hexdigest()

        def finished(result: tuple[ReportContents, str]) -> None:
            if self._window.session.volume is volume:
                self._take(*result, series)

        task = run_in_background(
            work, finished=finished, failed=lambda sentence: self._window.show_message(sentence, "error"), parent=self
        )
        task.ended.connect(task.deleteLater)

    def _take(self, contents: ReportContents, sha256: str, series: Series) -> None:
        session, path = self._window.session, series.files[0]
        document = session.document
        assert document is not None, "read onto an open series"
        step = findings_joined(document, contents.findings, f"Load {path.name}")
        if step is None:
            self._window.show_message(f"The findings of {path.name} are shown already.")
            return
        self._window.history.do(step)
        if session.document is document:
            return  # it was refused, and the sentence was told
        if not document.findings and session.document is not None:
            # Beside others they are a part of a report to come; alone they are the report that stands in the file.
            now, volume = session.document, session.volume
            assert volume is not None, "read onto an open series"
            filed = report_contours.as_reported(contents.contents, now.structures, volume)
            self._window.recording.reported(path, sha256, now.findings, contents.filed, filed, read=True)
        bring_to_front(self._window.panel(FINDINGS))
        for note in contents.notes:
            self._window.show_message(note, "warning")
        count = len(contents.findings)
        self._window.show_message(f"{path.name}: {count} finding{'' if count == 1 else 's'}.")
