"""The panel of operations on whole structures: choose, see what it would do, apply as one step."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSignalBlocker, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from shapely import MultiPolygon

from engine.edits import StructuresChanged
from engine.errors import PlanimeterError
from viewer.edits import deriving, operating
from viewer.edits.operations.form import Operation
from viewer.edits.operations.table import OPERATIONS
from viewer.edits.structures import LONGEST_NAME, refuse_locked
from viewer.history import History
from viewer.jobs import Task
from viewer.layers import LayersChanged
from viewer.review import reveal_nearest
from viewer.session import Session
from viewer.widgets.live import LiveHost
from viewer.widgets.name_label import NameLabel
from viewer.widgets.operation_fields import OperationFields
from viewer.widgets.other_choice import OtherChoice
from viewer.widgets.progress_bar import ProgressBar

#: Wait this long after the last change of a number before computing a preview, ms.
PAUSE_MS = 250


class OperationsPanel(QWidget):
    """One operation at a time on the active structure.

    Args:
        session, history: of the window.
        live: where the result is shown before it is taken.
        tell: called with a sentence when something is refused.
    """

    def __init__(self, session: Session, history: History, live: LiveHost, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._session, self._history, self._live, self._tell = session, history, live, tell
        self._task: Task | None = None
        self._result: tuple[tuple[object, ...], dict[int, MultiPolygon]] | None = None
        self._apply_when_done = False
        # A preview begins when the user turns to the panel, and ends when the result is taken.
        self._wanted = False
        # A new preview is brought into view once; then the user looks where they like.
        self._unseen = False
        self._subject: int | None = None
        self._named = False
        # What the user chose for each operation, where it is another than is usual.
        self._as_new: dict[str, bool] = {}
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._begin)
        self._build()
        session.volume_changed.connect(self._on_volume)
        session.structures_changed.connect(self._on_structures)
        session.active_changed.connect(self._on_active)
        session.cursor_moved.connect(self._on_cursor)
        session.layers_changed.connect(self._on_layers)
        self._on_operation()

    def _build(self) -> None:
        self.choice = QComboBox(self)
        for name, operation in OPERATIONS.items():
            self.choice.addItem(operation.title, name)
        self.subject = NameLabel(self)
        self.other_label = QLabel(self)
        self.other = OtherChoice(self)
        self._form = QFormLayout()
        self._form.addRow("Do", self.choice)
        self._form.addRow("Structure", self.subject)
        self._form.addRow(self.other_label, self.other)
        self.numbers = OperationFields(self._form, self, self._session)
        self.as_new = QCheckBox("As a new structure", self)
        self.as_new.setToolTip("Keep the structure; the result comes beside it, of the type that its name says")
        self.new_name = QLineEdit(self, maxLength=LONGEST_NAME)
        self.new_name.setToolTip("What it is called; an empty structure of that name takes the result")
        self.shown = QCheckBox("Preview", self)
        self.shown.setChecked(True)
        self.shown.setToolTip("Draw the result in white over the panes before it is taken")
        self.outcome = QLabel(self, wordWrap=True)
        self.bar = ProgressBar(self)
        # The buttons below stay under the mouse when the work ends.
        kept = self.bar.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(kept)
        self.apply_button = QPushButton("Apply", self)
        self.apply_button.setShortcut("Ctrl+Return")
        self.apply_button.setToolTip("Take the result, as one step that undo takes back (Ctrl+Return)")
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setToolTip("Stop computing; nothing is changed")
        buttons = QHBoxLayout()
        buttons.addWidget(self.apply_button, 1)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.addLayout(self._form)
        ticks = QHBoxLayout()
        ticks.addWidget(self.as_new, 1)
        ticks.addWidget(self.shown)
        layout.addLayout(ticks)
        for part in (self.new_name, self.outcome, self.bar):
            layout.addWidget(part)
        layout.addLayout(buttons)
        layout.addStretch(1)
        self.choice.currentIndexChanged.connect(lambda _: self._on_operation())
        self.numbers.changed.connect(self.want)
        self.numbers.unit_changed.connect(self._on_choice)
        self.as_new.toggled.connect(self._on_as_new)
        self.new_name.textEdited.connect(self._on_named)
        self.other.currentIndexChanged.connect(lambda _: self.want())
        self.shown.toggled.connect(self.want)
        self.apply_button.clicked.connect(self.apply)
        self.cancel_button.clicked.connect(self.cancel)

    # What is chosen -------------------------------------------------------------------------------------------------

    @property
    def operation(self) -> Operation:
        """The chosen operation."""
        return OPERATIONS[self.choice.currentData()]

    @property
    def values(self) -> dict[str, float]:
        """Its numbers."""
        return self.numbers.values(self.operation)

    def choose(self, name: str) -> None:
        """Choose an operation by name."""
        self.choice.setCurrentIndex(self.choice.findData(name))
        self._unseen = True
        self.want()

    def want(self, wanted: bool = True) -> None:
        """Compute and show what the chosen operation would do; or show nothing until something is chosen again."""
        self._unseen |= wanted and not self._wanted
        self._wanted = wanted
        self._on_choice()

    def set_value(self, key: str, value: float) -> None:
        """Set one of its numbers, and with it those that are linked to it."""
        self.numbers.fields[self.operation.name][key].setValue(value)

    def _on_operation(self) -> None:
        self._named = False
        operation = self.operation
        with QSignalBlocker(self.as_new):
            self.as_new.setChecked(self._as_new.get(operation.name, operation.derives))
        self.want()

    def _on_as_new(self, as_new: bool) -> None:
        self._as_new[self.operation.name] = as_new
        self._on_choice()

    def _on_named(self, text: str) -> None:
        self._named = bool(text.strip())

    def _show_name(self) -> None:
        """Suggest a name for the result until the user gives one."""
        structures, roi = self._session.structures, self._session.active_roi
        self.new_name.setVisible(self.as_new.isChecked())
        if structures is not None and roi is not None and not self._named:
            self.new_name.setText(operating.result_name(structures, roi, self.operation, self.values))

    def _other(self) -> int | None:
        return self.other.currentData() if self.operation.other else None

    def _state(self) -> tuple[object, ...]:
        """Everything that the result depends on."""
        structures, active, other = self._session.structures, self._session.active, self._other()
        # Mappings of contours are equal when they hold the same objects, which an edit replaces.
        rois = structures.rois if structures is not None else ()
        planes = [roi.planes for roi in rois if roi.number in (active, other)]
        operation = self.operation
        seen: tuple[object, ...] = (self._session.layers,) if operation.reads_image else ()
        if operation.at_cursor:
            seen += (tuple(self._session.cursor_lps.tolist()),)
        return operation.name, active, other, tuple(self.values.items()), seen, *planes

    def turned(self, in_front: bool) -> None:
        """The panel came before the others of its place, or went behind one: then nothing is previewed."""
        if not in_front:
            self._pause.stop()
            self._wanted = False
            self._live.propose(None)
        self._on_choice()

    @property
    def _in_sight(self) -> bool:
        """Whether any of it is seen; behind another tab a panel counts as visible too."""
        return not self.visibleRegion().isEmpty()

    @property
    def _previews(self) -> bool:
        return self._wanted and self.shown.isChecked() and self._in_sight

    # Preview --------------------------------------------------------------------------------------------------------

    def _on_volume(self) -> None:
        self.cancel()
        self._wanted = self._named = False
        self._on_choice()

    def _on_structures(self, change: StructuresChanged) -> None:
        self._on_active()

    def _on_active(self) -> None:
        if self._session.active != self._subject:
            self._subject, self._named, self._unseen = self._session.active, False, True
        # Hidden, it costs a stroke nothing; it catches up when it is shown.
        if self._in_sight or self._task is not None:
            self._on_choice()

    def _on_cursor(self) -> None:
        if self.operation.at_cursor and self._in_sight:
            self._on_choice()

    def _on_layers(self, _: LayersChanged) -> None:
        if self.operation.reads_image and self._in_sight:
            self._on_choice()

    def _on_choice(self) -> None:
        """Show the controls of what is chosen, and compute anew soon where the result is another one."""
        operation = self.operation
        structures, roi = self._session.structures, self._session.active_roi
        self.subject.setText(roi.name if roi is not None else "none chosen")
        self.other.fill(structures.rois if structures is not None else (), roi, operation.other_optional)
        self._form.setRowVisible(self.other, bool(operation.other))
        self.other_label.setText(operation.other.capitalize())
        self.numbers.show_operation(operation)
        self._show_name()
        self.choice.setToolTip(operation.tip)
        why_not = self._why_not()
        self.apply_button.setEnabled(not why_not)
        if self._result is not None and self._result[0] == self._state():
            self._show_result()
            return
        self._result = None
        self._live.propose(None)
        self.outcome.setText(why_not or f"{operation.tip}.")
        if self._task is not None:
            self._task.cancel()
        if self._previews and roi is not None:
            self._pause.start()
        self._show_progress()

    def _why_not(self) -> str:
        """Why the result can't be taken, in a sentence; "" where it can."""
        structures, roi = self._session.structures, self._session.active_roi
        if structures is None:
            return "Open a series first."
        try:
            operating.check(structures, self._session.active, self._other(), self.operation)
            if roi is not None and not self.as_new.isChecked():
                refuse_locked(roi)
        except PlanimeterError as error:
            return str(error)
        return self._history.refusal()

    def _begin(self) -> None:
        """Compute on a thread; a computation that became stale is stopped first."""
        structures, number, other = self._session.structures, self._session.active, self._other()
        if structures is None:
            return
        self._pause.stop()
        try:
            operating.check(structures, number, other, self.operation)
        except PlanimeterError as error:
            self._apply_when_done = False
            self.outcome.setText(str(error))
            self._show_progress()
            return
        assert number is not None, "check() refuses without a structure"
        if self._task is not None:
            self._task.cancel()
        state = self._state()
        work = partial(
            operating.compute, structures, number, self.operation, self.values, other=other,
            layers=self._session.layers, cursor_lps=self._session.cursor_lps,
        )  # fmt: skip
        task = Task(lambda progress: work(progress=progress), self)
        self._task = task
        task.progressed.connect(self.bar.show_part)
        task.finished.connect(lambda planes: self._computed(task, state, planes))
        task.failed.connect(lambda sentence: self._stopped(task, sentence))
        task.cancelled.connect(lambda: self._stopped(task, ""))
        task.ended.connect(task.deleteLater)
        self.bar.show_part(0.0)
        self._show_progress()
        task.start()

    def _computed(self, task: Task, state: tuple[object, ...], planes: dict[int, MultiPolygon]) -> None:
        if task is not self._task:
            return
        self._task = None
        if state == self._state():
            self._result = (state, planes)
            self._show_result()
            if self._apply_when_done:
                self._take()
        else:
            self._on_choice()
        self._show_progress()

    def _stopped(self, task: Task, sentence: str) -> None:
        if task is self._task:
            self._task = None
            self._apply_when_done = False
            if sentence:
                self.outcome.setText(sentence)
            self._show_progress()

    def _show_result(self) -> None:
        structures, roi = self._session.structures, self._session.active_roi
        if self._result is None or structures is None or roi is None:
            return
        planes = self._result[1]
        after = roi.with_areas(planes)
        if planes:
            volumes = [one.size(structures.geometry) for one in (roi, after)]
            count = "1 plane changes" if len(planes) == 1 else f"{len(planes)} planes change"
            self.outcome.setText(f"{volumes[0]:.2f} → {volumes[1]:.2f} {structures.geometry.size_unit}, {count}.")
        else:
            self.outcome.setText("This changes nothing.")
            self.apply_button.setEnabled(self.as_new.isChecked())
        self._live.propose(after if planes and self._previews else None)
        if planes and self._previews and self._unseen:
            self._unseen = False
            reveal_nearest(self._session, after)

    def _show_progress(self) -> None:
        running = self._task is not None
        self.bar.setVisible(running)
        self.cancel_button.setEnabled(running)

    # Buttons --------------------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Take the result; computes it first where the preview is not there yet."""
        roi = self._session.active_roi
        try:
            if roi is not None and not self.as_new.isChecked():
                refuse_locked(roi)
        except PlanimeterError as error:
            self._tell(str(error))
            return
        if self._result is not None and self._result[0] == self._state():
            self._take()
        else:
            self._apply_when_done = True
            self._begin()

    def cancel(self) -> None:
        """Stop computing."""
        self._pause.stop()
        self._apply_when_done = False
        if self._task is not None:
            self._task.cancel()

    def _take(self) -> None:
        structures, roi, result = self._session.structures, self._session.active_roi, self._result
        self._apply_when_done = False
        if structures is None or roi is None or result is None:
            return
        operation, values, other, beside = self.operation, self.values, self._other(), self.as_new.isChecked()
        text = operating.describe(structures, operation, values, other)
        recipe = deriving.extended(structures, roi, operation, values, other, text, beside)
        name = self.new_name.text() if beside else None
        try:
            step = operating.result_step(
                structures, roi, result[1], operation, text, new_name=name, recipe=recipe, other=other
            )  # fmt: skip
        except PlanimeterError as error:
            self._tell(str(error))
            return
        self._result = None
        self._wanted = self._named = False
        self._live.propose(None)
        self._history.do(step)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Begin to preview."""
        super().showEvent(event)
        self.turned(True)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802, D102
        super().hideEvent(event)
        self.turned(False)
