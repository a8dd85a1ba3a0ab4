"""The VTK scene of the 3D view: structures as smooth surfaces, and the three planes. No Qt.

Everything lies in the millimetres of the displayed grid. Surfaces are made on a thread, newest state first, and
collected by `poll`; what is on screen stays until its successor is ready.
"""

import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor, vtkImageSlice, vtkImageSliceMapper, vtkPolyDataMapper, vtkRenderer

from engine.edits import StructuresChanged
from engine.structures import PlaneContours, Roi
from viewer.render.annotations import text_actor
from viewer.render.image_data import lookup_table, set_lines
from viewer.render.lines import VIEW_COLOURS, line_actor
from viewer.render.orientation import ViewFrame, letters, view_frame
from viewer.render.surfaces import COARSE, FINE, make_surface
from viewer.session import Session, View

log = logging.getLogger("planimeter")

#: So many structures are drawn finely.
_FEW = 5

_PLANE_VIEWS = (View.AXIAL, View.SAGITTAL, View.CORONAL)


class SurfaceScene:
    """Draws the structures of a session in 3D; `changed` is emitted when a new frame is needed."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self.session = session
        self.renderer = vtkRenderer()
        self.renderer.SetBackground(0.055, 0.06, 0.068)
        self.renderer.SetBackgroundAlpha(1.0)
        self._frames: dict[View, ViewFrame] = {}
        self._planes: dict[View, tuple[vtkImageSliceMapper, vtkImageSlice]] = {}
        self._borders, border_actor = line_actor(1.0, coloured=True)
        self.renderer.AddActor(border_actor)
        for view in _PLANE_VIEWS:
            mapper, image = vtkImageSliceMapper(), vtkImageSlice()
            mapper.BorderOn()
            image.SetMapper(mapper)
            image.VisibilityOff()
            self.renderer.AddViewProp(image)
            self._planes[view] = (mapper, image)
        self._title = text_actor("title")
        self._title.SetInput("3D")
        self._title.GetTextProperty().SetColor(*VIEW_COLOURS[View.THREE_D])
        self._facing = text_actor("scale")
        self.renderer.AddViewProp(self._title)
        self.renderer.AddViewProp(self._facing)
        self._show_planes = True
        self._cursor_moved = False
        self._size = (1, 1)

        self._actors: dict[int, vtkActor] = {}
        self._retired: list[vtkActor] = []
        self._drawn: dict[int, Mapping[int, PlaneContours]] = {}
        self._pending: dict[int, tuple[Mapping[int, PlaneContours], Future[vtkPolyData | None]]] = {}
        self._maker: ThreadPoolExecutor | None = None

        session.cursor_moved.connect(self._on_cursor)
        session.window_changed.connect(self._on_window)
        session.structures_changed.connect(self._on_structures)

    # Content --------------------------------------------------------------------------------------------------------

    def show(self, image: vtkImageData | None) -> None:
        """Show the session's display volume, whose VTK form is shared between the views; None for nothing."""
        self._forget_surfaces()
        display, volume = self.session.display, self.session.volume
        if image is None or display is None or volume is None:
            self._frames = {}
            for mapper, prop in self._planes.values():
                mapper.SetInputData(vtkImageData())
                prop.VisibilityOff()
            self._borders.Initialize()
            self._facing.SetInput("")
            self.changed.emit()
            return
        self._frames = {view: view_frame(view, display.geometry, volume.geometry) for view in _PLANE_VIEWS}
        for view, (mapper, prop) in self._planes.items():
            mapper.SetInputData(image)
            mapper.SetOrientation(self._frames[view].across)
            prop.SetVisibility(self._show_planes)
        self._apply_window()
        self._apply_cursor()
        self._update_surfaces()
        self.reset_camera()

    def set_planes_visible(self, shown: bool) -> None:
        """Show the three planes among the surfaces, or the surfaces alone."""
        self._show_planes = shown
        for _, prop in self._planes.values():
            prop.SetVisibility(shown and bool(self._frames))
        self._apply_cursor()
        self.changed.emit()

    @property
    def planes_visible(self) -> bool:
        """Whether the three planes are shown."""
        return self._show_planes

    @property
    def busy(self) -> bool:
        """True while a surface is being made."""
        return bool(self._pending)

    @property
    def surfaces(self) -> Mapping[int, vtkPolyData]:
        """Number of each ROI that is drawn → its surface, grid mm."""
        return {number: actor.GetMapper().GetInput() for number, actor in self._actors.items()}

    def poll(self) -> None:
        """Take over the surfaces that are ready; call it now and then while `busy`."""
        ready = [number for number, (_, future) in self._pending.items() if future.done()]
        for number in ready:
            planes, future = self._pending.pop(number)
            self._drawn[number] = planes
            error = future.exception()
            if error is not None:
                # The view does without this one; contours and measures never depend on it.
                log.error("no surface could be made: %s", type(error).__name__)
            self._set_surface(number, None if error is not None else future.result())
        if ready:
            self._apply_looks()
            self.changed.emit()

    def close(self) -> None:
        """Stop the thread, after the one surface that it works on."""
        self._forget_surfaces()
        if self._maker is not None:
            self._maker.shutdown(wait=True, cancel_futures=True)
            self._maker = None

    # Camera ---------------------------------------------------------------------------------------------------------

    def resize(self, width: int, height: int, pixel_ratio: float = 1.0) -> None:
        """The view is now so many device pixels large."""
        self._size = (max(width, 1), max(height, 1))
        margin = round(8 * pixel_ratio)
        self._title.SetDisplayPosition(margin, height - margin)
        self._facing.SetDisplayPosition(width - margin, margin)
        for actor in (self._title, self._facing):
            actor.GetTextProperty().SetFontSize(round(12 * pixel_ratio))

    def reset_camera(self) -> None:
        """Look at the patient from the front, slightly from the left and above."""
        if not self._frames:
            return
        geometry = self._frames[View.AXIAL].geometry
        to_grid = geometry.directions.T
        camera = self.renderer.GetActiveCamera()
        middle = (np.array(geometry.shape[::-1]) - 1) / 2 * np.array(geometry.spacing_xyz)
        away = to_grid @ np.array([0.55, -1.0, 0.35])
        size = float(np.linalg.norm(np.array(geometry.shape[::-1]) * np.array(geometry.spacing_xyz)))
        camera.SetFocalPoint(*middle)
        camera.SetPosition(*(middle + away / np.linalg.norm(away) * 1.5 * size))
        camera.SetViewUp(*(to_grid @ np.array([0.0, 0.0, 1.0])))
        self._camera_moved()

    @property
    def seen_from(self) -> str:
        """Letters of the direction from which the patient is seen."""
        return self._facing.GetInput().removeprefix("seen from ")

    def rotate(self, dx: float, dy: float) -> None:
        """Turn by device pixels; the width of the view is half a turn."""
        camera = self.renderer.GetActiveCamera()
        camera.Azimuth(-dx / self._size[0] * 180)
        camera.Elevation(dy / self._size[1] * 180)
        camera.OrthogonalizeViewUp()
        self._camera_moved()

    def pan(self, dx: float, dy: float) -> None:
        """Move the scene by device pixels, right and down."""
        camera = self.renderer.GetActiveCamera()
        per_px = 2 * camera.GetDistance() * np.tan(np.radians(camera.GetViewAngle() / 2)) / self._size[1]
        into, up = np.array(camera.GetDirectionOfProjection()), np.array(camera.GetViewUp())
        step = (-dx * np.cross(into, up) + dy * up) * per_px
        camera.SetFocalPoint(*(np.array(camera.GetFocalPoint()) + step))
        camera.SetPosition(*(np.array(camera.GetPosition()) + step))
        self._camera_moved()

    def zoom(self, factor: float) -> None:
        """Come nearer by `factor`."""
        self.renderer.GetActiveCamera().Dolly(factor)
        self._camera_moved()

    def _camera_moved(self) -> None:
        self.renderer.ResetCameraClippingRange()
        if self._frames:
            towards = -np.array(self.renderer.GetActiveCamera().GetDirectionOfProjection())
            seen_from = letters(self._frames[View.AXIAL].geometry.directions @ towards)
            self._facing.SetInput(f"seen from {seen_from}")
        self.changed.emit()

    # Session --------------------------------------------------------------------------------------------------------

    def _on_cursor(self) -> None:
        # Scrolling moves the cursor far more often than this view is drawn.
        if self._frames:
            self._cursor_moved = True
            self.changed.emit()

    def prepare(self) -> None:
        """Bring what was put off up to date; call it before drawing, with this view's OpenGL context current."""
        # A removed actor frees its vertex arrays at once. Their names belong to one context, so in another view's
        # context that would free what that view draws with.
        for actor in self._retired:
            self.renderer.RemoveActor(actor)
        self._retired.clear()
        if self._cursor_moved:
            self._cursor_moved = False
            self._apply_cursor()

    def _apply_cursor(self) -> None:
        if not self._frames:
            return
        points, colours = [], []
        for view, frame in self._frames.items():
            index = frame.index_from_lps(self.session.cursor_lps)
            self._planes[view][0].SetSliceNumber(index)
            points += plane_corners(frame, index)
            colours.append([round(255 * channel) for channel in VIEW_COLOURS[view]])
        if self._show_planes:
            set_lines(self._borders, np.array(points), np.arange(0, 16, 5), np.array(colours, dtype=np.uint8))
        else:
            self._borders.Initialize()

    def _on_window(self) -> None:
        if self._frames:
            self._apply_window()
            self.changed.emit()

    def _apply_window(self) -> None:
        for _, prop in self._planes.values():
            style = prop.GetProperty()
            style.SetColorWindow(self.session.window.width)
            style.SetColorLevel(self.session.window.centre)
            style.SetLookupTable(None if self.session.colour_map == "grey" else lookup_table(self.session.colour_map))

    def _on_structures(self, change: StructuresChanged) -> None:
        if not self._frames:
            return
        if change.areas:
            self._update_surfaces()
        self._apply_looks()
        self.changed.emit()

    # Surfaces -------------------------------------------------------------------------------------------------------

    def _update_surfaces(self) -> None:
        """Ask for the surfaces of what is not on screen as it is now, and drop those of ROIs that are gone."""
        structures = self.session.structures
        rois = {roi.number: roi for roi in structures.rois} if structures is not None else {}
        for number in [number for number in {*self._actors, *self._pending} if number not in rois]:
            self._drop(number)
        for number, roi in rois.items():
            pending = self._pending.get(number)
            if pending is not None:
                if same_planes(pending[0], roi.planes):
                    continue
                pending[1].cancel()
                del self._pending[number]
            elif number in self._drawn and same_planes(self._drawn[number], roi.planes):
                continue
            if roi.is_empty:
                self._drop(number)
                self._drawn[number] = roi.planes
            else:
                samples = FINE if len(rois) <= _FEW else COARSE
                self._pending[number] = (roi.planes, self._submit(roi, samples))

    def _submit(self, roi: Roi, samples: int) -> "Future[vtkPolyData | None]":
        if self._maker is None:
            self._maker = ThreadPoolExecutor(1, thread_name_prefix="planimeter surface")
        return self._maker.submit(make_surface, dict(roi.planes), self._frames[View.AXIAL], samples)

    def _set_surface(self, number: int, surface: vtkPolyData | None) -> None:
        if surface is None:
            self._remove_actor(number)
            return
        actor = self._actors.get(number)
        if actor is None:
            actor = vtkActor()
            mapper = vtkPolyDataMapper()
            mapper.ScalarVisibilityOff()
            actor.SetMapper(mapper)
            style = actor.GetProperty()
            style.SetAmbient(0.1)
            style.SetDiffuse(0.72)
            style.SetSpecular(0.22)
            style.SetSpecularPower(18)
            self.renderer.AddActor(actor)
            self._actors[number] = actor
        actor.GetMapper().SetInputDataObject(surface)

    def _apply_looks(self) -> None:
        structures = self.session.structures
        for roi in structures.rois if structures is not None else ():
            actor = self._actors.get(roi.number)
            if actor is not None:
                actor.GetProperty().SetColor(*(channel / 255 for channel in roi.colour))
                # A body outline would hide everything inside it, and what is translucent costs several passes.
                actor.SetVisibility(roi.visible and roi.roi_type != "EXTERNAL")

    def _drop(self, number: int) -> None:
        pending = self._pending.pop(number, None)
        if pending is not None:
            pending[1].cancel()
        self._drawn.pop(number, None)
        self._remove_actor(number)

    def _remove_actor(self, number: int) -> None:
        actor = self._actors.pop(number, None)
        if actor is not None:
            actor.VisibilityOff()
            self._retired.append(actor)

    def _forget_surfaces(self) -> None:
        for number in {*self._actors, *self._pending, *self._drawn}:
            self._drop(number)


def same_planes(first: Mapping[int, PlaneContours], second: Mapping[int, PlaneContours]) -> bool:
    """True when both have the very same contours: a new name or colour needs no new surface."""
    return dict(first) == dict(second)


def plane_corners(frame: ViewFrame, index: int) -> list[NDArray[np.float64]]:
    """Five grid points, mm, around the plane `index` of a view, the last being the first."""
    out = []
    for right, down in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)):
        point = np.empty(3)
        point[frame.across] = index * frame.spacing[frame.across]
        for axis, end in ((frame.right, right), (frame.down, down)):
            point[axis] = (frame.geometry.shape[2 - axis] * end - 0.5) * frame.spacing[axis]
        out.append(point)
    return out
