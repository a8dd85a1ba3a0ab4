"""The VTK scene of one plane view: layers of images, outlines, crosshair, live outline, annotations. No Qt.

Everything lies in the millimetres of the displayed grid (see `viewer.render.orientation`). The camera is parallel, so
what lies nearer to it is simply drawn on top: images, outlines, crosshair and live outline each have a depth.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal
from vtkmodules.vtkRenderingCore import vtkRenderer

from engine.edits import StructuresChanged
from engine.measures.measure import Measure
from viewer.layers import LayersChanged
from viewer.render.annotations import Annotations
from viewer.render.body_box import body_box, body_near
from viewer.render.box_marks import BoxMarks
from viewer.render.captions import caption, directions
from viewer.render.colour_maps import colour_table
from viewer.render.companions_part import CompanionLines
from viewer.render.framing import Framing
from viewer.render.image_data import set_lines
from viewer.render.layer_stack import LayerStack
from viewer.render.lines import VIEW_COLOURS, Crosshair, line_actor
from viewer.render.measure_marks import MeasureMarks, Screen
from viewer.render.orientation import ViewFrame, view_frame
from viewer.render.structure_lines import ACTIVE_LINE_PX, LINE_PX, StructureLines
from viewer.session import Cut, Session, View

#: Depths towards the camera, mm; parallel projection, so only their order matters.
_OUTLINE_DEPTH, _CROSSHAIR_DEPTH, _PREVIEW_DEPTH = 1.0, 2.0, 3.0
_CAMERA_DISTANCE = 10_000.0
_CROSSHAIR_GAP_PX = 14


class PlaneScene:
    """Draws one plane view of a session; `changed` is emitted when a new frame is needed."""

    changed = Signal()
    #: Zoomed or moved by a hand.
    framed = Signal()

    def __init__(self, view: View, session: Session, layer: int | None = None, offset: int = 0) -> None:
        self.view = view
        self.session = session
        #: The only layer that is drawn, as if it were the base; None for all as they lie.
        self.layer = layer
        #: So many planes onward from the cursor's, towards the feet, the patient's left or the back.
        self.offset = offset
        #: That is beyond the first or last plane, and nothing is drawn.
        self.is_beyond = False
        self.renderer = vtkRenderer()
        self.renderer.SetBackground(0.0, 0.0, 0.0)
        self.renderer.SetBackgroundAlpha(1.0)
        camera = self.renderer.GetActiveCamera()
        camera.ParallelProjectionOn()
        # Set by hand: finding the bounds of everything on each frame costs more than drawing it.
        camera.SetClippingRange(1.0, 2 * _CAMERA_DISTANCE)

        self._layers = LayerStack(self.renderer)
        self._structures = StructureLines(session, self.renderer)
        self._crosshair = Crosshair()
        self._preview, self._preview_actor = line_actor(ACTIVE_LINE_PX, coloured=False)
        for actor in (self._crosshair.actor, self._preview_actor):
            self.renderer.AddActor(actor)
        self._companions = CompanionLines(self.renderer, LINE_PX)
        self.boxes = BoxMarks(self)
        self.measures = MeasureMarks(session, self.renderer)
        self.annotations = Annotations(self.renderer)
        self.annotations.set_visible(False)

        self.frame: ViewFrame | None = None
        # One event may change these several times, and a view that is hidden shows none of it: drawn once a frame.
        self._outlines_stale = self._crosshair_stale = False
        self._framing = Framing()
        self.pixel_ratio = 1.0
        self._index = 0
        self._plane = 0

        session.layers_changed.connect(self._on_layers)
        session.cursor_moved.connect(self._on_cursor)
        session.revealed.connect(self._on_revealed)
        session.display_changed.connect(self._on_layers)
        session.structures_changed.connect(self._on_structures)
        for signal in (session.active_changed, session.appearance.changed):
            signal.connect(self._on_active)
        session.companions_changed.connect(self._on_companions)
        session.findings_changed.connect(self._on_measures)

    # Content --------------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Show what the session holds, from now on."""
        display, volume = self.session.display, self.session.volume
        if display is None or volume is None:
            self.frame = None
            self._structures.show(None)
            self._layers.show((), None)
            self._companions.show((), None)
            for lines in (self._crosshair.data, self._preview):
                lines.Initialize()
            self.annotations.set_visible(False)
            self.changed.emit()
            return
        self.frame = view_frame(self.view, display.geometry, volume.geometry)
        self._structures.show(self.frame)
        self._companions.show(self.session.companions, self.frame)
        self._preview.Initialize()
        self.annotations.set_visible(True)
        self.annotations.set_letters(*directions(self.frame, volume))
        self.annotations.set_unit(volume.geometry.unit, volume.geometry.measured)
        at = float(self.frame.grid_from_lps(self.session.cursor_lps)[self.frame.across])
        self._framing.take(*self.frame.placed(body_box(display)))
        self._framing.begin(*self.frame.placed(body_near(display, self.frame.across, at)))
        self._apply_layers()
        self._apply_cursor(anew=True)
        self.changed.emit()

    def prepare(self) -> None:
        """Bring what was put off up to date; call it before drawing, with this view's OpenGL context current."""
        self._layers.prepare()
        self.boxes.draw()
        if self._outlines_stale:
            self._outlines_stale = False
            if self.frame is not None:
                depth = self.towards_camera(_OUTLINE_DEPTH)
                self._structures.draw_outlines(self._index, self.plane, depth)
                self._companions.draw(self._index, depth)
        if self._crosshair_stale:
            self._crosshair_stale = False
            if self.frame is not None:
                cursor = self.frame.grid_from_lps(self.session.cursor_lps)
                gap = _CROSSHAIR_GAP_PX * self.pixel_ratio * self.mm_per_pixel
                self._crosshair.draw(self.frame, cursor, gap, self.towards_camera(_CROSSHAIR_DEPTH))
        self.measures.prepare(self.frame, self._screen)

    @property
    def index(self) -> int:
        """Index of the shown plane of the grid across this view."""
        return self._index

    @property
    def plane(self) -> int:
        """Index of the acquired plane nearest to the cursor: the one whose contours a view of such planes shows."""
        return self._plane

    def scroll_to(self, index: int) -> None:
        """Move the session's cursor to plane `index` of this view, clamped to the grid."""
        if self.frame is None:
            return
        point = self.frame.grid_from_lps(self.session.cursor_lps)
        index -= self.offset * self.frame.onward
        point[self.frame.across] = min(max(index, 0), self.frame.count - 1) * self.frame.spacing[self.frame.across]
        self.session.move_cursor(self.frame.lps_from_grid(point))

    def set_preview(
        self,
        polylines: Sequence[NDArray[np.float64]],
        colour: tuple[int, int, int] = (255, 204, 0),
        replaces: int | None = None,
    ) -> None:
        """Draw (n, 2) polylines in mm of `ViewEvent.point_cut`, in place of the stored outline of ROI `replaces`."""
        if self.frame is None:
            return
        had = self._preview.GetNumberOfCells() > 0
        if replaces != self._structures.replaced:
            self._structures.replaced = replaces
            self._outlines_stale = True
        elif not polylines and not had:
            return
        kept = [line for line in polylines if len(line)]
        if kept:
            points = self.frame.grid_from_cut(np.concatenate(kept), self.plane, self.towards_camera(_PREVIEW_DEPTH))
            offsets = np.concatenate([[0], np.cumsum([len(line) for line in kept])]).astype(np.int64)
            set_lines(self._preview, points, offsets)
            self._preview_actor.GetProperty().SetColor(*(channel / 255 for channel in colour))
        else:
            self._preview.Initialize()
        self.changed.emit()

    def set_measure_draft(self, measure: Measure | None, replaces: int | None = None) -> None:
        """Draw a measure that is not kept yet, in place of the one numbered `replaces`."""
        if self.measures.set_draft(measure, replaces):
            self.changed.emit()

    def set_crosshair(self, shown: bool) -> None:
        """Show or hide the crosshair."""
        self._crosshair.actor.SetVisibility(shown)
        self.changed.emit()

    # Screen ---------------------------------------------------------------------------------------------------------

    @property
    def mm_per_pixel(self) -> float:
        """Size of a device pixel, mm."""
        return self._framing.mm_per_pixel if self.frame is not None else 1.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, device pixels."""
        return self._framing.size

    def resize(self, width: int, height: int, pixel_ratio: float = 1.0) -> None:
        """The view is now so many device pixels large."""
        self._framing.size = (max(width, 1), max(height, 1))
        self.pixel_ratio = pixel_ratio
        self._reframed()

    def zoom(self, factor: float, at_pixel: tuple[float, float] | None = None) -> None:
        """Magnify by `factor`, keeping what is under a device pixel (from the top left) in its place."""
        if self.frame is not None:
            self._framing.zoom(factor, at_pixel)
            self._reframed()
            self.framed.emit()

    def pan(self, dx: float, dy: float) -> None:
        """Move the image by device pixels, right and down."""
        self._framing.pan(dx, dy)
        self._reframed()
        self.framed.emit()

    @property
    def framing(self) -> tuple[float, float, float]:
        """Magnification over what `fit` shows, and what lies in the middle: right and down, mm."""
        return self._framing.state

    def set_framing(self, framing: Sequence[float]) -> None:
        """Show a part of the plane, as `framing` had it."""
        if self.frame is not None:
            zoom, right, down = framing
            self._framing.set_state(zoom, right, down)
            self._reframed()

    def fit(self) -> None:
        """Show the whole body."""
        self._framing.fit()
        self._reframed()

    def _reframed(self) -> None:
        self._apply_camera()
        self.changed.emit()

    def _on_revealed(self, points_lps: NDArray[np.float64]) -> None:
        """Stay where the points are on the screen, else centre them, and zoom out where they need it."""
        frame = self.frame
        if frame is None:
            return
        if self._framing.reveal(frame.screen_from_lps(points_lps)):
            self._reframed()

    def zoom_to(self, points_lps: NDArray[np.float64]) -> None:
        """Let (n, 3) LPS points fill the view."""
        if self.frame is not None:
            self._framing.fill(self.frame.screen_from_lps(points_lps))
            self._reframed()

    def grid_from_pixel(self, x: float, y: float) -> NDArray[np.float64]:
        """Device pixel from the top left → (3,) grid mm on the shown plane. Something must be shown."""
        frame = self.frame
        assert frame is not None, "a pixel has a place in the patient only where a series is shown"
        point = np.empty(3)
        right, down = self._framing.place((x, y))
        point[frame.right], point[frame.down] = right * frame.right_sign, down * frame.down_sign
        point[frame.across] = self._index * frame.spacing[frame.across]
        return point

    def pixel_from_lps(self, point_lps: ArrayLike) -> tuple[float, float]:
        """LPS mm → device pixel from the top left, projected onto the view. Something must be shown."""
        frame = self.frame
        assert frame is not None, "a point has a pixel only where a series is shown"
        point = frame.grid_from_lps(point_lps)
        mm = np.array([point[frame.right] * frame.right_sign, point[frame.down] * frame.down_sign])
        return self._framing.pixel(mm)

    def _apply_camera(self) -> None:
        frame = self.frame
        if frame is None:
            return
        right, down, into = frame.screen_axes
        focus = self._framing.centre[0] * right + self._framing.centre[1] * down
        focus[frame.across] = self._index * frame.spacing[frame.across]
        camera = self.renderer.GetActiveCamera()
        camera.SetFocalPoint(*focus)
        camera.SetPosition(*(focus - into * _CAMERA_DISTANCE))
        camera.SetViewUp(*-down)
        camera.SetParallelScale(self._framing.size[1] * self.mm_per_pixel / 2)
        self.annotations.lay_out(*self._framing.size, self.mm_per_pixel, self.pixel_ratio)
        if frame.across == 2:
            sides = self._framing.corners * (frame.right_sign, frame.down_sign)
            self._layers.set_part(np.sort(sides[:, [frame.right, frame.down]], axis=0), self.mm_per_pixel)
        self._crosshair_stale = self.measures.stale = True
        self._draw_loose()

    def towards_camera(self, depth: float) -> float:
        """Where along the axis that is cut something lies `depth` mm before the shown plane, grid mm."""
        frame = self.frame
        assert frame is not None, "called where a series is shown"
        into = frame.screen_axes[2][frame.across]
        return float(self._index * frame.spacing[frame.across] - into * depth)

    def _screen(self) -> Screen:
        depth = self.towards_camera(_PREVIEW_DEPTH)
        where = (self._index, self._plane, depth, self.mm_per_pixel, self.pixel_ratio, self._framing.size)
        return Screen(*where, self.pixel_from_lps)

    # Session --------------------------------------------------------------------------------------------------------

    def _on_cursor(self) -> None:
        if self.frame is not None:
            self._apply_cursor()
            self.changed.emit()

    def _apply_cursor(self, *, anew: bool = False) -> None:
        frame = self.frame
        assert frame is not None, "called where a series is shown"
        before = (self._index, self._plane if frame.cut is Cut.PLANE else 0)
        self._index, self._plane = frame.index_from_lps(self.session.cursor_lps), self.session.plane
        if self.offset:
            self._go_aside(frame)
        if not anew and before == (self._index, self._plane if frame.cut is Cut.PLANE else 0):
            # A cut across the planes shows the same of them all, whichever the cursor is on.
            self._crosshair_stale = True
            return
        self._layers.set_position(self._index)
        self._apply_camera()
        self._outlines_stale = True
        self._set_title()

    def _set_title(self) -> None:
        session = self.session
        assert self.frame is not None and session.volume is not None, "called where a series is shown"
        parts = [caption(self.frame, session.volume, self._index, self._plane)]
        parts += [layer.volume.modality for layer in session.layers[self.layer :][:1] if self.layer is not None]
        parts += [f"{session.slab.projection} {session.slab.thickness_mm:.0f} mm"] if session.slab is not None else []
        self.annotations.set_title("  ".join(parts))

    def _go_aside(self, frame: ViewFrame) -> None:
        index = self._index + self.offset * frame.onward
        self.is_beyond = not 0 <= index < frame.count
        self._index = min(max(index, 0), frame.count - 1)
        at = frame.grid_from_lps(self.session.cursor_lps)
        at[frame.across] = self._index * frame.spacing[frame.across]
        self._plane = frame.acquired.nearest_plane(frame.lps_from_grid(at))

    def _on_layers(self, _: LayersChanged | None = None) -> None:
        if self.frame is not None:
            self._apply_layers()
            self._set_title()
            self._on_measures()

    def _on_measures(self) -> None:
        self.measures.stale = True
        self.changed.emit()

    def _apply_layers(self) -> None:
        layers = self.session.layers
        if self.layer is not None:
            layers = tuple(replace(layer, opacity=1.0, visible=True) for layer in layers[self.layer : self.layer + 1])
        self._layers.show(layers, self.frame, interpolate=self.session.interpolate, slab=self.session.slab)
        # Around an image that is dark on bright, black would dazzle and hide the letters.
        below = colour_table(layers[0].colour_map if layers else "grey")[0] / 255
        self.renderer.SetBackground(*below)
        self.annotations.set_looks(VIEW_COLOURS[self.view], bright=bool(below.mean() > 0.5))

    def _on_active(self) -> None:
        if self.frame is not None:
            self._outlines_stale = True
            self.changed.emit()

    def _on_companions(self) -> None:
        if self.frame is not None:
            self._companions.show(self.session.companions, self.frame)
            self._outlines_stale = True
            self.changed.emit()

    def _on_structures(self, change: StructuresChanged) -> None:
        if self.frame is None or self.session.structures is None:
            return
        if change.areas:
            self._structures.forget(self.session.structures)
        had_loose = self._structures.has_loose
        self._draw_loose()
        off_screen = change.areas and self.frame.cut is Cut.PLANE and change.planes is not None
        if off_screen and change.planes is not None and self.plane not in change.planes:
            # The planes that a change names are those with areas.
            if had_loose or self._structures.has_loose:
                self.changed.emit()
            return
        self._outlines_stale = True
        self.changed.emit()

    # Lines ----------------------------------------------------------------------------------------------------------

    def _draw_loose(self) -> None:
        if self.frame is not None:
            depth, pixel_mm = self.towards_camera(_OUTLINE_DEPTH), self.mm_per_pixel * self.pixel_ratio
            self._structures.draw_loose(self._index, self._plane, depth, pixel_mm)
