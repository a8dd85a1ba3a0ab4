"""What the panes tell the tools, and what the tools give back to draw. No Qt, no VTK.

A pane turns each mouse and key event into a `ViewEvent` and offers it to the `ToolHost` first. What the host does not
handle is navigation: wheel scrolls, left drag moves the crosshair, middle drag pans, right drag changes the window,
Ctrl+wheel zooms, a double click enlarges the pane.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from engine.measures.measure import Measure
from viewer.session import Cut, View


class EventKind(StrEnum):
    """What happened. LEAVE is sent when the mouse leaves the pane, so that an outline can disappear."""

    PRESS = "press"
    MOVE = "move"
    RELEASE = "release"
    DOUBLE = "double"
    WHEEL = "wheel"
    KEY = "key"
    LEAVE = "leave"


class Button(StrEnum):
    """Mouse button of a press, release or drag."""

    NONE = "none"
    LEFT = "left"
    MIDDLE = "middle"
    RIGHT = "right"


class Modifier(StrEnum):
    """Keys held during the event."""

    SHIFT = "shift"
    CONTROL = "control"
    ALT = "alt"


@dataclass(frozen=True)
class ViewEvent:
    """One mouse or key event in a plane view.

    Args:
        kind: what happened.
        view: the pane.
        cut: how this view cuts the series that is open.
        index: where: the acquired plane for `Cut.PLANE`; the fractional row or column index on acquired plane 0; for
            `Cut.TURNED` the plane of the view's own grid.
        plane: index of the acquired plane nearest to the point.
        point_lps: the point under the mouse, mm, on the displayed cut.
        point_cut: the same point in the cut, mm: `(u, v)` of acquired plane `plane` for `Cut.PLANE`; for the others
            the frame of `engine.contouring.section`: along the remaining in-plane axis from the first voxel centre of
            plane 0, and along the normal from plane 0. For `Cut.TURNED` along the two axes of the view's own grid.
        button: that was pressed or released; for MOVE the one that is held.
        modifiers: held keys.
        steps: notches of the wheel, positive away from the user.
        key: Qt's name of the key without "Key_", such as "BracketLeft" or "Return"; "" for the mouse.
        pixel_mm: size of a screen pixel in the cut, mm.
        across_lps, right_lps: unit vectors across the cut and to the right on the screen, LPS.
    """

    kind: EventKind
    view: View
    cut: Cut
    index: float
    plane: int
    point_lps: tuple[float, float, float]
    point_cut: tuple[float, float]
    button: Button = Button.NONE
    modifiers: frozenset[Modifier] = frozenset()
    steps: float = 0.0
    key: str = ""
    pixel_mm: float = 1.0
    across_lps: tuple[float, float, float] = (0.0, 0.0, 1.0)
    right_lps: tuple[float, float, float] = (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class MeasureDraft:
    """A measure as it is being drawn or dragged; `replaces` is the number of the one that is not drawn meanwhile."""

    measure: Measure
    replaces: int | None = None


@dataclass(frozen=True, eq=False)
class Preview:
    """Outlines to draw live over a pane.

    Args:
        polylines: each (n, 2) mm in the frame of `ViewEvent.point_cut` of the pane; repeat the first point to close.
        colour: 0..255.
        replaces: number of the ROI whose stored outline must not be drawn in this pane meanwhile; None for none.
        area: what the ROI that is replaced becomes in this pane, to be filled as it is; None to fill nothing.
        measure: a measure that is being drawn; None for none.
        at: the cut and its index (as of `viewer.tools.canvas.Place`) on which alone this is drawn; None for any.
    """

    polylines: Sequence[NDArray[np.float64]]
    colour: tuple[int, int, int] = (255, 204, 0)
    replaces: int | None = None
    area: BaseGeometry | None = None
    measure: MeasureDraft | None = None
    at: tuple[Cut, float] | None = None


class ToolHost(Protocol):
    """The active tool, as the panes see it."""

    def handle(self, event: ViewEvent) -> bool:
        """Take the event (True), or leave it to navigation (False)."""

    def wants_key(self, key: str) -> bool:
        """Whether a key that is a shortcut of the window is the tool's now."""

    def preview(self, view: View, at: tuple[Cut, float] | None = None) -> Preview | None:
        """What to draw live in this view, which shows the cut `at`; asked after every event and after
        `Panes.refresh_preview`.
        """

    def cursor_name(self, view: View) -> str:
        """Shape of the mouse: "arrow", "cross", or "none" where the preview shows it."""
