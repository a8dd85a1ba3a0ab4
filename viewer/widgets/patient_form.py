"""Whom an image is of that doesn't say so itself: asked for where it is written as a DICOM series."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QLineEdit, QPushButton, QWidget

from engine.dicom.export_with_image import WARNING as WHY
from engine.dicom.image_beside import kinds_of, why_no_image
from engine.dicom.written_image import PatientIdentity
from engine.volume import Volume
from viewer.widgets.theme import WARNING

OF_RTSTRUCT = f"{WHY} The image is therefore written too, as a DICOM series that the RTSTRUCT refers to."


class PatientForm(QWidget):
    """Name and ID of the patient, the kind of image, and where there is one the way out: masks instead.

    Args:
        volume: that is written.
        why: it is asked, in a sentence or two.
        masks: offer masks instead.
        known: what was filled in before.
    """

    changed = Signal()
    #: The user would rather write masks.
    masks_wanted = Signal()

    def __init__(
        self,
        volume: Volume,
        parent: QWidget | None = None,
        *,
        why: str = OF_RTSTRUCT,
        masks: bool = True,
        known: PatientIdentity | None = None,
    ) -> None:
        super().__init__(parent)
        self._volume = volume
        reason = QLabel(why, self)
        reason.setWordWrap(True)
        reason.setTextFormat(Qt.TextFormat.PlainText)
        reason.setStyleSheet(f"color: {WARNING};")
        info, kinds = volume.info, kinds_of(volume)
        # What a picture was taken with, no modality of it tells.
        modality = volume.modality if volume.geometry.in_patient else ""
        before = known or PatientIdentity(info.patient_name, info.patient_id, modality)
        self.name = QLineEdit(before.name, self)
        self.name.setPlaceholderText("Family^Given")
        self.name.setToolTip("Name of the patient, written into the image and what refers to it")
        self.patient_id = QLineEdit(before.patient_id, self)
        self.patient_id.setToolTip("ID of the patient, written into the image and what refers to it")
        self.modality = QComboBox(self)
        if before.modality not in kinds:
            self.modality.addItem("Choose …", "")
        for modality, name in kinds.items():
            self.modality.addItem(name, modality)
        self.modality.setCurrentIndex(max(self.modality.findData(before.modality), 0))
        self.modality.setToolTip("What the image is; its file doesn't say")
        self.masks = QPushButton("Masks instead …", self)
        self.masks.setToolTip("Write masks, which need no patient and no DICOM image")
        self.masks.setAutoDefault(False)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(reason)
        form.addRow("Patient's &name", self.name)
        form.addRow("Patient's &ID", self.patient_id)
        form.addRow("&Image is", self.modality)
        form.addRow("", self.masks)
        form.setRowVisible(self.masks, masks)
        for signal in (self.name.textChanged, self.patient_id.textChanged, self.modality.currentIndexChanged):
            signal.connect(self.changed)
        self.masks.clicked.connect(self.masks_wanted)

    @property
    def patient(self) -> PatientIdentity:
        """As it is filled in now."""
        return PatientIdentity(self.name.text().strip(), self.patient_id.text().strip(), self.modality.currentData())

    @property
    def problem(self) -> str:
        """What is missing or wrong, in one sentence; "" where nothing is."""
        return why_no_image(self._volume, self.patient)
