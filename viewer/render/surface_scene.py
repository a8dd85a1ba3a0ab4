"""The VTK scene of the 3D view: structures as smooth surfaces, and the three planes. No Qt.

Everything lies in the millimetres of the displayed grid. Each kind of thing that is drawn is a part of its own.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkRenderingCore import vtkRenderer

from engine.edits import StructuresChanged
from viewer.layers import LayersChanged
from viewer.render.annotations import text_actor
from viewer.render.companions_part import CompanionSurfaces
from viewer.render.lines import VIEW_COLOURS
from viewer.render.orientation import PLANE_VIEWS, ViewFrame, frames_of, letters, view_frame
from viewer.render.planes_part import PlanesPart
from viewer.render.surfaces_part import SurfacesPart
from viewer.render.volume_looks import VolumeLook
from viewer.render.volume_part import VolumePart
from viewer.session import Session, View

#: Whence the patient is seen at first, LPS: from the front, slightly from the left and above.
USUAL = (0.55, -1.0, 0.35)


class SurfaceScene:
    """Draws the structures of a session in 3D; `changed` is emitted when a new frame is needed."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self.session = session
        self.renderer = vtkRenderer()
        self.renderer.SetBackground(0.055, 0.06, 0.068)
        self.renderer.SetBackgroundAlpha(1.0)
        self._frames: dict[View, ViewFrame] = {}
        self._planes = PlanesPart(self.renderer)
        self._surfaces = SurfacesPart(self.renderer)
        self._companions = CompanionSurfaces(self.renderer)
        self._volume = VolumePart(self.renderer)
        self._volume_look: VolumeLook | None = None
        self._title = text_actor("title")
        self._title.SetInput("3D")
        self._title.GetTextProperty().SetColor(*VIEW_COLOURS[View.THREE_D])
        self._facing = text_actor("scale")
        self.renderer.AddViewProp(self._title)
        self.renderer.AddViewProp(self._facing)
        self._cursor_moved = False
        self._size = (1, 1)

        session.cursor_moved.connect(self._on_cursor)
        session.layers_changed.connect(self._on_layers)
        session.turned_changed.connect(self._on_layers)
        session.structures_changed.connect(self._on_structures)
        session.appearance.changed.connect(self._set_looks)
        session.companions_changed.connect(self._on_companions)

    # Content --------------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Show what the session holds, from now on."""
        self._surfaces.forget()
        self._companions.forget()
        display, volume = self.session.display, self.session.volume
        if display is None or volume is None:
            self._frames = {}
            self._planes.show((), {})
            self._volume.show(None, None)
            self._facing.SetInput("")
            self.changed.emit()
            return
        self._frames = {view: view_frame(view, display.geometry, volume.geometry) for view in PLANE_VIEWS}
        self._volume.show(display, self._volume_look)
        self._show_planes()
        self._surfaces.update(self.session.structures, self._frames[View.AXIAL])
        self._companions.show(self.session.companions, self._frames[View.AXIAL])
        self.reset_camera()

    def show_volume(self, look: VolumeLook | None) -> None:
        """Show the open image itself as a volume, or none."""
        self._volume_look = look
        self._volume.show(self.session.display if self._frames else None, look)
        self.changed.emit()

    def set_moving(self, moving: bool) -> None:
        """The hand turns the view, which must follow: a volume is drawn more coarsely until it rests."""
        if self._volume.is_shown:
            self._volume.set_moving(moving)
            self.changed.emit()

    def set_planes_visible(self, shown: bool) -> None:
        """Show the three planes among the surfaces, or the surfaces alone."""
        self._planes.set_visible(shown, self.session.cursor_lps)
        self.changed.emit()

    @property
    def busy(self) -> bool:
        """True while a surface is being made."""
        return self._surfaces.busy or self._companions.busy

    @property
    def surfaces(self) -> Mapping[int, vtkPolyData]:
        """Number of each ROI that is drawn → its surface, grid mm."""
        return self._surfaces.surfaces

    def poll(self) -> None:
        """Take over the surfaces that are ready; call it now and then while `busy`."""
        if self._surfaces.poll():
            self._set_looks()
        if self._companions.poll():
            self._see_all()
            self.changed.emit()

    def close(self) -> None:
        """Stop the thread that makes surfaces."""
        self._surfaces.close()
        self._companions.close()

    def at(self, x: float, y: float) -> tuple[int | None, tuple[float, float, float] | None]:
        """What is seen at a device pixel of the view, from its upper left: the number of the ROI, and the LPS point.

        None for a plane of the image, which lies in no structure, and for the empty space around both.
        """
        if not self._frames:
            return None, None
        y = self._size[1] - 1 - y
        start, stop = (self._world(x, y, depth) for depth in (0.0, 1.0))
        surface = self._surfaces.hit(x, y)
        plane = self._planes.hit(start, stop, self.session.cursor_lps)
        number: int | None = None
        point: NDArray[np.float64] | None = None
        if surface is not None:
            number, point = surface[0], np.array(surface[1])
        if plane is not None:
            before = start + plane * (stop - start)
            if point is None or np.linalg.norm(before - start) < np.linalg.norm(point - start):
                number, point = None, before
        if point is None:
            return None, None
        across, back, up = self._frames[View.AXIAL].lps_from_grid(point).tolist()
        return number, (across, back, up)

    def _world(self, x: float, y: float, depth: float) -> NDArray[np.float64]:
        self.renderer.SetDisplayPoint(x, y, depth)
        self.renderer.DisplayToWorld()
        point = np.array(self.renderer.GetWorldPoint())
        return np.asarray(point[:3] / point[3])

    # Camera ---------------------------------------------------------------------------------------------------------

    def resize(self, width: int, height: int, pixel_ratio: float = 1.0) -> None:
        """The view is now so many device pixels large."""
        self._size = (max(width, 1), max(height, 1))
        margin = round(8 * pixel_ratio)
        self._title.SetDisplayPosition(margin, height - margin)
        self._facing.SetDisplayPosition(width - margin, margin)
        for actor in (self._title, self._facing):
            actor.GetTextProperty().SetFontSize(round(12 * pixel_ratio))

    def reset_camera(self, direction_lps: tuple[float, float, float] = USUAL) -> None:
        """Look at the whole patient from a direction, the head up or, seen along the body, the front."""
        if not self._frames:
            return
        geometry = self._frames[View.AXIAL].geometry
        to_grid = geometry.directions.T
        camera = self.renderer.GetActiveCamera()
        middle = (np.array(geometry.shape[::-1]) - 1) / 2 * np.array(geometry.spacing_xyz)
        away = to_grid @ np.array(direction_lps)
        upright = direction_lps[0] or direction_lps[1]
        size = float(np.linalg.norm(np.array(geometry.shape[::-1]) * np.array(geometry.spacing_xyz)))
        camera.SetFocalPoint(*middle)
        camera.SetPosition(*(middle + away / np.linalg.norm(away) * 1.5 * size))
        camera.SetViewUp(*(to_grid @ np.array([0.0, 0.0, 1.0] if upright else [0.0, -1.0, 0.0])))
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
        self._see_all()
        if self._frames:
            towards = -np.array(self.renderer.GetActiveCamera().GetDirectionOfProjection())
            seen_from = letters(self._frames[View.AXIAL].geometry.directions @ towards)
            self._facing.SetInput(f"seen from {seen_from}")
        self.changed.emit()

    def _see_all(self) -> None:
        """Let the camera see from the nearest to the farthest of all there is, and of what is still being made."""
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        if self._frames:
            image = self._frames[View.AXIAL].geometry
            low, high = np.zeros(3), (np.array(image.shape[::-1]) - 1) * np.array(image.spacing_xyz)
        drawn = np.array(self.renderer.ComputeVisiblePropBounds())
        if (drawn[0::2] <= drawn[1::2]).all():
            low, high = np.minimum(low, drawn[0::2]), np.maximum(high, drawn[1::2])
        if (low <= high).all():
            self.renderer.ResetCameraClippingRange(*np.stack([low, high], axis=1).ravel().tolist())

    # Session --------------------------------------------------------------------------------------------------------

    def _on_cursor(self) -> None:
        # Scrolling moves the cursor far more often than this view is drawn.
        if self._frames:
            self._cursor_moved = True
            self.changed.emit()

    def prepare(self) -> None:
        """Bring what was put off up to date; call it before drawing, with this view's OpenGL context current."""
        self._surfaces.prepare()
        self._companions.prepare()
        if self._cursor_moved:
            self._cursor_moved = False
            self._planes.set_cursor(self.session.cursor_lps)
        self._planes.prepare()
        self._volume.prepare()

    def _show_planes(self) -> None:
        self._planes.show(self.session.layers, frames_of(self.session))
        self._planes.set_cursor(self.session.cursor_lps)

    def _on_layers(self, _: LayersChanged | None = None) -> None:
        if self._frames:
            self._show_planes()
            self.changed.emit()

    def _on_companions(self) -> None:
        if self._frames:
            self._companions.show(self.session.companions, self._frames[View.AXIAL])
            self.changed.emit()

    def _on_structures(self, change: StructuresChanged) -> None:
        if not self._frames:
            return
        if change.areas:
            self._surfaces.update(self.session.structures, self._frames[View.AXIAL])
        self._set_looks()

    def _set_looks(self) -> None:
        self._surfaces.set_looks(self.session.structures, lambda number: self.session.appearance.of(number).surface)
        self.changed.emit()
