"""Opening: folders, files, DICOMDIRs, drops; the study tree; series, structures, layers. Reading is on threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog

from engine.errors import PlanimeterError
from engine.later import later
from engine.progress import Progress
from engine.resample import onto_regular_grid
from engine.stored.catalogue import Catalogue, Series
from engine.structures import StructureSet
from engine.volume import Volume
from viewer import history
from viewer.features.thumbnails import thumbnail_of
from viewer.jobs import Task, run_in_background
from viewer.layers import Layer
from viewer.looks import default_window, layer_over
from viewer.recording import Kept
from viewer.render.detail import make_ready
from viewer.reopening import brought_up, in_units_left
from viewer.unexported import unexported
from viewer.widgets.loading_bar import LoadingBar
from viewer.widgets.main_window import MainWindow
from viewer.widgets.settings import OPENED_KEY, remember, settings
from viewer.widgets.study_tree import StudyTree

if TYPE_CHECKING:
    from engine import opening
    from engine.opening import Choice
    from engine.stored import read, scan, table
else:
    # What reads DICOM takes long to import.
    opening, read, scan = later("engine.opening"), later("engine.stored.read"), later("engine.stored.scan")
    table = later("engine.stored.table")

#: Reasons of unreadable files that are told one by one; more are counted.
_MOST_REASONS = 2


def install(window: MainWindow) -> None:
    """Add the study tree, the File menu's entries and the drop."""
    Opener(window)


class Opener(QObject):
    """Reads what the user asks for and hands it to the session.

    It is a child of the window: `window.findChild(Opener)`. One scan and one series are read at a time; asking again
    stops the one before. Whatever fails is a sentence in the window, and what is open stays open.
    """

    #: A series, with or without structures, is on screen.
    opened = Signal()
    #: The whole of what was asked for has been looked through.
    scanned = Signal()
    #: A series whose findings are to be shown.
    report_wanted = Signal(object)
    #: A sentence: the thing that was asked for last could not be opened.
    failed = Signal(str)

    _grown = Signal(object)
    _pictured = Signal(str, object)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._scan: Task | None = None
        self._read: Task | None = None
        self._pictures: Task | None = None
        self.tree = StudyTree()
        self.loading = LoadingBar()
        window.statusBar().insertWidget(0, self.loading)
        window.add_panel("Studies", self.tree, "left", "F2").setMinimumWidth(210)
        add = window.add_action
        add("File", "Open &folder…", self.ask_folder, shortcut="Ctrl+O", tip="Open a folder with studies in it")
        add(
            "File", "Open fi&le…", self.ask_files, shortcut="Ctrl+Shift+O", tip="Open DICOM, DICOMDIR, NIfTI, NRRD, MHA"
        )
        window.menu("File").addSeparator()
        self._stop = add(
            "File", "Stop reading", self.stop, shortcut="Ctrl+.", tip="Stop reading; what is open stays open"
        )
        self._stop.setEnabled(False)
        add(
            "File",
            "Empty the study list",
            self.tree.forget,
            tip="Take all studies off the list; the open one stays open",
        )
        add(
            "File", "Close series", self.close_series, shortcut="Ctrl+W", for_series=True,
            tip="Close the open series; opened again it is as it was",
        )  # fmt: skip
        window.menu("File").addSeparator()
        self.tree.open_requested.connect(self.open_series)
        self.tree.layer_requested.connect(self.add_layer)
        self._grown.connect(self.tree.show_catalogue, Qt.ConnectionType.QueuedConnection)
        self.tree.scrolled.connect(self._make_pictures)
        self._pictured.connect(self.tree.set_picture, Qt.ConnectionType.QueuedConnection)
        window.dropped.connect(self._on_drop)
        window.closing.connect(self.stop)

    # What the user asks for -----------------------------------------------------------------------------------------

    def ask_folder(self) -> None:
        """Ask for a folder and open it."""
        chosen = QFileDialog.getExistingDirectory(self._window, "Open folder", self._last_folder())
        if chosen:
            self.open_paths([Path(chosen)])

    def ask_files(self) -> None:
        """Ask for files and open them."""
        kinds = ["Images and structures (*)", "DICOMDIR (DICOMDIR)"]
        for handler in table.HANDLERS:
            if handler.suffixes:
                kinds.append(f"{handler.files_label} ({' '.join(f'*{suffix}' for suffix in handler.suffixes)})")
        chosen, _ = QFileDialog.getOpenFileNames(self._window, "Open files", self._last_folder(), ";;".join(kinds))
        if chosen:
            self.open_paths([Path(name) for name in chosen])

    def open_paths(self, paths: Sequence[Path], structures: Path | None = None, *, show: bool | None = None) -> None:
        """Look through folders and files, show them in the tree, and open the best series of them.

        Args:
            paths: folders, DICOMDIRs, files.
            structures: a file of structures to load onto the series that they belong to.
            show: whether to open a series at the end; by default only when nothing is open, so that nothing that is
                open goes away unasked.
        """
        if paths:
            remember(paths[0])
        if self._scan is not None:
            self._scan.cancel()

        def work(progress: Progress) -> tuple[Catalogue, Choice | None]:
            drawn = opening.find_structures(structures) if structures is not None else None
            catalogue = scan.scan(paths, progress, self._grown.emit)
            images = catalogue.images()
            return catalogue, opening.image_of(drawn, images) if drawn is not None and images else None

        def finished(result: tuple[Catalogue, Choice | None]) -> None:
            self._on_scanned(*result, list(paths), structures, show)

        self._scan = self._start(work, finished, "Looking through files")

    def open_series(self, series: Series, structures: Path | None = None) -> None:
        """Read an image series and show it, or load structures onto the series that they belong to."""
        if series.problem:
            self._fail(series.problem)
            return
        if series.is_structures:
            self._open_structures(series)
            return
        if series.is_findings:
            self.report_wanted.emit(series)
            return
        if self._is_open(series):
            if structures is not None:
                self.load_structures(structures)
            else:
                self._window.show_message(f"{read.name_of(series)} is open.")
                self.opened.emit()
            return

        def work(progress: Progress) -> tuple[Volume, Volume, StructureSet | None, Kept | None]:
            volume = read.read_series(series, progress)
            kept = self._window.recording.kept_of(volume)
            if kept is not None:
                volume = in_units_left(volume, series, kept.left.units, progress)
            display = onto_regular_grid(volume)
            make_ready(display)
            # How it looks may take a look at all of it, which the window doesn't wait for.
            default_window(volume)
            kept = brought_up(kept, volume) if kept is not None else None
            if structures is None:
                return volume, display, None, kept
            return volume, display, read.read_structures(opening.find_structures(structures), volume, progress), kept

        def finished(result: tuple[Volume, Volume, StructureSet | None, Kept | None]) -> None:
            volume, display, found, kept = result
            if kept is None or (found is not None and not unexported(kept.left.document.structures, kept.left.filed)):
                self._window.session.open(volume, found, display)
            else:
                # As it was left, with undo and redo; the structures of a file come to those.
                self._window.recording.open(volume, display, kept)
                if found is not None and structures is not None:
                    self._take_structures(found, structures)
            self.mark_open()
            self._window.tell_of_series(found.notes if found is not None else ())
            self.opened.emit()

        self._begin_reading(work, finished, f"Reading {read.name_of(series)}")

    def mark_open(self) -> None:
        """Show in the tree which series is open."""
        self.tree.mark_open(next((series.uid for series in self.tree.series if self._is_open(series)), ""))

    def _is_open(self, series: Series) -> bool:
        volume = self._window.session.volume
        return volume is not None and series.is_image and series.info == volume.info

    def load_structures(self, path: Path) -> None:
        """Read structures onto the open series: in one undoable step where structures are there already."""
        volume = self._window.session.volume
        if volume is None:
            self._fail(f"{path.name} holds structures; open the image series that they belong to first.")
            return

        def finished(found: StructureSet) -> None:
            if self._window.session.volume is not volume:
                return
            self._take_structures(found, path)
            self._window.tell_of_series(found.notes)
            self.opened.emit()

        def work(progress: Progress) -> StructureSet:
            return read.read_structures(opening.find_structures(path), volume, progress)

        self._begin_reading(work, finished, f"Reading {path.name}")

    def add_layer(self, series: Series) -> None:
        """Read an image series and lay it over the open one, where both share a frame of reference."""
        volume = self._window.session.volume
        problem = opening.why_not_over(series, volume)
        if problem:
            self._fail(problem)
            return

        def work(progress: Progress) -> tuple[Volume, Volume]:
            over = read.read_series(series, progress)
            return over, onto_regular_grid(over)

        def finished(result: tuple[Volume, Volume]) -> None:
            if self._window.session.volume is volume:
                self._lay_over(layer_over(*result))

        self._begin_reading(work, finished, f"Reading {read.name_of(series)}")

    def _lay_over(self, layer: Layer) -> None:
        """Once: what lies there already looks as it did, and is seen again."""
        session = self._window.session
        known = [index for index, there in enumerate(session.layers) if there.shows(layer.volume)]
        if known == [0]:
            self._fail(f"{layer.name} is what is open; choose another series to lay over it.")
            return
        if known:
            session.change_layer(known[0], replace(session.layers[known[0]], visible=True))
        else:
            session.add_layer(layer)
        self.opened.emit()

    def close_series(self) -> None:
        """Close what is open; the tree stays, and opened again it is as it was."""
        self._window.session.close()
        self.mark_open()

    def stop(self) -> None:
        """Stop all reading."""
        for task in (self._scan, self._read, self._pictures):
            if task is not None:
                task.cancel()

    @property
    def busy(self) -> bool:
        """True while something is being looked through or read; thumbnails don't count."""
        return any(task is not None and task.running for task in (self._scan, self._read))

    # How it goes on -------------------------------------------------------------------------------------------------

    def _start(self, work: Callable[[Progress], object], finished: Callable[..., None], title: str) -> Task:
        task = run_in_background(
            work, finished=finished, failed=self._fail, cancelled=lambda: self._on_cancelled(task), parent=self
        )
        self.loading.follow(task, title)
        self._stop.setEnabled(True)
        task.ended.connect(lambda: self._stop.setEnabled(self.busy))
        return task

    def _begin_reading(self, work: Callable[[Progress], object], finished: Callable[..., None], title: str) -> None:
        if self._read is not None:
            self._read.cancel()

        def if_latest(result: object) -> None:
            if self._read is task:
                finished(result)

        task = self._start(work, if_latest, title)
        self._read = task

    def _on_cancelled(self, task: Task) -> None:
        if task in (self._scan, self._read):
            self._window.show_message("Stopped as asked; what was open is still open.")
            self.failed.emit("Stopped as asked.")

    def _on_scanned(
        self, catalogue: Catalogue, chosen: Choice | None, paths: list[Path], structures: Path | None, show: bool | None
    ) -> None:
        self.tree.show_catalogue(catalogue)
        self._tell_unreadable(catalogue)
        self._make_pictures()
        images = [series for series in catalogue.series() if series.is_image]
        drawn = [*catalogue.structures(), *catalogue.reports()]
        nothing_open = self._window.session.volume is None
        if show is None and not images and len(drawn) == 1 and len(paths) == 1 and not paths[0].is_dir():
            # One file of structures or findings was asked for: it belongs on what is open.
            self.open_series(drawn[0])
        elif not images and drawn and show is None:
            what = "structures" if drawn[0].is_structures else "reports"
            self._window.show_message(f"These are {what}; double-click them once their image series is open.")
        elif show or (show is None and nothing_open) or not images:
            try:
                series = chosen.series if chosen is not None else opening.choose_series(catalogue, paths[0])
                self.open_series(series, structures)
            except PlanimeterError as error:
                self._fail(str(error))
        else:
            self._window.show_message(f"Found {len(images)} series; double-click one to open it.")
        self.scanned.emit()

    def _open_structures(self, series: Series) -> None:
        """Load structures onto their image, which is opened where it is not open."""
        path, images = series.files[0], self.tree.series
        left, _ = opening.referred(series, images)
        volume = self._window.session.volume
        uid = volume.info.series_uid if volume is not None else ""
        listed = any(image.info.series_uid == uid for image in images)
        if not left or (uid in series.references.series_uids and not listed):
            # Whether they fit what is open all the same is for the reader to say.
            self.load_structures(path)
            return

        def finished(choice: Choice) -> None:
            now = self._window.session.volume
            if (
                now is not None
                and now.info.series_uid == choice.volume.info.series_uid
                and now.geometry.same_grid(choice.volume.geometry)
            ):
                self.load_structures(path)
            else:
                self.open_series(choice.series, path)

        self._begin_reading(lambda _: opening.image_of(series, left), finished, f"Looking for the image of {path.name}")

    def _take_structures(self, found: StructureSet, path: Path) -> None:
        session = self._window.session
        assert session.volume is not None and session.structures is not None, "asked for an open series"
        if session.structures.rois or self._window.history.undo_text:
            if found.elsewhere:
                names = ", ".join(f"'{roi.name}'" for roi in found.elsewhere)
                self._window.show_message(
                    f"{names} of {path.name} will not be exported with these structures.", "warning"
                )
            self._window.history.do(history.join(session.structures, found.rois, text=f"Load {path.name}"))
        else:
            self._window.recording.begin_with(found)

    def _tell_unreadable(self, catalogue: Catalogue) -> None:
        bad = catalogue.unreadable
        for one in bad[:_MOST_REASONS]:
            self._window.show_message(one.reason, "warning")
        if len(bad) > _MOST_REASONS:
            rest = f"{len(bad) - _MOST_REASONS} more could not be read; the study tree names them with the reason."
            self._window.show_message(rest, "warning")

    def _make_pictures(self) -> None:
        if self._pictures is not None:
            self._pictures.cancel()
        wanted = self.tree.without_picture()
        if not wanted:
            return

        def work(progress: Progress) -> None:
            for number, series in enumerate(wanted):
                progress(number / len(wanted), "Making thumbnails")
                self._pictured.emit(series.uid, thumbnail_of(series))

        self._pictures = run_in_background(work, parent=self)

    def _fail(self, sentence: str) -> None:
        self._window.show_message(sentence, "error")
        self.failed.emit(sentence)

    def _last_folder(self) -> str:
        return str(settings().value(OPENED_KEY, str(Path.home())))

    def _on_drop(self, paths: list[str]) -> None:
        self.open_paths([Path(path) for path in paths])
        for task in (self._scan, self._read, self._pictures):
            if task is not None:
                task.wait(5.0)
