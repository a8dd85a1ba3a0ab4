"""The tools of one window and the one that is active: what the panes offer their events to. No Qt."""

from psygnal import Signal
from shapely.errors import GEOSException

from engine.errors import PlanimeterError
from engine.structures import Roi
from viewer.edits.parameters import Parameter, defaults
from viewer.history import History
from viewer.layers import Layer, LayersChanged
from viewer.session import Cut, Session, View
from viewer.tools.events import Button, EventKind, Preview, ViewEvent
from viewer.tools.registry import TakesKeys, Tool
from viewer.tools.table import TOOLS

#: Radius of the disc; the last in pixels, on pictures that say no more of their size.
SMALLEST_MM, LARGEST_MM, LARGEST_PX = 0.5, 100.0, 2000.0
_STEP = 1.1


class Toolbox:
    """Implements `viewer.tools.events.ToolHost` and `viewer.tools.registry.Workbench`."""

    #: Another tool is active, or the disc has another size.
    changed = Signal()
    #: A sentence for the user.
    said = Signal(str)
    #: What is drawn live changed by something else than an event.
    preview_changed = Signal()
    #: Something was begun that is not stored yet, or is no more.
    drafting_changed = Signal()

    def __init__(self, session: Session, history: History) -> None:
        self.session = session
        self.history = history
        self.radius_mm = 5.0
        self._tools: dict[str, Tool] = {name: tool(self) for name, tool in TOOLS.items()}
        self._active: Tool | None = None
        #: (name of a tool, unit of the image) → what the user has set for it.
        self._values: dict[tuple[str, str], dict[str, float]] = {}
        self._image: Layer | None = None
        self._held = False
        session.volume_changed.connect(self._on_volume)
        session.layers_changed.connect(self._on_layers)

    @property
    def active(self) -> str:
        """Name of the active tool; "" for navigation."""
        return self._active.name if self._active is not None else ""

    def choose(self, name: str) -> None:
        """Take a tool by its name; "" for navigation. What was begun is dropped, and that is said."""
        if name == self.active:
            return
        self._drop()
        self._active = self._tools[name] if name else None
        self.changed.emit()
        self.preview_changed.emit()

    def escape(self) -> bool:
        """Drop what is being drawn, else go back to navigation; False when there was neither."""
        if self._active is None:
            return False
        if self._active.cancel():
            self._show_draft()
        else:
            self.choose("")
        return True

    @property
    def drafting(self) -> bool:
        """Whether something is begun that is not stored yet."""
        return self._active is not None and self._active.drafting

    def take_back(self) -> bool:
        """Take the last point of what is being drawn back; False when nothing is."""
        taken = self._active is not None and self._active.take_back()
        if taken:
            self._show_draft()
        return taken

    @property
    def unit(self) -> str:
        """What the size of the disc is in: "mm", or "px" on a picture of unknown size."""
        return self.session.volume.geometry.unit if self.session.volume is not None else "mm"

    @property
    def largest(self) -> float:
        """The largest radius of the disc, in `unit`."""
        return LARGEST_PX if self.unit == "px" else LARGEST_MM

    def set_radius(self, radius_mm: float) -> None:
        """Size of the disc, kept within its limits."""
        radius = round(min(max(radius_mm, SMALLEST_MM), self.largest), 2)
        if radius != self.radius_mm:
            self.radius_mm = radius
            self.changed.emit()
            self.preview_changed.emit()

    def resize(self, steps: float) -> None:
        """Make the disc larger (positive) or smaller, a tenth and at least 0.1 mm a step."""
        grown = self.radius_mm * _STEP**steps
        least = 0.1 * abs(steps)
        if abs(grown - self.radius_mm) < least:
            grown = self.radius_mm + (least if steps > 0 else -least)
        self.set_radius(grown)

    # Parameters and the image they are about -------------------------------------------------------------------------

    @property
    def image(self) -> Layer:
        """The image whose grey values count: the topmost that is shown, unless the user chose another."""
        layers = self.session.layers
        chosen = [layer for layer in layers if self._image is not None and layer.volume is self._image.volume]
        shown = [layer for layer in layers if layer.visible]
        return (chosen or shown or list(layers))[-1]

    def choose_image(self, index: int) -> None:
        """Let the grey values of a layer count, whatever lies over it."""
        self._image = self.session.layers[index]
        self._drop()
        self.changed.emit()

    @property
    def active_tool(self) -> Tool | None:
        """The active tool; None for navigation."""
        return self._active

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the user may set for the active tool on the image that is open."""
        return self._active.parameters(self._unit()) if self._active is not None and self.session.layers else ()

    def values(self, tool: Tool) -> dict[str, float]:
        """What the user has set for a tool."""
        return {**defaults(tool.parameters(self._unit())), **self._values.get((tool.name, self._unit()), {})}

    def set_value(self, tool: Tool, key: str, value: float) -> None:
        """Set a tool's parameter, kept within its limits."""
        parameter = next(held for held in tool.parameters(self._unit()) if held.key == key)
        if not parameter.choices:
            value = min(max(value, parameter.low), parameter.high)
        if value != self.values(tool)[key]:
            self._values.setdefault((tool.name, self._unit()), {})[key] = value
            self.changed.emit()
            self.preview_changed.emit()

    def _unit(self) -> str:
        return self.image.volume.units if self.session.layers else ""

    def _on_layers(self, _: LayersChanged) -> None:
        if self._active is not None and self._active.reads_image:
            self.changed.emit()

    # What the panes ask ---------------------------------------------------------------------------------------------

    def say(self, sentence: str) -> None:
        """Tell the user something, quietly."""
        self.said.emit(sentence)

    def handle(self, event: ViewEvent) -> bool:
        """Offer an event to the active tool; what it refuses is said and taken."""
        if self._active is None or self.session.structures is None:
            return False
        if event.cut is Cut.TURNED and not self._active.on_oblique and event.kind is not EventKind.LEAVE:
            return self._refuse_oblique(event)
        known, drafting = self.session.active, self.drafting
        try:
            taken = self._active.handle(event)
            self._watch(event, taken)
            if self.drafting != drafting:
                self.drafting_changed.emit()
            if known is None and self.session.active_roi is not None:
                self.say(f"This began a new structure, {self.session.active_roi.name}: R renames it.")
            return taken
        except PlanimeterError as error:
            self._active.cancel()
            self._held = self.session.drawing = False
            self.drafting_changed.emit()
            self.say(str(error))
            return True
        except GEOSException:
            # Coordinates at the limits of what doubles can tell apart; the structure is as it was.
            self._active.cancel()
            self._held = self.session.drawing = False
            self.drafting_changed.emit()
            self.say(
                "This stroke could not be joined to the structure; nothing was changed. Draw it a little differently."
            )
            return True

    def _watch(self, event: ViewEvent, taken: bool) -> None:
        """Tell the session while something is being drawn: what a model draws meanwhile is not to take it over."""
        if event.kind in (EventKind.PRESS, EventKind.DOUBLE) and event.button is Button.LEFT:
            self._held = taken
        elif event.kind is EventKind.RELEASE and event.button is Button.LEFT:
            self._held = False
        self.session.drawing = self._held or self.drafting

    def _refuse_oblique(self, event: ViewEvent) -> bool:
        """Contours lie on the planes of the series; a press is taken, so that it does nothing else instead."""
        if event.kind not in (EventKind.PRESS, EventKind.DOUBLE) or event.button is not Button.LEFT:
            return False
        self.say("This view is oblique, and contours lie on the planes of the series: Shift+T turns it back.")
        return True

    def wants_key(self, key: str) -> bool:
        """Whether the active tool takes a key that is otherwise a shortcut of the window."""
        return isinstance(self._active, TakesKeys) and self._active.wants_key(key)

    def preview(self, view: View) -> Preview | None:
        """What the active tool draws live."""
        return self._active.preview(view) if self._active is not None else None

    def proposal(self) -> Roi | None:
        """A structure as the active tool would make it."""
        return self._active.proposal() if self._active is not None else None

    def cursor_name(self, view: View) -> str:
        """The active tool's mouse cursor."""
        return self._active.cursor_name() if self._active is not None else "arrow"

    def _on_volume(self) -> None:
        self._drop()
        self.set_radius(self.radius_mm)

    def _drop(self) -> None:
        tool, drafting = self._active, self.drafting
        if tool is None or not tool.cancel():
            return
        self._show_draft()
        if drafting:
            self.say(f"{tool.title}: what was begun was not closed, and is dropped.")

    def _show_draft(self) -> None:
        self._held, self.session.drawing = False, self.drafting
        self.preview_changed.emit()
        self.drafting_changed.emit()
