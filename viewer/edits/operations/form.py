"""What an operation is: what it needs, what it computes, how it is told. No Qt."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from shapely import MultiPolygon

from engine.contouring.stack import Areas
from engine.progress import Progress, silent
from engine.volume import FloatArray, Geometry
from viewer.edits.parameters import Parameter, Values
from viewer.layers import Layer


@dataclass(frozen=True, eq=False)
class Work:
    """What an operation works on.

    Args:
        areas: of the structure, plane index → polygons, `(u, v)` mm.
        other: of the second structure; empty where none is chosen.
        geometry: of the image.
        values: of the parameters.
        progress: reports and may stop.
        layers: the images that are shown, from the base up.
        cursor_lps: (3,) mm, where the crosshair is.
    """

    areas: Areas
    other: Areas
    geometry: Geometry
    values: Values
    progress: Progress = silent
    layers: tuple[Layer, ...] = ()
    cursor_lps: FloatArray = field(default_factory=lambda: np.zeros(3))


#: The unit of a parameter that depends on the image.
OF_IMAGE = "of the image"

Compute = Callable[[Work], dict[int, MultiPolygon]]


@dataclass(frozen=True)
class Operation:
    """One operation.

    Args:
        name: for the journal.
        title: for the list.
        tip: what it does, in a sentence.
        compute: the planes that change.
        parameters: numbers it needs.
        other: what the second structure is called; "" where none is needed.
        derives: the result is a structure beside the first, as a target volume beside a tumour, rather than the first
            one tidied up.
        linked: its numbers are one and the same until the user wants each by itself.
        other_optional: it does without the second structure.
        takes_empty: it has a result for an empty structure too.
        reads_image, at_cursor: the result depends on the images or on where the crosshair is.
        unit_of: what those of its numbers are in whose unit is `OF_IMAGE`, by the values and the images that are shown.
        says: its numbers for the history, such as "3 mm"; the first parameter by default.
        behind: what the name of a result beside the structure ends with; the operation's name by default.
    """

    name: str
    title: str
    tip: str
    compute: Compute
    parameters: tuple[Parameter, ...] = ()
    other: str = ""
    derives: bool = False
    linked: bool = False
    other_optional: bool = False
    takes_empty: bool = False
    reads_image: bool = False
    at_cursor: bool = False
    unit_of: Callable[[Values, tuple[Layer, ...]], str] | None = None
    says: Callable[[Values], str] | None = None
    behind: Callable[[Values], str] | None = None

    def sizes(self, values: Values) -> str:
        """Its numbers in words: "3 mm"; "" where it has none."""
        if self.says is not None:
            return self.says(values)
        if not self.parameters:
            return ""
        first = self.parameters[0]
        return f"{values[first.key]:g} {first.unit}"

    def suffix(self, values: Values) -> str:
        """What the name of a result ends with."""
        return self.behind(values) if self.behind is not None else f" {self.name}"
