"""File → Export RTSTRUCT: what to write, what that will change, the writing, and its certificate."""

from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from engine.dicom.certificate import Certificate
from engine.dicom.export_with_image import export_with_image, image_folder
from engine.dicom.presets import LONGEST_LABEL, ExportOptions, preflight, preset, presets
from engine.dicom.rtstruct_write import export_rtstruct
from engine.dicom.written_image import PatientIdentity
from engine.errors import WriteError
from engine.progress import Progress
from engine.structures import StructureSet
from engine.unseen import Seen, unseen_planes, unseen_sentence
from engine.volume import Volume
from viewer.widgets.patient_form import PatientForm
from viewer.widgets.settings import settings
from viewer.widgets.structure_checklist import StructureChecklist
from viewer.widgets.task_dialog import TaskDialog
from viewer.widgets.theme import WARNING

FOLDER_KEY, OPERATOR_KEY, PRESET_KEY = "export/folder", "export/operator", "export/preset"
ONLY_SEEN_KEY = "export/only_seen"


class ExportDialog(TaskDialog):
    """Writes the structures that were on screen when it opened; edits made meanwhile are not part of the file.

    Args:
        structures, volume: to write.
        seen: contours that a person has looked at.
        known: whom an image that is no DICOM series is of, as was asked before.
    """

    #: (certificate, path, the structures that were written)
    exported = Signal(object, object, object)
    #: The dialog closed because masks are wanted instead.
    masks_wanted = Signal()

    def __init__(
        self,
        structures: StructureSet,
        volume: Volume,
        parent: QWidget | None = None,
        seen: Seen = frozenset(),
        *,
        known: PatientIdentity | None = None,
    ) -> None:
        tip = "Write the file, read it back, and compare it with the screen"
        super().__init__("Export RTSTRUCT", "Export", tip, parent)
        self._structures, self._volume, self._seen = structures, volume, seen
        self._unseen = {roi.number: len(unseen_planes(roi, seen)) for roi in structures.rois}
        self._build(known)
        self._later = QTimer(self, interval=150, singleShot=True)
        self._later.timeout.connect(self._look_ahead)
        for signal in (self.label.textChanged, self.path.textChanged, self.preset.currentIndexChanged):
            signal.connect(self._later.start)
        self.checklist.changed.connect(self._later.start)
        self.only_seen.toggled.connect(self._look_ahead)
        if self.patient is not None:
            self.patient.changed.connect(self._look_ahead)
            self.patient.masks_wanted.connect(self._masks_instead)
        self._look_ahead()
        self.resize(560, 640)

    def _build(self, known: PatientIdentity | None) -> None:
        stored = settings()
        self.checklist = StructureChecklist(self._structures, self, self._unseen)
        self.only_seen = QCheckBox("Refuse contours of models that nobody has marked as &seen", self)
        self.only_seen.setToolTip("Kept for the next export. The panel Review goes through them: N marks one as seen")
        self.only_seen.setChecked(bool(stored.value(ONLY_SEEN_KEY, False, bool)))
        self.only_seen.toggled.connect(lambda on: settings().setValue(ONLY_SEEN_KEY, on))
        self.only_seen.setVisible(self.only_seen.isChecked() or any(self._unseen.values()))
        self.label = QLineEdit(self._structures.label or "Planimeter", self)
        self.label.setMaxLength(64)
        self.label.setToolTip(
            f"Structure Set Label: what the planning system lists; at most {LONGEST_LABEL} characters"
        )
        self.description = QLineEdit(self._structures.description, self)
        self.description.setToolTip("Structure Set Description")
        self.operator = QLineEdit(str(stored.value(OPERATOR_KEY, "")), self)
        self.operator.setToolTip("Operators' Name: who exports; may stay empty")
        self.preset = QComboBox(self)
        for name, one in presets().items():
            self.preset.addItem(one.title, name)
            rules = "\n".join(f"{rule.option} = {rule.value}: {rule.reason}" for rule in one.rules)
            self.preset.setItemData(self.preset.count() - 1, rules, Qt.ItemDataRole.ToolTipRole)
        self.preset.setToolTip("What the planning system that will read the file accepts")
        self.preset.setCurrentIndex(max(self.preset.findData(stored.value(PRESET_KEY, "")), 0))
        #: Title of a choice that this person did not make for this patient; "" for none.
        self._kept_preset = self.preset.currentText() if self.preset.currentIndex() else ""
        self.preset.activated.connect(self._choose_preset)
        self.path = QLineEdit(str(_suggested_path(self._volume)), self)
        self.path.setToolTip("The file to write; a certificate is written beside it")
        self.browse = QPushButton("Browse …", self)
        self.browse.setToolTip("Choose the file to write")
        self.browse.clicked.connect(self._browse)
        file = QHBoxLayout()
        file.addWidget(self.path, 1)
        file.addWidget(self.browse)
        form = QFormLayout()
        form.addRow("&Label", self.label)
        form.addRow("&Description", self.description)
        form.addRow("&Exported by", self.operator)
        form.addRow("&For", self.preset)
        label = QLabel("F&ile", self)
        label.setBuddy(self.path)
        form.addRow(label, file)
        #: Asked for where the image is no DICOM series, and so is written too.
        self.patient = None if self._volume.instances else PatientForm(self._volume, self, known=known)
        if self.patient is not None:
            form.addRow(self.patient)
        self.ahead = QLabel(self)
        self.ahead.setWordWrap(True)
        self.ahead.setTextFormat(Qt.TextFormat.PlainText)
        self.ahead.setStyleSheet(f"color: {WARNING};")
        self.lay_out(self.checklist, self.only_seen, form, self.ahead)

    def options(self) -> ExportOptions:
        """The options as they are set now."""
        return preset(self.preset.currentData()).options(
            numbers=self.checklist.numbers,
            label=self.label.text().strip(),
            description=self.description.text().strip(),
            operator=self.operator.text().strip(),
            seen=self._seen,
        )

    def _unseen_of_ticked(self) -> str:
        ticked = (self._structures[number] for number in self.checklist.numbers)
        return unseen_sentence((roi.name, self._unseen[roi.number]) for roi in ticked)

    @property
    def _refused(self) -> bool:
        return self.only_seen.isChecked() and bool(self._unseen_of_ticked())

    def _look_ahead(self) -> None:
        """Tell what the export would change, before it happens."""
        sentences = []
        if not self.checklist.numbers:
            sentences.append("No structure is ticked.")
        else:
            unseen = self._unseen_of_ticked()
            refused = " They are not exported: look through them in Review, or untick their structures."
            sentences += [unseen + (refused if self._refused else "")] if unseen else []
            sentences += preflight(self._structures, self._volume, self.options())
        path = self._target()
        problem = self.patient.problem if self.patient is not None else ""
        if problem:
            sentences.insert(0, problem)
        elif path is not None and self.patient is not None:
            sentences.insert(0, f"The image is written as a DICOM series to the new folder {image_folder(path)}.")
        if path is not None and not path.parent.exists():
            sentences.append(f"The folder {path.parent} is made.")
        if self._kept_preset:
            sentences.append(
                f"'{self._kept_preset}' is kept from the last export; choose another where it does not fit."
            )
        if path is not None and path.exists():
            sentences.append(f"{path.name} exists; it is replaced once the new file has been compared with the screen.")
        more = len(sentences) - 8
        self.ahead.setText("\n".join(sentences[:8]) + (f"\n… and {more} more." if more > 0 else ""))
        self.ahead.setToolTip("\n".join(sentences))
        self.ahead.setVisible(bool(sentences))
        complete = bool(self.checklist.numbers) and path is not None and not problem and not self._refused
        self.start_button.setEnabled(complete and not self.running)

    def _choose_preset(self) -> None:
        self._kept_preset = ""
        self._later.start()

    def _target(self) -> Path | None:
        text = self.path.text().strip()
        return Path(text).expanduser() if text else None

    def _browse(self) -> None:
        # The question about an existing file is answered by what is shown ahead of the export.
        name, _ = QFileDialog.getSaveFileName(
            self, "Export RTSTRUCT", self.path.text(), "DICOM (*.dcm)", options=QFileDialog.Option.DontConfirmOverwrite
        )
        if name:
            self.path.setText(name)

    def start(self) -> None:
        """Write, read back and compare, on a thread."""
        path = self._target()
        if path is None or self.running or not self.checklist.numbers or self._refused:
            return
        if self.patient is not None and self.patient.problem:
            self.fail(self.patient.problem)
            return
        patient = self.patient.patient if self.patient is not None else None
        options = self.options()
        stored = settings()
        stored.setValue(FOLDER_KEY, str(path.parent))
        stored.setValue(OPERATOR_KEY, options.operator)
        stored.setValue(PRESET_KEY, self.preset.currentData())
        structures, volume = self._structures, self._volume
        ticked = set(options.numbers or ())
        written = structures.without(roi.number for roi in structures.rois if roi.number not in ticked)

        def work(progress: Progress) -> Certificate:
            make_folder(path.parent)
            if patient is not None:
                return export_with_image(structures, volume, path, patient, options=options, progress=progress)
            return export_rtstruct(structures, volume, path, options, progress)

        self.run_task(
            work,
            lambda certificate: self.exported.emit(certificate, path, written),
            "The export was stopped; no file was written or changed.",
        )

    def _masks_instead(self) -> None:
        if not self.running:
            self.reject()
            self.masks_wanted.emit()

    def show_state(self) -> None:
        """Let what is written be changed only while nothing is."""
        for widget in (
            self.checklist,
            self.only_seen,
            self.label,
            self.description,
            self.operator,
            self.preset,
            self.path,
            self.browse,
        ):
            widget.setEnabled(not self.running)
        if self.patient is not None:
            self.patient.setEnabled(not self.running)
        self._look_ahead()


def make_folder(folder: Path) -> None:
    """Make a folder where there is none. Raises WriteError where that can't be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"The folder {folder} could not be made: {error.strerror}; choose another.") from error


def suggested_folder() -> Path:
    """A folder that is there, that of the last export first."""
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    folders = (str(settings().value(FOLDER_KEY, "")), documents, str(Path.home()))
    return next((Path(name) for name in folders if name and Path(name).is_dir()), Path.cwd())


def _suggested_path(volume: Volume) -> Path:
    """A file whose name tells the series, not the patient."""
    parts = [volume.modality, volume.info.study_date, volume.info.series_number]
    name = "_".join("".join(c for c in part if c.isalnum()) for part in parts if part)
    return suggested_folder() / f"RS_{name or 'structures'}.dcm"
