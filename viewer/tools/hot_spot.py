"""Hot spot: what is above a share of the maximum within a ball, as lesions are drawn in PET. No Qt."""

from math import dist
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.ball import swept
from engine.contouring.brush import clean
from engine.contouring.levels import depth_in_range, grow, level_area, only
from engine.structures import Roi
from viewer.edits.grey import box_of
from viewer.edits.parameters import Parameter
from viewer.edits.ranges import unit_text
from viewer.edits.target import editable, existing, fresh_roi
from viewer.session import View
from viewer.tools.canvas import draw_planes
from viewer.tools.dragging import DragTool
from viewer.tools.events import Modifier, Preview, ViewEvent
from viewer.tools.registry import Workbench

#: Why nothing changes, by whether it was to be added.
_DONE = {True: "in the structure already", False: "not in the structure"}


class HotSpot(DragTool):
    """A press sets the middle of a ball, the drag its size; what is hot in it is drawn on all its planes."""

    name: ClassVar[str] = "hot spot"
    title: ClassVar[str] = "Hot spot"
    shortcut: ClassVar[str] = "Shift+G"
    tip: ClassVar[str] = (
        "Press in a lesion and drag a ball around it: what reaches a share of the maximum in the ball, and hangs "
        "together with it, is drawn on every plane; begin with Ctrl to take it away; Esc drops it"
    )
    group: ClassVar[str] = "Region"
    reads_image: ClassVar[bool] = True

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._pressed: ViewEvent | None = None
        self._radius = 0.0
        self._adding = True
        self._shapes: dict[int, MultiPolygon] = {}
        self._proposed: Roi | None = None
        self._said = ""
        self._box: tuple[NDArray, NDArray] | None = None

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """The share of the maximum."""
        tip = "Of the maximum in the ball: 41 to 50 % are usual for lesions (EANM guideline, 2015)"
        return (Parameter("share", "Above", "% of max", 41, 1, 100, 0, tip=tip),)

    @property
    def pressed_in(self) -> View | None:
        """Where the drag began."""
        return self._pressed.view if self._pressed is not None else None

    def press(self, event: ViewEvent) -> None:
        """The middle of a ball."""
        self._adding = Modifier.CONTROL not in event.modifiers
        (editable if self._adding else existing)(self._bench.session)
        self._pressed, self._radius, self._shapes, self._box = event, 0.0, {}, None

    def drag(self, event: ViewEvent) -> None:
        """Its size."""
        assert self._pressed is not None, "a drag follows a press"
        self._radius = dist(event.point_lps, self._pressed.point_lps)
        self._draw_within()

    def preview(self, view: View) -> Preview | None:
        """The ball, where it was begun."""
        if self._pressed is None or view is not self._pressed.view or not self._radius:
            return None
        angle = np.linspace(0, 2 * np.pi, 49)
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * self._radius + self._pressed.point_cut
        return Preview([ring], (255, 255, 255))

    def proposal(self) -> Roi | None:
        """What is hot."""
        return self._proposed

    def cancel(self) -> bool:
        """Drop the ball."""
        had = self._pressed is not None
        self._pressed = self._proposed = self._box = None
        self._shapes = {}
        return had

    def _draw_within(self) -> None:
        bench, event = self._bench, self._pressed
        structures = bench.session.structures
        assert structures is not None and event is not None, "a ball is begun on an open series"
        geometry = structures.geometry
        centre = np.array(event.point_lps)
        ball = swept(centre[None], np.array([max(self._radius, 1e-3)]), geometry)
        spacing = np.array([geometry.mean_spacing, geometry.spacing_uv[1], geometry.spacing_uv[0]])
        middle = geometry.kji_from_lps(centre)[0]
        low = np.maximum(np.floor(middle - self._radius / spacing).astype(int) - 1, 0)
        high = np.minimum(np.ceil(middle + self._radius / spacing).astype(int) + 2, geometry.shape)
        self._shapes, self._proposed = {}, None
        if not ball or (high <= low).any():
            return
        values = self._values(low, high)
        axes = [(np.arange(a, b) - at) * step for a, b, at, step in zip(low, high, middle, spacing, strict=True)]
        away = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)
        inside = np.where(away <= self._radius, values, -np.inf)
        peak = np.unravel_index(int(inside.argmax()), inside.shape)
        most = float(inside[peak])
        if not np.isfinite(most) or most <= 0:
            return
        level = most * bench.values(self)["share"] / 100
        depth = depth_in_range(values, level, np.inf)
        k, j, i = (int(index) for index in peak)
        region = grow((depth >= 0) & (away <= self._radius + spacing.max()), (k, j, i), tuple(spacing), np.inf)
        du, dv = geometry.spacing_uv
        for n in np.flatnonzero(region.mask.any(axis=(1, 2))).tolist():
            plane = int(low[0] + n)
            area = level_area(only(depth[n], region.mask[n]), (du, dv), (float(low[2] * du), float(low[1] * dv)))
            within = clean(area.intersection(ball[plane])) if plane in ball else MultiPolygon()
            if not within.is_empty:
                self._shapes[plane] = within
        unit = unit_text(bench.image.volume.units)
        digits = 0 if bench.image.volume.units == "HU" else 2
        self._said = f"Maximum {most:.{digits}f} {unit}, drawn from {level:.{digits}f} {unit} on."
        roi = bench.session.active_roi
        target = roi if roi is not None else fresh_roi(structures)
        self._proposed = Roi(target.number, target.name, target.colour).with_areas(self._shapes)

    def _values(self, low: NDArray, high: NDArray) -> NDArray:
        """The values of a box, from a larger one that is read again only when the ball has outgrown it."""
        bench, structures = self._bench, self._bench.session.structures
        assert structures is not None, "a ball is begun on an open series"
        geometry = structures.geometry
        if self._box is None or (low < self._box[0]).any() or (high > self._box[0] + self._box[1].shape).any():
            margin = (high - low) // 2
            start, stop = np.maximum(low - margin, 0), np.minimum(high + margin, geometry.shape)
            read = box_of(bench.image, geometry, start, stop).astype(np.float64)
            self._box = (start, np.nan_to_num(read, nan=-np.inf))
        first = low - self._box[0]
        last = high - self._box[0]
        return self._box[1][first[0] : last[0], first[1] : last[1], first[2] : last[2]]

    def release(self) -> None:
        """Draw what is hot."""
        shapes, bench = self._shapes, self._bench
        self.cancel()
        if not shapes:
            bench.say("There is nothing hot in this ball: press in the lesion and drag outwards.")
            return
        share = bench.values(self)["share"]
        text = f"{self.title}, {share:g} % of the maximum,"
        if draw_planes(bench.session, bench.history, shapes, self._adding, text=text, tool=self.name):
            bench.say(self._said)
        else:
            bench.say(f"{self._said.split(',')[0]}: nothing changes, what is hot is {_DONE[self._adding]}.")
