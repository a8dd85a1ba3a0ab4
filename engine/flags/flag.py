"""A flag, and what a kind of flag is given to look at."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import shapely
from shapely import MultiPolygon

from engine.contouring.islands import components
from engine.contouring.measure import centroid_lps, volume_cm3
from engine.flags.anatomy import Anatomy, anatomy_of, is_organ
from engine.flags.patient import Patient
from engine.structures import Roi
from engine.volume import FloatArray, Geometry

#: Plane index → indices of the polygons there.
Piece = Mapping[int, list[int]]


@dataclass(frozen=True)
class Flag:
    """Something about structures that is anatomically unlikely, and where to look at it.

    Args:
        kind: its word in the table.
        numbers: of the ROIs that it is about.
        names: of the same.
        text: one sentence that names them.
        short: what is said of the first of them, in few words.
        plane: index of the plane to look at.
        point_lps: (x, y, z) mm of the place.
    """

    kind: str
    numbers: tuple[int, ...]
    names: tuple[str, ...]
    text: str
    short: str
    plane: int
    point_lps: tuple[float, float, float]

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What it is known by while structures change: of a kind there is one about the same structures."""
        return self.kind, self.numbers

    @property
    def contours(self) -> frozenset[tuple[int, int]]:
        """(ROI number, plane index) to look at."""
        return frozenset((number, self.plane) for number in self.numbers)

    def told(self) -> dict[str, object]:
        """As `--json` prints it; planes are counted from 1, as on the screen."""
        return {
            "kind": self.kind,
            "structures": list(self.names),
            "text": self.text,
            "plane": self.plane + 1,
            "point_lps_mm": [round(value, 2) for value in self.point_lps],
        }


@dataclass(frozen=True, eq=False)
class Subject:
    """One structure with what the kinds of flag ask of it, each reckoned once.

    Args:
        roi: the structure; it has an area.
        geometry: of the image.
    """

    roi: Roi
    geometry: Geometry

    @cached_property
    def areas(self) -> dict[int, MultiPolygon]:
        """The planes that have an area, rising."""
        planes = {k: contours.area for k, contours in sorted(self.roi.planes.items()) if not contours.area.is_empty}
        return {k: area for k, area in planes.items() if 0 <= k < self.geometry.shape[0]}

    @cached_property
    def anatomy(self) -> Anatomy:
        """What its name says."""
        return anatomy_of(self.roi.name)

    @cached_property
    def is_organ(self) -> bool:
        """Whether it is a part of the patient."""
        return is_organ(self.roi)

    @cached_property
    def pieces(self) -> list[dict[int, list[int]]]:
        """Its connected pieces, the largest first."""
        return components(self.areas, self.geometry)

    @cached_property
    def centre_lps(self) -> FloatArray:
        """(3,) mean position, mm."""
        return centroid_lps(self.areas, self.geometry)

    @cached_property
    def volume_cm3(self) -> float:
        """Its volume."""
        return volume_cm3(self.areas, self.geometry)

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """(least u, least v, most u, most v) mm over all planes."""
        low_u, low_v, high_u, high_v = shapely.bounds(list(self.areas.values())).T
        return float(low_u.min()), float(low_v.min()), float(high_u.max()), float(high_v.max())

    def meets(self, other: "Subject") -> bool:
        """Whether the boxes around both, in the planes, share a place."""
        mine, its = self.bounds, other.bounds
        return mine[0] <= its[2] and its[0] <= mine[2] and mine[1] <= its[3] and its[1] <= mine[3]

    def volume_of(self, piece: Piece) -> float:
        """Of one of the pieces, cm³."""
        thickness = self.geometry.plane_thickness
        sizes = [self.areas[k].geoms[i].area * float(thickness[k]) for k, members in piece.items() for i in members]
        return float(sum(sizes)) / 1000

    def point_on(self, plane: int) -> tuple[float, float, float]:
        """(x, y, z) mm inside its area on a plane; on a plane without, of the nearest plane's, moved there."""
        nearest = min(self.areas, key=lambda k: abs(k - plane))
        return self.point_in(self.areas[nearest], plane)

    def point_in(self, area: MultiPolygon, plane: int) -> tuple[float, float, float]:
        """(x, y, z) mm of a point in an area that is seen on a plane."""
        inside = area.representative_point()
        x, y, z = self.geometry.lps_from_plane(plane, [(inside.x, inside.y)])[0].tolist()
        return x, y, z

    def flag(self, text: str, short: str, plane: int, point: tuple[float, float, float] | None = None) -> "Told":
        """What is said of it alone, at a place; where none is given, in its own area."""
        return Told((self,), text, short, plane, point or self.point_on(plane))


@dataclass(frozen=True, eq=False)
class Told:
    """What a kind of flag says, before it is known by its word."""

    subjects: tuple[Subject, ...]
    text: str
    short: str
    plane: int
    point_lps: tuple[float, float, float]

    def as_flag(self, kind: str) -> Flag:
        """The flag, of a kind."""
        rois = [subject.roi for subject in self.subjects]
        numbers, names = tuple(roi.number for roi in rois), tuple(roi.name for roi in rois)
        return Flag(kind, numbers, names, self.text, self.short, self.plane, self.point_lps)


#: A kind that looks at one structure, and in the patient where the image shows that.
Alone = Callable[[Subject, Patient | None], Iterable[Told]]
#: A kind that looks at all structures; the first are those that are asked about, the others are there to compare.
Together = Callable[[list[Subject], list[Subject]], Iterable[Told]]


def planes_text(planes: Iterable[int]) -> str:
    """Planes as the screen counts them: "plane 4" or "planes 4 to 6 and 9"."""
    runs: list[list[int]] = []
    for plane in sorted(planes):
        if runs and plane == runs[-1][1] + 1:
            runs[-1][1] = plane
        else:
            runs.append([plane, plane])
    texts = [f"{first + 1}" if first == last else f"{first + 1} to {last + 1}" for first, last in runs]
    word = "plane" if len(runs) == 1 and runs[0][0] == runs[0][1] else "planes"
    shown = texts if len(texts) <= 4 else [*texts[:3], f"{len(texts) - 3} more places"]
    return f"{word} {' and '.join([', '.join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)}"
