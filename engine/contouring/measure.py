"""Measures of a structure, and of how far two structures agree; from their polygons, or from masks.

Definitions differ between programs, and HD95 with them by up to a factor of two; these are ours:

- Volume: sum of polygon area × the thickness of its plane (half-way to the neighbouring planes).
- Centroid: the mean position of that volume.
- Dice: 2·|A∩B| / (|A| + |B|), by polygon areas × thickness, or by voxels (Dice, Ecology 1945;26:297).
- Surface of a mask: in each cube between eight neighbouring voxel centres that are not all alike, one element at the
  cube's middle, whose area is the length of the vector area that the cube's voxels enclose. On a sphere these areas add
  up to some 5 % more than the true one, as those of marching cubes do; only their proportions matter below.
- Distance of an element: to the middle of the nearest element of the other surface. Elements fill a layer one voxel
  thick, so between surfaces far apart it is up to half a voxel short; so it is in other measures from masks.
- Surface Dice at a tolerance: the share of both surfaces, by area, that lies within the tolerance of the other one
  (Nikolov et al., J Med Internet Res 2021;23:e26151; arXiv:1809.04430).
- HD95: the larger of the two 95th percentiles, by area, of the distances from one surface to the other.
- Mean surface distance: the mean, by area, over the elements of both surfaces together.
- Added path length: length of the reference's line, over all planes, that lies further than a tolerance from the
  other's line on the same plane: what an editor would have to draw (after Vaassen et al., Phys Imaging Radiat Oncol
  2020;13:1, who count the pixels of that line).

Where both structures are empty, a measure of agreement is not a number; where one is, overlaps are 0 and distances
infinite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from engine.contouring.stack import EMPTY, Areas
from engine.errors import MismatchError
from engine.later import later
from engine.volume import FloatArray, Geometry

if TYPE_CHECKING:
    import SimpleITK as sitk
else:
    sitk = later("SimpleITK")

BoolArray = NDArray[np.bool_]

#: Lines are sampled at least this densely (mm) where distances between them are measured.
LINE_STEP_MM = 0.25


def volume_cm3(areas: Areas, geometry: Geometry) -> float:
    """Volume in cm³."""
    thickness = geometry.plane_thickness
    return sum(float(area.area) * float(thickness[k]) for k, area in areas.items()) / 1000.0


def centroid_lps(areas: Areas, geometry: Geometry) -> FloatArray:
    """(3,) mean position in LPS mm; not a number for an empty structure."""
    total, weight = np.zeros(3), 0.0
    for k, area in areas.items():
        if not area.is_empty:
            volume = float(area.area) * float(geometry.plane_thickness[k])
            centre = area.centroid
            total += volume * geometry.lps_from_plane(k, [centre.x, centre.y])[0]
            weight += volume
    return total / weight if weight > 0 else np.full(3, np.nan)


def dice(a: Areas, b: Areas, geometry: Geometry) -> float:
    """Dice of two structures by their polygons, exact on each plane."""
    total = volume_cm3(a, geometry) + volume_cm3(b, geometry)
    if total == 0:
        return float("nan")
    both = sorted(set(a) & set(b))
    shared = shapely.area(shapely.intersection([a[k] for k in both], [b[k] for k in both])) if both else np.zeros(0)
    return 2.0 * float((shared * geometry.plane_thickness[both]).sum()) / 1000.0 / total


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances between two surfaces or two sets of lines, each with its share.

    Args:
        forth: (n,) mm from each element of the first to the second.
        back: (m,) mm from each element of the second to the first.
        forth_size, back_size: (n,), (m,) area in mm² (surfaces) or length in mm (lines) of each element.
    """

    forth: FloatArray
    back: FloatArray
    forth_size: FloatArray
    back_size: FloatArray

    @property
    def _both_empty(self) -> bool:
        return len(self.forth) == 0 and len(self.back) == 0

    def share_within(self, tolerance_mm: float) -> float:
        """Share of both, by size, within a distance of the other: surface Dice where the elements are surfaces."""
        if self._both_empty:
            return float("nan")
        near = self.forth_size[self.forth <= tolerance_mm].sum() + self.back_size[self.back <= tolerance_mm].sum()
        return float(near / (self.forth_size.sum() + self.back_size.sum()))

    def percentile(self, percent: float) -> float:
        """The larger of the two percentiles, each by size; 100 gives the Hausdorff distance."""
        if self._both_empty:
            return float("nan")
        if len(self.forth) == 0 or len(self.back) == 0:
            return float("inf")
        return max(_percentile(self.forth, self.forth_size, percent), _percentile(self.back, self.back_size, percent))

    @property
    def mean(self) -> float:
        """Mean distance by size, over both together."""
        if self._both_empty:
            return float("nan")
        if len(self.forth) == 0 or len(self.back) == 0:
            return float("inf")
        weighted = (self.forth * self.forth_size).sum() + (self.back * self.back_size).sum()
        return float(weighted / (self.forth_size.sum() + self.back_size.sum()))


def _percentile(values: FloatArray, sizes: FloatArray, percent: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(sizes[order])
    at = int(np.searchsorted(reached, reached[-1] * percent / 100.0 * (1 - 1e-12)))
    return float(values[order][min(at, len(values) - 1)])


def contour_distances(a: Areas, b: Areas) -> Distances:
    """Distances between the lines of two structures, plane by plane (so never from one plane to another).

    Lines are sampled every `LINE_STEP_MM` or closer, holes included. On a plane that only one of them has, its line is
    infinitely far.
    """
    forth: list[FloatArray] = []
    back: list[FloatArray] = []
    forth_size: list[FloatArray] = []
    back_size: list[FloatArray] = []
    for k in sorted(set(a) | set(b)):
        first, second = a.get(k, EMPTY).boundary, b.get(k, EMPTY).boundary
        for line, other, distances, sizes in (
            (first, second, forth, forth_size),
            (second, first, back, back_size),
        ):
            if line.is_empty:
                continue
            points, size = _samples(line)
            if not other.is_empty:
                shapely.prepare(other)
            distances.append(
                np.full(len(points), np.inf) if other.is_empty else shapely.distance(shapely.points(points), other)
            )
            sizes.append(size)
    return Distances(*[np.concatenate(part) if part else np.zeros(0) for part in (forth, back, forth_size, back_size)])


def _samples(line: shapely.Geometry) -> tuple[FloatArray, FloatArray]:
    """(n, 2) middles of short pieces of a line, and (n,) their lengths."""
    points, part = shapely.get_coordinates(shapely.get_parts(shapely.segmentize(line, LINE_STEP_MM)), return_index=True)
    same = part[1:] == part[:-1]
    a, b = points[:-1][same], points[1:][same]
    return (a + b) / 2, np.hypot(*(b - a).T)


def added_path_length(reference: Areas, other: Areas, tolerance_mm: float = 0.0) -> float:
    """Length in mm of the reference's lines further than a tolerance from the other's line on the same plane."""
    total = 0.0
    for k, area in reference.items():
        line, drawn = area.boundary, other.get(k, EMPTY).boundary
        if drawn.is_empty:
            total += line.length
        elif tolerance_mm > 0:
            total += line.difference(drawn.buffer(tolerance_mm)).length
        else:
            total += line.difference(drawn).length
    return float(total)


def mask_dice(a: BoolArray, b: BoolArray) -> float:
    """Dice of two masks of one shape, by voxels."""
    _check(a, b)
    total = np.count_nonzero(a) + np.count_nonzero(b)
    return 2.0 * np.count_nonzero(a & b) / total if total else float("nan")


def surface_distances(a: BoolArray, b: BoolArray, spacing_kji: Sequence[float]) -> Distances:
    """Distances between the surfaces of two masks; all the measures below come from it.

    Args:
        a: (planes, rows, columns).
        b: the same.
        spacing_kji: mm between planes, rows and columns.

    Raises:
        MismatchError: the masks have different shapes.
    """
    _check(a, b)
    either = a | b
    none = np.zeros(0)
    if not either.any():
        return Distances(none, none, none, none)
    crop = []
    for axis in range(3):
        found = np.flatnonzero(either.any(axis=tuple(other for other in range(3) if other != axis)))
        crop.append(slice(int(found[0]), int(found[-1]) + 1))
    first, second = (_surface(mask[tuple(crop)], spacing_kji) for mask in (a, b))
    on_first, on_second = first > 0, second > 0
    if not on_first.any() or not on_second.any():
        there = np.full(np.count_nonzero(on_first), np.inf), np.full(np.count_nonzero(on_second), np.inf)
        return Distances(*there, first[on_first], second[on_second])
    forth = _distance_to(on_second, spacing_kji)[on_first]
    back = _distance_to(on_first, spacing_kji)[on_second]
    return Distances(forth, back, first[on_first], second[on_second])


def _check(a: BoolArray, b: BoolArray) -> None:
    if a.shape != b.shape:
        raise MismatchError(
            f"Masks of {a.shape} and {b.shape} voxels cannot be compared; bring them to one grid first."
        )


def _surface(mask: BoolArray, spacing_kji: Sequence[float]) -> FloatArray:
    """(planes + 1, rows + 1, columns + 1) mm² of surface in the cubes between the voxel centres, 0 where there is none.

    Thin sheets whose two sides share a cube cancel in part; they count with a quarter of a voxel's smallest face.
    """
    padded = np.pad(mask, 1).astype(np.int8)
    dk, dj, di = (float(step) for step in spacing_kji)

    def paired(array: NDArray[np.int8], axis: int, sign: int) -> NDArray[np.int8]:
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        joined: NDArray[np.int8] = array[tuple(high)] + sign * array[tuple(low)]
        return joined

    k_sum, k_step = paired(padded, 0, 1), paired(padded, 0, -1)
    kj_sum = paired(k_sum, 1, 1)
    count = paired(kj_sum, 2, 1)
    mixed = (count > 0) & (count < 8)
    across_k = paired(paired(k_step, 1, 1), 2, 1)[mixed] / 4 * dj * di
    across_j = paired(paired(k_sum, 1, -1), 2, 1)[mixed] / 4 * dk * di
    across_i = paired(kj_sum, 2, -1)[mixed] / 4 * dk * dj
    area = np.zeros(mixed.shape)
    least = min(dj * di, dk * di, dk * dj) / 4
    area[mixed] = np.maximum(np.sqrt(across_k**2 + across_j**2 + across_i**2), least)
    return area


def _distance_to(surface: BoolArray, spacing_kji: Sequence[float]) -> FloatArray:
    image = sitk.GetImageFromArray(surface.astype(np.uint8))
    image.SetSpacing([float(step) for step in reversed(spacing_kji)])
    squared = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=True, useImageSpacing=True, backgroundValue=0.0
    )
    # Cubes on the surface are 0 or, deep in a cluster of them, negative: both mean no distance.
    return np.asarray(np.sqrt(np.maximum(sitk.GetArrayFromImage(squared), 0.0)), dtype=np.float64)
