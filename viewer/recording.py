"""Keeps the journal of what is open (steps, marks, exports), and puts a session back as it was left. No Qt.

A series that is left for another one of the same window is remembered with its answers, its undo and redo and how it
was looked at; opened again it is as it was, and its journal goes on.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from psygnal import Signal

from engine.answers import Document, Finding
from engine.edits import Difference, Direction, Step, StructuresChanged
from engine.errors import PlanimeterError
from engine.findings.assessment import FiledReport
from engine.journal import About, Entry, Journal, Subject
from engine.structures import StructureSet
from engine.volume import Geometry, SeriesInfo, Volume
from viewer.companions import companions_of
from viewer.history import History
from viewer.left import Left
from viewer.session import Session


@dataclass(frozen=True)
class Kept:
    """A session on a series, as it was left.

    Args:
        info, geometry: of the series.
        left: answers and place.
        done, undone: steps to undo and redo from there, oldest first.
        look: how the window was set, in JSON: zoom, tool.
        session_id: of its journal.
        steps: how many the journal had then.
    """

    info: SeriesInfo
    geometry: Geometry
    left: Left
    done: tuple[Step, ...] = ()
    undone: tuple[Step, ...] = ()
    look: Mapping[str, Any] = field(default_factory=dict)
    session_id: str = ""
    steps: int = 0

    def is_of(self, volume: Volume) -> bool:
        """Whether it is about this series, on the same planes."""
        # Phases share the UID and the planes of their series; the description tells them apart.
        known = bool(self.info.series_uid or self.info.source)
        return known and self.info == volume.info and self.geometry.same_grid(volume.geometry)


class Recording:
    """The journal behind one session and its history.

    It starts a journal whenever a volume is opened, with the structures that came with it, and ends it when another is
    opened or at `end()`. It is the history's recorder.
    """

    #: The journal has grown or is another one.
    recorded = Signal()
    #: A sentence for the user: the journal cannot be written. Told once until it can be again.
    failed = Signal(str)
    #: A session was put back; `Kept` says how it was looked at.
    put_back = Signal(Kept)

    def __init__(self, session: Session, history: History, folder: Path | None = None) -> None:
        self._session = session
        self._history = history
        self._folder = folder
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="planimeter journal")
        self._journal: Future[Journal] | None = None
        self._coming: tuple[Kept, Journal | None] | None = None
        self._kept: list[Kept] = []
        self._behind = False
        self._seen: frozenset[tuple[int, int]] = frozenset()
        #: Says how the window is set, in JSON; given by who knows.
        self.look: Callable[[], Mapping[str, Any]] = dict
        history.recorder = self._record
        session.leaving.connect(self._leaving)
        session.volume_changed.connect(self._opened)
        session.seen_changed.connect(self._marked)

    @property
    def session_id(self) -> str:
        """Of the journal that is being written; "" when there is none."""
        journal = self._ready()
        return journal.id if journal is not None else ""

    def entries(self) -> list[Entry]:
        """What the journal says so far, oldest first; empty when there is none or it cannot be read."""
        journal = self._ready()
        try:
            return journal.entries() if journal is not None else []
        except PlanimeterError:
            return []

    # Sessions that were left ----------------------------------------------------------------------------------------

    @property
    def kept(self) -> tuple[Kept, ...]:
        """The other series of this window, as they were left."""
        return tuple(self._kept)

    def kept_of(self, volume: Volume) -> Kept | None:
        """How a series was left in this window; None where it wasn't open before."""
        return next((kept for kept in self._kept if kept.is_of(volume)), None)

    def current(self) -> Kept | None:
        """How the open series is now; None where none is open."""
        left, volume = self._session.left(), self._session.volume
        if left is None or volume is None:
            return None
        done, undone = self._history.steps
        journal, steps = self._ready(), 0
        if journal is not None:
            with contextlib.suppress(PlanimeterError):  # a journal that can't be read holds nothing newer
                steps = journal.describe().steps
        session_id = journal.id if journal is not None else ""
        return Kept(volume.info, volume.geometry, left, done, undone, self._look(), session_id, steps)

    def forget(self, session_id: str) -> None:
        """Its series begins anew when it is opened again."""
        self._kept = [kept for kept in self._kept if kept.session_id != session_id]
        self._show_companions()

    def open(self, volume: Volume, display: Volume, kept: Kept, journal: Journal | None = None) -> None:
        """Show a series as it was left, in one change of the session, and go on in its journal.

        Args:
            volume, display: as of `Session.open`.
            kept: how it was left.
            journal: its journal, held; where it isn't, it is opened by `kept.session_id`, and where that can't be done
                another one is started.
        """
        self._coming = (kept, journal)
        try:
            self._session.open(volume, display=display, left=kept.left)
        finally:
            self._coming = None
        self.put_back.emit(kept)

    def begin_with(self, structures: StructureSet) -> None:
        """Let the open series have these structures from the start: a file holds them, and there is nothing to undo.

        Scores and boxes stay, as do cursor, layers and zoom. A series must be open.
        """
        document = self._session.document
        assert document is not None, "structures belong to an open series"
        document = replace(document, structures=structures)
        journal = self._ready()
        if journal is not None:
            try:
                journal.record_base(document)
            except PlanimeterError as error:
                self._tell(error)
        every = StructuresChanged(frozenset(roi.number for roi in structures.rois))
        self._session.set_filed(structures)
        self._session.replace_document(document, Difference(every))
        if structures.rois:
            self._session.set_active(structures.rois[0].number)
        self._history.begin()
        self.recorded.emit()

    def keep_look(self) -> None:
        """Keep beside the journal how the series is looked at now; never waits for the disk."""
        volume = self._session.volume
        if self._journal is not None and volume is not None:
            about = About(volume.info.patient_name, volume.info.patient_id, self._look())
            self._writer.submit(_keep, self._journal, about)

    def _look(self) -> dict[str, Any]:
        left = self._session.left()
        if left is None:
            return {}
        window = [left.window.centre, left.window.width] if left.window is not None else None
        place = {"cursor_lps": left.cursor_lps, "active": left.active, "window": window, "units": left.units}
        return {**self.look(), **place}

    # What happens to it ---------------------------------------------------------------------------------------------

    def exported(self, path: Path, sha256: str, structures: int, numbers: Iterable[int] = ()) -> None:
        """Note that `structures` structures, of these numbers, were exported to a file with this hash."""
        journal = self._ready()
        if journal is not None:
            try:
                journal.record_export(path, sha256, structures, numbers)
            except PlanimeterError as error:
                self._tell(error)
            self.recorded.emit()

    def reported(
        self,
        path: Path,
        sha256: str,
        findings: Sequence[Finding],
        report: FiledReport | None,
        structures: StructureSet | None = None,
        *,
        read: bool = False,
    ) -> None:
        """Note that findings of the open series stand in a file with this hash, which was written or read.

        Args:
            path, sha256: of the file.
            findings: as the file holds them.
            report: what the next report names as its predecessor; None where the file is a table or a page.
            structures: that the findings were computed from, as the file holds them.
            read: whether the file was read.
        """
        self._session.set_filed_findings(self._session.filed_findings.written(findings, report, structures))
        here = {} if self._session.structures is None else {r.number: r.planes for r in self._session.structures.rois}
        rois = structures.rois if structures is not None else ()
        others = [roi.number for roi in rois if here.get(roi.number, roi.planes) is not roi.planes]
        journal = self._ready()
        if journal is not None:
            try:
                journal.record_report(path, sha256, len(findings), report, read=read, others=others)
            except PlanimeterError as error:
                self._tell(error)
            self.recorded.emit()

    def end(self) -> None:
        """Close the journal as the window goes."""
        self.keep_look()
        closing = self._leave()
        if closing is not None:
            closing.result()

    def _leave(self) -> "Future[None] | None":
        """The session ends as the user wished; closing its journal doesn't wait for the disk."""
        closing = self._writer.submit(_close, self._journal) if self._journal is not None else None
        self._journal = None
        self._behind = False
        return closing

    # Inside ---------------------------------------------------------------------------------------------------------

    def _leaving(self) -> None:
        kept, volume = self.current(), self._session.volume
        if kept is not None and volume is not None:
            self.keep_look()
            self._kept = [*(other for other in self._kept if not other.is_of(volume)), kept]

    def _opened(self) -> None:
        self._leave()
        kept, journal = self._coming if self._coming is not None else (None, None)
        volume, document = self._session.volume, self._session.document
        self._seen = self._session.marked_seen
        if volume is not None and document is not None:
            self._kept = [other for other in self._kept if not other.is_of(volume)]
            # A structure set of thousands of contours takes a while to store; the first stroke waits for it at most.
            if kept is None:
                self._journal = self._writer.submit(self._start, volume, document)
            else:
                self._journal = self._writer.submit(self._go_on, kept, journal, volume)
        self._history.begin(kept.done if kept is not None else (), kept.undone if kept is not None else ())
        self._show_companions()
        self.recorded.emit()

    def _show_companions(self) -> None:
        volume = self._session.volume
        others = [(other.info, other.left.document.structures) for other in self._kept]
        self._session.set_companions(companions_of(volume, others) if volume is not None else ())

    def _start(self, volume: Volume, document: Document) -> Journal:
        journal = Journal.start(subject(volume), volume.geometry, self._folder)
        try:
            with contextlib.suppress(PlanimeterError):  # without a name the session is still found by its series
                journal.keep(About(volume.info.patient_name, volume.info.patient_id))
            journal.record_base(document)
        except PlanimeterError:
            journal.close()
            raise
        return journal

    def _go_on(self, kept: Kept, journal: Journal | None, volume: Volume) -> Journal:
        try:
            if journal is None:
                journal = Journal.resume(kept.session_id, self._folder)
            journal.mark_resumed()
            return journal
        except PlanimeterError:
            # Nothing was done in it, or another window goes on with it: what is on screen begins a journal of its own.
            if journal is not None:
                journal.abandon()
            journal = self._start(volume, kept.left.document)
            if kept.left.seen:
                journal.record_seen(kept.left.seen)
            return journal

    def _ready(self) -> Journal | None:
        if self._journal is None or self._journal.exception() is not None:
            return None
        return self._journal.result()

    def _record(self, direction: Direction, step: Step) -> None:
        volume, document = self._session.volume, self._session.document
        assert volume is not None and document is not None, "steps are applied to an open series"
        try:
            if self._journal is None or self._journal.exception() is not None:
                self._journal = self._writer.submit(self._start, volume, document)
            journal = self._journal.result()
            if self._behind:
                # Steps are missing from the journal, so what follows needs a base of its own.
                journal.record_base(document)
            journal.record(direction, step)
        except PlanimeterError as error:
            self._tell(error)
        else:
            self._behind = False
        self.recorded.emit()

    def _tell(self, error: PlanimeterError) -> None:
        if not self._behind:
            self._behind = True
            self.failed.emit(str(error))

    def _marked(self) -> None:
        now = self._session.marked_seen
        journal = self._ready()
        if journal is None:
            return
        try:
            for contours, seen in ((now - self._seen, True), (self._seen - now, False)):
                if contours:
                    journal.record_seen(contours, seen)
            self._seen = now
        except PlanimeterError as error:
            self._tell(error)
        self.recorded.emit()


def _close(journal: Future[Journal]) -> None:
    if journal.exception() is None:
        journal.result().close()


def _keep(journal: Future[Journal], about: About) -> None:
    if journal.exception() is None:
        with contextlib.suppress(PlanimeterError):  # the session itself is in the journal
            journal.result().keep(about)


def subject(volume: Volume) -> Subject:
    """What the journal says of the series: nothing that names the patient."""
    info = volume.info
    return Subject(info.series_uid, info.study_uid, label(info, volume.modality), (info.source,) if info.source else ())


def label(info: SeriesInfo, modality: str) -> str:
    """What a person and the journal know a series by."""
    return " · ".join(part for part in (modality, info.study_date, info.description) if part)
