"""Which data a recipe is to learn from, and a look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.later import later
from engine.progress import Progress
from viewer.jobs import Task, run_in_background
from viewer.widgets.data_check_view import DataCheckView
from viewer.widgets.file_places import files_folder
from viewer.widgets.label_names import LabelNames
from viewer.widgets.progress_bar import ProgressBar
from viewer.widgets.settings import settings
from viewer.widgets.theme import ERROR

if TYPE_CHECKING:
    from engine.training_process import client
    from engine.training_process.checked import DataCheck
else:
    client = later("engine.training_process.client")

_KEY = "training/data"


class DataPage(QWidget):
    """Folders, and what a look at them for the chosen recipe found; the look runs in a process of its own."""

    #: The folders, the recipe or what was found are others now.
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe = ""
        self._task: Task | None = None
        self.check: DataCheck | None = None
        self.data = QLineEdit(str(settings().value(_KEY, "")), self)
        self.data.setPlaceholderText("The folder of the data set")
        self.data.setToolTip("The folder of the data set that is learned from")
        self.validation = QLineEdit(self)
        self.validation.setPlaceholderText("None: a share of the patients is held out")
        self.validation.setToolTip("The folder of another data set, by which the best weights are chosen")
        form = QFormLayout()
        self._add_row(form, "&Data", self.data, "Choose the folder of the data set")
        self._add_row(form, "&Validation", self.validation, "Choose the folder of another data set")
        self.look_button = QPushButton("&Look at the data", self)
        self.look_button.setToolTip("Counts, spacing, missing labels, patients on both sides, bad files (Return)")
        self.stop_button = QPushButton("Stop", self)
        self.stop_button.setToolTip("Stop looking")
        self.bar = ProgressBar(self, worded=True)
        row = QHBoxLayout()
        row.addWidget(self.look_button)
        row.addWidget(self.stop_button)
        row.addWidget(self.bar, 1)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.error = QLabel(self, wordWrap=True)
        self.error.setStyleSheet(f"color: {ERROR};")
        self.names = LabelNames(self)
        self.allow = QCheckBox("Train all the same; the card will say that its scores are too good", self)
        self.allow.setToolTip("Without this nothing is trained while patients are learned from and judged by as well")
        self.view = DataCheckView(self)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(row)
        layout.addWidget(self.error)
        layout.addWidget(self.names)
        layout.addWidget(self.allow)
        layout.addWidget(self.view, 1)
        self.names.saved.connect(self.look)
        self.names.failed.connect(self._failed)
        self.allow.toggled.connect(lambda _: self.changed.emit())
        self.look_button.clicked.connect(self.look)
        self.stop_button.clicked.connect(self.stop)
        for field in (self.data, self.validation):
            field.textChanged.connect(lambda _: self._forget())
            field.returnPressed.connect(self.look_button.click)
        self._show()

    @property
    def folders(self) -> tuple[str, str]:
        """Of the data set, and of the other to choose by; "" where there is none."""
        return self.data.text().strip(), self.validation.text().strip()

    @property
    def admitted(self) -> str:
        """What the card will say of patients on both sides, once that is allowed."""
        return self.check.admission if self.check is not None and self.allow.isChecked() else ""

    @property
    def is_looking(self) -> bool:
        """Whether a look is being taken."""
        return self._task is not None

    def set_recipe(self, recipe: str, layouts: str = "") -> None:
        """The recipe, by id or path, that the data are for, and how these may be laid out for it."""
        self.data.setPlaceholderText(layouts or "The folder of the data set")
        if recipe != self._recipe:
            self._recipe = recipe
            self._forget()

    def look(self) -> None:
        """Look at the data, in a process of its own."""
        recipe, (data, validation) = self._recipe, self.folders
        settings().setValue(_KEY, data)

        def work(progress: Progress) -> object:
            return client.check_data(recipe, _path(data), _path(validation) if validation else None, progress=progress)

        self.error.hide()
        self.bar.show_part(0.0, "starting")
        self._task = run_in_background(
            work,
            progressed=self.bar.show_part,
            finished=self._looked,
            failed=self._failed,
            cancelled=lambda: self._failed("Stopped; the data were not looked at to the end."),
            parent=self,
        )
        self._show()

    def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()

    def _looked(self, check: DataCheck) -> None:
        self._task, self.check = None, check
        self.names.show_names(_path(self.folders[0]), check)
        self._show()
        self.changed.emit()

    def _failed(self, sentence: str) -> None:
        self._task = None
        self._show()
        self.error.setText(sentence)
        self.error.show()

    def _forget(self) -> None:
        """What was found is of other data, or for another recipe."""
        if self._task is not None:
            # Its end must not be taken for what is asked for now.
            self._task.finished.disconnect(self._looked)
            self._task.cancel()
            self._task = None
        self.check = None
        self.allow.setChecked(False)
        self.names.hide()
        self.error.hide()
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        looking = self._task is not None
        self.look_button.setEnabled(not looking and bool(self._recipe) and bool(self.data.text().strip()))
        self.stop_button.setVisible(looking)
        self.bar.setVisible(looking)
        self.allow.setVisible(self.check is not None and bool(self.check.leaks) and not self.check.faults)
        self.view.show_check(self.check)

    def _add_row(self, form: QFormLayout, title: str, field: QLineEdit, tip: str) -> None:
        label = QLabel(title, self)
        label.setBuddy(field)
        button = QPushButton("Folder…", self)
        button.setToolTip(tip)
        button.clicked.connect(lambda: self._ask(field))
        row = QHBoxLayout()
        row.addWidget(field, 1)
        row.addWidget(button)
        form.addRow(label, row)

    def _ask(self, field: QLineEdit) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, "Folder of a data set", field.text() or self.data.text() or str(files_folder())
        )
        if chosen:
            field.setText(chosen)


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()
