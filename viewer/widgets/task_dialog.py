"""A dialog whose work runs on a thread."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLayout, QVBoxLayout, QWidget

from engine.progress import Progress
from viewer.jobs import Task, run_in_background
from viewer.widgets.progress_bar import ProgressBar
from viewer.widgets.theme import ERROR


class TaskDialog(QDialog):
    """Shows how far its work is, stops it when asked, closes when it is done, and stays with a sentence when it fails.

    A dialog of this kind lays its parts out with `lay_out`, and starts its work with `run_task`.

    Args:
        title: of the window.
        verb, tip: of the button that starts the work.
    """

    def __init__(self, title: str, verb: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self._task: Task | None = None
        self.error = QLabel(self)
        self.error.setWordWrap(True)
        self.error.setTextFormat(Qt.TextFormat.PlainText)
        self.error.setStyleSheet(f"color: {ERROR};")
        self.error.hide()
        self.bar = ProgressBar(self, worded=True)
        self.bar.hide()
        self.buttons = QDialogButtonBox(self)
        self.start_button = self.buttons.addButton(verb, QDialogButtonBox.ButtonRole.AcceptRole)
        self.start_button.setToolTip(f"{tip} (Return)")
        self.start_button.setDefault(True)
        cancel = self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        cancel.setToolTip("Stop, or close without writing (Esc)")
        self.buttons.accepted.connect(self.start)
        self.buttons.rejected.connect(self.reject)

    def lay_out(self, *parts: QWidget | QLayout) -> None:
        """Put the parts from top to bottom, the first of them with all the room, over what every such dialog has."""
        layout = QVBoxLayout(self)
        for number, part in enumerate((*parts, self.error, self.bar, self.buttons)):
            if isinstance(part, QLayout):
                layout.addLayout(part, 0 if number else 1)
            else:
                layout.addWidget(part, 0 if number else 1)

    @property
    def running(self) -> bool:
        """Whether the work is under way."""
        return self._task is not None

    def start(self) -> None:
        """For dialogs: begin the work, by `run_task`."""
        raise NotImplementedError

    def show_state(self) -> None:
        """For dialogs: let what is asked for be changed only while nothing runs."""
        raise NotImplementedError

    def run_task(
        self, work: Callable[[Progress], object], finished: Callable[..., None], stopped: str = "Stopped."
    ) -> None:
        """Do the work on a thread; `finished` takes its result after the dialog has closed.

        `stopped` is said when it was stopped.
        """

        def close(result: object) -> None:
            self._task = None
            self.accept()
            finished(result)

        self.error.hide()
        self.bar.show_part(0.0)
        self.bar.show()
        self._task = run_in_background(
            work,
            progressed=self.bar.show_part,
            finished=close,
            failed=self.fail,
            cancelled=lambda: self.fail(stopped),
            parent=self,
        )
        self.show_state()

    def fail(self, sentence: str) -> None:
        """Say why it did not happen."""
        self._task = None
        self.bar.hide()
        self.error.setText(sentence)
        self.error.show()
        self.show_state()
        self.grow()

    def grow(self) -> None:
        """Give a sentence of several lines the room that it needs, so that it takes none from the fields."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))

    def reject(self) -> None:
        """Stop the work where it is under way; else close."""
        if self._task is not None:
            self._task.cancel()
        else:
            super().reject()
