"""A layer's row in the Layers panel: eye, name, place, window, colours, opacity."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QMouseEvent, QPainter, QPainterPath, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from viewer.layers import Layer, Window
from viewer.looks import presets
from viewer.render.colour_maps import NAMES
from viewer.widgets.theme import ACCENT, BORDER, FAINT, RAISED, TEXT

_ICON = 16


class LayerRow(QFrame):
    """Shows one layer; tells what the user wants of it.

    Args:
        layer: what it shows first; see `show_layer`.
        base: whether it is the base, which neither moves nor goes.
    """

    #: The layer as the user wants it to look.
    changed = Signal(object)
    #: +1 towards the eye, −1 towards the base.
    moved = Signal(int)
    removed = Signal()
    #: The unit that the user wants the values in.
    units_wanted = Signal(str)
    #: A press of the mouse anywhere in the row.
    chosen = Signal()

    def __init__(self, layer: Layer, base: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layer")
        self._layer = layer
        self.eye = _button("Show or hide this layer", checkable=True)
        self.eye.setIcon(_eye())
        self.name = QLabel()
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.unit = _unit_button(layer, self.units_wanted.emit)
        self.up, self.down = _button("Draw over the layer above"), _button("Draw below the layer beneath")
        self.remove = _button("Take this layer away")
        for button, text in ((self.up, "▲"), (self.down, "▼"), (self.remove, "✕")):
            button.setText(text)
            button.setVisible(not base)
        self.low, self.high = _number("Value of the first colour"), _number("Value of the last colour")
        self.presets = _button("Windows that suit this image")
        self.presets.setText("W")
        self.presets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.presets)
        for name, window, colours in presets(layer.volume):
            menu.addAction(name).triggered.connect(partial(self._apply, base, window, colours))
        self.presets.setMenu(menu)
        self.colours = QComboBox()
        self.colours.addItems(list(NAMES))
        self.colours.setToolTip("Colour map of this layer")
        self.colours.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setToolTip("Opacity of this layer (Shift+Up, Shift+Down for the chosen one)")
        self.percent = QLabel()
        self.percent.setFixedWidth(self.fontMetrics().horizontalAdvance("100 %") + 8)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 3, 4, 4)
        layout.setSpacing(2)
        layout.addLayout(_line(self.eye, (self.name, 1), self.unit, self.remove))
        layout.addLayout(_line((self.low, 3), QLabel("–"), (self.high, 3), self.presets, (self.colours, 4)))
        layout.addLayout(_line((self.opacity, 1), self.percent, self.up, self.down))
        self.eye.clicked.connect(self._edited)
        for box in (self.low, self.high):
            box.valueChanged.connect(self._edited)
        self.opacity.valueChanged.connect(self._edited)
        self.colours.textActivated.connect(self._edited)
        self.up.clicked.connect(lambda: self.moved.emit(1))
        self.down.clicked.connect(lambda: self.moved.emit(-1))
        self.remove.clicked.connect(self.removed)
        self.set_chosen(False)
        self.show_layer(layer)

    def show_layer(self, layer: Layer) -> None:
        """Show how the layer looks now."""
        self._layer = layer
        unit = f" ({layer.volume.units})" if layer.volume.units else ""
        self.name.setToolTip(f"{layer.name}{unit}")
        fine = layer.window.width < 50
        for box, value in ((self.low, layer.window.low), (self.high, layer.window.high)):
            with QSignalBlocker(box):
                box.setDecimals(2 if fine else 0)
                box.setSingleStep(0.5 if fine else 10)
                box.setValue(value)
        with QSignalBlocker(self.opacity):
            self.opacity.setValue(round(layer.opacity * 100))
        self.eye.setChecked(layer.visible)
        self.percent.setText(f"{round(layer.opacity * 100)} %")
        self.colours.setCurrentText(layer.colour_map)
        self._elide()

    def set_chosen(self, chosen: bool) -> None:
        """Mark it as the one that the keys act on."""
        edge, ground = (ACCENT, RAISED) if chosen else (BORDER, "transparent")
        self.setStyleSheet(f"#layer {{ background: {ground}; border: none; border-left: 3px solid {edge}; }}")

    def set_place(self, lowest: bool, highest: bool) -> None:
        """Whether other layers lie below and above it, other than the base."""
        self.down.setEnabled(not lowest)
        self.up.setEnabled(not highest)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Say as much of the name as there is room for."""
        super().resizeEvent(event)
        self._elide()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose it."""
        self.chosen.emit()
        super().mousePressEvent(event)

    def _elide(self) -> None:
        self.name.setText(
            self.fontMetrics().elidedText(self._layer.name, Qt.TextElideMode.ElideMiddle, self.name.width())
        )

    def _apply(self, base: bool, window: Window, colours: str) -> None:
        # Over another image the colours are the reader's, whatever the window is called.
        colours = colours if base else self._layer.colour_map
        self.changed.emit(replace(self._layer, window=window, colour_map=colours))

    def _edited(self) -> None:
        low, high = self.low.value(), self.high.value()
        shown = tuple(round(value, self.low.decimals()) for value in (self._layer.window.low, self._layer.window.high))
        # What was not typed here keeps the digits that the boxes have no room for.
        typed = high > low and (low, high) != shown
        self.changed.emit(
            replace(
                self._layer,
                window=Window.between(low, high) if typed else self._layer.window,
                colour_map=self.colours.currentText(),
                opacity=self.opacity.value() / 100,
                visible=self.eye.isChecked(),
            )
        )


def _line(*widgets: QWidget | tuple[QWidget, int]) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(3)
    for widget in widgets:
        line.addWidget(*(widget if isinstance(widget, tuple) else (widget, 0)))
    return line


def _button(tip: str, *, checkable: bool = False) -> QToolButton:
    button = QToolButton()
    button.setToolTip(tip)
    button.setCheckable(checkable)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setStyleSheet("QToolButton { padding: 1px 3px; } QToolButton::menu-indicator { image: none; }")
    return button


def _unit_button(layer: Layer, wanted: Callable[[str], None]) -> QToolButton:
    """The unit of a layer's values, with a menu of those that its file can give as well."""
    units, others = layer.volume.units, layer.volume.other_units
    button = _button(f"The values are in {units or 'no unit'}" + ("; choose another unit" if others else ""))
    button.setText(f"{units or 'no unit'} ▾" if others else units)
    button.setVisible(bool(units or others))
    if others:
        menu = QMenu(button)
        for name in (units or "no unit", *others):
            choice = menu.addAction(name)
            choice.setCheckable(True)
            choice.setChecked(name not in others)
            choice.setEnabled(name in others)
            choice.triggered.connect(partial(wanted, name))
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    return button


def _number(tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-1e9, 1e9)
    box.setKeyboardTracking(False)
    box.setToolTip(tip)
    # Its range would ask for the room of the longest number.
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    return box


def _eye() -> QIcon:
    """Open while checked, struck through while not."""
    icon = QIcon()
    for state, colour in ((QIcon.State.On, TEXT), (QIcon.State.Off, FAINT)):
        picture = QPixmap(2 * _ICON, 2 * _ICON)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(2, 2)
        painter.setPen(QPen(QColor(colour), 1.4))
        lid = QPainterPath(QPointF(1, 8))
        lid.quadTo(QPointF(8, 0.5), QPointF(15, 8))
        lid.quadTo(QPointF(8, 15.5), QPointF(1, 8))
        painter.drawPath(lid)
        painter.setBrush(QColor(colour))
        painter.drawEllipse(QRectF(6, 6, 4, 4))
        if state == QIcon.State.Off:
            painter.drawLine(QPointF(2.5, 14), QPointF(13.5, 2))
        painter.end()
        icon.addPixmap(picture, QIcon.Mode.Normal, state)
    return icon
