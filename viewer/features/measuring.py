"""Measures: their list, and their table as a file. The tools that draw them are in the tool bar."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import PlanimeterError
from engine.later import later
from engine.measures.table_file import write_table
from viewer.widgets.file_places import ask_save_file
from viewer.widgets.main_window import MainWindow
from viewer.widgets.measures_panel import MeasuresPanel
from viewer.widgets.question import Question

if TYPE_CHECKING:
    from engine.dicom import measures_write
else:
    measures_write = later("engine.dicom.measures_write")


def install(window: MainWindow) -> None:
    """Add the list and its actions."""
    panel = MeasuresPanel(window.session, window.history, window.show_message)
    window.add_panel("Measures", panel, "right", "Ctrl+Shift+M")
    window.menu("Measure").addSeparator()
    add = window.add_action
    delete = add("Measure", "Delete measure", panel.delete, tip="Delete the measures that are selected")
    save = add(
        "Measure",
        "Export measures…",
        lambda: ask_file(window, panel),
        tip="Write all measures with their numbers into a table (CSV) or a DICOM structured report (.dcm)",
    )
    panel.add_button(delete)
    panel.add_button(save)
    session = window.session

    def changed() -> None:
        measured = session.document is not None and bool(session.document.measures)
        delete.setEnabled(measured)
        save.setEnabled(measured)

    for signal in (session.volume_changed, session.findings_changed):
        signal.connect(lambda *_: changed())
    changed()


def ask_file(window: MainWindow, panel: MeasuresPanel) -> None:
    """Ask for a file and write the measures into it."""
    kinds = "Table (*.csv);;DICOM structured report (*.dcm)"
    path, kind = ask_save_file(window, "Export measures", "measures.csv", kinds)
    if path is None:
        return
    if kind.startswith("DICOM") and path.suffix.lower() != ".dcm":
        # The dialog asked about the name that was typed, not about this one.
        path = path.with_suffix(".dcm")
        question = Question(f"{path} exists. Replace it?", "", "Replace", "Keep", "Export measures", destroys=True)
        if path.exists() and not question.is_wanted(window):
            return
    save(window, panel, path)


def save(window: MainWindow, panel: MeasuresPanel, path: Path) -> None:
    """Write the measures into a table, or by the name of the file into a certified report, and say so."""
    base = window.session.base
    try:
        if path.suffix.lower() == ".dcm" and base is not None:
            for told in measures_write.export_measures(panel.rows(), base.name, base.volume, path).changes:
                window.show_message(told, "warning")
        else:
            write_table(panel.rows(), path)
    except PlanimeterError as error:
        window.show_message(str(error), "error")
    else:
        window.show_message(f"Saved {path}.")
