"""What a data set calls its structures, by number or by other names: shown, typed, and kept beside the data."""

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
        self._folder, self._by_number = Path(), True
        self.field = QLineEdit(self)
        self.label = QLabel(self)
        self.label.setBuddy(self.field)
        self.save_button = QPushButton("Keep", self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label)
        row.addWidget(self.field, 1)
        row.addWidget(self.save_button)
        self.save_button.clicked.connect(self.save)
        self.field.returnPressed.connect(self.save)
        self.hide()

    def show_names(self, folder: Path, check: DataCheck) -> None:
        """The numbers or other names that were found in a folder, where such can be kept there."""
        numbers = next((each.numbers for each in check.sets if each.numbers), {})
        others = next((each.other_names for each in check.sets if each.other_names is not None), None)
        refused = not check.sets and (folder / label_names.NAMES_FILE).is_file()
        if refused:
            numbers, _ = _read(folder)
        self._folder, self._by_number = folder, others is None
        if others is None:
            self._ask("La&bels", "1 = Liver, 2 = Spleen", "Which number in the label maps is which structure")
            self.field.setText(label_names.names_text(numbers))
        else:
            told = "Structure = name of its ROI in this department's RTSTRUCTs, where it is another one"
            self._ask("&Names", "GTV = Tumour, GTV = GTV_old", told)
            self.field.setText(label_names.other_names_text(others))
        self.setVisible(bool(numbers) or refused or others is not None)

    def save(self) -> None:
        """Write what was typed into the folder."""
        text = self.field.text()
        try:
            if self._by_number:
                label_names.write_names(self._folder, label_names.parsed_names(text))
            else:
                label_names.write_other_names(self._folder, label_names.parsed_other_names(text))
        except PlanimeterError as error:
            self.failed.emit(str(error))
        else:
            self.saved.emit()

    def _ask(self, title: str, example: str, told: str) -> None:
        self.label.setText(title)
        self.field.setPlaceholderText(example)
        self.field.setToolTip(told)
        file = label_names.NAMES_FILE if self._by_number else label_names.OTHER_NAMES_FILE
        self.save_button.setToolTip(f"Write {file} into the folder of the data, and look at them again")


def _read(folder: Path) -> tuple[dict[int, str], str]:
    try:
        return label_names.read_names(folder)
    except PlanimeterError:
        return {}, ""
