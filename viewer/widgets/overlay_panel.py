"""The panel of the second image, such as PET over CT: its colour map, window, opacity."""

from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from engine.volume import Volume
from viewer.render.colour_maps import NAMES
from viewer.session import Overlay, Session, Window, default_window


def make_overlay(volume: Volume, display: Volume) -> Overlay:
    """A volume as an overlay, looking as a reader expects: PET hot from 0, others grey."""
    colours = "hot" if volume.modality == "PT" else "grey"
    return Overlay(volume, display, default_window(volume), colours, 0.6 if volume.modality == "PT" else 0.5)


class OverlayPanel(QWidget):
    """Shows and changes the session's overlay."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.visible = QCheckBox("Show")
        self.visible.setToolTip("Show or hide the overlay (O)")
        self.remove = QPushButton("Remove")
        self.remove.setToolTip("Close the overlay")
        self.colours = QComboBox()
        self.colours.addItems(list(NAMES))
        self.colours.setToolTip("Colour map of the overlay")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setToolTip("Opacity of the overlay (Shift+Up, Shift+Down)")
        self.low, self.high = QDoubleSpinBox(), QDoubleSpinBox()
        for box, tip in ((self.low, "Value of the first colour"), (self.high, "Value of the last colour")):
            box.setRange(-1e9, 1e9)
            box.setKeyboardTracking(False)
            box.setToolTip(tip)
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            box.valueChanged.connect(self._changed)
        self.visible.toggled.connect(self._changed)
        self.opacity.valueChanged.connect(self._changed)
        self.colours.textActivated.connect(self._changed)
        self.remove.clicked.connect(lambda: session.set_overlay(None))

        window = QHBoxLayout()
        window.addWidget(self.low, 1)
        window.addWidget(QLabel("to"))
        window.addWidget(self.high, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.visible)
        buttons.addStretch(1)
        buttons.addWidget(self.remove)
        form = QFormLayout()
        form.addRow("Window", window)
        form.addRow("Colours", self.colours)
        form.addRow("Opacity", self.opacity)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.title)
        layout.addLayout(buttons)
        layout.addLayout(form)
        layout.addStretch(1)
        session.overlay_changed.connect(self._refresh)
        session.volume_changed.connect(self._refresh)
        self._refresh()

    def toggle(self) -> None:
        """Show the overlay when it is hidden, hide it when it is shown."""
        overlay = self._session.overlay
        if overlay is not None:
            self._session.set_overlay(replace(overlay, visible=not overlay.visible))

    def change_opacity(self, by: float) -> None:
        """Make the overlay more or less opaque."""
        overlay = self._session.overlay
        if overlay is not None:
            self._session.set_overlay(replace(overlay, opacity=min(max(overlay.opacity + by, 0.0), 1.0)))

    def _refresh(self) -> None:
        overlay = self._session.overlay
        for widget in (self.visible, self.remove, self.colours, self.opacity, self.low, self.high):
            widget.setEnabled(overlay is not None)
        if overlay is None:
            self.title.setText(
                "No overlay. Right-click a series of the same frame of reference in the study tree to lay it over this."
            )
            return
        info = overlay.volume.info
        unit = f" ({overlay.volume.units})" if overlay.volume.units else ""
        self.title.setText(f"{overlay.volume.modality} {info.description}{unit}".strip())
        fine = overlay.window.width < 50
        for box, value in ((self.low, overlay.window.low), (self.high, overlay.window.high)):
            with QSignalBlocker(box):
                box.setDecimals(2 if fine else 0)
                box.setSingleStep(0.5 if fine else 10)
                box.setValue(value)
        with QSignalBlocker(self.visible), QSignalBlocker(self.opacity):
            self.visible.setChecked(overlay.visible)
            self.opacity.setValue(round(overlay.opacity * 100))
        self.colours.setCurrentText(overlay.colour_map)

    def _changed(self) -> None:
        overlay = self._session.overlay
        if overlay is None:
            return
        low, high = self.low.value(), self.high.value()
        window = Window.between(low, high) if high > low else overlay.window
        self._session.set_overlay(
            replace(
                overlay,
                window=window,
                colour_map=self.colours.currentText(),
                opacity=self.opacity.value() / 100,
                visible=self.visible.isChecked(),
            )
        )
