"""The panel of the layers, such as PET over CT: a row each, the uppermost first."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from viewer.layers import Layer, LayersChanged
from viewer.session import Session
from viewer.widgets.layer_row import LayerRow


class LayersPanel(QScrollArea):
    """Shows and changes the session's layers. The keys act on the chosen row, at first the uppermost."""

    #: Index of a layer, and the unit that the user wants its values in.
    units_wanted = Signal(int, str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        #: By the index of their layer, the base first.
        self.rows: list[LayerRow] = []
        self._chosen = 0
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self._place = QVBoxLayout()
        self._place.setSpacing(3)
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(self._place)
        layout.addWidget(self.hint)
        layout.addStretch(1)
        self.setWidget(inside)
        session.layers_changed.connect(self._on_changed)
        session.volume_changed.connect(self._rebuild)
        self._rebuild()

    @property
    def chosen(self) -> int:
        """Index of the layer that the keys act on."""
        return self._chosen

    def choose(self, index: int) -> None:
        """Let the keys act on another layer."""
        self._chosen = index
        for number, row in enumerate(self.rows):
            row.set_chosen(number == index and len(self.rows) > 1)

    def toggle(self) -> None:
        """Show the chosen layer when it is hidden, hide it when it is shown."""
        if len(self.rows) > 1:
            layer = self._session.layers[self._chosen]
            self._session.change_layer(self._chosen, replace(layer, visible=not layer.visible))

    def change_opacity(self, by: float) -> None:
        """Make the chosen layer more or less opaque."""
        if len(self.rows) > 1:
            layer = self._session.layers[self._chosen]
            opacity = round(min(max(layer.opacity + by, 0.0), 1.0), 3)
            self._session.change_layer(self._chosen, replace(layer, opacity=opacity))

    def _on_changed(self, change: LayersChanged) -> None:
        if change.looks is None:
            self._rebuild()
            return
        for index in change.looks:
            self.rows[index].show_layer(self._session.layers[index])

    def _rebuild(self) -> None:
        for row in self.rows:
            self._place.removeWidget(row)
            row.hide()
            row.deleteLater()
        layers = self._session.layers
        self.rows = [LayerRow(layer, base=index == 0) for index, layer in enumerate(layers)]
        for index, row in enumerate(self.rows):
            self._place.insertWidget(0, row)
            row.set_place(lowest=index <= 1, highest=index == len(layers) - 1)
            row.changed.connect(partial(self._change, index))
            row.moved.connect(partial(self._move, index))
            row.removed.connect(partial(self._session.remove_layer, index))
            row.units_wanted.connect(partial(self.units_wanted.emit, index))
            row.chosen.connect(partial(self.choose, index))
        self.choose(len(layers) - 1)
        self.hint.setText(
            "Right-click a series of the same frame of reference in the study tree to lay it over this one."
            if layers
            else "Nothing is open."
        )
        self.hint.setVisible(len(layers) <= 1)

    def _change(self, index: int, layer: Layer) -> None:
        self.choose(index)
        self._session.change_layer(index, layer)

    def _move(self, index: int, by: int) -> None:
        self._session.move_layer(index, index + by)
        self.choose(index + by)
