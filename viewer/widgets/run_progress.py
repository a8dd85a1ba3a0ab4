"""How far a model's run is: one bar over all its networks, what it does now, how long it has run and still will."""

from PySide6.QtCore import QElapsedTimer, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.process.messages import Progress
from viewer.widgets.progress_bar import ProgressBar
from viewer.widgets.run_times import spoken

#: Before so much is done, or so many seconds are over, the part that is done says little about what is left.
_LEAST_PART, _LEAST_SECONDS = 0.15, 3.0


class RunProgress(QWidget):
    """Shown while a run is under way."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clock = QElapsedTimer()
        self._expected: float | None = None
        self._part = 0.0
        self._tick = QTimer(self, interval=200)
        self._tick.timeout.connect(self._show_time)
        self.bar = ProgressBar(self)
        self.stage = QLabel(self, wordWrap=True)
        self.elapsed = QLabel(self)
        state = QHBoxLayout()
        state.addWidget(self.stage, 1)
        state.addWidget(self.elapsed, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bar)
        layout.addLayout(state)
        self.hide()

    def start(self, stage: str, expected: float | None) -> None:
        """A run begins.

        Args:
            stage: what it does first.
            expected: seconds that it will take, where that is known.
        """
        self._expected, self._part = expected, 0.0
        self._clock.start()
        self._tick.start()
        self.bar.show_waiting()
        self.say(stage)
        self._show_time()
        self.show()

    def say(self, stage: str) -> None:
        """Something else is done now."""
        self.stage.setText(stage)

    def show_message(self, message: Progress) -> None:
        """Go on; never back."""
        self._part = max(self._part, message.fraction)
        self.bar.show_part(self._part)
        told = any(character.isdigit() for character in message.stage)
        tile = f", tile {message.tile} of {message.tiles}" if message.tiles and not told else ""
        device = f" ({message.device})" if message.device else ""
        self.say(f"{message.stage}{tile}{device}")

    def stop(self) -> None:
        """The run has ended."""
        self._tick.stop()
        self.hide()

    def _show_time(self) -> None:
        seconds = self._clock.elapsed() / 1000
        left = left_of(seconds, self._part, self._expected)
        still = f", about {spoken(left)} left" if left is not None else ""
        self.elapsed.setText(f"{int(seconds) // 60}:{int(seconds) % 60:02d}{still}")


def left_of(seconds: float, part: float, expected: float | None) -> float | None:
    """Seconds that a run still takes; None where nothing tells.

    Args:
        seconds: that it has run.
        part: that is done, 0..1.
        expected: seconds that it would take in all, by earlier runs.
    """
    so_far = part >= _LEAST_PART and seconds >= _LEAST_SECONDS
    by_part = seconds * (1 - part) / part if so_far else None
    if expected is None:
        return by_part
    if by_part is None:
        return expected - seconds if expected > seconds else None
    # The further it is, the more this run itself tells.
    return (1 - part) * max(expected - seconds, 0.0) + part * by_part
