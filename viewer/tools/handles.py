"""The points by which a line of a structure is taken hold of. No Qt."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from engine.contouring.spline import handles_of
from engine.structures import PlaneContours
from engine.volume import FloatArray

#: A handle that is kept lies within this of the line that is there now, mm.
_ON_LINE_MM = 1e-6


@dataclass(eq=False)
class Ring:
    """One ring of an area: polygon `part`, its outside (`ring` 0) or a hole, (n, 2) `points` and (m, 2) `handles`."""

    part: int
    ring: int
    points: FloatArray
    handles: FloatArray


class Handles:
    """The rings of what a structure has on one plane, with the handles of each."""

    def __init__(self) -> None:
        self.rings: list[Ring] = []
        self._seen: tuple[PlaneContours | None, float] = (None, 0.0)
        self._kept: NDArray[np.float64] = np.empty((0, 2))

    def look(self, source: PlaneContours | None, detail_mm: float) -> None:
        """Take the rings of `source`, whose handles describe them to `detail_mm`, or are those that were kept."""
        if (source, detail_mm) == self._seen:
            return
        kept = self._kept if detail_mm == self._seen[1] else self._kept[:0]
        self._seen, self._kept, self.rings = (source, detail_mm), self._kept[:0], []
        for part, polygon in enumerate(source.area.geoms if source is not None else ()):
            for number, line in enumerate((polygon.exterior, *polygon.interiors)):
                points = shapely.get_coordinates(line)
                own = kept[shapely.distance(shapely.points(kept), line) < _ON_LINE_MM] if len(kept) else kept
                handles = in_order(line, own) if len(own) > 2 else handles_of(points, detail_mm)
                self.rings.append(Ring(part, number, points, handles))

    def keep(self, handles: FloatArray | None = None) -> None:
        """Go on with the handles that are there, and those of a ring that is about to change, on the next rings."""
        held = [ring.handles for ring in self.rings]
        self._kept = np.concatenate([np.empty((0, 2)), *held, *([handles] if handles is not None else [])])

    def grip(self, point: tuple[float, float], reach_mm: float) -> tuple[Ring, int] | None:
        """The ring and the index of its handle under the mouse; None where none is."""
        best: tuple[float, Ring, int] | None = None
        for ring in self.rings:
            away = np.linalg.norm(ring.handles - point, axis=1)
            near = int(away.argmin())
            if away[near] <= reach_mm and (best is None or away[near] < best[0]):
                best = (float(away[near]), ring, near)
        return best[1:] if best is not None else None

    def insert(self, point: tuple[float, float], reach_mm: float) -> tuple[Ring, int] | None:
        """A new handle where a line runs under the mouse; None where none does."""
        mouse = shapely.Point(point)
        for ring in self.rings:
            line = shapely.LinearRing(ring.points)
            if line.distance(mouse) <= reach_mm:
                here = shapely.get_coordinates(line.interpolate(line.project(mouse)))
                ring.handles = in_order(line, np.concatenate([ring.handles, here]))
                return ring, int(np.abs(ring.handles - here).sum(axis=1).argmin())
        return None


def in_order(line: shapely.Geometry, handles: FloatArray) -> FloatArray:
    """(m, 2) handles in the order of the ring that they lie on."""
    places = shapely.line_locate_point(line, shapely.points(handles))
    return np.asarray(handles[np.argsort(places, kind="stable")])
