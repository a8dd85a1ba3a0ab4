"""The 3D view as a widget: turning, moving and zooming, and surfaces that arrive from their thread."""

import time

from PySide6.QtCore import QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QEnterEvent, QImage, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from viewer.render.surface_scene import SurfaceScene
from viewer.widgets.mouse import CLICK_PIXELS
from viewer.widgets.vtk_pane import VtkPane

#: A scrolling reader looks at the planes: the 3D view follows when the hand rests, ms.
_REST_MS = 200
_POLL_MS = 60


class SurfacePane(VtkPane):
    """Left drag turns, middle drag moves, wheel and right drag zoom, a double click enlarges, a right click asks."""

    enlarge = Signal()
    #: A menu is asked for, at a logical pixel of the view and at a point of the screen.
    asked = Signal(object, object)
    #: The mouse came in.
    entered = Signal()

    def __init__(self, scene: SurfaceScene, parent: QWidget | None = None) -> None:
        super().__init__(scene.renderer, parent)
        self.scene = scene
        self._took_ms = 0.0
        self._drag: tuple[Qt.MouseButton, QPointF] | None = None
        self._pressed_at: QPointF | None = None
        self._rest = QTimer(self, singleShot=True)
        self._rest.timeout.connect(self.update)
        self._poll = QTimer(self, interval=_POLL_MS)
        self._poll.timeout.connect(self._collect)
        self.setMinimumSize(120, 120)
        self.setAccessibleName("3d view")
        scene.changed.connect(self._on_changed)

    def resized(self, width: int, height: int, pixel_ratio: float) -> None:
        """Tell the scene."""
        self.scene.resize(width, height, pixel_ratio)

    @property
    def is_blank(self) -> bool:
        """True while no series is shown."""
        return self.scene.session.volume is None

    def prepare(self) -> None:
        """Bring the scene up to date."""
        self.scene.prepare()

    def draw(self) -> QImage:
        """Draw one frame, and remember how long it took."""
        started = time.perf_counter()
        picture = super().draw()
        self._took_ms = 1000 * (time.perf_counter() - started)
        return picture

    def release(self) -> None:
        """Stop the thread as well."""
        self._poll.stop()
        self._rest.stop()
        self.scene.close()
        super().release()

    def _on_changed(self) -> None:
        if self.scene.busy and not self._poll.isActive():
            self._poll.start()
        if self._drag is not None:
            self.update()
        else:
            # Starts anew with each change, and waits longer where drawing is slow.
            self._rest.start(max(_REST_MS, round(2 * self._took_ms)))

    def _collect(self) -> None:
        self.scene.poll()
        if not self.scene.busy:
            self._poll.stop()

    # Qt's events ----------------------------------------------------------------------------------------------------

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        """Tell of it."""
        self.entered.emit()
        super().enterEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Start a drag."""
        self._drag = (event.button(), event.position())
        self._pressed_at = event.position()
        if event.button() != Qt.MouseButton.RightButton:
            self.scene.set_moving(True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """End the drag; a right click without one asks for the menu."""
        still = self._pressed_at is not None
        self._drag = self._pressed_at = None
        self.scene.set_moving(False)
        if still and event.button() == Qt.MouseButton.RightButton and not self.is_blank:
            self.asked.emit(event.position(), event.globalPosition().toPoint())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """A click is told from a drag when it is released."""
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Enlarge the view, or show all four again."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = None
            self.enlarge.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Turn, move or zoom."""
        if self._drag is None:
            return
        button, last = self._drag
        if self._pressed_at is not None and button == Qt.MouseButton.RightButton:
            if (event.position() - self._pressed_at).manhattanLength() <= CLICK_PIXELS:
                return
            self.scene.set_moving(True)
        self._pressed_at = None
        step = (event.position() - last) * self.devicePixelRatioF()
        self._drag = (button, event.position())
        if button == Qt.MouseButton.LeftButton:
            self.scene.rotate(step.x(), step.y())
        elif button == Qt.MouseButton.MiddleButton:
            self.scene.pan(step.x(), step.y())
        else:
            self.scene.zoom(1.01 ** -step.y())

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zoom."""
        event.accept()
        self.scene.zoom(1.1 ** (event.angleDelta().y() / 120))
        self.update()
