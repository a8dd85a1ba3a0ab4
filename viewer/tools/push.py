"""Push: nudges the line with a disc. No Qt."""

from typing import ClassVar

import shapely
from shapely import MultiPolygon

from viewer.edits.target import RefusedError
from viewer.tools.disc import DiscTool
from viewer.tools.events import ViewEvent


class Push(DiscTool):
    """A disc that begins inside pushes the line outwards before it, one that begins outside pushes it inwards."""

    name: ClassVar[str] = "push"
    title: ClassVar[str] = "Push"
    shortcut: ClassVar[str] = "U"
    tip: ClassVar[str] = (
        "Nudge the line with a disc: outwards from inside, inwards from outside. "
        "Size: [ and ], Shift+wheel, or the wheel while drawing"
    )

    def adding(self, event: ViewEvent, area: MultiPolygon) -> bool:
        """Decided by where the stroke begins."""
        if area.is_empty:
            raise RefusedError("There is no line to push here: draw one with the brush first (B).")
        return bool(shapely.contains_xy(area, *event.point_cut))
