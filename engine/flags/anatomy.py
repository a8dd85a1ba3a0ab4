"""What is expected of a structure by its name: which side it is on, whether it is whole, what it can't overlap."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from engine.shipped import read_list
from engine.structures import Roi
from engine.tg263 import guessed_type

Side = Literal["L", "R", ""]

#: English and German: pairs are told apart by them whatever else their names say.
_SIDES: dict[str, Side] = {
    **dict.fromkeys(("l", "lt", "left", "links", "linke", "linker", "linkes"), "L"),
    **dict.fromkeys(("r", "rt", "right", "rechts", "rechte", "rechter", "rechtes"), "R"),
}


@dataclass(frozen=True)
class Anatomy:
    """What a name says.

    Args:
        base: its words in small letters, without the side.
        side: of the patient; "" where the name has none.
    """

    base: str
    side: Side

    @property
    def is_whole(self) -> bool:
        """Whether it is an organ that ends within the body, and tapers towards its ends."""
        return self.base in _known("whole")

    @property
    def is_in_one_piece(self) -> bool:
        """Whether one connected piece is expected."""
        return self.is_whole or self.base in _known("one_piece")

    @property
    def is_in_the_middle(self) -> bool:
        """Whether it lies in the middle between left and right."""
        return not self.side and self.base in _known("middle")

    @property
    def may_cross_the_middle(self) -> bool:
        """Whether one of a side may lie on the other side of the middle, as a chamber of the heart may."""
        return self.base in _known("off_the_middle")

    def excludes(self, other: "Anatomy") -> bool:
        """Whether the two can't share a place."""
        if self.base == other.base:
            return {self.side, other.side} == {"L", "R"}
        return any(self.base in group and other.base in group for group in _apart())


@cache
def anatomy_of(name: str) -> Anatomy:
    """What the name of a structure says; a single word for a side counts, in any place but alone."""
    words = re.sub(r"[\s_\-.]+", " ", name).strip().lower().split()
    sides = [word for word in words if word in _SIDES]
    if len(sides) != 1 or len(words) == 1:
        return Anatomy(" ".join(words), "")
    return Anatomy(" ".join(word for word in words if word not in _SIDES), _SIDES[sides[0]])


def is_organ(roi: Roi) -> bool:
    """Whether a structure is a part of the patient, and neither a target nor something beside the patient."""
    return roi.roi_type in ("ORGAN", "") and guessed_type(roi.name) in ("ORGAN", "")


@cache
def _known(key: str) -> frozenset[str]:
    return frozenset(read_list("anatomy.json")[key])


@cache
def _apart() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(group) for group in read_list("anatomy.json")["apart"])
