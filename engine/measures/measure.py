"""A measure as it is kept, and what it amounts to. Immutable values."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine.transform import Transform
from engine.volume import FloatArray, Volume

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Measure:
    """Something that a person measured on one cut of an image.

    Args:
        number: unique among the measures of a document, and stable.
        kind: a word of `engine.measures.table.KINDS`.
        points_lps: what was set, mm in the frame of reference of the series, as the kind orders them.
        normal_lps: unit vector across the cut that it was drawn on.
        name: for people.
    """

    number: int
    kind: str
    points_lps: tuple[Point, ...]
    normal_lps: Point
    name: str = ""

    @property
    def points(self) -> FloatArray:
        """(n, 3) the points that were set, LPS mm."""
        return np.array(self.points_lps, dtype=np.float64).reshape(-1, 3)

    def with_points(self, points_lps: FloatArray) -> "Measure":
        """The same with other (n, 3) points, LPS mm."""
        return replace(self, points_lps=as_points(points_lps))

    def moved(self, transform: Transform) -> "Measure":
        """The same in another frame of reference; the transform must be rigid for lengths to stay."""
        if transform.is_identity:
            return self
        points = transform.apply(self.points)
        ahead = transform.apply(self.points[:1] + self.normal_lps)[0] - points[0]
        (normal,) = as_points((ahead / np.linalg.norm(ahead))[None])
        return replace(self, points_lps=as_points(points), normal_lps=normal)

    @property
    def axes(self) -> FloatArray:
        """(2, 3) two perpendicular unit vectors in the cut."""
        normal = np.asarray(self.normal_lps)
        first = np.cross(normal, np.eye(3)[int(np.abs(normal).argmin())])
        first = first / np.linalg.norm(first)
        return np.stack([first, np.cross(normal, first)])


#: What a number is whose name alone misleads.
DEFINITIONS = {
    "SUVpeak": (
        "highest mean of a sphere of 1 cm³ centred on a voxel of the region; the sphere may reach beyond the region, "
        "so it can exceed the region's maximum"
    )
}


@dataclass(frozen=True)
class Value:
    """One number that a measure amounts to.

    Args:
        name: such as "Length" or "Mean".
        value: in `unit`.
        unit: "mm", "°", "HU", …; "" for a plain number.
    """

    name: str
    value: float
    unit: str = ""

    @property
    def definition(self) -> str:
        """What it is, where its name alone misleads; else ""."""
        return DEFINITIONS.get(self.name, "")


@dataclass(frozen=True)
class MeasureKind:
    """A kind of measure.

    Args:
        title: for people.
        outline: of a measure → (n, 3) LPS mm of the line that shows it.
        size: of a measure → what it amounts to without an image: lengths in mm, areas in mm².
        on_image: of a measure in the frame of a volume → what the image's values there amount to.
    """

    title: str
    outline: Callable[[Measure], FloatArray]
    size: Callable[[Measure], tuple[Value, ...]]
    on_image: Callable[[Measure, Volume], tuple[Value, ...]] = lambda measure, volume: ()


def as_points(points: FloatArray) -> tuple[Point, ...]:
    """(n, 3) as plain numbers."""
    return tuple((float(x), float(y), float(z)) for x, y, z in points)
