"""Keeps the journal of what is open (steps, marks, exports) and puts a lost session back. No Qt."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from psygnal import Signal

from engine.answers import Document
from engine.edits import Direction, Step, replay
from engine.errors import PlanimeterError
from engine.journal import Entry, Journal, Replay, Subject
from engine.volume import Volume
from viewer.history import History
from viewer.session import Session


class Recording:
    """The journal behind one session and its history.

    It starts a journal whenever a volume is opened, with the structures that came with it, and ends it when another is
    opened or at `end()`. It is the history's recorder.
    """

    #: The journal has grown or is another one.
    recorded = Signal()
    #: A sentence for the user: the journal cannot be written. Told once until it can be again.
    failed = Signal(str)

    def __init__(self, session: Session, history: History, folder: Path | None = None) -> None:
        self._session = session
        self._history = history
        self._folder = folder
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="planimeter journal")
        self._journal: Future[Journal] | None = None
        self._behind = False
        self._seen: frozenset[tuple[int, int]] = frozenset()
        history.recorder = self._record
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

    def restore(self, session_id: str) -> Replay:
        """Put an earlier session back onto the series that is open, with its undo and redo, and go on in its journal.

        Raises:
            MismatchError: another series is open.
            ReadError: the journal is damaged or held by another window; what is open stays as it is.
        """
        structures = self._session.structures
        assert structures is not None, "a session is put back onto an open series"
        journal = Journal.resume(session_id, self._folder)
        try:
            saved = journal.replay(structures.geometry)
            journal.mark_resumed()
        except PlanimeterError:
            journal.abandon()
            raise
        self.end()
        self._journal = Future()
        self._journal.set_result(journal)
        self._history.resume(*replay(saved.base, saved.steps))
        self._seen = saved.seen
        self._session.mark_seen(saved.seen)
        self.recorded.emit()
        return saved

    def exported(self, path: Path, sha256: str, structures: int) -> None:
        """Note that `structures` structures were exported to a file with this hash."""
        journal = self._ready()
        if journal is not None:
            try:
                journal.record_export(path, sha256, structures)
            except PlanimeterError as error:
                self._tell(error)
            self.recorded.emit()

    def end(self) -> None:
        """Close the journal: the session ended as the user wished and is not offered again."""
        journal = self._ready()
        if journal is not None:
            journal.close()
        self._journal = None
        self._behind = False

    def _leave(self) -> None:
        """As `end`, without waiting for the disk."""
        if self._journal is not None:
            self._writer.submit(_close, self._journal)
        self._journal = None
        self._behind = False

    # Inside ---------------------------------------------------------------------------------------------------------

    def _opened(self) -> None:
        self._leave()
        self._history.clear()
        self._seen = frozenset()
        volume, document = self._session.volume, self._session.document
        if volume is not None and document is not None:
            # A structure set of thousands of contours takes a while to store; the first stroke waits for it at most.
            self._journal = self._writer.submit(self._start, volume, document)
        self.recorded.emit()

    def _start(self, volume: Volume, document: Document) -> Journal:
        journal = Journal.start(subject(volume), volume.geometry, self._folder)
        try:
            journal.record_base(document)
        except PlanimeterError:
            journal.close()
            raise
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
        now = self._session.seen
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


def subject(volume: Volume) -> Subject:
    """What the journal says of the series: nothing that names the patient."""
    info = volume.info
    label = " · ".join(part for part in (volume.modality, info.study_date, info.description) if part)
    return Subject(info.series_uid, info.study_uid, label, (info.source,) if info.source else ())
