"""Two sets of structures of one series compared: a model's and a person's, or two readers'."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from engine.agreement import Comparison, compare, sources_of, write_table
from engine.errors import PlanimeterError
from engine.later import later
from engine.progress import Progress
from engine.structures import Roi, StructureSet
from engine.volume import Volume
from viewer.companions import Companion
from viewer.edits.planes import centre_lps
from viewer.jobs import LatestTask
from viewer.widgets.comparison_dialog import ComparisonDialog
from viewer.widgets.file_places import ask_open_file, ask_save_file
from viewer.widgets.main_window import MainWindow

if TYPE_CHECKING:
    from engine import opening
    from engine.stored import read
else:
    opening, read = later("engine.opening"), later("engine.stored.read")

#: All structures of the list.
_ALL = "All structures here"
#: The second set is drawn so much nearer to white than the first, where both have a colour.
_PALER = 0.55
#: ms without an edit after which a table that is seen is counted anew.
_REST = 600
#: Structures without a counterpart that are named.
_MOST_NAMED = 6


def install(window: MainWindow) -> None:
    """Add the comparison to the Structures menu."""
    Comparing(window)


class Comparing(QObject):
    """Reads the other set, shows it beside the open one, and keeps the table. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._other: StructureSet | None = None
        self._first: StructureSet | None = None
        self._second: StructureSet | None = None
        self._outdated = False
        self._about = ""
        self._compared: Comparison | None = None
        #: As the user paired structures of the two sets that are chosen.
        self._by_hand: dict[int, int | None] = {}
        self._task = LatestTask(self, lambda told: window.show_message(told, "error"))
        self.dialog = ComparisonDialog(self.ask_table, window)
        self.dialog.tolerance_changed.connect(lambda _: self._compute())
        self.dialog.sets_chosen.connect(self._choose_sets)
        self.dialog.paired.connect(self._pair)
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
        window.add_action(
            "Structures",
            "Compare two sets here…",
            self.compare_here,
            shortcut="Ctrl+Alt+C",
            for_series=True,
            tip="Compare structures of this list with each other: those of a model with those drawn by hand, those of "
            "two models, or those of two groups of your own",
        )
        self._anew = QTimer(self, singleShot=True, interval=_REST)
        self._anew.timeout.connect(self._compute_anew)
        window.session.structures_changed.connect(lambda _: self._outdate())
        window.session.volume_changed.connect(self._forget)
        window.closing.connect(self._task.stop)

    def ask_file(self) -> None:
        """Ask for the other set."""
        if not (self._window.session.structures and self._window.session.structures.rois):
            self._window.show_message("There are no structures here yet to compare with others.")
            return
        chosen = ask_open_file(self._window, "Compare structures", "RTSTRUCT (*.dcm);;All (*)")
        if chosen is not None:
            self.compare_with(chosen)

    def compare_with(self, path: Path) -> None:
        """Read the structures of a file onto the open series, show them and compare them with what is there."""
        volume = self._window.session.volume
        assert volume is not None, "asked for with a series open"

        def work(progress: Progress) -> StructureSet:
            return read.read_structures(opening.find_structures(path), volume, progress)

        self._task.run(work, lambda other: self._take(other, path, volume))

    def compare_here(self) -> None:
        """Compare two of the sets that lie in the list itself, as they are now."""
        names = list(self._sets())
        inside = [name for name in names if name not in (_ALL, self._about)]
        if len(inside) < 2:
            self._window.show_message(
                "The structures here are all of one source: a second set is one that another model or a hand drew, or "
                "a group of your own (menu of the list)."
            )
            return
        self.dialog.offer_sets(names, inside[0], inside[1])
        self.dialog.raise_()
        self._choose_sets(show=True)

    def ask_table(self) -> None:
        """Ask for a file and write the table into it."""
        chosen, _ = ask_save_file(self._window, "Export table", "agreement.csv", "Table (*.csv)")
        if chosen is not None:
            self.save(chosen)

    def save(self, path: Path) -> None:
        """Write the table, and say so."""
        assert self._compared is not None, "asked for where there is a table"
        try:
            write_table(self._compared, path)
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
        self.dialog.offer_sets(list(self._sets()), _ALL, self._about)
        self.dialog.raise_()
        self._choose_sets(show=True)

    def _sets(self) -> dict[str, StructureSet]:
        """What can be compared: all structures that are open, those of each source, and those of the file."""
        session = self._window.session
        structures = session.structures
        if structures is None:
            return {}
        sources = sources_of(structures.rois, session.appearance.groups)
        sets = {_ALL: structures, **{name: replace(structures, rois=rois) for name, rois in sources.items()}}
        return sets if self._other is None else {**sets, self._about: self._other}

    def _names(self) -> tuple[str, str]:
        return self.dialog.first.currentText(), self.dialog.second.currentText()

    def _chosen(self) -> tuple[StructureSet | None, StructureSet | None]:
        sets = self._sets()
        first, second = self._names()
        return sets.get(first), sets.get(second)

    def _choose_sets(self, *, show: bool = False) -> None:
        self._by_hand = {}
        self._compute(show=show)

    def _pair(self, number: int, other: int | None) -> None:
        self._by_hand = {**self._by_hand, number: other}
        self._compute()

    def _compute(self, *, show: bool = False) -> None:
        """Count on a thread; `show` brings the window up once it is done."""
        first, second = self._chosen()
        if first is None or second is None:
            self._tell_gone(first, second)
            return
        tolerance, names, by_hand = self.dialog.tolerance.value(), self._names(), self._by_hand
        self._task.run(
            lambda progress: compare(first, second, tolerance, progress, by_hand),
            lambda compared: self._show(compared, first, second, names, show),
        )

    def _outdate(self) -> None:
        """Structures were changed: numbers that are seen and no longer true are taken away, and counted anew."""
        if self._first is None or not self.dialog.isVisible():
            return
        first, second = self._chosen()
        if first is None or second is None:
            self._tell_gone(first, second)
        elif self._outdated or not (_same(first, self._first) and _same(second, self._second)):
            self._clear("Structures were changed; the table is counted anew …")
            self._anew.start()

    def _tell_gone(self, first: StructureSet | None, second: StructureSet | None) -> None:
        gone = [name for name, chosen in zip(self._names(), (first, second), strict=True) if chosen is None]
        self._clear(f"No structures are here any more of: {', '.join(gone)}.")

    def _clear(self, about: str) -> None:
        # What is still being counted is of structures as they were, too.
        self._task.stop()
        self._anew.stop()
        self._compared, self._outdated = None, True
        self.dialog.clear(about)

    def _compute_anew(self) -> None:
        if self.dialog.isVisible():
            self._compute()

    def _show(
        self, compared: Comparison, first: StructureSet, second: StructureSet, names: tuple[str, str], show: bool
    ) -> None:
        self._compared, self._first, self._second, self._outdated = compared, first, second, False
        left = _left_out(names[0], [roi for roi, other in compared.pairs if other is None])
        left += _left_out(names[1], compared.left)
        paler = ", drawn paler in the views" if names[1] == self._about and self._other is not None else ""
        about = f"{names[0]}, as they are now, compared with {names[1]}{paler}.{left}"
        self.dialog.show_comparison(about, compared, second.rois)
        # One that was closed while it was counted anew stays closed.
        if show and not self.dialog.isVisible():
            self.dialog.show()
            self.dialog.raise_()
        # Something may have been drawn while it was counted.
        self._outdate()

    def _go_to(self, row: int) -> None:
        session = self._window.session
        if self._compared is None or not 0 <= row < len(self._compared.pairs) or session.structures is None:
            return
        roi = self._compared.pairs[row][0]
        if roi.number in session.structures:
            session.set_active(roi.number)
            point = centre_lps(roi, session.structures.geometry)
            if point is not None:
                session.reveal(point)

    def _forget(self) -> None:
        self._task.stop()
        self._anew.stop()
        self._other, self._first, self._second, self._about, self._compared = None, None, None, "", None
        self._by_hand = {}
        self.dialog.hide()


def _left_out(name: str, rois: Sequence[Roi]) -> str:
    """Which structures of a set have no counterpart, in a sentence; "" where all have."""
    if not rois:
        return ""
    named = ", ".join(roi.name for roi in rois[:_MOST_NAMED])
    more = f" and {len(rois) - _MOST_NAMED} more" if len(rois) > _MOST_NAMED else ""
    return f" In {name} without a counterpart: {named}{more}."


def _paler(roi: Roi) -> tuple[int, int, int]:
    red, green, blue = (round(channel + _PALER * (255 - channel)) for channel in roi.colour)
    return red, green, blue


def _same(now: StructureSet, then: StructureSet | None) -> bool:
    """Whether the names and contours are still those; planes that were not touched are the same objects."""
    return then is not None and [(roi.name, roi.planes) for roi in now.rois] == [
        (roi.name, roi.planes) for roi in then.rois
    ]
