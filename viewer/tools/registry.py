"""What a tool is, and what it may use. A tool is a class in a file of its own and a line of `table`. No Qt."""

from typing import ClassVar, Protocol, runtime_checkable

from engine.structures import Roi
from viewer.edits.parameters import Parameter, Values
from viewer.history import History
from viewer.layers import Layer
from viewer.session import Session, View
from viewer.tools.events import Preview, ViewEvent


class Workbench(Protocol):
    """What a tool may use."""

    session: Session
    history: History
    radius_mm: float

    @property
    def image(self) -> Layer:
        """The image whose grey values count: the topmost that is shown, unless the user chose another."""

    def values(self, tool: "Tool") -> Values:
        """What the user has set for a tool."""

    def set_value(self, tool: "Tool", key: str, value: float) -> None:
        """Set a tool's parameter, kept within its limits."""

    def resize(self, steps: float) -> None:
        """Make the disc larger (positive) or smaller by so many steps."""

    def say(self, sentence: str) -> None:
        """Tell the user something, quietly."""


class Tool(Protocol):
    """One tool. It is made once for a window and keeps what is being drawn.

    Attributes:
        name: for the journal.
        title, shortcut, tip: for the button and the menu.
        group: tools of one group share a button; "" has one of its own.
        menu: that it stands in.
        has_disc: the size of the disc means something to it.
        reads_image: grey values mean something to it.
        on_oblique: it works on views that are turned away from the planes of the series.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    shortcut: ClassVar[str]
    tip: ClassVar[str]
    group: ClassVar[str]
    menu: ClassVar[str]
    has_disc: ClassVar[bool]
    reads_image: ClassVar[bool]
    on_oblique: ClassVar[bool]

    def __init__(self, bench: Workbench) -> None: ...

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """What the user may set, for an image whose values have that unit ("HU", "SUVbw", ...)."""

    def handle(self, event: ViewEvent) -> bool:
        """Take the event (True), or leave it to navigation. May raise RefusedError."""

    def preview(self, view: View) -> Preview | None:
        """What to draw live in this view."""

    def proposal(self) -> Roi | None:
        """A structure as it would become, drawn live in every view."""

    def cursor_name(self) -> str:
        """Shape of the mouse: "arrow", "cross" or "none"."""

    def cancel(self) -> bool:
        """Drop what is being drawn; False when there was nothing."""

    @property
    def drafting(self) -> bool:
        """Whether something is begun and not stored that outlasts the release of the button."""

    def take_back(self) -> bool:
        """Take the last part of what is being drawn back; False when there was nothing."""


class PlainTool:
    """What most tools have nothing of: a group, a disc, grey values, parameters, a proposal, a cursor of their own."""

    group: ClassVar[str] = ""
    menu: ClassVar[str] = "Edit"
    has_disc: ClassVar[bool] = False
    reads_image: ClassVar[bool] = False
    on_oblique: ClassVar[bool] = False

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """None."""
        return ()

    def proposal(self) -> Roi | None:
        """None."""
        return None

    def cursor_name(self) -> str:
        """A cross, to aim with."""
        return "cross"

    @property
    def drafting(self) -> bool:
        """Nothing outlasts the button."""
        return False

    def take_back(self) -> bool:
        """Nothing."""
        return False


@runtime_checkable
class TakesKeys(Protocol):
    """A tool that sometimes takes a key which is otherwise a shortcut of the window."""

    def wants_key(self, key: str) -> bool:
        """Whether the key (Qt's name without "Key_") is the tool's now."""
