"""Looks for what is anatomically unlikely of what models drew, beside the window's work, whenever that has changed."""

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from engine.edits import StructuresChanged
from engine.flags.flag import Flag
from engine.flags.table import Flagging
from engine.structures import StructureSet
from engine.volume import Volume
from viewer.jobs import Task, run_in_background
from viewer.review import drawn_by_models
from viewer.session import Session

#: So long after the last change, ms, a stroke being one of many.
_AFTER_MS = 400


class FlagWatch(QObject):
    """The flags of the open series, as they are now.

    `came` tells those about structures that were not there when it last looked, such as those of a run, or of several
    that are one; `turned` that it began or ended to look.
    """

    changed = Signal()
    came = Signal(object)
    turned = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.flags: tuple[Flag, ...] = ()
        self._flagging = Flagging()
        self._task: Task | None = None
        self._asked: tuple[Volume, StructureSet] | None = None
        self._known: frozenset[int] = frozenset()
        self._held = False
        self._later = QTimer(self, interval=_AFTER_MS, singleShot=True)
        self._later.timeout.connect(self._look)
        session.volume_changed.connect(self._volume_changed)
        session.structures_changed.connect(self._structures_changed)
        self._volume_changed()

    @property
    def looking(self) -> bool:
        """Whether it is computed what is unlikely of the structures."""
        return self._task is not None

    def hold(self, held: bool) -> None:
        """Whether `came` waits, as while runs follow each other; then it tells at once what is still true of all."""
        if held is not self._held:
            self._held = held
            self._later.start()

    def _volume_changed(self) -> None:
        self._known = frozenset()
        self._asked = None
        self._show(())
        self._later.start()

    def _structures_changed(self, change: StructuresChanged) -> None:
        self._later.start()

    def _look(self) -> None:
        volume, structures = self._session.volume, self._session.structures
        if self._task is not None:
            self._later.start()
            return
        numbers = drawn_by_models(structures)
        if volume is None or structures is None or not numbers:
            self._known = numbers
            self._show(())
            return
        self._asked = (volume, structures)
        flagging = self._flagging

        def ended(flags: Any = ()) -> None:
            self._task = None
            self.turned.emit()
            # What was asked about a series that is no longer open tells nothing.
            if self._asked is not None and self._asked[0] is volume:
                self._found(tuple(flags), numbers)

        def failed(sentence: str = "") -> None:
            self._task = None
            self.turned.emit()

        self._task = run_in_background(
            lambda progress: flagging.find(structures, numbers, volume, progress),
            finished=ended,
            failed=failed,
            parent=self,
        )
        self.turned.emit()

    def _found(self, flags: tuple[Flag, ...], numbers: frozenset[int]) -> None:
        self._show(flags)
        if self._held:
            return
        new = numbers - self._known
        self._known = numbers
        came = tuple(flag for flag in flags if new.intersection(flag.numbers))
        if came:
            self.came.emit(came)

    def _show(self, flags: tuple[Flag, ...]) -> None:
        if flags != self.flags:
            self.flags = flags
            self.changed.emit()
