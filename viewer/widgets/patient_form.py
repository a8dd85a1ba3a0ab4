"""Whom an image is of that doesn't say so itself: asked for where it is written as a DICOM series."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QLineEdit, QPushButton, QWidget

from engine.dicom.export_with_image import WARNING as WHY
from engine.dicom.image_write import SOP_CLASSES, PatientIdentity, why_no_series
from engine.volume import Volume
from viewer.widgets.theme import WARNING


class PatientForm(QWidget):
    """Name and ID of the patient, the kind of image, and the way out: masks instead."""

    changed = Signal()
    #: The user would rather write masks.
    masks_wanted = Signal()

    def __init__(self, volume: Volume, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._volume = volume
        why = QLabel(f"{WHY} The image is therefore written too, as a DICOM series that the RTSTRUCT refers to.", self)
        why.setWordWrap(True)
        why.setTextFormat(Qt.TextFormat.PlainText)
        why.setStyleSheet(f"color: {WARNING};")
        self.name = QLineEdit(volume.info.patient_name, self)
        self.name.setPlaceholderText("Family^Given")
        self.name.setToolTip("Name of the patient, written into the image and the RTSTRUCT")
        self.patient_id = QLineEdit(volume.info.patient_id, self)
        self.patient_id.setToolTip("ID of the patient, written into the image and the RTSTRUCT")
        self.modality = QComboBox(self)
        if volume.modality not in SOP_CLASSES:
            self.modality.addItem("Choose …", "")
        for modality in SOP_CLASSES:
            self.modality.addItem(modality, modality)
        self.modality.setCurrentIndex(max(self.modality.findData(volume.modality), 0))
        self.modality.setToolTip("What the image is; its file doesn't say")
        self.masks = QPushButton("Masks instead …", self)
        self.masks.setToolTip("Write masks, which need no patient and no DICOM image")
        self.masks.setAutoDefault(False)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(why)
        form.addRow("Patient's &name", self.name)
        form.addRow("Patient's &ID", self.patient_id)
        form.addRow("&Image is", self.modality)
        form.addRow("", self.masks)
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
        return why_no_series(self._volume, self.patient)
