"""How structures are drawn (lines, fill, opacity) and into which groups a person put them. Nothing of it is an edit."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from types import MappingProxyType
from typing import Any

from psygnal import Signal


@dataclass(frozen=True)
class Style:
    """How a structure is drawn.

    Args:
        width: of its lines, logical pixels; those of the active structure are 1.5 wider.
        opacity: of its lines, 0..1.
        fill: opacity of the area inside them, 0..1.
        surface: opacity of its surface in the 3D view, 0..1.
    """

    width: float = 1.0
    opacity: float = 1.0
    fill: float = 0.0
    surface: float = 1.0

    def __post_init__(self) -> None:
        for own in fields(self):
            low, high = LIMITS[own.name]
            object.__setattr__(self, own.name, min(max(float(getattr(self, own.name)), low), high))

    def stored(self) -> list[float]:
        """As JSON keeps it."""
        return list(astuple(self))

    @classmethod
    def read(cls, stored: Any) -> "Style | None":
        """What `stored` gave; None where it is anything else."""
        if not isinstance(stored, list) or len(stored) != len(fields(cls)):
            return None
        right = all(isinstance(value, int | float) and math.isfinite(value) for value in stored)
        return cls(*stored) if right else None


#: Part of a style → least and greatest value. Lines that are not seen at all are hidden structures, which lists show.
LIMITS = {"width": (0.5, 6.0), "opacity": (0.1, 1.0), "fill": (0.0, 1.0), "surface": (0.1, 1.0)}


class Appearance:
    """The style of every structure of what is open."""

    changed = Signal()
    #: A structure is in another group.
    regrouped = Signal()

    def __init__(self) -> None:
        self._usual = Style()
        self._own: dict[int, Style] = {}
        self._groups: dict[int, str] = {}

    @property
    def usual(self) -> Style:
        """Of structures that have none of their own."""
        return self._usual

    @property
    def own(self) -> Mapping[int, Style]:
        """ROI number → style, of those that have one of their own."""
        return MappingProxyType(self._own)

    def of(self, number: int) -> Style:
        """The style of a ROI."""
        return self._own.get(number, self._usual)

    def set_usual(self, style: Style) -> None:
        """Draw so what has no style of its own."""
        if style != self._usual:
            self._usual = style
            self.changed.emit()

    def set_own(self, styles: Mapping[int, Style | None]) -> None:
        """Draw ROIs in styles of their own; None as all others."""
        before = dict(self._own)
        for number, style in styles.items():
            if style is None:
                self._own.pop(number, None)
            else:
                self._own[number] = style
        if self._own != before:
            self.changed.emit()

    @property
    def groups(self) -> Mapping[int, str]:
        """ROI number → name of the group that a person put it into."""
        return MappingProxyType(self._groups)

    def set_groups(self, groups: Mapping[int, str]) -> None:
        """Put ROIs into groups; "" takes one out of its group."""
        after = {number: name for number, name in {**self._groups, **groups}.items() if name}
        if after != self._groups:
            self._groups = after
            self.regrouped.emit()

    def keep(self, numbers: Iterable[int]) -> None:
        """Forget the styles and groups of all ROIs but these: a number may be given again."""
        wanted = set(numbers)
        self.set_groups({number: "" for number in self._groups if number not in wanted})
        self.set_own({number: None for number in self._own if number not in wanted})
