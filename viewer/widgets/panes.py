"""The panes in their layout."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from viewer.layers import LayersChanged
from viewer.render.plane_scene import PlaneScene
from viewer.render.surface_scene import SurfaceScene
from viewer.session import Session, View
from viewer.tools.events import ToolHost
from viewer.widgets.layouts import FOUR, LAYOUTS, Cell, alone
from viewer.widgets.mouse import Mouse
from viewer.widgets.plane_pane import PlanePane
from viewer.widgets.surface_pane import SurfacePane

PLANE_VIEWS = (View.AXIAL, View.SAGITTAL, View.CORONAL)


class Panes(QWidget):
    """The four views, laid out by one of `LAYOUTS`; one of them may fill it. Some layouts bring panes of their own."""

    hovered = Signal(object)
    #: A menu is asked for, by a `ViewEvent` and at a point of the screen.
    asked = Signal(object, object)
    #: So many pictures on, of those that lie beside the one that is shown.
    paged = Signal(int)
    #: Another layout is shown, or a view is enlarged or no longer.
    arranged = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.planes: dict[View, PlanePane] = {view: PlanePane(PlaneScene(view, session), self) for view in PLANE_VIEWS}
        self.three_d = SurfacePane(SurfaceScene(session), self)
        self._widgets: dict[View, PlanePane | SurfacePane] = {**self.planes, View.THREE_D: self.three_d}
        self._own: dict[Cell, PlanePane] = {}
        self._enlarged: View | None = None
        #: The view that the mouse was over last.
        self.read = View.AXIAL
        self.layout_shown, self._chosen_for = FOUR, View.AXIAL
        self._tool_host: ToolHost | None = None
        self._crosshair = True
        #: What the mouse does in all of them.
        self.mouse = Mouse()
        for pane in self.planes.values():
            pane.mouse = self.mouse
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        for view, widget in self._widgets.items():
            widget.enlarge.connect(lambda view=view: self.toggle_enlarged(view))
            widget.entered.connect(lambda view=view: self._enter(view))
        for pane in self.planes.values():
            pane.hovered.connect(self.hovered)
            pane.asked.connect(self.asked)
            pane.paged.connect(self.paged)
        self._arrange()
        session.volume_changed.connect(self._show)
        session.layers_changed.connect(self._on_layers)

    @property
    def plane_panes(self) -> tuple[PlanePane, ...]:
        """Every pane with a plane, those of the layout that is shown included."""
        return (*self.planes.values(), *self._own.values())

    @property
    def shown(self) -> tuple[PlanePane | SurfacePane, ...]:
        """The panes of the layout, in its order."""
        return tuple(self._pane(cell) for cell in self._cells())

    def set_tool_host(self, host: ToolHost | None) -> None:
        """Give all plane panes the tool that events are offered to first."""
        self._tool_host = host
        for pane in self.plane_panes:
            pane.tool_host = host
        self.refresh_preview()

    def refresh_preview(self) -> None:
        """Ask the tool again what to draw live, when something else than an event changed it."""
        for pane in self.plane_panes:
            pane.refresh_preview()

    def show_layout(self, key: str) -> None:
        """Lay the panes out otherwise; a word that is none of `LAYOUTS` is the usual four."""
        self.layout_shown = next((layout for layout in LAYOUTS if layout.key == key), FOUR)
        self._enlarged, self._chosen_for = None, self.read
        self._arrange()

    @property
    def enlarged(self) -> View | None:
        """The view that fills the layout; None while it shows as it is."""
        return self._enlarged

    def toggle_enlarged(self, view: View) -> None:
        """Let one view fill the layout, or show all of it again."""
        self._enlarged = None if self._enlarged is view else view
        self._arrange()

    def set_crosshair(self, shown: bool) -> None:
        """Show or hide the lines that mark the other planes."""
        self._crosshair = shown
        for pane in self.plane_panes:
            pane.scene.set_crosshair(shown)

    def release(self) -> None:
        """Free what VTK holds in the OpenGL contexts; before the window goes."""
        for widget in (*self._widgets.values(), *self._own.values()):
            widget.release()

    def fit(self) -> None:
        """Show the whole body in every view."""
        for pane in self.plane_panes:
            pane.scene.fit()

    # Inside ---------------------------------------------------------------------------------------------------------

    def _cells(self) -> tuple[Cell, ...]:
        volume = self.session.volume
        if volume is not None and not volume.geometry.in_patient:
            # There is nothing that other cuts through a picture could show.
            return alone(View.AXIAL)
        if self._enlarged is not None:
            return alone(self._enlarged)
        return self.layout_shown.cells(self._chosen_for, len(self.session.layers))

    def _pane(self, cell: Cell) -> PlanePane | SurfacePane:
        return self._widgets[cell.view] if cell.is_usual else self._own[cell]

    def _enter(self, view: View) -> None:
        self.read = view

    def _arrange(self) -> None:
        cells = self._cells()
        for held in [held for held in self._own if held not in cells]:
            self._take_away(held)
        for cell in cells:
            if not cell.is_usual and cell not in self._own:
                self._own[cell] = self._make(cell)
        shown = [self._pane(cell) for cell in cells]
        for widget in (*self._widgets.values(), *self._own.values()):
            self._grid.removeWidget(widget)
            widget.setVisible(widget in shown)
        for cell, widget in zip(cells, shown, strict=True):
            self._grid.addWidget(widget, cell.row, cell.column, cell.rows, cell.columns)
        rows = max(cell.row + cell.rows for cell in cells)
        columns = max(cell.column + cell.columns for cell in cells)
        for index in range(max(self._grid.rowCount(), self._grid.columnCount())):
            self._grid.setRowStretch(index, int(index < rows))
            self._grid.setColumnStretch(index, int(index < columns))
        self.arranged.emit()

    def _make(self, cell: Cell) -> PlanePane:
        pane = PlanePane(PlaneScene(cell.view, self.session, cell.layer, cell.offset), self)
        pane.is_tile = cell.tile
        pane.tool_host = self._tool_host
        pane.mouse = self.mouse
        pane.hovered.connect(self.hovered)
        pane.asked.connect(self.asked)
        pane.enlarge.connect(lambda: self.toggle_enlarged(cell.view))
        pane.scene.framed.connect(lambda: self._frame_as(cell))
        pane.scene.set_crosshair(self._crosshair)
        pane.scene.show()
        return pane

    def _frame_as(self, cell: Cell) -> None:
        """What lies beside each other shows the same part of the plane."""
        for other, pane in self._own.items():
            if other is not cell and cell in self._own:
                pane.scene.set_framing(self._own[cell].scene.framing)

    def _take_away(self, cell: Cell) -> None:
        pane = self._own.pop(cell)
        self._grid.removeWidget(pane)
        pane.hide()
        pane.release()
        pane.deleteLater()

    def _on_layers(self, change: LayersChanged) -> None:
        if change.looks is None and set(self._cells()) != {*self._own} and self._own:
            self._arrange()

    def _show(self) -> None:
        self._arrange()
        for pane in self.plane_panes:
            pane.scene.show()
        self.three_d.scene.show()
        # The tool's outline belongs to what was open before.
        QTimer.singleShot(0, self, self.refresh_preview)
