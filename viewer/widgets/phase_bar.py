"""The slider over the phases, echoes or weightings of the open series."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

#: How long the slider rests before what it stands on is read, ms.
_REST_MS = 150


class PhaseBar(QWidget):
    """One place of the slider for each volume of a series; hidden where the series is one volume."""

    #: The slider rests on this place.
    chosen = Signal(int)
    #: The volume that is seen is to be worked on.
    open_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = QLabel()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setPageStep(1)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.setMaximumWidth(320)
        self.member = QLabel()
        self.told = QLabel()
        self.open_button = QPushButton("Work on this one")
        self.open_button.setToolTip("Open the volume that is seen, so that structures, models and export are of it")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 2, 8, 2)
        layout.setSpacing(10)
        for widget in (self.axis, self.slider, self.member, self.told, self.open_button):
            layout.addWidget(widget)
        layout.addStretch(1)
        self._members: tuple[str, ...] = ()
        self._base = 0
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(lambda: self.chosen.emit(self.slider.value()))
        self.slider.valueChanged.connect(self._moved)
        self.open_button.clicked.connect(self.open_requested)
        self.hide()

    def set_members(self, axis: str, members: Sequence[str], base: int) -> None:
        """Show the volumes, of which `base` is open; fewer than two hide the bar."""
        self._rest.stop()
        self._members, self._base = tuple(members), base
        self.axis.setText(axis.capitalize())
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(len(members) - 1, 0))
        self.slider.setValue(base)
        self.slider.blockSignals(False)
        self.setVisible(len(members) > 1)
        self._tell()

    def set_place(self, place: int) -> None:
        """Put the slider somewhere without choosing it."""
        self._rest.stop()
        self.slider.blockSignals(True)
        self.slider.setValue(place)
        self.slider.blockSignals(False)
        self._tell()

    def _moved(self) -> None:
        self._tell()
        self._rest.start()

    def _tell(self) -> None:
        if not self._members:
            return
        place = self.slider.value()
        self.member.setText(f"{self._members[place]}  ({place + 1} of {len(self._members)})")
        elsewhere = place != self._base
        self.told.setText(f"Structures, models and export are of {self._members[self._base]}." if elsewhere else "")
        self.told.setVisible(elsewhere)
        self.open_button.setVisible(elsewhere)
