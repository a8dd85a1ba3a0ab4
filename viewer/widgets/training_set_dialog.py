"""Engine → Add to a training set: what was corrected here becomes a case that networks can learn from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.later import later
from engine.progress import Progress
from engine.structures import StructureSet
from engine.volume import Volume
from viewer.jobs import run_in_background
from viewer.widgets.question import Question
from viewer.widgets.settings import settings
from viewer.widgets.structure_checklist import StructureChecklist
from viewer.widgets.task_dialog import TaskDialog
from viewer.widgets.theme import WARNING

if TYPE_CHECKING:
    from engine import training_images, training_set
    from engine.training_images import FurtherImage
    from engine.training_set import Added
else:
    training_images, training_set = later("engine.training_images"), later("engine.training_set")

FOLDER_KEY = "training/set"


class TrainingSetDialog(TaskDialog):
    """Asks which of the reviewed structures, for which folder, and whether it may be done; adds the case on a thread.

    Args:
        structures: of the open series; those that nobody reviewed are named and left out.
        volume: their image.
        over: images that are shown over it, which may belong to the case: name, and image.
    """

    #: (Added, folder, what was left out: a sentence, or "")
    added = Signal(object, object, str)

    def __init__(
        self,
        structures: StructureSet,
        volume: Volume,
        over: "Sequence[tuple[str, FurtherImage]]" = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Add to a training set", "Add", "Write the case without the patient", parent)
        self._structures, self._volume, self._looking = structures, volume, False
        why = {roi.number: training_set.why_left_out(roi) for roi in structures.rois}
        ready = tuple(roi for roi in structures.rois if not why[roi.number])
        left = [f"{roi.name} ({why[roi.number]})" for roi in structures.rois if why[roi.number]]
        self.left_out = f"Left out: {', '.join(left)}." if left else ""
        self.checklist = StructureChecklist(replace(structures, rois=ready), self)
        self.left = QLabel(self.left_out, self, wordWrap=True)
        self.left.setStyleSheet(f"color: {WARNING};")
        self.left.setVisible(bool(left))
        home = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation) or str(Path.home())
        self.folder = QLineEdit(str(settings().value(FOLDER_KEY, str(Path(home) / "training set"))), self)
        self.folder.setToolTip("The folder of the training set; further cases are added to those that are there")
        browse = QPushButton("Browse …", self)
        browse.setToolTip("Choose the folder")
        browse.clicked.connect(self._browse)
        label = QLabel("F&older", self)
        label.setBuddy(self.folder)
        place = QHBoxLayout()
        place.addWidget(label)
        place.addWidget(self.folder, 1)
        place.addWidget(browse)
        agreed, *told = training_set.CONSENT
        about = QVBoxLayout()
        for text in told:
            about.addWidget(QLabel(text, self, wordWrap=True))
        self.consent = QCheckBox(agreed, self)
        self.consent.setToolTip("Nothing is written before this is ticked")
        self.over = [(QCheckBox(f"With {name}", self), image) for name, image in over]
        beside = QVBoxLayout()
        for box, _ in self.over:
            box.setChecked(True)
            box.setToolTip("A further image of the case, brought to the grid of the open one; for models of both")
            box.toggled.connect(self.show_state)
            beside.addWidget(box)
        self.lay_out(self.checklist, self.left, beside, place, about, self.consent)
        self.checklist.changed.connect(self.show_state)
        self.folder.textChanged.connect(self.show_state)
        self.consent.toggled.connect(self.show_state)
        self.show_state()
        self.resize(620, 560)

    @property
    def running(self) -> bool:
        """Whether the case is looked for or written."""
        return self._looking or super().running

    def start(self) -> None:
        """Find out whether the image is in the set already, and add it."""
        if not self.start_button.isEnabled():
            return
        folder, volume = self._folder, self._volume
        settings().setValue(FOLDER_KEY, str(folder))

        def look(progress: Progress) -> tuple[str, str]:
            return training_images.why_not_added(volume), training_set.case_of_image(folder, volume)

        self._looking = True
        self.error.hide()
        self.show_state()
        run_in_background(look, finished=self._looked, failed=self.fail, parent=self)

    def fail(self, sentence: str) -> None:
        """Say why nothing was added."""
        self._looking = False
        super().fail(sentence)

    def show_state(self) -> None:
        """What is asked for can be changed only while nothing runs."""
        for part in (self.checklist, self.folder, self.consent, *(box for box, _ in self.over)):
            part.setEnabled(not self.running)
        ready = bool(self.checklist.numbers) and bool(self.folder.text().strip()) and self.consent.isChecked()
        self.start_button.setEnabled(ready and not self.running)

    @property
    def _folder(self) -> Path:
        return Path(self.folder.text().strip()).expanduser().absolute()

    def _looked(self, found: tuple[str, str]) -> None:
        problem, case = found
        if problem:
            self.fail(problem)
        elif case:
            self._ask_replace(case)
        else:
            self._add("")

    def _ask_replace(self, case: str) -> None:
        asked = f"This image is in the set already, as {case}. Replace its structures?"
        more = "The labels that it has there are lost; twice the same image teaches nothing."
        if Question(asked, more, "Replace", "Leave it", "Add to a training set", destroys=True).is_wanted(self):
            self._add(case)
        else:
            self.fail(f"Nothing was added; {case} is as it was.")

    def _add(self, case: str) -> None:
        self._looking = False
        numbers, folder, volume = self.checklist.numbers, self._folder, self._volume
        chosen = replace(self._structures, rois=tuple(roi for roi in self._structures.rois if roi.number in numbers))

        further = [image for box, image in self.over if box.isChecked()]

        def work(progress: Progress) -> "Added":
            return training_set.add_case(folder, volume, chosen, further=further, replace=case, progress=progress)

        self.run_task(work, lambda done: self.added.emit(done, folder, self.left_out), "Stopped; nothing was added.")

    def _browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of a training set", self.folder.text())
        if name:
            self.folder.setText(name)
