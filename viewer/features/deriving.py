"""Derived structures are marked when their sources change, and renewed by one key; never by themselves."""

from functools import partial

from PySide6.QtCore import QObject

from engine.errors import PlanimeterError
from engine.recipes import doubt
from engine.structures import Roi, StructureSet
from viewer.edits.deriving import refuse_renewal, renewal_step, renewed, to_renew
from viewer.edits.target import RefusedError
from viewer.jobs import run_in_background
from viewer.widgets.main_window import MainWindow
from viewer.widgets.message_bar import Offer


def install(window: MainWindow) -> None:
    """Add the key that renews."""
    Deriving(window)


class Deriving(QObject):
    """Renews what is out of date."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window, self._session = window, window.session
        window.add_action(
            "Structures", "Renew derived structures", self.renew, shortcut="Shift+R", for_series=True,
            tip="Derive anew what is out of date because its sources changed",
        )  # fmt: skip
        self._told: frozenset[int] = frozenset()
        #: What was said of which structures.
        self._sentences: dict[str, frozenset[int]] = {}
        self._session.structures_changed.connect(lambda _: self._tell())
        self._session.volume_changed.connect(self._forget)

    def renew(self) -> None:
        """Renew all that is out of date; what a person edited since is asked about."""
        structures = self._session.structures
        if structures is None:
            return
        stale = to_renew(structures)
        if not stale:
            self._window.show_message(_why_not(structures))
            return
        edited = frozenset(number for number in stale if structures[number].provenance.edited)
        if edited:
            names = " and ".join(structures[number].name for number in sorted(edited))
            verb = "was" if len(edited) == 1 else "were"
            self._window.show_message(
                f"{names} {verb} edited by hand since being derived: renewing replaces that.",
                "warning",
                offer=Offer("Renew anyway", partial(self._start, edited)),
            )
        if stale - edited:
            self._start(stale - edited)

    def _start(self, numbers: frozenset[int]) -> None:
        structures = self._session.structures
        if structures is None:
            return
        numbers &= to_renew(structures)
        try:
            refuse_renewal(structures, numbers)
        except PlanimeterError as error:
            self._window.show_message(str(error))
            return
        task = run_in_background(
            lambda progress: renewed(structures, numbers, progress),
            finished=lambda rois: self._take(structures, rois),
            failed=self._window.show_message,
            parent=self,
        )
        task.ended.connect(task.deleteLater)

    def _take(self, before: StructureSet, rois: list[Roi]) -> None:
        now = self._session.structures
        try:
            if now is not before:
                raise RefusedError("Structures were changed meanwhile; renew again (Shift+R).")
            if rois:
                self._window.history.do(renewal_step(before, rois))
        except PlanimeterError as error:
            self._window.show_message(str(error))
            return
        # What is derived from what was renewed may be out of date now.
        if now is not None and self._session.structures is not None and to_renew(self._session.structures):
            again = to_renew(self._session.structures) - frozenset(roi.number for roi in rois)
            fresh = frozenset(n for n in again if not self._session.structures[n].provenance.edited)
            if fresh:
                self._start(fresh)

    def _tell(self) -> None:
        """Say once that a structure has come to be out of date."""
        structures = self._session.structures
        if structures is None:
            return
        stale = to_renew(structures)
        new = stale - self._told
        self._told = stale
        for sentence, numbers in list(self._sentences.items()):
            if not numbers <= stale:
                self._window.messages.withdraw(sentence)
                del self._sentences[sentence]
        if new:
            names = " and ".join(structures[number].name for number in sorted(new))
            verb = "is" if len(new) == 1 else "are"
            sentence = f"{names} {verb} out of date: what it was derived from changed. Shift+R renews."
            self._sentences[sentence] = new
            self._window.tell_here(sentence)

    def _forget(self) -> None:
        structures = self._session.structures
        self._told = to_renew(structures) if structures is not None else frozenset()
        self._sentences.clear()


def _why_not(structures: StructureSet) -> str:
    gone = [roi.name for roi in structures.rois if doubt(structures, roi) == "a source is gone"]
    if gone:
        return f"{' and '.join(gone)} can't be renewed: a structure that it was derived from is gone."
    derived = any(roi.recipe is not None for roi in structures.rois)
    return "All derived structures are up to date." if derived else "No structure here is derived from others."
