"""File → Export masks: structures as NIfTI or NRRD files, one each, on the grid of the image."""

from dataclasses import replace
from pathlib import Path
from typing import cast

from PySide6.QtCore import QStandardPaths, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.masks import MaskFormat, write_masks
from engine.progress import Progress
from engine.structures import StructureSet
from engine.volume import Volume
from viewer.jobs import Task, run_in_background
from viewer.widgets.settings import settings
from viewer.widgets.structure_checklist import StructureChecklist
from viewer.widgets.theme import ERROR

FOLDER_KEY = "export/masks"
FORMATS: tuple[tuple[str, MaskFormat], ...] = (("NIfTI, compressed (.nii.gz)", "nii.gz"), ("NRRD (.nrrd)", "nrrd"))


class MasksDialog(QDialog):
    """Writes the masks on a thread."""

    #: (paths, folder)
    written = Signal(object, object)

    def __init__(self, structures: StructureSet, volume: Volume, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export masks")
        self._structures, self._volume = structures, volume
        self._task: Task | None = None
        self.checklist = StructureChecklist(structures, self)
        self.format = QComboBox(self)
        for text, value in FORMATS:
            self.format.addItem(text, value)
        self.format.setToolTip("Kind of file: one for each structure, 1 inside and 0 outside")
        home = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation) or str(Path.home())
        self.folder = QLineEdit(str(settings().value(FOLDER_KEY, str(Path(home) / "masks"))), self)
        self.folder.setToolTip("The folder to write to; files of the same names there are replaced")
        browse = QPushButton("Browse …", self)
        browse.setToolTip("Choose the folder")
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(browse)
        form = QFormLayout()
        form.addRow("&Format", self.format)
        label = QLabel("F&older", self)
        label.setBuddy(self.folder)
        form.addRow(label, place)
        self.error = QLabel(self)
        self.error.setWordWrap(True)
        self.error.setStyleSheet(f"color: {ERROR};")
        self.error.hide()
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.hide()
        buttons = QDialogButtonBox(self)
        self.export_button = buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        self.export_button.setToolTip("Write the masks (Return)")
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel).setToolTip("Stop, or close without writing (Esc)")
        buttons.accepted.connect(self.export)
        buttons.rejected.connect(self.reject)
        self.checklist.changed.connect(self._show_state)
        self.folder.textChanged.connect(self._show_state)
        layout = QVBoxLayout(self)
        layout.addWidget(self.checklist, 1)
        layout.addLayout(form)
        layout.addWidget(self.error)
        layout.addWidget(self.bar)
        layout.addWidget(buttons)
        self._show_state()
        self.resize(520, 480)

    def export(self) -> None:
        """Write the masks of the ticked structures."""
        text, numbers = self.folder.text().strip(), self.checklist.numbers
        if not text or not numbers or self._task is not None:
            return
        folder = Path(text).expanduser()
        settings().setValue(FOLDER_KEY, str(folder))
        chosen = replace(self._structures, rois=tuple(roi for roi in self._structures.rois if roi.number in numbers))
        volume, kind = self._volume, cast(MaskFormat, self.format.currentData())

        def work(progress: Progress) -> list[Path]:
            return [mask.path for mask in write_masks(chosen, volume, folder, kind, progress=progress)]

        self.error.hide()
        self._task = run_in_background(
            work,
            progressed=self._progressed,
            finished=lambda paths: self._finished(paths, folder),
            failed=self._failed,
            cancelled=lambda: self._failed("Stopped; the masks that were finished by then are in the folder."),
            parent=self,
        )
        self._show_state()

    def reject(self) -> None:
        """Stop the writing where it is under way; else close."""
        if self._task is not None:
            self._task.cancel()
        else:
            super().reject()

    def _browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Export masks", self.folder.text())
        if name:
            self.folder.setText(name)

    def _progressed(self, fraction: float, stage: str) -> None:
        self.bar.setValue(round(fraction * 1000))
        self.bar.setFormat(stage)

    def _finished(self, paths: list[Path], folder: Path) -> None:
        self._task = None
        self.accept()
        self.written.emit(paths, folder)

    def _failed(self, sentence: str) -> None:
        self._task = None
        self.error.setText(sentence)
        self.error.show()
        self._show_state()

    def _show_state(self) -> None:
        running = self._task is not None
        for widget in (self.checklist, self.format, self.folder):
            widget.setEnabled(not running)
        self.bar.setVisible(running)
        self.export_button.setEnabled(not running and bool(self.checklist.numbers) and bool(self.folder.text().strip()))
