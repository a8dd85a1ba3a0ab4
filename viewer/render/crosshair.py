"""The crosshair of a plane view: where the other two planes cut it, and the handles that turn them. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.volume import FloatArray
from viewer.render.framing import Framing
from viewer.render.image_data import set_lines
from viewer.render.lines import VIEW_COLOURS, line_actor
from viewer.render.orientation import ViewFrame
from viewer.session import View

#: Logical pixels: left open around the cursor; from it to a handle, as a share of the shorter side of the view; from a
#: handle to the edge of the view, at least; the radius of a handle, and how near to its middle takes hold of it.
_GAP_PX = 14.0
_HANDLE_SHARE, _EDGE_PX, _NEAREST_PX = 0.36, 26.0, 45.0
_HANDLE_PX, GRIP_PX = 5.0, 9.0
_CORNERS = 13


@dataclass(frozen=True)
class _Line:
    """A line: the grid direction in which another view's plane cuts this one, and its colour, 0..255."""

    direction: FloatArray
    colour: tuple[int, ...]


class Crosshair:
    """Two lines through the cursor, each in the colour of the view whose plane it marks, open around the cursor."""

    def __init__(self) -> None:
        self.data, self.actor = line_actor(1.0, coloured=True)
        self._frame: ViewFrame | None = None
        self._lines: list[_Line] = []
        #: Whether the handles are shown.
        self.has_handles = False

    def show(self, frames: Mapping[View, ViewFrame], view: View) -> None:
        """Mark the planes of the other views in this one from now on; none without frames, nor in a picture."""
        self._frame = frames.get(view)
        self._lines = []
        if self._frame is None or not self._frame.acquired.in_patient:
            self.data.Initialize()
            return
        own = self._frame.geometry.directions
        for other, frame in frames.items():
            if other is not view:
                direction = own.T @ np.cross(own[:, self._frame.across], frame.geometry.directions[:, frame.across])
                # Dark rather than translucent: a translucent line costs a second pass over the frame.
                colour = tuple(round(155 * channel) for channel in VIEW_COLOURS[other])
                self._lines.append(_Line(direction / np.linalg.norm(direction), colour))

    def draw(self, cursor: FloatArray, framing: Framing, pixel_ratio: float, depth: float) -> None:
        """Draw it around a (3,) grid point, at `depth` mm along the axis that is cut."""
        frame = self._frame
        if frame is None or not self._lines:
            return
        pixel = framing.mm_per_pixel * pixel_ratio
        parts: list[FloatArray] = []
        colours: list[tuple[int, ...]] = []
        for line in self._lines:
            first, last = _within_image(frame, cursor, line.direction)
            ends = np.array([first, max(-_GAP_PX * pixel, first), min(_GAP_PX * pixel, last), last])
            parts += list((cursor + ends[:, None] * line.direction).reshape(2, 2, 3))
            colours += [line.colour] * 2
        if self.has_handles:
            ring = np.linspace(0, 2 * np.pi, _CORNERS)
            right, down, _ = frame.screen_axes
            circle = _HANDLE_PX * pixel * (np.outer(np.cos(ring), right) + np.outer(np.sin(ring), down))
            for line, centre in self._handles(cursor, framing, pixel_ratio):
                parts.append(centre + circle)
                colours.append(tuple(min(channel * 255 // 155, 255) for channel in line.colour))
        points = np.concatenate(parts)
        points[:, frame.across] = depth
        offsets = np.cumsum([0, *(len(part) for part in parts)]).astype(np.int64)
        set_lines(self.data, points, offsets, np.array(colours, dtype=np.uint8))

    def handle_at(self, pixel: tuple[float, float], cursor: FloatArray, framing: Framing, pixel_ratio: float) -> bool:
        """Whether a handle is under a device pixel."""
        if not (self.actor.GetVisibility() and self._lines):
            return False
        near = [
            np.hypot(*(np.array(self._pixel(centre, framing)) - pixel))
            for _, centre in self._handles(cursor, framing, pixel_ratio)
        ]
        return min(near, default=np.inf) <= GRIP_PX * pixel_ratio

    def handles(self, cursor: FloatArray, framing: Framing, pixel_ratio: float) -> list[tuple[float, float]]:
        """Device pixels of the handles, from the top left."""
        return [self._pixel(centre, framing) for _, centre in self._handles(cursor, framing, pixel_ratio)]

    def _handles(self, cursor: FloatArray, framing: Framing, pixel_ratio: float) -> list[tuple[_Line, FloatArray]]:
        """(3,) grid mm of each handle, none where the cursor is too near to the edge of the view or out of it."""
        frame = self._frame
        assert frame is not None, "called where a series is shown"
        size, middle = np.array(framing.size), np.array(self._pixel(cursor, framing))
        wanted = float(size.min()) * _HANDLE_SHARE
        out = []
        for line in self._lines:
            way = self._on_screen(line.direction)
            for sign in (-1.0, 1.0):
                with np.errstate(divide="ignore", invalid="ignore"):
                    edges = np.where(sign * way > 0, size - middle, middle) - _EDGE_PX * pixel_ratio
                    room = float(np.nanmin(edges / np.abs(way)))
                length = min(wanted, room)
                if length >= _NEAREST_PX * pixel_ratio:
                    out.append((line, cursor + sign * length * framing.mm_per_pixel * line.direction))
        return out

    def _on_screen(self, direction: FloatArray) -> FloatArray:
        frame = self._frame
        assert frame is not None, "called where a series is shown"
        return np.array([direction[frame.right] * frame.right_sign, direction[frame.down] * frame.down_sign])

    def _pixel(self, point: FloatArray, framing: Framing) -> tuple[float, float]:
        return framing.pixel(self._on_screen(point))


def _within_image(frame: ViewFrame, cursor: FloatArray, direction: FloatArray) -> tuple[float, float]:
    """From where to where a line through the cursor lies on the grid of the view, mm along its direction."""
    first, last = -np.inf, np.inf
    for axis in frame.along:
        step = float(direction[axis])
        if abs(step) > 1e-9:
            low = (-0.5 * frame.spacing[axis] - cursor[axis]) / step
            high = ((frame.geometry.shape[2 - axis] - 0.5) * frame.spacing[axis] - cursor[axis]) / step
            first, last = max(first, min(low, high)), min(last, max(low, high))
    return first, last
