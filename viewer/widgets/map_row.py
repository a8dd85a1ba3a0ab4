"""The row beneath a score from which a map of where the network looked is asked for and taken away."""

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from engine.saliency_map import NO_PROOF
from viewer.widgets.main_window import with_shortcut
from viewer.widgets.run_progress import RunProgress
from viewer.widgets.theme import WARNING

KEY = "Shift+J"
_SHOW, _HIDE = "Show where the network looked", "Hide where the network looked"


class MapRow(QWidget):
    """A button, the method, how a run goes, and the opacity of the map that is shown."""

    #: The button was pressed: a map is asked for, or the one that is shown is to go.
    asked = Signal()
    method_chosen = Signal()
    stopped = Signal()
    #: 0..1.
    opacity_chosen = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton(_SHOW, self)
        self.button.setToolTip(with_shortcut("As a layer over the image", KEY))
        self.button.setFlat(True)
        self.button.setStyleSheet("text-align: left; padding: 2px 4px;")
        self.button.clicked.connect(self.asked)
        self.method = QComboBox(self)
        self.method.setAccessibleName("How the map is made")
        self.method.setToolTip("How the map is made")
        self.method.activated.connect(lambda _: self.method_chosen.emit())
        self.progress = RunProgress(self)
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setToolTip("Stop the map; nothing is changed")
        self.cancel.clicked.connect(self.stopped)
        self.opacity = QSlider(Qt.Orientation.Horizontal, self)
        self.opacity.setRange(0, 100)
        self.opacity.setAccessibleName("Opacity of the map")
        self.opacity.setToolTip("Opacity of the map (Shift+Up, Shift+Down)")
        self.opacity.valueChanged.connect(lambda value: self.opacity_chosen.emit(value / 100))
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setStyleSheet(f"color: {WARNING};")
        top, running = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.button, 1)
        top.addWidget(self.method)
        running.addWidget(self.progress, 1)
        running.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(top)
        layout.addLayout(running)
        layout.addWidget(self.opacity)
        layout.addWidget(self.words)
        self.show_idle()

    def offer(self, methods: Mapping[str, tuple[str, str]]) -> None:
        """Offer these methods: word → name and what it shows."""
        words = [self.method.itemData(index) for index in range(self.method.count())]
        if words != list(methods):
            self.method.clear()
            for index, (word, (name, shows)) in enumerate(methods.items()):
                self.method.addItem(name, word)
                self.method.setItemData(index, shows, Qt.ItemDataRole.ToolTipRole)
        self.method.setVisible(len(methods) > 1)
        tip = "; or ".join(shows for _, shows in methods.values())
        self.button.setToolTip(with_shortcut(f"As a layer over the image: {tip}", KEY))

    @property
    def chosen(self) -> str:
        """The word of the chosen method; "" where none is offered."""
        return str(self.method.currentData() or "")

    def show_idle(self) -> None:
        """No map is shown, and none is on its way."""
        self._show_parts(running=False, shown=False)

    def show_running(self, stage: str) -> None:
        """A map is being computed."""
        self.progress.start(stage, None)
        self.cancel.setEnabled(True)
        self._show_parts(running=True, shown=False)

    def show_shown(self, opacity: float, *, empty: bool) -> None:
        """A map is shown; `empty` where nothing in the picture speaks for the score."""
        with QSignalBlocker(self.opacity):
            self.opacity.setValue(round(opacity * 100))
        self.words.setText(f"Nothing in the picture speaks for it. {NO_PROOF}" if empty else NO_PROOF)
        self._show_parts(running=False, shown=True)

    def _show_parts(self, *, running: bool, shown: bool) -> None:
        if not running:
            self.progress.stop()
        self.button.setText(_HIDE if shown else _SHOW)
        self.button.setEnabled(not running)
        self.method.setEnabled(not running)
        self.cancel.setVisible(running)
        self.opacity.setVisible(shown)
        self.words.setVisible(shown)
