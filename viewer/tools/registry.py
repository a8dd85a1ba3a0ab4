"""The tools by name. A tool is a class in a file of its own, registered when that file is imported. No Qt."""

from typing import ClassVar, Protocol

from viewer.history import History
from viewer.session import Session, View
from viewer.tools.events import Preview, ViewEvent


class Workbench(Protocol):
    """What a tool may use."""

    session: Session
    history: History
    radius_mm: float

    def resize(self, steps: float) -> None:
        """Make the disc larger (positive) or smaller by so many steps."""

    def say(self, sentence: str) -> None:
        """Tell the user something, quietly."""


class Tool(Protocol):
    """One tool. It is made once for a window and keeps what is being drawn."""

    name: ClassVar[str]
    title: ClassVar[str]
    shortcut: ClassVar[str]
    tip: ClassVar[str]

    def __init__(self, bench: Workbench) -> None: ...

    def handle(self, event: ViewEvent) -> bool:
        """Take the event (True), or leave it to navigation. May raise RefusedError."""

    def preview(self, view: View) -> Preview | None:
        """What to draw live in this view."""

    def cursor_name(self) -> str:
        """Shape of the mouse: "arrow", "cross" or "none"."""

    def cancel(self) -> bool:
        """Drop what is being drawn; False when there was nothing."""


#: Name → class, in the order of the tool bar.
TOOLS: dict[str, type[Tool]] = {}


def register(tool: type[Tool]) -> type[Tool]:
    """Class decorator: make a tool known."""
    TOOLS[tool.name] = tool
    return tool
