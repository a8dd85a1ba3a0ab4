"""Runs of training: started, watched, stopped, gone on with; and what becomes of their cards."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.later import later
from engine.progress import Progress
from viewer.jobs import Task, run_in_background
from viewer.widgets.curves_plot import CurvesPlot
from viewer.widgets.progress_bar import ProgressBar
from viewer.widgets.theme import ERROR

if TYPE_CHECKING:
    from engine.cards.registry import LoadedCard
    from engine.importing import client as importing
    from engine.training_process import client, run_folder
    from engine.training_process.run_folder import Curve, Run, RunRecord
else:
    client, run_folder = later("engine.training_process.client"), later("engine.training_process.run_folder")
    importing = later("engine.importing.client")

_DEVICES = {"auto": "GPU where there is one", "cpu": "processor", "cuda": "GPU"}
_SCORES = (
    "The mean of what a network reached on what was held out: Dice of structures; the area under the curve of labels, "
    "and the balanced accuracy of those of which one holds; Harrell's C of risks"
)
_STATES = {"going": "going on", "stopped": "stopped", "failed": "failed", "finished": "finished"}


class TrainingPage(QWidget):
    """One run at a time in this window; the list holds all that lie in the user's folder."""

    #: A run has ended: a sentence, and whether it is an error.
    told = Signal(str, bool)
    #: A card is to be used: its folder, and the id that it is to have.
    wanted = Signal(object, str)

    #: (folder, curves of the run in it)
    _read = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        #: What would be trained, on which folders, and what its card says of patients on both sides.
        self._offer: tuple[LoadedCard, str, str, str] | None = None
        #: Whose minutes were put into the field.
        self._planned: LoadedCard | None = None
        self._task: Task | None = None
        self._going: tuple[Path, RunRecord] | None = None
        self._begun: tuple[float, float] | None = None
        self._unlisted = False
        self._runs: list[Run] = []
        self.title = QLabel(self, wordWrap=True)
        self.minutes = QDoubleSpinBox(self)
        self.minutes.setRange(0.05, 100_000)
        self.minutes.setDecimals(2)
        self.minutes.setSuffix(" min")
        self.minutes.setToolTip("How long all networks of the recipe are trained together; at first what it plans")
        self.device = QComboBox(self)
        for device, told in _DEVICES.items():
            self.device.addItem(told, device)
        self.device.setToolTip("What the networks are trained on")
        self.go_on = QCheckBox("Go on from its weights", self)
        self.go_on.setToolTip("Begin with the weights that the model has, in place of random ones")
        self.start_button = QPushButton("&Start", self)
        self.stop_button = QPushButton("S&top", self)
        self.stop_button.setToolTip("Write a checkpoint and stop; the run can be gone on with at any time")
        choices = QHBoxLayout()
        for part in (QLabel("Train for", self), self.minutes, QLabel("on", self), self.device, self.go_on):
            choices.addWidget(part)
        choices.addStretch(1)
        choices.addWidget(self.start_button)
        choices.addWidget(self.stop_button)
        self.bar = ProgressBar(self, worded=True)
        self.left = QLabel(self, wordWrap=True)
        self.error = QLabel(self, wordWrap=True)
        self.error.setStyleSheet(f"color: {ERROR};")
        self.curves = CurvesPlot(self)
        self.runs = QTableWidget(0, 4, self)
        self.runs.setAccessibleName("Runs")
        self.runs.setToolTip("All runs of training in your folder, the youngest first")
        self.runs.setHorizontalHeaderLabels(["Run", "Began", "State"])
        header = QTableWidgetItem("Score, held out")
        header.setToolTip(_SCORES)
        self.runs.setHorizontalHeaderItem(3, header)
        self.runs.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.runs.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.runs.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        self.runs.verticalHeader().hide()
        self.runs.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.runs.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.runs.setMaximumHeight(150)
        self.resume_button = QPushButton("&Resume", self)
        self.resume_button.setToolTip("Go on with the run that is chosen, from its checkpoint")
        self.use_button = QPushButton("&Use this card", self)
        self.use_button.setToolTip("Add the trained model to those of the panel Auto-contour")
        self.name = QLineEdit(self)
        self.name.setToolTip("Id of the model: small letters, digits and dashes")
        self.name.setMaximumWidth(220)
        below = QHBoxLayout()
        below.addWidget(self.resume_button)
        below.addStretch(1)
        below.addWidget(QLabel("as", self))
        below.addWidget(self.name)
        below.addWidget(self.use_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.title)
        layout.addLayout(choices)
        layout.addWidget(self.bar)
        layout.addWidget(self.left)
        layout.addWidget(self.error)
        layout.addWidget(self.curves, 1)
        layout.addWidget(self.runs)
        layout.addLayout(below)
        self.start_button.clicked.connect(self.start)
        self.stop_button.clicked.connect(self.stop)
        self.resume_button.clicked.connect(self.resume)
        self.use_button.clicked.connect(self._use)
        self.name.returnPressed.connect(self.use_button.click)
        self.runs.itemSelectionChanged.connect(self._choose)
        self._read.connect(self._draw, Qt.ConnectionType.QueuedConnection)
        self.error.hide()
        self._show()

    @property
    def is_going(self) -> bool:
        """Whether this window trains."""
        return self._task is not None

    @property
    def going_title(self) -> str:
        """What is being trained."""
        return self._going[1].title if self._going is not None else ""

    @property
    def chosen(self) -> Run | None:
        """The run that is chosen in the list."""
        rows = self.runs.selectionModel().selectedRows()
        return self._runs[rows[0].row()] if rows and rows[0].row() < len(self._runs) else None

    def offer(self, loaded: LoadedCard | None, data: str, validation: str, why_not: str, admitted: str = "") -> None:
        """What `start` would train, and on what; `why_not` says why it can't, `admitted` what its card will say."""
        self._offer = (loaded, data, validation, admitted) if loaded is not None and not why_not else None
        if loaded is not None and loaded is not self._planned:
            self._planned = loaded
            self.minutes.setValue(run_folder.planned_minutes(loaded.card))
            self.go_on.setVisible(bool(loaded.card.files) and not loaded.problem)
            self.go_on.setChecked(False)
        self.start_button.setToolTip(why_not or "Train the recipe on the data, in a process of its own")
        self.title.setText(why_not or (f"{loaded.title}, on {data}" if loaded is not None else ""))
        self._show()

    def start(self) -> None:
        """Begin a new run."""
        if self._offer is None or self.is_going:
            return
        loaded, data, validation, admitted = self._offer
        record = run_folder.RunRecord(
            recipe=run_folder.argument_of(loaded),
            title=loaded.title,
            data=str(Path(data).expanduser().absolute()),
            validation=str(Path(validation).expanduser().absolute()) if validation else "",
            minutes=self.minutes.value(),
            go_on=self.go_on.isChecked() and not self.go_on.isHidden(),
            admitted=admitted,
            device=self.device.currentData(),
        )
        self._run(run_folder.new_folder(loaded.id), record)

    def resume(self) -> None:
        """Go on with the run that is chosen."""
        run = self.chosen
        if run is not None and not self.is_going:
            self._run(run.folder, run.record)

    def stop(self) -> None:
        """Write a checkpoint and stop."""
        if self._task is not None:
            self.left.setText("Writing the checkpoint …")
            self.stop_button.setEnabled(False)
            self._task.cancel()

    def leave(self) -> None:
        """The window goes: the run writes its checkpoint by itself."""
        if self._task is not None:
            self._task.cancel()
            self._task.wait(1.0)

    def fail(self, sentence: str) -> None:
        """Say why something did not happen."""
        self.left.setText("")
        self.error.setText(sentence)
        self.error.show()

    def say_used(self, card_id: str) -> None:
        """Say that a card is among the models now, and offer the next free id."""
        self._choose()
        self.left.setText(f"{card_id} is among the models now, and chosen under Auto-contour in the main window.")

    def refresh(self) -> None:
        """Read which runs there are."""
        run_in_background(lambda progress: run_folder.find_runs(), finished=self._list, parent=self)

    # Inside ---------------------------------------------------------------------------------------------------------

    def _run(self, folder: Path, record: RunRecord) -> None:
        def work(progress: Progress) -> object:
            return client.train(folder, record, progress=progress, curves=partial(self._read.emit, folder))

        self._going, self._begun, self._unlisted = (folder, record), None, True
        self.error.hide()
        self.left.setText("")
        self.bar.show_part(0.0, "starting")
        self.curves.show_curves(())
        self._task = run_in_background(
            work,
            progressed=self._progressed,
            finished=self._finished,
            failed=lambda sentence: self._end(_failed_text(folder, record, sentence), error=True),
            cancelled=lambda: self._end(_stopped_text(folder, record)),
            parent=self,
        )
        self._show()
        self.refresh()

    def _progressed(self, fraction: float, stage: str) -> None:
        self.bar.show_part(fraction, f"{fraction:.0%}, {stage}")
        if self._unlisted:
            # The list may have been read before the run had a record; by now it has.
            self._unlisted = False
            self.refresh()
        if not self.stop_button.isEnabled():
            return
        now = (time.monotonic(), fraction)
        if self._begun is None and "step" in stage:
            self._begun = now
        left = run_folder.minutes_left(self._begun, now) if self._begun is not None else None
        self.left.setText(_left_text(left) if left is not None else "")

    def _finished(self, record: RunRecord) -> None:
        score = _score_text(record)
        told = (
            f": {score} on what was held out." if score else ", without a score: what was held out could not judge it."
        )
        self._end(f"Training of {record.title} has finished{told} Its card can be used now.")

    def _end(self, sentence: str, *, error: bool = False) -> None:
        folder = self._going[0] if self._going is not None else None
        self._task = self._going = None
        self.left.setText("" if error else sentence)
        if error:
            self.fail(sentence)
        self._show()
        run_in_background(
            lambda progress: run_folder.find_runs(), finished=lambda runs: self._list(runs, folder), parent=self
        )
        self.told.emit(sentence, error)

    def _list(self, runs: Sequence[Run], choose: Path | None = None) -> None:
        chosen = choose or (self.chosen.folder if self.chosen is not None else None)
        self._runs = list(runs)
        self.runs.blockSignals(True)
        self.runs.clearSelection()
        self.runs.setRowCount(len(runs))
        for number, run in enumerate(runs):
            began = run.record.began.astimezone()
            # The list may have been read before the process took hold of the folder.
            own = self._going is not None and run.folder == self._going[0]
            state = _STATES["going" if own else run.record.state]
            score = _score_text(run.record) or ("none" if run.record.state == "finished" else "")
            texts = [run.record.title, f"{began:%Y-%m-%d %H:%M}", state, score]
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                told = [str(run.folder), f"Data: {run.record.data}", run.record.told, *_scores_told(run.record)]
                item.setToolTip("\n".join(filter(None, told)))
                self.runs.setItem(number, column, item)
            if run.folder == chosen:
                self.runs.selectRow(number)
        self.runs.blockSignals(False)
        self._choose()

    def _choose(self) -> None:
        run = self.chosen
        self._show()
        if run is None:
            return
        if run.has_card:
            card_id = run.folder.name.rsplit("-", 1)[0]
            self.name.setText(importing.free_id(card_id))
        if not self.is_going:
            run_in_background(
                lambda progress: run_folder.read_curves(run.folder),
                finished=partial(self._draw, run.folder),
                parent=self,
            )

    def _draw(self, folder: Path, curves: Sequence[Curve]) -> None:
        """Show curves; not those that arrive once another run is looked at."""
        chosen = self.chosen.folder if self.chosen is not None else None
        if folder == (self._going[0] if self._going is not None else chosen):
            self.curves.show_curves(curves)

    def _use(self) -> None:
        run = self.chosen
        if run is not None and run.has_card:
            self.error.hide()
            self.left.setText("Adding the card to the models …")
            self.wanted.emit(run.folder, self.name.text().strip())

    def _show(self) -> None:
        run = self.chosen
        self.bar.setVisible(self.is_going)
        startable = self._offer is not None and not self.is_going
        self.minutes.setEnabled(startable)
        self.device.setEnabled(startable)
        self.go_on.setEnabled(startable)
        self.start_button.setEnabled(startable)
        self.stop_button.setEnabled(self.is_going)
        resumable = run is not None and run.record.state in {"stopped", "failed"}
        self.resume_button.setEnabled(resumable and not self.is_going)
        self.use_button.setEnabled(run is not None and run.has_card)
        self.name.setEnabled(run is not None and run.has_card)


def _stopped_text(folder: Path, record: RunRecord) -> str:
    if run_folder.has_checkpoint(folder):
        return f"Training of {record.title} was stopped; Resume goes on from its checkpoint."
    return f"Training of {record.title} was stopped before it had learned anything; Resume begins anew."


def _failed_text(folder: Path, record: RunRecord, why: str) -> str:
    told = f"Training of {record.title} failed: {why}"
    if run_folder.has_checkpoint(folder) and not run_folder.is_going(folder):
        return f"{told} Nothing of its last checkpoint is lost, and Resume goes on from there."
    return told


def _left_text(minutes: float) -> str:
    if minutes < 1:
        return "Less than a minute left"
    if minutes < 90:
        return f"About {minutes:.0f} minute{'s' if round(minutes) != 1 else ''} left"
    return f"About {minutes / 60:.1f} hours left"


def _scores_told(record: RunRecord) -> list[str]:
    """A line for each network with all its scores."""
    return [
        f"{name}: {', '.join(f'{label} {value:.3f}' for label, value in scores.items() if label != 'mean')}"
        for name, scores in record.scores.items()
    ]


def _score_text(record: RunRecord) -> str:
    """The mean score of each network by itself; "" where nothing could be judged."""
    means = {name: scores["mean"] for name, scores in record.scores.items() if "mean" in scores}
    if len(means) == 1:
        return f"{next(iter(means.values())):.3f}"
    return ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
