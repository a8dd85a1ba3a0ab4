"""What leaves the program: RTSTRUCT with its certificate, and masks; and the question about unexported work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from engine.later import later
from engine.structures import StructureSet
from engine.volume import Geometry
from viewer.features.reports import Reports
from viewer.findings import unexported_findings
from viewer.unexported import unexported
from viewer.widgets.main_window import MainWindow

if TYPE_CHECKING:
    from engine.dicom import rtstruct_write
    from engine.dicom.certificate import Certificate
    from viewer.widgets import certificate_view, export_dialog, masks_dialog
else:
    rtstruct_write = later("engine.dicom.rtstruct_write")
    certificate_view = later("viewer.widgets.certificate_view")
    export_dialog = later("viewer.widgets.export_dialog")
    masks_dialog = later("viewer.widgets.masks_dialog")

NOTHING_TO_EXPORT = "There are no structures to export; draw one first, or let a model draw."

#: So many structures that were left out of a file are named.
_MOST_NAMED = 6


def install(window: MainWindow) -> None:
    """Add the menu entries and the guard."""
    Exporting(window)


class Exporting:
    """The File menu's exports for one window."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        window.guards.append(self.may_leave)
        add = window.add_action
        add(
            "File",
            "&Export RTSTRUCT…",
            self.export_rtstruct,
            shortcut="Ctrl+E",
            for_series=True,
            tip="Write the structures to an RTSTRUCT file that is read back and compared with the screen",
        )
        add(
            "File",
            "Export &masks…",
            self.export_masks,
            for_series=True,
            tip="Write the structures as NIfTI or NRRD masks; those of a picture as PNG or a DICOM segmentation too",
        )

    def export_rtstruct(self) -> None:
        """Ask what to write, write it, and show the certificate."""
        structures, volume = self.window.session.structures, self.window.session.volume
        if structures is None or volume is None or not structures.rois:
            self.window.show_message(NOTHING_TO_EXPORT)
            return
        if not volume.geometry.in_patient:
            self.window.show_message(rtstruct_write.NO_FRAME, "warning")
            self.export_masks()
            return
        reports = self.window.findChild(Reports)
        patients = reports.patients if isinstance(reports, Reports) else {}
        uid = volume.info.series_uid
        dialog = export_dialog.ExportDialog(
            structures, volume, self.window, self.window.history.seen, known=patients.get(uid)
        )
        dialog.exported.connect(self._exported)
        if dialog.patient is not None:
            form = dialog.patient
            dialog.exported.connect(lambda *_: patients.update({uid: form.patient}))
        dialog.masks_wanted.connect(self.export_masks)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _exported(self, certificate: Certificate, path: Path, written: StructureSet) -> None:
        session = self.window.session
        numbers = [roi.number for roi in written.rois]
        # What was not ticked is no more and no less in a file than before.
        before = session.filed.rois if session.filed is not None else ()
        listed = {roi.number for roi in session.structures.rois} if session.structures is not None else set()
        kept = tuple(roi for roi in before if roi.number in listed.difference(numbers))
        session.set_filed(replace(written, rois=written.rois + kept))
        self.window.recording.exported(path, certificate.sha256, len(certificate.structures), numbers)
        structures = session.structures
        others = [roi.name for roi in structures.rois if roi.number not in numbers] if structures is not None else []
        if others:
            more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
            out = f"{', '.join(others[:_MOST_NAMED])}{more}"
            self.window.show_message(f"{path} was written and holds what was ticked; left out: {out}.", "warning")
        else:
            self.window.show_message(f"{path} was written and holds what is on screen.")
        certificate_view.CertificateView(certificate, path, self.window).open()

    def export_masks(self) -> None:
        """Ask where to, and write the masks."""
        structures, volume = self.window.session.structures, self.window.session.volume
        if structures is None or volume is None or not structures.rois:
            self.window.show_message(NOTHING_TO_EXPORT)
            return
        dialog = masks_dialog.MasksDialog(structures, volume, self.window)
        dialog.written.connect(lambda paths, folder: self._masks_written(len(paths), folder, dialog.chosen))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _masks_written(self, count: int, folder: Path, written: StructureSet) -> None:
        self.window.show_message(f"{count} file{'s were' if count != 1 else ' was'} written to {folder}.")
        if not written.geometry.in_patient and written.geometry is self._geometry:
            # Nothing else could hold them.
            self.window.session.set_filed(written)

    @property
    def _geometry(self) -> Geometry | None:
        volume = self.window.session.volume
        return volume.geometry if volume is not None else None

    def _report(self) -> None:
        reports = self.window.findChild(Reports)
        if isinstance(reports, Reports):
            reports.export()

    def may_leave(self) -> bool:
        """Ask about work that no file has yet; False when the user wants to stay."""
        session = self.window.session
        here, there = unexported(session.structures, session.filed), []
        said = unexported_findings(session.document, session.filed_findings.in_file)
        for kept in self.window.recording.kept:
            series = kept.info.description or kept.info.modality or "another series"
            names = unexported(kept.left.document.structures, kept.left.filed)
            names += unexported_findings(kept.left.document, kept.left.filed_findings.in_file)
            there += [f"{name} (on {series})" for name in names]
        names = [*here, *said, *there]
        if not names:
            return True
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        box = QMessageBox(QMessageBox.Icon.Question, "Planimeter", "", parent=self.window)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"Not exported yet: {listed}.")
        box.setInformativeText("Leave without exporting? Every step is saved: File, Recent brings the session back.")
        export = box.addButton("Export …", QMessageBox.ButtonRole.AcceptRole) if here or said else None
        leave = box.addButton("Leave without", QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(export or stay)
        box.setEscapeButton(stay)
        box.exec()
        if export is not None and box.clickedButton() is export:
            self.export_rtstruct() if here else self._report()
        return box.clickedButton() is leave
