"""A small window over the list, in which the look of structures is set and seen at once."""

from dataclasses import fields, replace

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from viewer.appearance import LIMITS, Style
from viewer.widgets.theme import BORDER, RAISED

#: Part of a style → what it is called, and its tip. Shares of one are set in percent.
_ROWS = {
    "width": ("Lines", "Width of the lines; those of the active structure are a little wider"),
    "opacity": ("Opacity", "Of the lines in the three planes"),
    "fill": ("Fill", "Opacity of the area inside the lines; 0 % leaves it empty"),
    "surface": ("In 3D", "Opacity of the surface in the 3D view; a body outline is shown there once it is translucent"),
}


class StylePopup(QFrame):
    """Closes by a click elsewhere or Escape; what was set stays."""

    #: The style that is set now, of the structures that it was opened for.
    changed = Signal(object)
    #: The style is to be that of all structures.
    for_all = Signal(object)
    #: The structures are to look as all others do.
    as_others = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("style")
        self.setStyleSheet(f"#style {{ background: {RAISED}; border: 1px solid {BORDER}; }}")
        self.setAccessibleName("Lines, fill and opacity")
        self._style = Style()
        self.title = QLabel(self)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setStyleSheet("font-weight: bold;")
        self.fields: dict[str, QDoubleSpinBox] = {}
        self.sliders: dict[str, QSlider] = {}
        form = QFormLayout()
        for own in fields(Style):
            form.addRow(_ROWS[own.name][0], self._row(own.name))
        self.all_button = QPushButton("For all structures", self)
        self.all_button.setToolTip("Draw all structures so, here and in other studies")
        self.all_button.clicked.connect(lambda: self.for_all.emit(self._style))
        self.others_button = QPushButton("As all others", self)
        self.others_button.setToolTip("Forget what was set for this structure alone")
        self.others_button.clicked.connect(self.as_others)
        buttons = QHBoxLayout()
        for button in (self.all_button, self.others_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self.title)
        layout.addLayout(form)
        layout.addLayout(buttons)

    def _row(self, name: str) -> QWidget:
        low, high = LIMITS[name]
        percent = name != "width"
        scale = 100 if percent else 1
        field = QDoubleSpinBox(
            self, minimum=low * scale, maximum=high * scale, decimals=0 if percent else 1,
            singleStep=5 if percent else 0.5, suffix=" %" if percent else " px",
        )  # fmt: skip
        slider = QSlider(Qt.Orientation.Horizontal, self)
        slider.setRange(round(low * 100), round(high * 100))
        slider.setMinimumWidth(140)
        slider.setSingleStep(5 if percent else 50)
        label, tip = _ROWS[name]
        for widget in (field, slider):
            widget.setToolTip(tip)
            widget.setAccessibleName(label)
        field.setFixedWidth(72)
        field.valueChanged.connect(lambda value: self._set(name, value / scale))
        slider.valueChanged.connect(lambda value: self._set(name, value / 100))
        self.fields[name], self.sliders[name] = field, slider
        row = QWidget(self)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(slider, 1)
        layout.addWidget(field)
        return row

    def open_for(self, title: str, style: Style, *, own: bool, at: QPoint) -> None:
        """Show a style at a point of the screen.

        Args:
            title: whose style it is.
            style: as it is.
            own: whether the structures have one of their own.
            at: of the upper right corner.
        """
        self.title.setText(title)
        self.show_style(style, own=own)
        self.adjustSize()
        screen = self.screen().availableGeometry()
        corner = QPoint(at.x() - self.width(), at.y())
        corner.setX(min(max(corner.x(), screen.left()), screen.right() - self.width()))
        corner.setY(min(max(corner.y(), screen.top()), screen.bottom() - self.height()))
        self.move(corner)
        self.show()
        self.sliders["width"].setFocus()

    def show_style(self, style: Style, *, own: bool) -> None:
        """Show another style, without telling that it changed."""
        self._style = style
        self.others_button.setEnabled(own)
        for name, field in self.fields.items():
            value = getattr(style, name)
            for widget, shown in (
                (field, value * (100 if name != "width" else 1)),
                (self.sliders[name], round(value * 100)),
            ):
                blocker = QSignalBlocker(widget)
                widget.setValue(shown)
                blocker.unblock()

    def _set(self, name: str, value: float) -> None:
        self.show_style(replace(self._style, **{name: value}), own=True)
        self.changed.emit(self._style)
