"""What the mouse does in a plane view where no tool takes it: a table of ways, as other programs have them."""

from dataclasses import dataclass, replace
from enum import StrEnum

from PySide6.QtCore import QPointF

from viewer.layers import Window
from viewer.render.plane_scene import PlaneScene
from viewer.session import Session
from viewer.tools.events import Button, ViewEvent

#: Logical pixels of a drag for one plane, and for twice the size.
_PIXELS_A_PLANE, _PIXELS_TWICE = 6.0, 120.0
#: The mouse may move so many logical pixels during a click.
CLICK_PIXELS = 3


class Drag(StrEnum):
    """What a drag changes."""

    CROSSHAIR = "crosshair"
    WINDOW = "window"
    PAN = "pan"
    ZOOM = "zoom"
    PLANES = "planes"


@dataclass(frozen=True)
class MouseStyle:
    """A way to use the mouse.

    Args:
        key: word that it is remembered by.
        title, tip: for people.
        drags: button → what its drag changes.
    """

    key: str
    title: str
    tip: str
    drags: dict[Button, Drag]


MOUSE_STYLES: tuple[MouseStyle, ...] = (
    MouseStyle(
        "crosshair",
        "Left drag: crosshair",
        "Left moves the crosshair, middle the image, right changes the window",
        {Button.LEFT: Drag.CROSSHAIR, Button.MIDDLE: Drag.PAN, Button.RIGHT: Drag.WINDOW},
    ),
    MouseStyle(
        "window",
        "Left drag: window",
        "Left changes the window, middle moves the image, right zooms; a click sets the crosshair",
        {Button.LEFT: Drag.WINDOW, Button.MIDDLE: Drag.PAN, Button.RIGHT: Drag.ZOOM},
    ),
    MouseStyle(
        "planes",
        "Left drag: planes",
        "Left goes through the planes, middle moves the image, right changes the window; a click sets the crosshair",
        {Button.LEFT: Drag.PLANES, Button.MIDDLE: Drag.PAN, Button.RIGHT: Drag.WINDOW},
    ),
)


@dataclass
class Mouse:
    """How all panes of a window use the mouse.

    Args:
        style: what its buttons do.
        reversed_wheel: the wheel goes the other way through the planes.
    """

    style: MouseStyle = MOUSE_STYLES[0]
    reversed_wheel: bool = False

    @property
    def left_moves_crosshair(self) -> bool:
        """Whether the crosshair follows the left button from the press on."""
        return self.style.drags[Button.LEFT] is Drag.CROSSHAIR


class Dragging:
    """One drag with one button, until it is released."""

    def __init__(self, scene: PlaneScene, how: Drag, start: QPointF) -> None:
        self._scene, self._how, self._last, self._start = scene, how, start, start
        self._planes = 0.0
        self._left = False

    def is_click(self, here: QPointF) -> bool:
        """Whether the mouse hardly moved."""
        return (here - self._start).manhattanLength() <= CLICK_PIXELS

    def is_still(self, here: QPointF) -> bool:
        """Whether the mouse has never left the place of the press, and so has dragged nothing."""
        self._left |= not self.is_click(here)
        return not self._left

    def to(self, event: ViewEvent, here: QPointF, ratio: float) -> None:
        """The mouse is over `event`'s point now, logical pixel `here` of a view with so many device pixels each."""
        step, scene = here - self._last, self._scene
        self._last = here
        if self._how is Drag.CROSSHAIR:
            scene.point_at(event.point_lps)
        elif self._how is Drag.PAN:
            scene.pan(step.x() * ratio, step.y() * ratio)
        elif self._how is Drag.WINDOW:
            drag_window(scene.session, step.x(), step.y(), scene.layer or 0)
        elif self._how is Drag.ZOOM:
            scene.zoom(2.0 ** (-step.y() / _PIXELS_TWICE), (self._start.x() * ratio, self._start.y() * ratio))
        elif scene.frame is not None:
            self._planes += step.y() / _PIXELS_A_PLANE
            whole = int(self._planes)
            self._planes -= whole
            if whole:
                scene.scroll_to(scene.index + whole * scene.frame.onward)


def drag_window(session: Session, dx: float, dy: float, index: int = 0) -> None:
    """Change the window of a layer by a drag: right widens, up brightens; 300 pixels double the width."""
    if index >= len(session.layers):
        return
    layer = session.layers[index]
    window = layer.window
    width = max(window.width * 2.0 ** (dx / 300), 1e-3)
    session.change_layer(index, replace(layer, window=Window(window.centre + dy * window.width / 400, width)))
