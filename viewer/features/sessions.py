"""Sessions that were saved by themselves: the list of the latest, going on with them, and giving them up."""

from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QMenu

from engine import person_name
from engine.errors import PlanimeterError
from engine.journal import SessionRecord, State, discard, recent
from engine.progress import Progress
from viewer.features.opening import Opener
from viewer.jobs import Task, run_in_background
from viewer.reopening import Reopened, reopen
from viewer.widgets.main_window import MainWindow
from viewer.widgets.question import Question


def install(window: MainWindow) -> None:
    """Add the menu, and look into the folder once the window is up."""
    sessions = Sessions(window)
    QTimer.singleShot(0, sessions, sessions.refresh)


class Sessions(QObject):
    """The latest sessions of the journals' folder. A child of the window: `window.findChild(Sessions)`."""

    #: `records`, or what runs, is another.
    changed = Signal()
    #: (fraction, stage) of the session that is being read.
    progressed = Signal(float, str)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.records: list[SessionRecord] = []
        self._task: Task | None = None
        self._told: set[str] = set()
        self._looking = self._look_again = False
        # After the two ways of opening.
        file = window.menu("File")
        self._menu = QMenu("&Recent", file)
        after = file.actions()[2:3]
        file.insertMenu(after[0], self._menu) if after else file.addMenu(self._menu)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._fill_menu()
        window.closing.connect(self.stop)
        # A session that was left is closed on a thread; a moment later it can be read.
        self._soon = QTimer(self, singleShot=True, interval=300)
        self._soon.timeout.connect(self.refresh)
        window.session.volume_changed.connect(self._soon.start, check_nargs=False)

    @property
    def busy(self) -> bool:
        """Whether a session is being read."""
        return self._task is not None

    def refresh(self) -> None:
        """Look into the folder, on a thread; two looks at once would take each other for a window at work."""
        if self._looking:
            self._look_again = True
            return
        damaged: list[str] = []
        self._looking = True

        def ended() -> None:
            self._looking = False
            if self._look_again:
                self._look_again = False
                self.refresh()

        def found(records: list[SessionRecord]) -> None:
            for sentence in damaged:
                if sentence not in self._told:
                    self._window.show_message(sentence, "warning")
            self._told.update(damaged)
            self.records = records
            self._fill_menu()
            self.changed.emit()

        look = run_in_background(lambda progress: recent(damaged=damaged.append), finished=found, parent=self)
        look.ended.connect(ended)

    def go_on(self, record: SessionRecord) -> None:
        """Open the series of a session and put its steps back; what fails is told, and what is open stays open."""
        if self._task is not None:
            return
        self._task = run_in_background(
            lambda progress: _reopen(record, progress),
            progressed=self.progressed.emit,
            finished=partial(self._put_back, record),
            failed=self._failed,
            cancelled=lambda: self._failed(""),
            parent=self,
        )
        self.changed.emit()

    def stop(self) -> None:
        """Stop reading a session."""
        if self._task is not None:
            self._task.cancel()

    def discard(self, record: SessionRecord) -> None:
        """Ask, and give a session up."""
        asked = f"Discard the session {name_of(record)}, {steps_of(record)}?"
        more = "It is not offered again. Its journal, which names nobody, stays on disk as the record of what was done."
        if not Question(asked, more, "Discard", "Keep", destroys=True).is_wanted(self._window):
            return
        try:
            discard(record.id)
        except PlanimeterError as error:
            self._window.show_message(str(error), "error")
            return
        self._window.recording.forget(record.id)
        self.records = [other for other in self.records if other.id != record.id]
        self.changed.emit()

    def _put_back(self, record: SessionRecord, reopened: Reopened) -> None:
        self._task = None
        self.records = [other for other in self.records if other.id != record.id]
        self._window.recording.open(reopened.volume, reopened.display, reopened.kept, reopened.journal)
        opener = self._window.findChild(Opener)
        if isinstance(opener, Opener):
            opener.tree.show_catalogue(reopened.catalogue)
            opener.mark_open()
        self._window.show_message(f"The session was put back, {steps_of(record)} in all.")
        self.changed.emit()

    def _failed(self, sentence: str) -> None:
        self._task = None
        if sentence:
            self._window.show_message(f"The session could not be put back: {sentence}", "error")
        self.changed.emit()

    def _fill_menu(self) -> None:
        self._menu.clear()
        self._menu.setEnabled(bool(self.records))
        now = datetime.now(UTC)
        for record in self.records:
            # An ampersand in a name would underline the next letter.
            text = f"{name_of(record)}   {state_of(record, now)}".replace("&", "&&")
            action = self._menu.addAction(text)
            action.setToolTip("Open its series again and put every step back, undo and redo included")
            action.triggered.connect(partial(self.choose, record))

    def choose(self, record: SessionRecord, _: bool = False) -> None:
        """Go on with a session; asks where it would take the place of unexported work on the same series."""
        volume = self._window.session.volume
        same = volume is not None and volume.info.series_uid == record.subject.series_uid
        if not same or self._window.may_leave():
            self.go_on(record)


def _reopen(record: SessionRecord, progress: Progress) -> Reopened:
    progress(0.0, "Opening its series")
    return reopen(record, progress)


def name_of(record: SessionRecord) -> str:
    """Patient, kind and date of a session's series, as far as they are known."""
    name = person_name.shown(record.about.patient_name) or record.about.patient_id
    parts = [name, *(dated(word) for word in record.subject.label.split(" · "))]
    return " · ".join(part for part in parts if part) or "a series"


def dated(word: str) -> str:
    """A date as DICOM writes it, for the eye; any other word as it is."""
    return f"{word[:4]}-{word[4:6]}-{word[6:]}" if len(word) == 8 and word.isdigit() else word


def steps_of(record: SessionRecord) -> str:
    """How much was done in a session."""
    return f"{record.steps} step{'' if record.steps == 1 else 's'}"


def state_of(record: SessionRecord, now: datetime) -> str:
    """How a session was left: "12 steps, not exported, 5 h ago"."""
    return f"{steps_of(record)}, {record.state}, {ago(record.last, now)}"


def ago(last: datetime, now: datetime) -> str:
    """How long ago, in words."""
    minutes = max(0, round((now - last).total_seconds() / 60))
    if minutes < 60:
        return f"{minutes} min ago" if minutes else "just now"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // (24 * 60)} days ago"


def describe(record: SessionRecord, now: datetime) -> str:
    """The session in one sentence."""
    what = "A session was not closed" if record.state is State.LOST else "This was worked on before"
    state = "" if record.state is State.LOST else f", {record.state}"
    return f"{what}: {name_of(record)}, {steps_of(record)}{state}, last {ago(record.last, now)} by {record.user}."
