"""A pane with one plane view, and what the mouse and the keys do in it."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QEnterEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from viewer.render.plane_scene import PlaneScene
from viewer.session import Cut, View
from viewer.tools.events import Button, EventKind, Modifier, ToolHost, ViewEvent
from viewer.widgets.mouse import Dragging, Mouse
from viewer.widgets.turning_drag import TurningDrag
from viewer.widgets.typing import is_typing
from viewer.widgets.vtk_pane import VtkPane

_BUTTONS = {
    Qt.MouseButton.LeftButton: Button.LEFT,
    Qt.MouseButton.MiddleButton: Button.MIDDLE,
    Qt.MouseButton.RightButton: Button.RIGHT,
}
_MODIFIERS = (
    (Qt.KeyboardModifier.ShiftModifier, Modifier.SHIFT),
    (Qt.KeyboardModifier.ControlModifier, Modifier.CONTROL),
    (Qt.KeyboardModifier.AltModifier, Modifier.ALT),
)
_CURSORS = {
    "arrow": Qt.CursorShape.ArrowCursor,
    "cross": Qt.CursorShape.CrossCursor,
    "none": Qt.CursorShape.BlankCursor,
}
_WHEEL_NOTCH = 120
_ZOOM_STEP = 1.2
_PAGE = 10


class PlanePane(VtkPane):
    """One plane view. Events go to the tool first; what it leaves is navigation."""

    enlarge = Signal()
    #: The mouse came in.
    entered = Signal()
    hovered = Signal(object)
    #: A menu is asked for, by a `ViewEvent` and at a point of the screen.
    asked = Signal(object, object)
    #: So many pictures on, of those that lie beside the one that is shown.
    paged = Signal(int)

    def __init__(self, scene: PlaneScene, parent: QWidget | None = None) -> None:
        super().__init__(scene.renderer, parent)
        self.scene = scene
        self.tool_host: ToolHost | None = None
        #: One of several planes of a view that are shown at once.
        self.is_tile = False
        #: What its buttons and wheel do; shared by the panes of a window.
        self.mouse = Mouse()
        self._drag: tuple[Button, Dragging | TurningDrag | None] | None = None
        self._tool_drag = False
        self._wheel = 0.0
        self._mouse: QPointF | None = None
        self._wants_keys = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, 120)
        self.setAccessibleName(f"{scene.view.value} view")
        scene.changed.connect(self._redraw)

    def _redraw(self) -> None:
        self.update()
        if self._mouse is not None:
            # The image moved under a mouse at rest, so what lies there is another place; or the pane became smaller.
            inside = self._is_inside(self._mouse)
            place = self.event_at(EventKind.MOVE, self._mouse, Qt.KeyboardModifier.NoModifier) if inside else None
            self.hovered.emit(place)

    def _is_inside(self, position: QPointF) -> bool:
        return self.rect().contains(position.toPoint())

    @property
    def view(self) -> View:
        """Which plane it shows."""
        return self.scene.view

    def resized(self, width: int, height: int, pixel_ratio: float) -> None:
        """Tell the scene, which keeps the image in place."""
        self.scene.resize(width, height, pixel_ratio)

    @property
    def is_blank(self) -> bool:
        """True while no series is shown, or the plane lies beyond it."""
        return self.scene.frame is None or self.scene.is_beyond

    def prepare(self) -> None:
        """Bring the scene up to date."""
        self.scene.prepare()

    def event_at(self, kind: EventKind, position: QPointF, modifiers: Qt.KeyboardModifier) -> ViewEvent | None:
        """The event at a logical pixel of the pane; None when nothing is shown."""
        frame = self.scene.frame
        if frame is None:
            return None
        ratio = self.devicePixelRatioF()
        point = self.scene.grid_from_pixel(position.x() * ratio, position.y() * ratio)
        point_lps = frame.lps_from_grid(point)
        plane = self.scene.plane if frame.cut is Cut.PLANE else frame.acquired.nearest_plane(point_lps)
        x, y, z = point_lps.tolist()
        return ViewEvent(
            kind=kind,
            view=self.view,
            cut=frame.cut,
            index=frame.cut_index(point, plane),
            plane=plane,
            point_lps=(x, y, z),
            point_cut=frame.cut_from_grid(point, plane),
            modifiers=frozenset(ours for theirs, ours in _MODIFIERS if modifiers & theirs),
            pixel_mm=self.scene.mm_per_pixel * ratio,
            across_lps=_three(frame.geometry.directions[:, frame.across]),
            right_lps=_three(frame.direction_lps("right")),
        )

    def refresh_preview(self) -> None:
        """Ask the tool again what to draw live, and which mouse cursor it wants."""
        host = self.tool_host
        # Of several panes with planes of one view, what is drawn lies on the plane of that under the mouse.
        elsewhere = self.scene.offset != 0 or self.is_tile
        live = not elsewhere or self._mouse is not None or self._tool_drag
        preview = host.preview(self.view, self.shown_cut()) if host is not None and live else None
        if preview is None:
            self.scene.set_preview(())
        else:
            self.scene.set_preview(preview.polylines, preview.colour, preview.replaces, preview.area)
        draft = preview.measure if preview is not None else None
        self.scene.set_measure_draft(*((draft.measure, draft.replaces) if draft is not None else (None, None)))
        self.setCursor(_CURSORS[host.cursor_name(self.view) if host is not None else "arrow"])

    def shown_cut(self) -> tuple[Cut, float] | None:
        """What is shown, as `Preview.at` says it; None while nothing is."""
        event = self.event_at(EventKind.MOVE, QPointF(self.rect().center()), Qt.KeyboardModifier.NoModifier)
        return None if event is None else (event.cut, event.plane if event.cut is Cut.PLANE else event.index)

    def _offer(self, event: ViewEvent) -> bool:
        if self.tool_host is None:
            return False
        taken = self.tool_host.handle(event)
        self.refresh_preview()
        return taken

    # Qt's events ----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Start a drag, of the tool or of navigation."""
        self._press(event, EventKind.PRESS)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Close a polygon where the tool wants it; else enlarge the pane."""
        if not self._press(event, EventKind.DOUBLE) and event.button() == Qt.MouseButton.LeftButton:
            self._drag = None
            self.enlarge.emit()

    def _press(self, event: QMouseEvent, kind: EventKind) -> bool:
        button = _BUTTONS.get(event.button())
        view_event = self.event_at(kind, event.position(), event.modifiers())
        if button is None or view_event is None:
            return False
        self._tool_drag = self._offer(_with(view_event, button=button))
        if not self._tool_drag and self._is_on_handle(event.position()) and button is Button.LEFT:
            self._drag = (button, TurningDrag(self.scene, event.position(), self.devicePixelRatioF()))
            return True
        how = None if self._tool_drag else self.mouse.style.drags[button]
        self._drag = (button, Dragging(self.scene, how, event.position()) if how is not None else None)
        if how is not None and button is Button.LEFT and kind is EventKind.PRESS and self.mouse.left_moves_crosshair:
            self.scene.point_at(view_event.point_lps)
        return self._tool_drag

    def _is_on_handle(self, position: QPointF) -> bool:
        ratio = self.devicePixelRatioF()
        return self.scene.handle_at((position.x() * ratio, position.y() * ratio))

    def _show_handles(self) -> None:
        """While the mouse is here and no tool has it."""
        free = self.tool_host is None or self.tool_host.cursor_name(self.view) == "arrow"
        self.scene.set_handles(self._mouse is not None and free)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Go on with the drag; without one, show where the mouse is."""
        if self._wants_keys:
            self._take_keys()
        view_event = self.event_at(EventKind.MOVE, event.position(), event.modifiers())
        if view_event is None:
            return
        button = self._drag[0] if self._drag is not None else Button.NONE
        # A drag may leave the pane, where there is nothing to tell of.
        inside = self._is_inside(event.position())
        self._mouse = event.position() if inside else None
        self.hovered.emit(view_event if inside else None)
        self._show_handles()
        if self._drag is None or self._tool_drag:
            self._offer(_with(view_event, button=button))
            if self._drag is None and self._is_on_handle(event.position()):
                self.setCursor(Qt.CursorShape.OpenHandCursor)
            return
        if self._drag[1] is not None and not (button is Button.RIGHT and self._drag[1].is_still(event.position())):
            self._drag[1].to(view_event, event.position(), self.devicePixelRatioF())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """End the drag."""
        view_event = self.event_at(EventKind.RELEASE, event.position(), event.modifiers())
        if view_event is not None and (self._tool_drag or self._drag is None):
            self._offer(_with(view_event, button=_BUTTONS.get(event.button(), Button.NONE)))
        if self._drag is not None and self._drag[0] is Button.LEFT and self._drag[1] is not None:
            clicked = self._drag[1].is_click(event.position()) and not self.mouse.left_moves_crosshair
            if clicked and view_event is not None:
                self.scene.point_at(view_event.point_lps)
        still = self._drag is not None and self._drag[1] is not None and self._drag[1].is_still(event.position())
        if view_event is not None and still and event.button() == Qt.MouseButton.RightButton:
            self.asked.emit(view_event, event.globalPosition().toPoint())
        self._drag = None
        self._tool_drag = False

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """A key asks for the menu; the mouse does so by a click, which is told from a drag when it is released."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.ask_menu()
        event.accept()

    def ask_menu(self) -> None:
        """Ask for the menu at the crosshair, or in the middle where that is not on the screen."""
        if self.scene.frame is None:
            return
        x, y = self.scene.pixel_from_lps(self.scene.session.cursor_lps)
        at = QPointF(x, y) / self.devicePixelRatioF()
        at = at if self._is_inside(at) else QPointF(self.rect().center())
        view_event = self.event_at(EventKind.KEY, at, Qt.KeyboardModifier.NoModifier)
        if view_event is not None:
            self.asked.emit(view_event, self.mapToGlobal(at).toPoint())

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Scroll, or zoom with Ctrl held."""
        # Alt turns the wheel sideways in Qt, so both directions count.
        steps = (event.angleDelta().y() or event.angleDelta().x()) / _WHEEL_NOTCH
        view_event = self.event_at(EventKind.WHEEL, event.position(), event.modifiers())
        event.accept()
        if view_event is None or not steps or self._offer(_with(view_event, steps=steps)):
            return
        if Modifier.CONTROL in view_event.modifiers:
            ratio = self.devicePixelRatioF()
            at = (event.position().x() * ratio, event.position().y() * ratio)
            self.scene.zoom(_ZOOM_STEP**steps, at)
            return
        # Touchpads send fractions of a notch.
        self._wheel += -steps if self.mouse.reversed_wheel else steps
        whole = int(self._wheel)
        self._wheel -= whole
        self.scroll_planes(-whole * (_PAGE if Modifier.SHIFT in view_event.modifiers else 1))

    def scroll_planes(self, planes: int) -> None:
        """Go so many planes on; positive towards the feet, the right, or the back as the view lies."""
        frame = self.scene.frame
        if frame is None or not planes:
            return
        if frame.count == 1 and not frame.acquired.in_patient:
            self.paged.emit(planes)
        else:
            self.scene.scroll_to(self.scene.index + planes * frame.onward)

    def _page(self, pages: int) -> None:
        """To the next picture, or ten planes on."""
        frame = self.scene.frame
        if frame is not None and not frame.acquired.in_patient:
            self.paged.emit(pages)
        else:
            self.scroll_planes(pages * _PAGE)

    def event(self, event: QEvent) -> bool:
        """Keep a key that the tool wants from the window's shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self.tool_host is not None:
            name = Qt.Key(event.key()).name.removeprefix("Key_")
            if event.modifiers() == Qt.KeyboardModifier.NoModifier and self.tool_host.wants_key(name):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Offer the key to the tool; arrows and Page keys scroll, plus and minus zoom."""
        position = QPointF(self.mapFromGlobal(self.cursor().pos()))
        view_event = self.event_at(EventKind.KEY, position, event.modifiers())
        key = Qt.Key(event.key())
        if view_event is not None and self._offer(_with(view_event, key=key.name.removeprefix("Key_"))):
            return
        actions: dict[Qt.Key, Callable[[], None]] = {
            Qt.Key.Key_Up: lambda: self.scroll_planes(-1),
            Qt.Key.Key_Down: lambda: self.scroll_planes(1),
            Qt.Key.Key_Left: lambda: self.scroll_planes(-1),
            Qt.Key.Key_Right: lambda: self.scroll_planes(1),
            Qt.Key.Key_PageUp: lambda: self._page(-1),
            Qt.Key.Key_PageDown: lambda: self._page(1),
            Qt.Key.Key_Home: lambda: self.scroll_planes(-(10**6)),
            Qt.Key.Key_End: lambda: self.scroll_planes(10**6),
            Qt.Key.Key_Plus: lambda: self.scene.zoom(_ZOOM_STEP),
            Qt.Key.Key_Equal: lambda: self.scene.zoom(_ZOOM_STEP),
            Qt.Key.Key_Minus: lambda: self.scene.zoom(1 / _ZOOM_STEP),
            Qt.Key.Key_0: self.scene.fit,
        }
        action = actions.get(key)
        if action is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
        else:
            action()

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        """Take the keys while the mouse is over the pane, so that they act where the reader looks."""
        self._take_keys()
        self.entered.emit()
        super().enterEvent(event)

    def _take_keys(self) -> None:
        """Have the focus now, or with the next move of the mouse after a text field had its last letter.

        A list of suggestions that closes over the pane lets the mouse enter it in the middle of a word.
        """
        self._wants_keys = is_typing()
        if not self._wants_keys:
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Let the tool's outline and the status line go."""
        position = QPointF(self.mapFromGlobal(self.cursor().pos()))
        view_event = self.event_at(EventKind.LEAVE, position, Qt.KeyboardModifier.NoModifier)
        if view_event is not None:
            self._offer(view_event)
        self._mouse = None
        self._show_handles()
        self._wants_keys = False
        self.hovered.emit(None)
        super().leaveEvent(event)


def _with(event: ViewEvent, **changes: object) -> ViewEvent:
    return ViewEvent(**{**event.__dict__, **changes})


def _three(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z
