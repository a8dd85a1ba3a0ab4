"""Region: what hangs together with a click and is as grey as it, in the plane or in space. No Qt."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.levels import depth_in_range, grow, level_area, only
from engine.later import later
from engine.structures import Roi
from viewer.edits.grey import box_of
from viewer.edits.parameters import Parameter, choice
from viewer.edits.target import editable, existing, fresh_roi
from viewer.session import View
from viewer.tools.canvas import draw_planes
from viewer.tools.dragging import DragTool
from viewer.tools.events import Modifier, Preview, ViewEvent
from viewer.tools.registry import Workbench

if TYPE_CHECKING:
    from scipy import ndimage
else:
    ndimage = later("scipy.ndimage")

#: So many screen pixels of a drag up or down change the tolerance by a tenth.
PIXELS_A_TENTH = 12.0
IN_PLANE, IN_SPACE = 0.0, 1.0


class RegionTool(DragTool):
    """A press shows the region, dragging up takes more and down less, the release draws it."""

    name: ClassVar[str] = "region"
    title: ClassVar[str] = "Region grow"
    shortcut: ClassVar[str] = "G"
    tip: ClassVar[str] = (
        "Press on a place: what is as grey and hangs together with it is shown; drag up for more, down for less, "
        "release to draw it; begin with Ctrl to take it away; Esc drops it"
    )
    group: ClassVar[str] = "Region"
    reads_image: ClassVar[bool] = True

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._pressed: ViewEvent | None = None
        self._adding = True
        self._began_with = 0.0
        self._values: NDArray | None = None
        self._low = np.zeros(3, dtype=int)
        self._shapes: dict[int, MultiPolygon] = {}
        self._proposed: Roi | None = None
        self._stopped = False

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """How alike values must be, and what keeps the region from leaking out."""
        return (
            choice("space", "Grow", "in the plane", "in space"),
            Parameter(
                "tolerance", "±", "%", 12, 0.5, 100, 1,
                tip="How far values may differ from those at the click, as a share of the window of grey levels",
            ),
            Parameter("reach", "Reach", "mm", 50, 1, 300, 0, tip="Nothing further than this from the click is taken"),
            Parameter(
                "neck", "Neck", "mm", 0, 0, 30, 1,
                tip="What hangs on by a passage narrower than this is left out; 0 takes it",
            ),
        )  # fmt: skip

    @property
    def pressed_in(self) -> View | None:
        """Where the drag began."""
        return self._pressed.view if self._pressed is not None else None

    def press(self, event: ViewEvent) -> None:
        """Show the region of the place."""
        session = self._bench.session
        self._adding = Modifier.CONTROL not in event.modifiers
        (editable if self._adding else existing)(session)
        self._pressed = event
        self._began_with = self._bench.values(self)["tolerance"]
        self._values = None
        self._grow()

    def drag(self, event: ViewEvent) -> None:
        """More upwards, less downwards."""
        assert self._pressed is not None, "a drag follows a press"
        before, now = self._pressed.point_lps, event.point_lps
        # Up is towards the front in the axial view, towards the head in the others.
        up_mm = before[1] - now[1] if event.view is View.AXIAL else now[2] - before[2]
        pixels = up_mm / event.pixel_mm
        self._bench.set_value(self, "tolerance", self._began_with * 1.1 ** (pixels / PIXELS_A_TENTH))
        self._grow()

    def preview(self, view: View) -> Preview | None:
        """Nothing but the proposal."""
        return None

    def proposal(self) -> Roi | None:
        """The region."""
        return self._proposed

    def cancel(self) -> bool:
        """Drop the region."""
        had = self._pressed is not None
        self._pressed = self._values = self._proposed = None
        self._shapes = {}
        return had

    def _grow(self) -> None:
        """The region with what is set now."""
        bench, event = self._bench, self._pressed
        structures = bench.session.structures
        assert structures is not None and event is not None, "a region is begun on an open series"
        geometry, set_ = structures.geometry, bench.values(self)
        seed = np.rint(geometry.kji_from_lps(event.point_lps)[0]).astype(int)
        seed[0] = event.plane
        if (seed < 0).any() or (seed >= geometry.shape).any():
            return
        spacing = (geometry.mean_spacing, geometry.spacing_uv[1], geometry.spacing_uv[0])
        if self._values is None:
            extent = np.ceil(set_["reach"] / np.array(spacing)).astype(int) + 2
            if set_["space"] == IN_PLANE:
                extent[0] = 0
            self._low = np.maximum(seed - extent, 0)
            high = np.minimum(seed + extent + 1, geometry.shape)
            values = box_of(bench.image, geometry, self._low, high).astype(np.float64)
            # Noise within a plane is evened out over less than a voxel.
            self._values = ndimage.gaussian_filter(values, (0, 0.7, 0.7), mode="nearest")
        at = tuple((seed - self._low).tolist())
        middle = float(self._values[at])
        spread = bench.image.window.width * set_["tolerance"] / 100
        depth = depth_in_range(self._values, middle - spread, middle + spread)
        region = grow(depth >= 0, (at[0], at[1], at[2]), spacing, set_["reach"], set_["neck"])
        du, dv = geometry.spacing_uv
        origin = (float(self._low[2] * du), float(self._low[1] * dv))
        self._shapes = {
            int(self._low[0] + k): level_area(only(depth[k], region.mask[k]), (du, dv), origin)
            for k in np.flatnonzero(region.mask.any(axis=(1, 2)))
        }
        self._stopped = region.stopped
        roi = bench.session.active_roi
        target = roi if roi is not None else fresh_roi(structures)
        self._proposed = Roi(target.number, target.name, target.colour).with_areas(self._shapes)

    def release(self) -> None:
        """Draw it."""
        shapes, stopped, bench = self._shapes, self._stopped, self._bench
        reach = bench.values(self)["reach"]
        self.cancel()
        if not shapes:
            bench.say("There is nothing as grey as this that hangs together here.")
            return
        draw_planes(bench.session, bench.history, shapes, self._adding, text=self.title, tool=self.name)
        if stopped:
            bench.say(
                f"The region was stopped {reach:g} mm from the click, where it went on: it may have leaked. "
                "Undo, and take a lower tolerance or a neck."
            )
