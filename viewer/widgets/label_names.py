"""Which number in a data set's label maps is which structure: shown, typed, and kept beside the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from engine.errors import PlanimeterError
from engine.later import later

if TYPE_CHECKING:
    from engine.training_process import label_names
    from engine.training_process.checked import DataCheck
else:
    label_names = later("engine.training_process.label_names")


class LabelNames(QWidget):
    """A line to type in; hidden where the data set names its labels itself."""

    #: The names were written into the folder.
    saved = Signal()
    #: Why they were not, in a sentence.
    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = Path()
        self.field = QLineEdit(self)
        self.field.setPlaceholderText("1 = Liver, 2 = Spleen")
        self.field.setToolTip("Which number in the label maps is which structure")
        label = QLabel("La&bels", self)
        label.setBuddy(self.field)
        self.save_button = QPushButton("Keep", self)
        self.save_button.setToolTip("Write labels.json into the folder of the data, and look at them again")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label)
        row.addWidget(self.field, 1)
        row.addWidget(self.save_button)
        self.save_button.clicked.connect(self.save)
        self.field.returnPressed.connect(self.save)
        self.hide()

    def show_names(self, folder: Path, check: DataCheck) -> None:
        """The numbers that were found in a folder, where names for them can be kept there."""
        self._folder = folder
        numbers = next((each.numbers for each in check.sets if each.numbers), {})
        refused = not check.sets and (folder / label_names.NAMES_FILE).is_file()
        if refused:
            numbers, _ = _read(folder)
        self.field.setText(label_names.names_text(numbers))
        self.setVisible(bool(numbers) or refused)

    def save(self) -> None:
        """Write what was typed into the folder."""
        try:
            label_names.write_names(self._folder, label_names.parsed_names(self.field.text()))
        except PlanimeterError as error:
            self.failed.emit(str(error))
        else:
            self.saved.emit()


def _read(folder: Path) -> tuple[dict[int, str], str]:
    try:
        return label_names.read_names(folder)
    except PlanimeterError:
        return {}, ""
