"""What tools of one drag of the left button share. No Qt."""

from viewer.session import View
from viewer.tools.events import Button, EventKind, ViewEvent
from viewer.tools.registry import PlainTool


class DragTool(PlainTool):
    """Pressed, moved in the same view, released; meanwhile the wheel moves no planes."""

    @property
    def pressed_in(self) -> View | None:
        """The view in which the drag began; None before."""
        raise NotImplementedError

    def press(self, event: ViewEvent) -> None:
        """The left button goes down. May raise RefusedError."""
        raise NotImplementedError

    def drag(self, event: ViewEvent) -> None:
        """The mouse moves in the view of the press."""
        raise NotImplementedError

    def release(self) -> None:
        """The button goes up again."""
        raise NotImplementedError

    def handle(self, event: ViewEvent) -> bool:
        """Press, drag, release."""
        if event.kind in (EventKind.PRESS, EventKind.DOUBLE) and event.button is Button.LEFT:
            self.press(event)
            return True
        began_in = self.pressed_in
        if began_in is None:
            return False
        if event.kind is EventKind.MOVE and event.view is began_in:
            self.drag(event)
            return True
        if event.kind is EventKind.RELEASE and event.button is Button.LEFT:
            self.release()
            return True
        return event.kind is EventKind.WHEEL
