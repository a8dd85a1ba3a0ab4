"""What leaves the program: RTSTRUCT with its certificate, and masks; and the question about unexported work."""

from pathlib import Path

from PySide6.QtWidgets import QMessageBox

from engine.dicom.certificate import Certificate
from engine.structures import StructureSet
from viewer.unexported import Unexported
from viewer.widgets.certificate_view import CertificateView
from viewer.widgets.export_dialog import ExportDialog
from viewer.widgets.main_window import MainWindow
from viewer.widgets.masks_dialog import MasksDialog

NOTHING_TO_EXPORT = "There are no structures to export; draw one first, or let a model draw."


def install(window: MainWindow) -> None:
    """Add the menu entries and the guard."""
    Exporting(window)


class Exporting:
    """The File menu's exports for one window."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.unexported = Unexported(window.session)
        window.guards.append(self.may_leave)
        add = window.add_action
        add(
            "File",
            "&Export RTSTRUCT…",
            self.export_rtstruct,
            shortcut="Ctrl+E",
            tip="Write the structures to an RTSTRUCT file that is read back and compared with the screen",
        )
        add("File", "Export &masks…", self.export_masks, tip="Write the structures as NIfTI or NRRD masks")

    def export_rtstruct(self) -> None:
        """Ask what to write, write it, and show the certificate."""
        structures, volume = self.window.session.structures, self.window.session.volume
        if structures is None or volume is None or not structures.rois:
            self.window.show_message(NOTHING_TO_EXPORT)
            return
        dialog = ExportDialog(structures, volume, self.window)
        dialog.exported.connect(self._exported)
        dialog.masks_wanted.connect(self.export_masks)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _exported(self, certificate: Certificate, path: Path, written: StructureSet) -> None:
        self.unexported.exported(written)
        self.window.recording.exported(path, certificate.sha256, len(certificate.structures))
        self.window.show_message(f"{path} was written and holds what is on screen.")
        CertificateView(certificate, path, self.window).open()

    def export_masks(self) -> None:
        """Ask where to, and write the masks."""
        structures, volume = self.window.session.structures, self.window.session.volume
        if structures is None or volume is None or not structures.rois:
            self.window.show_message(NOTHING_TO_EXPORT)
            return
        dialog = MasksDialog(structures, volume, self.window)
        dialog.written.connect(
            lambda paths, folder: self.window.show_message(f"{len(paths)} masks were written to {folder}.")
        )
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def may_leave(self) -> bool:
        """Ask about work that no file has yet; False when the user wants to stay."""
        names = self.unexported.names
        if not names:
            return True
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        box = QMessageBox(QMessageBox.Icon.Question, "Planimeter", "", parent=self.window)
        box.setText(f"Not exported yet: {listed}.")
        box.setInformativeText("Leave without exporting? The journal keeps every step, but the session is closed.")
        export = box.addButton("Export …", QMessageBox.ButtonRole.AcceptRole)
        leave = box.addButton("Leave without", QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(export)
        box.setEscapeButton(stay)
        box.exec()
        if box.clickedButton() is export:
            self.export_rtstruct()
        return box.clickedButton() is leave
