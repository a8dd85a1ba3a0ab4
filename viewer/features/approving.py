"""Reviewing and signing structures: marked as reviewed, approved and locked, reopened with a reason."""

from collections.abc import Callable, Iterable
from datetime import datetime

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QInputDialog

from engine.errors import PlanimeterError
from engine.recipes import doubt_sentence
from engine.structures import ReviewState, Roi
from engine.unseen import unseen_planes, unseen_sentence
from viewer.edits.approval import approve, mark_reviewed, reopen
from viewer.features.editing import Editing
from viewer.history import History
from viewer.review import is_done
from viewer.session import Session
from viewer.widgets.flag_watch import FlagWatch
from viewer.widgets.main_window import MainWindow
from viewer.widgets.settings import READER_KEY, reader_name, settings

#: So much of what is unlikely is told before it is signed.
_MOST_FLAGS = 3


def install(window: MainWindow) -> None:
    """Add the actions to the Structures menu."""
    editing = window.findChild(Editing)
    assert isinstance(editing, Editing), "every window has its tools"
    Approving(window, editing)


class Approving(QObject):
    """Asks for the name and the reason. A child of the window."""

    def __init__(self, window: MainWindow, editing: Editing) -> None:
        super().__init__(window)
        self._window, self._panel = window, editing.structures
        self._actions: list[QAction] = []
        for text, slot, key, tip in (
            ("Mark as reviewed", self.review, "Ctrl+Shift+V",
             "Note that you looked at the selected structures as they are; an edit takes the mark away"),
            ("Approve…", self.ask_approval, "Ctrl+Shift+A",
             "Sign the selected structures: they are locked until they are reopened with a reason"),
            ("Reopen…", self.ask_reason, "", "Let approved structures be changed again; the reason is kept"),
        ):  # fmt: skip
            action = window.add_action("Structures", text, slot, shortcut=key, tip=tip, under="Review")
            self._actions.append(action)
        session = window.session
        for signal in (session.volume_changed, session.active_changed):
            signal.connect(self._show_actions)
        session.structures_changed.connect(lambda _: self._show_actions())
        self._show_actions()

    def review(self, numbers: Iterable[int] = ()) -> None:
        """Mark structures as reviewed, by default what is selected; the first time the name is asked for."""
        chosen = self._chosen(numbers)
        name = reader_name() or self._ask_name("Mark as reviewed", "")
        if name:
            self._attempt(lambda when: mark_reviewed(*self._place, _numbers(chosen), name, when))

    def ask_approval(self, numbers: Iterable[int] = ()) -> None:
        """Ask for the name that signs, saying what nobody has looked at, and approve; by default what is selected."""
        chosen = self._chosen(numbers)
        name = self._ask_name("Approve", self._about(chosen))
        if name:
            self._attempt(lambda when: approve(*self._place, _numbers(chosen), name, when))

    def ask_reason(self, numbers: Iterable[int] = ()) -> None:
        """Ask why, and let structures be changed again; by default what is selected."""
        chosen = self._chosen(numbers)
        approved = [roi.name for roi in chosen if roi.provenance.review.state is ReviewState.APPROVED]
        if not approved:
            self._window.show_message("None of the selected structures is approved.")
            return
        reason, given = QInputDialog.getText(
            self._window, "Reopen", f"Why {', '.join(approved)} must be changed (kept in the history):"
        )
        if given:
            self._attempt(lambda _: reopen(*self._place, _numbers(chosen), reason))

    # Inside ---------------------------------------------------------------------------------------------------------

    @property
    def _place(self) -> tuple[Session, History]:
        return self._window.session, self._window.history

    def _chosen(self, numbers: Iterable[int]) -> list[Roi]:
        structures = self._window.session.structures
        wanted = set(numbers) or set(self._panel.selected)
        return [roi for roi in structures.rois if roi.number in wanted] if structures is not None else []

    def _about(self, chosen: list[Roi]) -> str:
        names = ", ".join(roi.name for roi in chosen)
        seen = self._window.history.seen
        unseen = unseen_sentence((roi.name, len(unseen_planes(roi, seen))) for roi in chosen)
        structures = self._window.session.structures
        doubts = [doubt_sentence(structures, roi) for roi in chosen] if structures is not None else []
        parts = (f"You sign {names}.", *doubts, *self._unlikely({roi.number for roi in chosen}), unseen)
        return "\n".join(part for part in parts if part)

    def _unlikely(self, numbers: set[int]) -> list[str]:
        """What is anatomically unlikely of these structures and nobody has marked as seen, in sentences."""
        watch = self._window.findChild(FlagWatch)
        flags = watch.flags if isinstance(watch, FlagWatch) else ()
        about = [flag for flag in flags if numbers & set(flag.numbers) and not is_done(self._window.history, flag)]
        more = len(about) - _MOST_FLAGS
        told = [f"Unlikely: {flag.text}" for flag in about[:_MOST_FLAGS]]
        return [*told, f"{more} more are listed under Review."] if more > 0 else told

    def _ask_name(self, title: str, about: str) -> str:
        text = "\n\n".join(part for part in (about, "Your name, as it is written into the RTSTRUCT:") if part)
        name, given = QInputDialog.getText(self._window, title, text, text=reader_name())
        name = " ".join(name.split()) if given else ""
        if name:
            settings().setValue(READER_KEY, name)
        return name

    def _attempt(self, work: Callable[[datetime], None]) -> None:
        try:
            work(datetime.now().astimezone())
        except PlanimeterError as error:
            self._window.show_message(str(error))

    def _show_actions(self) -> None:
        structures = self._window.session.structures
        for action in self._actions:
            action.setEnabled(bool(structures is not None and structures.rois))


def _numbers(rois: list[Roi]) -> list[int]:
    return [roi.number for roi in rois]
