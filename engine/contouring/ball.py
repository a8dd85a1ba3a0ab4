"""What a ball sweeps, cut by the planes of an image."""

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from engine.contouring.brush import QUARTER_EDGES, clean
from engine.volume import FloatArray, Geometry

#: Along its way the ball is set down at least every so many radii; the area is the hull of the discs.
STEP = 0.25
_ANGLE = np.linspace(0, 2 * np.pi, 4 * QUARTER_EDGES, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLE), np.sin(_ANGLE)], axis=1)


class Sweep:
    """What a ball sweeps on its way, grown as it goes."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._last: FloatArray | None = None
        self._areas: dict[int, BaseGeometry] = {}

    def to(self, point_lps: FloatArray, radius_mm: float) -> None:
        """Go on, from the place before, straight to a (3,) point, mm; all the way in the size that is given.

        The ball on a straight way is convex, and so is its cut by a plane: one hull a plane.
        """
        path = point_lps[None] if self._last is None else _densely(self._last, point_lps, radius_mm)
        self._last = point_lps
        geometry = self._geometry
        position = path @ geometry.normal
        low, high = position.min() - radius_mm, position.max() + radius_mm
        planes = np.flatnonzero((geometry.positions > low) & (geometry.positions < high))
        reach = np.sqrt(np.maximum(radius_mm**2 - (position - geometry.positions[planes, None]) ** 2, 0))
        axes = np.stack([geometry.row_direction, geometry.column_direction], axis=1)
        middle = (path - geometry.origins_lps[planes, None]) @ axes
        discs = middle[:, :, None] + reach[:, :, None, None] * _CIRCLE
        for i, plane in enumerate(planes.tolist()):
            cut = shapely.multipoints(discs[i, reach[i] > 0].reshape(-1, 2)).convex_hull
            # A ball that but touches a plane leaves a point or a line.
            if isinstance(cut, Polygon):
                held = self._areas.get(plane)
                self._areas[plane] = cut if held is None else held.union(cut)

    def areas(self) -> dict[int, MultiPolygon]:
        """Plane index → polygons, `(u, v)` mm, of the planes that it reached.

        They lie within 0.8 % of the radius of the true ones.
        """
        cleaned = {plane: clean(area) for plane, area in sorted(self._areas.items())}
        return {plane: area for plane, area in cleaned.items() if not area.is_empty}


def swept(path_lps: FloatArray, radii_mm: FloatArray, geometry: Geometry) -> dict[int, MultiPolygon]:
    """The area that a ball sweeps along a path, on each plane that it reaches; as `Sweep.areas`.

    Args:
        path_lps: (n, 3) mm, n >= 1.
        radii_mm: (n,) of the ball at each point; from the one before on it has the size of the point that it comes to.
        geometry: of the image.
    """
    sweep = Sweep(geometry)
    for point, radius in zip(path_lps, radii_mm, strict=True):
        sweep.to(point, float(radius))
    return sweep.areas()


def _densely(start: FloatArray, stop: FloatArray, radius: float) -> FloatArray:
    count = max(int(np.ceil(float(np.linalg.norm(stop - start)) / (STEP * radius))), 1)
    return np.asarray(start + (stop - start) * (np.arange(count + 1) / count)[:, None])
