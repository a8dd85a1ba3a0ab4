"""Two sets of structures of one series compared: a model's and a person's, or two readers'."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog

from engine.agreement import Agreement, compare, write_table
from engine.errors import PlanimeterError
from engine.later import later
from engine.progress import Progress
from engine.structures import Roi, StructureSet
from engine.volume import Volume
from viewer.companions import Companion
from viewer.edits.planes import centre_lps
from viewer.jobs import Task, run_in_background
from viewer.widgets.comparison_dialog import ComparisonDialog
from viewer.widgets.main_window import MainWindow

if TYPE_CHECKING:
    from engine import opening
    from engine.stored import read
else:
    opening, read = later("engine.opening"), later("engine.stored.read")

Found = TypeVar("Found")

#: The second set is drawn so much nearer to white than the first, where both have a colour.
_PALER = 0.55


def install(window: MainWindow) -> None:
    """Add the comparison to the Structures menu."""
    Comparing(window)


class Comparing(QObject):
    """Reads the other set, shows it beside the open one, and keeps the table. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._other: StructureSet | None = None
        self._about = ""
        self._rows: list[Agreement] = []
        self._task: Task | None = None
        self.dialog = ComparisonDialog(self.ask_table, window)
        self.dialog.tolerance_changed.connect(lambda _: self._compute())
        self.dialog.row_chosen.connect(self._go_to)
        window.menu("Structures").addSeparator()
        window.add_action(
            "Structures",
            "Compare with a file…",
            self.ask_file,
            shortcut="Ctrl+Shift+C",
            for_series=True,
            tip="Compare these structures with those of an RTSTRUCT of the same series: Dice, surface Dice, HD95 …",
        )
        window.session.volume_changed.connect(self._forget)
        window.closing.connect(self._stop)

    def ask_file(self) -> None:
        """Ask for the other set."""
        if not (self._window.session.structures and self._window.session.structures.rois):
            self._window.show_message("There are no structures here yet to compare with others.")
            return
        chosen, _ = QFileDialog.getOpenFileName(self._window, "Compare structures", "", "RTSTRUCT (*.dcm);;All (*)")
        if chosen:
            self.compare_with(Path(chosen))

    def compare_with(self, path: Path) -> None:
        """Read the structures of a file onto the open series, show them and compare them with what is there."""
        volume = self._window.session.volume
        assert volume is not None, "asked for with a series open"

        def work(progress: Progress) -> StructureSet:
            return read.read_structures(opening.find_structures(path), volume, progress)

        self._run(work, lambda other: self._take(other, path, volume))

    def ask_table(self) -> None:
        """Ask for a file and write the table into it."""
        chosen, _ = QFileDialog.getSaveFileName(self._window, "Export table", "agreement.csv", "Table (*.csv)")
        if chosen:
            self.save(Path(chosen))

    def save(self, path: Path) -> None:
        """Write the table, and say so."""
        try:
            write_table(self._rows, path)
        except PlanimeterError as error:
            self._window.show_message(str(error), "error")
        else:
            self._window.show_message(f"Saved {path}.")

    # Inside ---------------------------------------------------------------------------------------------------------

    def _take(self, other: StructureSet, path: Path, volume: Volume) -> None:
        session = self._window.session
        if session.volume is not volume:
            return
        self._other, self._about = other, path.name
        shown = replace(other, rois=tuple(replace(roi, colour=_paler(roi), visible=True) for roi in other.rois))
        beside = Companion(replace(volume.info, modality="", description=path.name), shown)
        kept = tuple(each for each in session.companions if each.name != beside.name)
        session.set_companions((*kept, beside))
        self._compute()

    def _compute(self) -> None:
        structures, other = self._window.session.structures, self._other
        if structures is None or other is None:
            return
        tolerance = self.dialog.tolerance.value()
        self._run(lambda progress: compare(structures, other, tolerance, progress), self._show)

    def _show(self, rows: list[Agreement]) -> None:
        self._rows = rows
        alone = len(self._window.session.structures.rois) - len(rows) if self._window.session.structures else 0
        left = f" {alone} structures here have no counterpart of their name there." if alone else ""
        about = f"The structures as they are now, compared with {self._about}, drawn paler in the views.{left}"
        self.dialog.show_rows(about, rows)
        self.dialog.show()
        self.dialog.raise_()

    def _go_to(self, row: int) -> None:
        session = self._window.session
        if not 0 <= row < len(self._rows) or session.structures is None:
            return
        roi = next((roi for roi in session.structures.rois if roi.name == self._rows[row].first), None)
        if roi is not None:
            session.set_active(roi.number)
            point = centre_lps(roi, session.structures.geometry)
            if point is not None:
                session.reveal(point)

    def _run(self, work: Callable[[Progress], Found], finished: Callable[[Found], None]) -> None:
        self._stop()
        failed = self._window.show_message
        self._task = run_in_background(work, finished=finished, failed=lambda told: failed(told, "error"), parent=self)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _forget(self) -> None:
        self._stop()
        self._other, self._rows = None, []
        self.dialog.hide()


def _paler(roi: Roi) -> tuple[int, int, int]:
    red, green, blue = (round(channel + _PALER * (255 - channel)) for channel in roi.colour)
    return red, green, blue
