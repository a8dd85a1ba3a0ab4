"""The drag of a handle of the crosshair: it turns the planes of the other views about the crosshair."""

import numpy as np
from PySide6.QtCore import QPointF

from viewer.render.orientation import PLANE_VIEWS
from viewer.render.plane_scene import PlaneScene
from viewer.tools.events import Modifier, ViewEvent
from viewer.turning import turned_by

#: With Shift held, whole steps of this; planes of the series that are turned by less than the other stay what they are.
STEP_DEGREES, LEAST_DEGREES = 5.0, 1.0


class TurningDrag:
    """One drag, until the button is released. What the pane itself shows stays where it is."""

    def __init__(self, scene: PlaneScene, start: QPointF, ratio: float) -> None:
        frame, session = scene.frame, scene.session
        assert frame is not None, "a handle is there where a series is shown"
        self._scene, self._before, self._about = scene, session.turned, session.cursor_lps
        # Into the screen: so a turn from right to down, as pixels count, is a positive one.
        self._axis = frame.geometry.directions @ frame.screen_axes[2]
        self._middle = np.array(scene.pixel_from_lps(self._about)) / ratio
        self._last, self._angle = self._direction(start), 0.0

    def is_click(self, here: QPointF) -> bool:
        """Never: it must not move the crosshair."""
        return False

    def is_still(self, here: QPointF) -> bool:
        """Never: it opens no menu."""
        return False

    def to(self, event: ViewEvent, here: QPointF, ratio: float) -> None:
        """The mouse is over logical pixel `here`."""
        now = self._direction(here)
        # Round and round, without a jump where the angle begins anew.
        self._angle += float((now - self._last + np.pi) % (2 * np.pi) - np.pi)
        self._last = now
        angle = self._angle
        if Modifier.SHIFT in event.modifiers:
            step = np.radians(STEP_DEGREES)
            angle = float(np.rint(angle / step) * step)
        elif self._before is None and abs(angle) < np.radians(LEAST_DEGREES):
            angle = 0.0
        others = [view for view in PLANE_VIEWS if view is not self._scene.view]
        self._scene.session.turn(turned_by(self._before, others, self._axis, angle, self._about))

    def _direction(self, here: QPointF) -> float:
        return float(np.arctan2(here.y() - self._middle[1], here.x() - self._middle[0]))
