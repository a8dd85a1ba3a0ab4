"""Progress of what is being read, with a Stop button."""

from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from viewer.jobs import Task
from viewer.widgets.progress_bar import ProgressBar


class LoadingBar(QWidget):
    """Shows one task at a time; hidden while nothing runs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._task: Task | None = None
        self.label = QLabel()
        self.bar = ProgressBar()
        self.bar.setFixedSize(160, 10)
        self.stop = QToolButton()
        self.stop.setText("Stop")
        self.stop.setToolTip("Stop reading; what is open stays open")
        self.stop.clicked.connect(self.cancel)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 0, 6, 0)
        layout.addWidget(self.label)
        layout.addWidget(self.bar)
        layout.addWidget(self.stop)
        self.hide()

    @property
    def busy(self) -> bool:
        """True while a task is shown."""
        return self._task is not None

    def follow(self, task: Task, title: str) -> None:
        """Show a task until it ends, in place of the one before."""
        self._task = task
        self.label.setText(title)
        self.bar.show_part(0.0)
        task.progressed.connect(self._progressed)
        task.ended.connect(self._ended)
        self.show()

    def cancel(self) -> None:
        """Ask the task to stop."""
        if self._task is not None:
            self._task.cancel()

    def _progressed(self, fraction: float, stage: str) -> None:
        if self.sender() is self._task:
            self.bar.show_part(fraction)
            self.label.setText(stage)

    def _ended(self) -> None:
        if self.sender() is self._task:
            self._task = None
            self.hide()
