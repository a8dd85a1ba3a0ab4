"""A map of samples in space, sampled on the planes of an image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import GeometryError
from engine.volume import FloatArray, Geometry

#: Directions count as parallel when their cosine differs from one by less than this (about 0.03°).
PARALLEL = 1e-7
#: A coarser map is refined at most this often per sample.
MAX_REFINEMENT = 4
#: Samples of one oblique plane at most; above, they are spread further apart.
MAX_SAMPLES = 4_000_000


@dataclass(frozen=True)
class PlaneSamples:
    """Samples of a map in an image plane: sample (row, column) lies at `(u, v) = origin + steps @ (column, row)`."""

    values: FloatArray
    origin_uv: FloatArray
    steps_uv: FloatArray

    def uv(self, points: FloatArray) -> FloatArray:
        """(n, 2) (column, row) → (n, 2) `(u, v)` mm."""
        return np.asarray(points @ self.steps_uv.T + self.origin_uv, dtype=np.float64)


class MapSampler:
    """Samples a map on image planes, one at a time, so that memory stays that of one plane.

    Where the planes of map and image are parallel, samples stay on the map's own grid within the plane (refined by a
    cubic through the samples where the image is finer) and are blended between the two nearest map planes. Oblique
    planes are sampled, linearly in all three directions, at half the map's smallest spacing.

    Args:
        values: (planes, rows, columns) of the map.
        map_geometry: of the map; regular where image planes are oblique to it.
        image_geometry: of the image.
        outside: value one sample beyond the map's edge, where the edge does not reach the level.
        level: no sample further than two from one that reaches it is looked at; a sample at the edge that reaches it
            ends half a sample further.
    """

    def __init__(
        self,
        values: NDArray[np.floating],
        map_geometry: Geometry,
        image_geometry: Geometry,
        outside: float,
        level: float,
    ) -> None:
        if values.shape != map_geometry.shape:
            raise GeometryError(f"The map {values.shape} does not fit its geometry {map_geometry.shape}.")
        self._image = image_geometry
        self._map = map_geometry
        self._outside = outside
        self._level = level
        self.parallel = abs(float(map_geometry.normal @ image_geometry.normal)) > 1 - PARALLEL
        if not self.parallel and not map_geometry.is_regular:
            raise GeometryError(
                "The probability map has uneven planes and is oblique to the image; resample it to an even grid first."
            )
        found = [np.zeros(size, dtype=np.bool_) for size in values.shape]
        for k, plane in enumerate(values):
            high = plane >= level
            found[1] |= high.any(axis=1)
            found[2] |= high.any(axis=0)
            found[0][k] = high.any()
        self.empty = not found[0].any()
        if self.empty:
            return
        above = [np.flatnonzero(seen) for seen in found]
        self._low = [max(0, int(seen[0]) - 2) for seen in above]
        self._values = values[tuple(slice(a, int(seen[-1]) + 3) for a, seen in zip(self._low, above, strict=True))]

    def plane(self, k: int) -> PlaneSamples | None:
        """The samples in image plane `k`; None where the map reaches the level nowhere near."""
        if self.empty:
            return None
        return self._parallel_plane(k) if self.parallel else self._oblique_plane(k)

    def _padded(self, plane: int) -> FloatArray:
        """Plane of the cropped map as float64, or what lies one beyond its ends; with one sample beyond around."""
        inside = min(max(plane, 0), len(self._values) - 1)
        values = np.nan_to_num(self._values[inside].astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0)
        if plane != inside:
            return np.pad(self._beyond(values), 1, constant_values=self._outside)
        out = np.pad(values, 1, constant_values=self._outside)
        out[[0, -1], 1:-1] = self._beyond(values[[0, -1]])
        out[1:-1, [0, -1]] = self._beyond(values[:, [0, -1]])
        return out

    def _beyond(self, last: FloatArray) -> FloatArray:
        """Values one sample beyond the last: what reaches the level ends half a sample further, however sure it is."""
        return np.where(last >= self._level, 2 * self._level - last, self._outside)

    def _parallel_plane(self, k: int) -> PlaneSamples | None:
        source, image = self._map, self._image
        first, last = float(source.positions[0]), float(source.positions[-1])
        there = float(image.origins_lps[k] @ source.normal)
        position = min(max(there, first), last)
        # The last samples stand for the half of a plane's spacing behind them, however sure they are.
        tolerance = 1e-6
        if abs(there - position) > source.plane_spacing / 2 + tolerance:
            return None
        # One more plane on each side, for the fall beyond what was cropped.
        planes = np.arange(max(self._low[0] - 1, 0), min(self._low[0] + len(self._values) + 1, source.shape[0]))
        place = source.positions[planes]
        upper = int(np.searchsorted(place, position - tolerance))
        if upper == len(place) or (upper == 0 and place[0] - position > tolerance):
            return None
        weight = 0.0
        lower = upper
        if abs(place[upper] - position) > tolerance:
            lower = upper - 1
            weight = float((position - place[lower]) / (place[upper] - place[lower]))
        values = self._padded(int(planes[lower]) - self._low[0])
        origin = source.origins_lps[planes[lower]]
        if weight > 0:
            other = self._padded(int(planes[upper]) - self._low[0])
            shift = source.origins_lps[planes[upper]] - origin
            columns = -float(shift @ source.row_direction) / source.spacing_uv[0]
            rows = -float(shift @ source.column_direction) / source.spacing_uv[1]
            if abs(columns) > 1e-6 or abs(rows) > 1e-6:
                other = _shift(_shift(other, rows, 0), columns, 1)
            values = (1 - weight) * values + weight * other
        refinement = [
            int(np.clip(np.rint(own / max(image.spacing_uv)), 1, MAX_REFINEMENT)) for own in source.spacing_uv
        ]
        values = _refine(_refine(values, refinement[1], 0), refinement[0], 1)
        axes = np.stack([source.row_direction, source.column_direction])
        scale = np.array([source.spacing_uv[0] / refinement[0], source.spacing_uv[1] / refinement[1]])
        in_image = np.stack([image.row_direction, image.column_direction])
        steps_uv = in_image @ (axes * scale[:, None]).T
        corner = origin + (self._low[2] - 1) * source.spacing_uv[0] * source.row_direction
        corner = corner + (self._low[1] - 1) * source.spacing_uv[1] * source.column_direction
        return PlaneSamples(values, image.plane_from_lps(k, corner)[0], steps_uv)

    def _oblique_plane(self, k: int) -> PlaneSamples | None:
        source, image = self._map, self._image
        spacing = np.asarray(source.spacing_xyz)
        size = np.array(self._values.shape)[::-1]
        low = np.array(self._low)[::-1]
        corners = np.stack(np.meshgrid(*[[-1.0, n] for n in size], indexing="ij"), axis=-1).reshape(-1, 3) + low
        corners_lps = source.origins_lps[0] + (corners * spacing) @ source.directions.T
        heights = (corners_lps - image.origins_lps[k]) @ image.normal
        if heights.min() > 0 or heights.max() < 0:
            return None
        uv = image.plane_from_lps(k, corners_lps)
        first, extent = uv.min(axis=0), np.ptp(uv, axis=0)
        step = max(float(spacing.min()) / 2, float(np.sqrt(np.prod(extent) / MAX_SAMPLES)))
        columns, rows = (np.ceil(extent / step).astype(int) + 1).tolist()
        to_index = (source.directions / spacing).T
        start = to_index @ (image.lps_from_plane(k, first)[0] - source.origins_lps[0]) - low + 1
        along = to_index @ image.row_direction * step
        down = to_index @ image.column_direction * step
        padded = np.stack([self._padded(plane) for plane in range(-1, len(self._values) + 1)])
        values = np.empty((rows, columns))
        across = np.arange(columns)[:, None] * along
        for row in range(rows):
            values[row] = _trilinear(padded, start + row * down + across, self._outside)
        return PlaneSamples(values, first, np.eye(2) * step)


def _trilinear(values: FloatArray, index_ijk: FloatArray, outside: float) -> FloatArray:
    """Samples of (k, j, i) `values` at (n, 3) `(i, j, k)`."""
    limits = np.array(values.shape[::-1]) - 1
    beyond = ((index_ijk < 0) | (index_ijk > limits)).any(axis=1)
    place = np.clip(index_ijk, 0, limits - 1e-9)
    low = place.astype(np.intp)
    w = place - low
    _, rows, columns = values.shape
    flat = values.ravel()
    base = (low[:, 2] * rows + low[:, 1]) * columns + low[:, 0]
    out = np.zeros(len(place))
    for dk in (0, 1):
        for dj in (0, 1):
            at = base + (dk * rows + dj) * columns
            weight = (w[:, 2] if dk else 1 - w[:, 2]) * (w[:, 1] if dj else 1 - w[:, 1])
            out += weight * ((1 - w[:, 0]) * flat[at] + w[:, 0] * flat[at + 1])
    out[beyond] = outside
    return out


def _shift(values: FloatArray, offset: float, axis: int) -> FloatArray:
    """`values` read at index + offset along an axis, linear, the edge repeated."""
    n = values.shape[axis]
    place = np.clip(np.arange(n) + offset, 0, n - 1)
    low = np.minimum(place.astype(np.intp), max(n - 2, 0))
    shape = [1, 1]
    shape[axis] = n
    w = (place - low).reshape(shape)
    return np.asarray((1 - w) * np.take(values, low, axis) + w * np.take(values, np.minimum(low + 1, n - 1), axis))


def _refine(values: FloatArray, factor: int, axis: int) -> FloatArray:
    """`factor` samples a step along an axis: Catmull and Rom's cubic (1974), which runs through the samples."""
    if factor == 1:
        return values
    n = values.shape[axis]
    place = np.arange((n - 1) * factor + 1) / factor
    low = np.minimum(place.astype(np.intp), n - 2)
    shape = [1, 1]
    shape[axis] = len(place)
    w = (place - low).reshape(shape)
    a, b, c, d = (np.take(values, np.clip(low + step, 0, n - 1), axis) for step in (-1, 0, 1, 2))
    cubic = b + 0.5 * w * (c - a + w * (2 * a - 5 * b + 4 * c - d + w * (3 * (b - c) + d - a)))
    # Never beyond the two samples beside: no ripples next to steep flanks.
    return np.asarray(np.clip(cubic, np.minimum(b, c), np.maximum(b, c)), dtype=np.float64)
