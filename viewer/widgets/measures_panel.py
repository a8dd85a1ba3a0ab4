"""The measures of the open series as a list, with what each amounts to on every image that is shown."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.errors import PlanimeterError
from engine.measures.measure import Measure, Value
from engine.measures.table_file import Row
from viewer.edits.measures import delete_measures, rename_measure
from viewer.history import History
from viewer.measured import number_text, on_layers, size_of, title
from viewer.render.measure_marks import turned_to
from viewer.session import Session
from viewer.widgets.own_keys import OwnKeys

if TYPE_CHECKING:
    from viewer.widgets.profile_plot import ProfilePlot

_NUMBER = Qt.ItemDataRole.UserRole


class MeasuresPanel(QWidget):
    """One row a measure, its numbers below it; the curve of a profile that is chosen stands under the list."""

    def __init__(self, session: Session, history: History, say: Callable[[str], None]) -> None:
        super().__init__()
        self._session, self._history, self._say = session, history, say
        self.list = QTreeWidget(self)
        self.list.setHeaderLabels(("Measure", "Value"))
        self.list.setAccessibleName("Measures")
        self.list.setToolTip("A click brings a measure into view; F2 or a double click names it; Delete deletes it")
        self.list.setSelectionMode(QTreeWidget.SelectionMode.ExtendedSelection)
        self.list.setEditTriggers(QTreeWidget.EditTrigger.EditKeyPressed | QTreeWidget.EditTrigger.DoubleClicked)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.list.header().setStretchLastSection(False)
        self.list.currentItemChanged.connect(lambda now, _: self._go_to(now))
        self.list.itemChanged.connect(self._renamed)
        # In the window Delete takes a contour away.
        OwnKeys(self.list, {"Delete": self.delete, "F2": None, "Shift+Up": None, "Shift+Down": None})
        self.empty = QLabel(
            "Nothing is measured here yet.\nMeasure → Distance (M), Ellipse, Profile …",
            self,
            alignment=Qt.AlignmentFlag.AlignCenter,
        )
        self.empty.setWordWrap(True)
        self.plot: ProfilePlot | None = None
        self._buttons = QHBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.list, 2)
        layout.addWidget(self.empty, 2)
        self._plot_place = QVBoxLayout()
        layout.addLayout(self._plot_place, 1)
        layout.addLayout(self._buttons)
        for signal in (session.volume_changed, session.findings_changed):
            signal.connect(self._show)
        session.layers_changed.connect(lambda change: self._show() if change.looks is None else self._looks())
        self._show()

    def add_button(self, action: QAction) -> None:
        """A button under the list."""
        button = QToolButton(self)
        button.setDefaultAction(action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self._buttons.addWidget(button)

    @property
    def chosen(self) -> list[Measure]:
        """The measures that are selected, or whose numbers are."""
        items = [item.parent() or item for item in self.list.selectedItems()]
        numbers = dict.fromkeys(item.data(0, _NUMBER) for item in items)
        return [measure for measure in self._measures if measure.number in numbers]

    def delete(self) -> None:
        """Delete what is selected."""
        delete_measures(self._session, self._history, [measure.number for measure in self.chosen])

    def rows(self) -> list[Row]:
        """All numbers of all measures, as a file has them."""
        volume = self._session.volume
        out = []
        for measure in self._measures:
            plane = volume.geometry.nearest_plane(measure.points[0]) + 1 if volume is not None else 0
            out += [Row(measure, image, value, plane) for image, value in self._values(measure)]
        return out

    # Inside ---------------------------------------------------------------------------------------------------------

    @property
    def _measures(self) -> tuple[Measure, ...]:
        document = self._session.document
        return document.measures if document is not None else ()

    def _values(self, measure: Measure) -> list[tuple[str, Value]]:
        sizes = [("", value) for value in size_of(measure, self._session.layers)]
        layers = on_layers(measure, self._session.layers)
        return sizes + [(layer.layer, value) for layer in layers for value in layer.values]

    def _looks(self) -> None:
        """A window that changes changes no value; a layer that is shown or hidden does."""
        if any(layer.visible for layer in self._session.layers[1:]) or len(self._session.layers) > 1:
            self._show()

    def _show(self) -> None:
        before = {measure.number for measure in self.chosen} if self.list.topLevelItemCount() else set()
        items = [self.list.topLevelItem(row) for row in range(self.list.topLevelItemCount())]
        known = {item.data(0, _NUMBER) for item in items if item is not None}
        new = {measure.number for measure in self._measures} - known if known else set()
        chosen = new or before
        with QSignalBlocker(self.list):
            # QTreeWidget.clear() crashes now and then in PySide once items made in Python have been painted.
            while self.list.topLevelItemCount():
                self.list.takeTopLevelItem(0)
            for measure in self._measures:
                self._add(measure, chosen=measure.number in chosen)
        self.list.setVisible(bool(self._measures))
        self.empty.setVisible(not self._measures)
        self._show_plot()

    def _add(self, measure: Measure, *, chosen: bool) -> None:
        values = self._values(measure)
        item = QTreeWidgetItem(self.list, (title(measure), number_text(values[0][1])))
        item.setData(0, _NUMBER, measure.number)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        shown = [layer for layer, _ in values[1:] if layer]
        several = len(set(shown)) > 1
        for layer, value in values[1:]:
            name = f"{value.name}  ({layer})" if several and layer else value.name
            child = QTreeWidgetItem(item, (name, number_text(value)))
            told = f"{value.name} on {layer}" if layer else value.name
            child.setToolTip(0, f"{told}: {value.definition}" if value.definition else told)
        item.setExpanded(True)
        if chosen:
            item.setSelected(True)

    def _go_to(self, item: QTreeWidgetItem | None) -> None:
        self._show_plot()
        if item is not None:
            number = (item.parent() or item).data(0, _NUMBER)
            measure = next((each for each in self._measures if each.number == number), None)
            if measure is not None:
                self._session.turn(turned_to(measure, self._session))
                self._session.reveal(measure.points.mean(axis=0), measure.points)

    def _renamed(self, item: QTreeWidgetItem, column: int) -> None:
        number = item.data(0, _NUMBER)
        measure = next((each for each in self._measures if each.number == number), None)
        if measure is None or column != 0:
            return
        name = item.text(0).strip().removeprefix(str(number)).strip()
        try:
            rename_measure(self._session, self._history, measure, "" if name == title(measure)[3:] else name)
        except PlanimeterError as error:
            self._say(str(error))
        self._show()

    def _show_plot(self) -> None:
        chosen = [measure for measure in self.chosen if measure.kind == "profile"]
        profile = chosen[-1] if chosen else None
        if profile is not None and self.plot is None:
            # pyqtgraph takes a third of a second to load, which an empty list need not wait for.
            from viewer.widgets.profile_plot import ProfilePlot  # noqa: PLC0415

            self.plot = ProfilePlot()
            self._plot_place.addWidget(self.plot)
        if self.plot is not None:
            self.plot.setVisible(profile is not None)
            if profile is not None:
                self.plot.show_profile(profile, self._session.layers)
