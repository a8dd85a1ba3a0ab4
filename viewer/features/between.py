"""While every n-th plane is drawn, the planes between are shown dashed; they are stored when they are accepted."""

from PySide6.QtCore import QObject, QTimer

from engine.errors import PlanimeterError
from engine.structures import Roi
from viewer.edits.between import Between
from viewer.edits.target import RefusedError, existing
from viewer.features.editing import Editing
from viewer.history import redraw
from viewer.jobs import Task
from viewer.widgets.main_window import MainWindow

#: After the last change of a structure, before the planes between are computed, ms.
PAUSE_MS = 120


def install(window: MainWindow) -> None:
    """Show what lies between, and offer to store it."""
    editing = window.findChild(Editing)
    assert editing is not None, "the tools are installed before"
    PlanesBetween(window, editing)


class PlanesBetween(QObject):
    """Keeps the dashed lines in step with the active structure."""

    def __init__(self, window: MainWindow, editing: Editing) -> None:
        super().__init__(window)
        self._window, self._editing, self._session = window, editing, window.session
        self._between = Between()
        self._task: Task | None = None
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._compute)
        self._shown = window.add_action(
            "Structures", "Show the planes between dashed", self._refresh, checkable=True,
            tip="While a tool is active, show what would fill the empty planes between the drawn ones",
        )  # fmt: skip
        self._shown.setChecked(True)
        window.add_action(
            "Structures", "Store what is dashed on this plane", self._store_here, shortcut="Ctrl+Shift+I",
            tip="Draw what is shown dashed on the plane of the crosshair", for_series=True,
        )  # fmt: skip
        self._session.structures_changed.connect(lambda _: self._refresh())
        self._session.active_changed.connect(self._refresh)
        self._session.volume_changed.connect(self._refresh)
        editing.toolbox.changed.connect(self._refresh)

    def _roi(self) -> Roi | None:
        """The structure whose gaps are shown."""
        drawing = bool(self._editing.toolbox.active) and self._shown.isChecked()
        roi = self._session.active_roi
        return roi if drawing and roi is not None and roi.visible and not roi.locked else None

    def _refresh(self) -> None:
        """Show what is known at once, the rest soon."""
        roi = self._roi()
        self._editing.live.show_between(self._between.known(roi) if roi is not None else None)
        if roi is None:
            self._pause.stop()
        else:
            self._pause.start()

    def _compute(self) -> None:
        roi, structures = self._roi(), self._session.structures
        if roi is None or structures is None:
            return
        if self._task is not None:
            # One at a time; what it leaves out is computed when it ends.
            self._task.cancel()
            return
        task = Task(lambda progress: self._between.compute(roi, structures.geometry, progress), self)
        self._task = task
        task.ended.connect(lambda: self._ended(task, roi))
        task.start()

    def _ended(self, task: Task, roi: Roi) -> None:
        task.deleteLater()
        self._task = None
        now = self._roi()
        self._editing.live.show_between(self._between.known(now) if now is not None else None)
        if now is not roi and now is not None:
            self._pause.start()

    def _store_here(self) -> None:
        session, shown = self._session, self._editing.live.between
        try:
            roi, plane = existing(session), session.plane
            area = shown.area(plane) if shown is not None else None
            if area is None or area.is_empty:
                raise RefusedError(f"Nothing is shown dashed on plane {plane + 1}.")
            text = f"Interpolate plane {plane + 1} of {roi.name}"
            step = redraw(roi, {plane: area}, text=text, tool="interpolate")
        except PlanimeterError as error:
            self._window.show_message(str(error))
            return
        if step is not None:
            self._window.history.do(step)
