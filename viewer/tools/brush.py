"""Brush: paints area where it is dragged. No Qt."""

from typing import ClassVar

from viewer.tools.disc import DiscTool


class Brush(DiscTool):
    """Adds; with Ctrl it takes away."""

    name: ClassVar[str] = "brush"
    title: ClassVar[str] = "Brush"
    shortcut: ClassVar[str] = "B"
    tip: ClassVar[str] = "Paint area with a disc; Ctrl erases. Size: [ and ], Shift+wheel, or the wheel while drawing"
    group: ClassVar[str] = "Brush"
