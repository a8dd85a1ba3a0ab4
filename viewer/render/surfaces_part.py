"""The surfaces of a session's structures in the 3D view. No Qt.

They are made on a thread, newest state first, and collected by `poll`; what is on screen stays until its successor is
ready.
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkRenderingCore import vtkActor, vtkCellPicker, vtkPolyDataMapper, vtkRenderer

from engine.structures import PlaneContours, Roi, StructureSet
from viewer.render.orientation import ViewFrame
from viewer.render.surfaces import COARSE, FINE, make_surface

log = logging.getLogger("planimeter")

#: So many structures are drawn finely.
_FEW = 5


class SurfacesPart:
    """Draws structures as smooth surfaces in the millimetres of the displayed grid."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._renderer = renderer
        self._actors: dict[int, vtkActor] = {}
        self._retired: list[vtkActor] = []
        self._drawn: dict[int, Mapping[int, PlaneContours]] = {}
        self._pending: dict[int, tuple[Mapping[int, PlaneContours], Future[vtkPolyData | None]]] = {}
        self._maker: ThreadPoolExecutor | None = None
        self._place: vtkMatrix4x4 | None = None

    def place(self, matrix: vtkMatrix4x4 | None) -> None:
        """Draw what comes from now on through a matrix, grid mm of its own image → grid mm of the view."""
        self._place = matrix

    @property
    def busy(self) -> bool:
        """True while a surface is being made."""
        return bool(self._pending)

    @property
    def surfaces(self) -> Mapping[int, vtkPolyData]:
        """Number of each ROI that is drawn → its surface, grid mm."""
        return {number: actor.GetMapper().GetInput() for number, actor in self._actors.items()}

    def poll(self) -> bool:
        """Take over the surfaces that are ready; whether there were any."""
        ready = [number for number, (_, future) in self._pending.items() if future.done()]
        for number in ready:
            planes, future = self._pending.pop(number)
            self._drawn[number] = planes
            error = future.exception()
            if error is not None:
                # The view does without this one; contours and measures never depend on it.
                log.error("no surface could be made: %s", type(error).__name__)
            self._set_surface(number, None if error is not None else future.result())
        return bool(ready)

    def hit(self, x: float, y: float) -> tuple[int, tuple[float, float, float]] | None:
        """The number of the ROI whose surface is seen at a device pixel, from the lower left, and where; or None.

        mm of the view, of the last frame that was drawn.
        """
        shown = {number: actor for number, actor in self._actors.items() if actor.GetVisibility()}
        picker = vtkCellPicker()
        picker.PickFromListOn()
        picker.SetTolerance(0)
        for actor in shown.values():
            picker.AddPickList(actor)
        if not shown or not picker.Pick(x, y, 0, self._renderer):
            return None
        number = next((number for number, actor in shown.items() if actor is picker.GetActor()), None)
        return (number, picker.GetPickPosition()) if number is not None else None

    def close(self) -> None:
        """Stop the thread, after the one surface that it works on."""
        self.forget()
        if self._maker is not None:
            self._maker.shutdown(wait=True, cancel_futures=True)
            self._maker = None

    def prepare(self) -> None:
        """Let go of what was taken away; call it before drawing, with the view's OpenGL context current."""
        # A removed actor frees its vertex arrays at once. Their names belong to one context, so in another view's
        # context that would free what that view draws with.
        for actor in self._retired:
            self._renderer.RemoveActor(actor)
        self._retired.clear()

    def update(self, structures: StructureSet | None, frame: ViewFrame) -> None:
        """Ask for the surfaces of what is not on screen as it is now, and drop those of ROIs that are gone."""
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
                self._pending[number] = (roi.planes, self._submit(roi, frame, samples))

    def _submit(self, roi: Roi, frame: ViewFrame, samples: int) -> "Future[vtkPolyData | None]":
        if self._maker is None:
            self._maker = ThreadPoolExecutor(1, thread_name_prefix="planimeter surface")
        return self._maker.submit(make_surface, dict(roi.planes), frame, samples)

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
            self._renderer.AddActor(actor)
            self._actors[number] = actor
        actor.SetUserMatrix(self._place)
        actor.GetMapper().SetInputDataObject(surface)

    def set_looks(self, structures: StructureSet | None, opacity: Callable[[int], float] = lambda _: 1.0) -> None:
        """Colour the surfaces, each in the opacity of its ROI number, and show those that are to be seen."""
        for roi in structures.rois if structures is not None else ():
            actor = self._actors.get(roi.number)
            if actor is not None:
                actor.GetProperty().SetColor(*(channel / 255 for channel in roi.colour))
                actor.GetProperty().SetOpacity(opacity(roi.number))
                # A body outline would hide everything inside it, unless somebody made it translucent, which costs.
                hides = roi.roi_type == "EXTERNAL" and opacity(roi.number) == 1.0
                actor.SetVisibility(roi.visible and not hides)

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

    def forget(self) -> None:
        """Draw none, and make none any more."""
        for number in {*self._actors, *self._pending, *self._drawn}:
            self._drop(number)


def same_planes(first: Mapping[int, PlaneContours], second: Mapping[int, PlaneContours]) -> bool:
    """True when both have the very same contours: a new name or colour needs no new surface."""
    return dict(first) == dict(second)
