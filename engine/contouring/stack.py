"""Areas of parallel planes in one common frame, for what works across planes.

The frame of the stack: `(u, v)` mm as on plane 0, projected along the normal. On rectangular grids each plane's own
`(u, v)` is the same; with a tilted gantry each plane is moved by where its first voxel lies.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import shapely
from shapely import MultiPolygon
from shapely.affinity import translate

from engine.volume import FloatArray, Geometry

#: A gap between planes is uneven when it differs from the median gap by more than this share of it.
UNEVEN_SHARE = 0.01

Areas = Mapping[int, MultiPolygon]
EMPTY = MultiPolygon()


def offsets(geometry: Geometry) -> FloatArray:
    """(planes, 2) what to add to a plane's `(u, v)` mm to come to the frame of the stack; zeros on regular grids."""
    moved = geometry.origins_lps - geometry.origins_lps[0]
    uv = np.stack([moved @ geometry.row_direction, moved @ geometry.column_direction], axis=1)
    return np.asarray(np.where(np.abs(uv) < 1e-6, 0.0, uv), dtype=np.float64)


def move(area: MultiPolygon, offset: Iterable[float]) -> MultiPolygon:
    """`area` moved by `(u, v)` mm; the same object where that is nothing."""
    u, v = offset
    if u == 0 and v == 0:
        return area
    moved: MultiPolygon = translate(area, u, v)
    return moved


def to_stack(areas: Areas, geometry: Geometry) -> dict[int, MultiPolygon]:
    """The areas that are not empty, on planes of the image, in the frame of the stack, by rising plane."""
    shift = offsets(geometry)
    planes = sorted(k for k, area in areas.items() if 0 <= k < geometry.shape[0] and not area.is_empty)
    return {k: move(areas[k], shift[k]) for k in planes}


def heights(geometry: Geometry) -> FloatArray:
    """(planes,) mm along the normal from plane 0."""
    return np.asarray(geometry.positions - geometry.positions[0], dtype=np.float64)


def uneven_gaps(geometry: Geometry) -> tuple[float, float] | None:
    """The smallest and the largest mm between neighbouring planes along the normal; None where all are alike."""
    gaps = np.diff(geometry.positions)
    if not len(gaps) or float(np.abs(gaps / np.median(gaps) - 1).max()) <= UNEVEN_SHARE:
        return None
    return float(gaps.min()), float(gaps.max())


def changed(before: Areas, after: Mapping[int, MultiPolygon]) -> dict[int, MultiPolygon]:
    """The planes of `after` that differ from `before`, and empty areas for planes that it lacks."""
    result = {k: area for k, area in after.items() if not _same(before.get(k, EMPTY), area)}
    result.update({k: EMPTY for k, area in before.items() if k not in after and not area.is_empty})
    return dict(sorted(result.items()))


def _same(a: MultiPolygon, b: MultiPolygon) -> bool:
    return a is b or (a.is_empty and b.is_empty) or bool(shapely.equals_exact(a, b, 0.0, normalize=True))
