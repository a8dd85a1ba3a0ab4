"""File → Export masks: structures as NIfTI or NRRD files, one each, on the grid of the image."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QStandardPaths, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from engine.dicom.image_beside import image_place
from engine.files.masks import MaskFormat, write_masks
from engine.files.picture_masks import write_picture_masks
from engine.later import later
from engine.progress import Progress
from engine.structures import StructureSet
from engine.volume import Volume
from viewer.widgets.patient_form import PatientForm
from viewer.widgets.settings import settings
from viewer.widgets.structure_checklist import StructureChecklist
from viewer.widgets.task_dialog import TaskDialog

if TYPE_CHECKING:
    from engine.dicom import segmentation_write
else:
    segmentation_write = later("engine.dicom.segmentation_write")

FOLDER_KEY = "export/masks"
FORMATS: tuple[tuple[str, MaskFormat], ...] = (("NIfTI, compressed (.nii.gz)", "nii.gz"), ("NRRD (.nrrd)", "nrrd"))
#: Of pictures: masks that any program for pictures opens; and one file for all.
PNG, SEGMENTATION = ("PNG (.png)", "png"), ("DICOM segmentation, all in one file (.dcm)", "dcm")
_WHY = (
    "The picture is no DICOM file and names no patient. It is therefore written too, as a DICOM picture that the "
    "segmentation refers to."
)


def _formats(volume: Volume) -> list[tuple[str, str]]:
    """What the structures of an image can be written as, the usual first."""
    if volume.geometry.in_patient:
        return list(FORMATS)
    segmentation = [] if segmentation_write.why_no_segmentation(volume, with_image=True) else [SEGMENTATION]
    return [PNG, *segmentation, *FORMATS]


class MasksDialog(TaskDialog):
    """Writes the masks on a thread."""

    #: (paths, folder)
    written = Signal(object, object)

    def __init__(self, structures: StructureSet, volume: Volume, parent: QWidget | None = None) -> None:
        super().__init__("Export masks", "Export", "Write the masks", parent)
        self._structures, self._volume = structures, volume
        #: What is written, or was.
        self.chosen = structures
        self.checklist = StructureChecklist(structures, self)
        self.format = QComboBox(self)
        for text, value in _formats(volume):
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
        #: Asked for where a segmentation is written of a picture that is no DICOM file.
        self.patient = None
        if not volume.geometry.in_patient and not volume.instances:
            self.patient = PatientForm(volume, self, why=_WHY, masks=False)
            self.patient.changed.connect(self.show_state)
            self.format.currentIndexChanged.connect(self.show_state)
            self.format.currentIndexChanged.connect(lambda _: self.grow())
        self.checklist.changed.connect(self.show_state)
        self.folder.textChanged.connect(self.show_state)
        self.lay_out(self.checklist, form, *([] if self.patient is None else [self.patient]))
        self.show_state()
        self.resize(520, 480)

    def start(self) -> None:
        """Write the masks of the ticked structures."""
        text, numbers = self.folder.text().strip(), self.checklist.numbers
        if not text or not numbers or self.running:
            return
        folder = Path(text).expanduser()
        settings().setValue(FOLDER_KEY, str(folder))
        self.chosen = chosen = replace(
            self._structures, rois=tuple(roi for roi in self._structures.rois if roi.number in numbers)
        )
        volume, kind = self._volume, str(self.format.currentData())
        patient = self.patient.patient if self.patient is not None else None

        def work(progress: Progress) -> list[Path]:
            if kind == PNG[1]:
                return write_picture_masks(chosen, volume, folder, progress)
            if kind == SEGMENTATION[1]:
                path = folder / f"{Path(volume.info.source).stem}_segmentation.dcm"
                segmentation_write.export_segmentation(chosen, volume, path, progress, patient=patient)
                return [path] if patient is None else [path, image_place(volume, path)]
            return [
                mask.path for mask in write_masks(chosen, volume, folder, cast(MaskFormat, kind), progress=progress)
            ]

        stopped = "Stopped; the masks that were finished by then are in the folder."
        self.run_task(work, lambda paths: self.written.emit(paths, folder), stopped)

    def _browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Export masks", self.folder.text())
        if name:
            self.folder.setText(name)

    def show_state(self) -> None:
        """Let what is written be changed only while nothing is."""
        for widget in (self.checklist, self.format, self.folder, self.patient):
            if widget is not None:
                widget.setEnabled(not self.running)
        problem = ""
        if self.patient is not None:
            asked = self.format.currentData() == SEGMENTATION[1]
            self.patient.setVisible(asked)
            problem = self.patient.problem if asked else ""
        self.start_button.setToolTip(problem or "Write the masks (Return)")
        complete = bool(self.checklist.numbers) and bool(self.folder.text().strip()) and not problem
        self.start_button.setEnabled(complete and not self.running)
