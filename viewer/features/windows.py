"""Two windows on one series: the second one only looks, until it is told to take the work over."""

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton

from engine.journal import Claims, Holder
from engine.volume import Volume
from viewer.widgets.main_window import MainWindow
from viewer.widgets.theme import RAISED, WARNING

#: How often a window looks whether it still has its series, ms; before every edit it looks anyway.
_INTERVAL_MS = 1000


def install(window: MainWindow) -> None:
    """Claim what is opened, and put the bar above the panes."""
    Windows(window)


class Windows(QObject):
    """Knows whether this window may change the open series."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._claims = Claims()
        self._series = ""
        self._why = ""
        #: Another window had the series when it was opened here, and may let it go.
        self._waiting = False
        self.bar = ReadOnlyBar(window)
        self.bar.take_over.clicked.connect(self.take_over)
        middle = window.centralWidget()
        layout = middle.layout() if middle is not None else None
        assert isinstance(layout, QBoxLayout)
        layout.insertWidget(0, self.bar)
        self._timer = QTimer(self, interval=_INTERVAL_MS)
        self._timer.timeout.connect(self.refusal)
        window.history.refusal = self.refusal
        window.history.refused.connect(lambda sentence: window.show_message(sentence, "warning"))
        window.session.volume_changed.connect(self._opened)
        window.closing.connect(self._close)

    @property
    def read_only(self) -> bool:
        """Whether the open series can't be changed here."""
        return bool(self._why)

    def refusal(self) -> str:
        """Why nothing may be changed; "" where it may. Finds out whether another window took the series over."""
        if self._series and not self._why and not self._claims.holds(self._series):
            self._set(
                "Another window took this series over: here it can only be looked at. What you drew is in the "
                "journal and in this window; export it from here if it is to be kept as it is."
            )
        elif self._series and self._waiting and self._claims.claim(self._series) is None:
            self._waiting = False
            self._set("")
            self._window.show_message(
                "The other window has let this series go: it can be changed here now. What was drawn there is not "
                "here; open the series again to go on from it.",
                "warning",
            )
        return self._why

    def take_over(self) -> None:
        """Work on the series here; the other window can only look from then on."""
        self._claims.take_over(self._series)
        self._waiting = False
        self._set("")

    # Inside ---------------------------------------------------------------------------------------------------------

    def _opened(self) -> None:
        volume = self._window.session.volume
        series = _key(volume) if volume is not None else ""
        if series == self._series:
            return
        self._leave()
        self._series = series
        holder = self._claims.claim(series) if series else None
        self._waiting = holder is not None
        self._set(_held_by(holder) if holder is not None else "")
        if series:
            self._timer.start()

    def _leave(self) -> None:
        self._timer.stop()
        if self._series:
            self._claims.release(self._series)
        self._series = ""

    def _set(self, why: str) -> None:
        self._why = why
        self.bar.tell(why)

    def _close(self) -> None:
        self._leave()
        self._claims.close()


class ReadOnlyBar(QFrame):
    """Says for as long as it is so that nothing can be changed, and why."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setStyleSheet(f"ReadOnlyBar {{ background: {RAISED}; border-left: 3px solid {WARNING}; }}")
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.take_over = QPushButton("Take over", self)
        self.take_over.setToolTip("Work on the series here; the other window can only look at it from then on")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.take_over)
        self.hide()

    def tell(self, why: str) -> None:
        """Show the sentence; hide where there is none."""
        self.text.setText(why)
        self.setVisible(bool(why))


def _key(volume: Volume) -> str:
    return volume.info.series_uid or volume.info.source


def _held_by(holder: Holder) -> str:
    since = holder.since.astimezone()
    return (
        f"Read only: another window (process {holder.pid}) has worked on this series since {since:%H:%M}. "
        "What is drawn there is not shown here."
    )
