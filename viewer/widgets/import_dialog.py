"""The dialog that brings in a model of another program."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from engine.later import later
from engine.progress import Progress
from viewer.widgets.file_places import files_folder
from viewer.widgets.settings import settings
from viewer.widgets.task_dialog import TaskDialog

if TYPE_CHECKING:
    from engine.cards.registry import LoadedCard
    from engine.importing import client, table
else:
    client, table = later("engine.importing.client"), later("engine.importing.table")

_AXES = {
    "": "As the model says",
    "LPS": "Left, back, head (as DICOM)",
    "RAS": "Right, front, head (as NIfTI)",
    "LAS": "Left, front, head (as dcm2niix writes NIfTI)",
    "RPS": "Right, back, head",
    "LPI": "Left, back, feet",
    "LAI": "Left, front, feet",
    "RPI": "Right, back, feet",
    "RAI": "Right, front, feet",
}


class ImportDialog(TaskDialog):
    """Asks for a model and how it is to be called, and converts it.

    Args:
        path: of the model; None where it is still to be chosen.
        imported: given the card, when it is there.
        replaces: id of the model whose place it takes; "" for a new one.
    """

    def __init__(
        self,
        path: Path | None,
        imported: "Callable[[LoadedCard], None]",
        parent: QWidget | None = None,
        replaces: str = "",
    ) -> None:
        title = f"Replace the model {replaces}" if replaces else "Import a model"
        tip = "Convert the model and put it in the other's place" if replaces else "Convert the model and add it"
        super().__init__(title, "Replace" if replaces else "Import", tip, parent)
        self._imported, self._replaces = imported, replaces
        about = QLabel(_about(), self)
        about.setWordWrap(True)
        self.path = QLineEdit(str(path) if path is not None else "", self)
        self.path.setPlaceholderText("Folder, zip or ONNX file")
        self.path.setMinimumWidth(380)
        self.folder_button = QPushButton("Folder…", self)
        self.zip_button = QPushButton("File…", self)
        self.folder_button.setToolTip("Choose a folder that holds a model")
        self.zip_button.setToolTip("Choose a zip that holds a model, or an ONNX file")
        self.name = QLineEdit(replaces, self)
        self.name.setPlaceholderText("Made of the model's own name")
        self.name.setToolTip("Small letters, digits and dashes")
        self.axes = QComboBox(self)
        for axes, told in _AXES.items():
            self.axes.addItem(told, axes)
        self.axes.setToolTip(
            "Along which patient directions columns, rows and planes rose in the images that it was taught on"
        )
        self.task = QLineEdit(self)
        self.task.setPlaceholderText("Where a folder holds several, such as total_fast")
        self.task.setToolTip("Which task of TotalSegmentator")
        chooser = QHBoxLayout()
        for part in (self.path, self.folder_button, self.zip_button):
            chooser.addWidget(part)
        form = QFormLayout()
        form.addRow("Model", chooser)
        form.addRow("&Id", self.name)
        form.addRow("&Axes", self.axes)
        form.addRow("&Task", self.task)
        self.lay_out(about, form)
        self.folder_button.clicked.connect(self._ask_folder)
        self.zip_button.clicked.connect(self._ask_zip)
        self.path.textChanged.connect(self.show_state)
        self.show_state()

    def start(self) -> None:
        """Convert the model on a thread."""
        path, card_id = Path(self.path.text().strip()).expanduser(), self.name.text().strip()
        axes, task = str(self.axes.currentData()), self.task.text().strip()
        settings().setValue("import/folder", str(path.parent))

        replaces = bool(self._replaces)

        def work(progress: Progress) -> object:
            return client.import_model(path, card_id=card_id, axes=axes, task=task, replace=replaces, progress=progress)

        self.run_task(work, self._imported, "Stopped; no model was added.")

    def show_state(self) -> None:
        """What is asked for can be changed only while nothing runs."""
        for part in (self.path, self.folder_button, self.zip_button, self.name, self.axes, self.task):
            part.setEnabled(not self.running)
        self.name.setEnabled(not self.running and not self._replaces)
        self.start_button.setEnabled(not self.running and bool(self.path.text().strip()))

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of a model", self._last())
        if chosen:
            self.path.setText(chosen)

    def _ask_zip(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "File of a model", self._last(), _files())
        if chosen:
            self.path.setText(chosen)

    def _last(self) -> str:
        return str(settings().value("import/folder", "") or files_folder())


def _about() -> str:
    *kinds, last = (importer.name for importer in table.IMPORTERS)
    listed = f"{', '.join(kinds)} or {last}"
    return (
        f"{listed[0].upper()}{listed[1:]}: a folder, a file or a zip. It is converted once, by a process without "
        "rights; nothing in it is executed."
    )


def _files() -> str:
    return f"Models (*.zip {' '.join(f'*{suffix}' for suffix in sorted(table.SUFFIXES))})"


def asked(
    path: Path | None, imported: "Callable[[LoadedCard], None]", parent: QWidget, replaces: str = ""
) -> ImportDialog:
    """The dialog, open, and gone once it is closed."""
    dialog = ImportDialog(path, imported, parent, replaces)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
    return dialog
