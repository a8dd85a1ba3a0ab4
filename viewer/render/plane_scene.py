"""The VTK scene of one plane view: layers of images, outlines, crosshair, live outline, annotations. No Qt.

Everything lies in the millimetres of the displayed grid (see `viewer.render.orientation`). Images, outlines, crosshair
and live outline each have a depth before the camera.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from engine.edits import StructuresChanged
from engine.measures.measure import Measure
from viewer.layers import LayersChanged
from viewer.render.annotations import Annotations
from viewer.render.body_box import body_box, body_near
from viewer.render.box_marks import BoxMarks
from viewer.render.captions import caption, directions
from viewer.render.colour_maps import colour_table
from viewer.render.companions_part import CompanionLines
from viewer.render.crosshair import Crosshair
from viewer.render.edged_lines import EdgedLines
from viewer.render.framed_plane import FramedPlane
from viewer.render.layer_stack import LayerStack
from viewer.render.lines import VIEW_COLOURS
from viewer.render.measure_marks import MeasureMarks, Screen
from viewer.render.orientation import ViewFrame, frames_of
from viewer.render.structure_lines import ACTIVE_LINE_PX, LINE_PX, LOOSE_LINE_PX, UNDER, StructureLines
from viewer.session import Cut, Session, View

#: Depths towards the camera, mm. Parallel projection: only their order matters, but VTK lifts the middle of a wide line
#: by half its width, which on a large picture is many mm.
_OUTLINE_DEPTH, _CROSSHAIR_DEPTH, _PREVIEW_DEPTH = 400.0, 800.0, 1200.0


class PlaneScene(FramedPlane):
    """Draws one plane view of a session; `changed` is emitted when a new frame is needed."""

    def __init__(self, view: View, session: Session, layer: int | None = None, offset: int = 0) -> None:
        super().__init__()
        self.view = view
        self.session = session
        #: The only layer that is drawn, as if it were the base; None for all as they lie.
        self.layer = layer
        #: So many planes onward from the cursor's, towards the feet, the patient's left or the back.
        self.offset = offset
        #: That is beyond the first or last plane, and nothing is drawn.
        self.is_beyond = False
        self._layers = LayerStack(self.renderer)
        self._structures = StructureLines(session, self.renderer)
        self._crosshair = Crosshair()
        self._preview = EdgedLines(self.renderer, ACTIVE_LINE_PX, coloured=False)
        self.renderer.AddActor(self._crosshair.actor)
        self._companions = CompanionLines(self.renderer, LINE_PX, LOOSE_LINE_PX)
        self.boxes = BoxMarks(self)
        self.measures = MeasureMarks(session, self.renderer)
        self.annotations = Annotations(self.renderer)
        self.annotations.set_visible(False)

        # One event may change these several times, and a view that is hidden shows none of it: drawn once a frame.
        self._outlines_stale = self._crosshair_stale = False
        self._plane = 0

        session.layers_changed.connect(self._on_layers)
        session.cursor_moved.connect(self._on_cursor)
        session.revealed.connect(self.reveal)
        session.display_changed.connect(self._on_layers)
        session.turned_changed.connect(self._on_turned)
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
            self._crosshair.show({}, self.view)
            self._preview.clear()
            self.annotations.set_visible(False)
            self.changed.emit()
            return
        frames = frames_of(self.session)
        self.frame = frames[self.view]
        self._preview.clear()
        # The mouse may have been here since an image that can be turned.
        self._crosshair.has_handles &= self.session.can_turn
        self.annotations.set_visible(True)
        self.annotations.set_unit(volume.geometry.unit, volume.geometry.measured)
        self.framed_part.take(*self.frame.placed(self.frame.box_of(body_box(display))))
        if self.frame.unturned is None:
            at = float(self._cursor(self.frame)[self.frame.across])
            self.framed_part.begin(*self.frame.placed(body_near(display, self.frame.across, at)))
        self._show_frame(frames)
        self.changed.emit()

    def _show_frame(self, frames: Mapping[View, ViewFrame]) -> None:
        frame, volume = frames[self.view], self.session.volume
        assert volume is not None, "frames belong to a series"
        self._structures.show(frame)
        self._companions.show(self.session.companions, frame)
        self._crosshair.show(frames, self.view)
        self.annotations.set_letters(*directions(frame, volume))
        self._apply_layers()
        self._apply_cursor(anew=True)

    def _on_turned(self) -> None:
        """The cursor stays where it is on the screen, and the zoom as it is."""
        before, display = self.frame, self.session.display
        if before is None or display is None:
            return
        frames, cursor = frames_of(self.session), self.session.cursor_lps[None]
        if frames[self.view].unturned is None and before.unturned is None:
            # Its own plane is where it was.
            self._crosshair.show(frames, self.view)
            self._crosshair_stale = True
        else:
            frame = self.frame = frames[self.view]
            moved = frame.screen_from_lps(cursor)[0] - before.screen_from_lps(cursor)[0]
            self.framed_part.move(moved, *frame.placed(frame.box_of(body_box(display))))
            self._show_frame(frames)
        self.changed.emit()

    def prepare(self) -> None:
        """Bring what was put off up to date; call it before drawing, with this view's OpenGL context current."""
        self._layers.prepare()
        self.boxes.draw()
        if self._outlines_stale:
            self._outlines_stale = False
            if self.frame is not None:
                depth = self.towards_camera(_OUTLINE_DEPTH)
                self._structures.draw_outlines(self.shown_index, self.plane, depth)
                self._companions.draw(self.shown_index, depth)
        if self._crosshair_stale:
            self._crosshair_stale = False
            if self.frame is not None:
                depth = self.towards_camera(_CROSSHAIR_DEPTH)
                self._crosshair.draw(self._cursor(self.frame), self.framed_part, self.pixel_ratio, depth)
        self.measures.prepare(self.frame, self._screen)

    @property
    def index(self) -> int:
        """Index of the shown plane of the grid across this view."""
        return self.shown_index

    @property
    def plane(self) -> int:
        """Index of the acquired plane nearest to the cursor: the one whose contours a view of such planes shows."""
        return self._plane

    def scroll_to(self, index: int) -> None:
        """Move the session's cursor to plane `index` of this view, or to the last before it leaves the image."""
        if self.frame is None:
            return
        point = self._cursor(self.frame)
        index -= self.offset * self.frame.onward
        first, last = self.frame.reach(point)
        point[self.frame.across] = min(max(index, first), last) * self.frame.spacing[self.frame.across]
        self.session.move_cursor(self.frame.lps_from_grid(point))

    def step(self, planes: int) -> None:
        """Scroll on by so many planes, from the last to the first again."""
        if self.frame is not None:
            first, last = self.frame.reach(self._cursor(self.frame))
            self.scroll_to(first + (self.shown_index + planes - first) % (last - first + 1))

    def point_at(self, point_lps: ArrayLike) -> None:
        """Move the session's cursor to a (3,) LPS point of the shown plane, as far as the image goes."""
        if self.frame is not None:
            self.session.move_cursor(self.frame.within(self.session.cursor_lps, point_lps))

    def _cursor(self, frame: ViewFrame) -> NDArray[np.float64]:
        return frame.grid_from_lps(self.session.cursor_lps)

    def set_preview(
        self,
        polylines: Sequence[NDArray[np.float64]],
        colour: tuple[int, int, int] = (255, 204, 0),
        replaces: int | None = None,
        area: BaseGeometry | None = None,
    ) -> None:
        """Draw (n, 2) polylines in mm of `ViewEvent.point_cut`, in place of the stored outline of ROI `replaces`.

        `area`, filled, takes the place of what that ROI fills.
        """
        if self.frame is None:
            return
        had = self._preview.count > 0
        if replaces != self._structures.replaced:
            self._structures.replaced = replaces
            self._outlines_stale = True
        elif not polylines and not had:
            return
        self._structures.fill_replaced(area, self.plane, self.towards_camera(_OUTLINE_DEPTH - UNDER))
        kept = [line for line in polylines if len(line)]
        if kept:
            points = self.frame.grid_from_cut(np.concatenate(kept), self.plane, self.towards_camera(_PREVIEW_DEPTH))
            offsets = np.concatenate([[0], np.cumsum([len(line) for line in kept])]).astype(np.int64)
            self._preview.fill(points, offsets, None, self.frame)
            self._preview.set_colour(colour)
        else:
            self._preview.clear()
        self.changed.emit()

    def set_measure_draft(self, measure: Measure | None, replaces: int | None = None) -> None:
        """Draw a measure that is not kept yet, in place of the one numbered `replaces`."""
        if self.measures.set_draft(measure, replaces):
            self.changed.emit()

    def set_crosshair(self, shown: bool) -> None:
        """Show or hide the crosshair."""
        self._crosshair.actor.SetVisibility(shown)
        self.changed.emit()

    def set_handles(self, shown: bool) -> None:
        """Show on the crosshair the handles that turn the other planes, or not."""
        shown = shown and self.session.can_turn
        if shown != self._crosshair.has_handles:
            self._crosshair.has_handles, self._crosshair_stale = shown, True
            self.changed.emit()

    def handle_at(self, pixel: tuple[float, float]) -> bool:
        """Whether one of the handles that are shown is under a device pixel."""
        if self.frame is None or not self._crosshair.has_handles:
            return False
        return self._crosshair.handle_at(pixel, self._cursor(self.frame), self.framed_part, self.pixel_ratio)

    @property
    def handles(self) -> list[tuple[float, float]]:
        """Device pixels of the handles where they are shown."""
        if self.frame is None or not self._crosshair.has_handles:
            return []
        return self._crosshair.handles(self._cursor(self.frame), self.framed_part, self.pixel_ratio)

    def camera_moved(self, frame: ViewFrame) -> None:
        """What depends on the part that is on the screen."""
        self.annotations.lay_out(*self.size, self.mm_per_pixel, self.pixel_ratio)
        if frame.across == 2:
            sides = self.framed_part.corners * (frame.right_sign, frame.down_sign)
            self._layers.set_part(np.sort(sides[:, [frame.right, frame.down]], axis=0), self.mm_per_pixel)
        self._crosshair_stale = self.measures.stale = True
        self._draw_loose()

    def _screen(self) -> Screen:
        depth = self.towards_camera(_PREVIEW_DEPTH)
        where = (self.shown_index, self._plane, depth, self.mm_per_pixel, self.pixel_ratio, self.framed_part.size)
        return Screen(*where, self.pixel_from_lps)

    # Session --------------------------------------------------------------------------------------------------------

    def _on_cursor(self) -> None:
        if self.frame is not None:
            self._apply_cursor()
            self.changed.emit()

    def _apply_cursor(self, *, anew: bool = False) -> None:
        frame = self.frame
        assert frame is not None, "called where a series is shown"
        before = (self.shown_index, self._plane if frame.cut is Cut.PLANE else 0)
        self.shown_index, self._plane = frame.index_from_lps(self.session.cursor_lps), self.session.plane
        if self.offset:
            self._go_aside(frame)
        if not anew and before == (self.shown_index, self._plane if frame.cut is Cut.PLANE else 0):
            # A cut across the planes shows the same of them all, whichever the cursor is on.
            self._crosshair_stale = True
            return
        self._layers.set_position(self.shown_index)
        self.apply_camera()
        self._outlines_stale = True
        self._set_title()

    def _set_title(self) -> None:
        session = self.session
        assert self.frame is not None and session.volume is not None, "called where a series is shown"
        parts = [caption(self.frame, session.volume, self.shown_index, self._plane)]
        parts += [layer.volume.modality for layer in session.layers[self.layer :][:1] if self.layer is not None]
        parts += [f"{session.slab.projection} {session.slab.thickness_mm:.0f} mm"] if session.slab is not None else []
        parts += [layer.derived for layer in session.layers if layer.derived and layer.visible]
        self.annotations.set_title("  ".join(parts))

    def _go_aside(self, frame: ViewFrame) -> None:
        index = self.shown_index + self.offset * frame.onward
        self.is_beyond = not 0 <= index < frame.count
        self.shown_index = min(max(index, 0), frame.count - 1)
        at = frame.grid_from_lps(self.session.cursor_lps)
        at[frame.across] = self.shown_index * frame.spacing[frame.across]
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
        # On grey images thin lines are seen by their colour, and edges, which take time, would hide more of the image.
        grey = all(layer.colour_map == "grey" and not layer.volume.is_colour for layer in layers if layer.visible)
        for lines in (self._structures, self._companions):
            lines.set_edged(not grey)
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
            self._draw_loose()
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
            self._structures.draw_loose(self.shown_index, self._plane, depth, pixel_mm)
            self._companions.draw_loose(self.shown_index, self._plane, depth, pixel_mm)
