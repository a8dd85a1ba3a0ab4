"""Eraser: takes area away where it is dragged. No Qt."""

from typing import ClassVar

from viewer.tools.disc import DiscTool


class Eraser(DiscTool):
    """Takes away; with Ctrl it adds."""

    name: ClassVar[str] = "eraser"
    title: ClassVar[str] = "Eraser"
    shortcut: ClassVar[str] = "E"
    tip: ClassVar[str] = (
        "Take area away with a disc; Ctrl paints. Size: [ and ], Shift+wheel, or the wheel while drawing"
    )
    adds: ClassVar[bool] = False
