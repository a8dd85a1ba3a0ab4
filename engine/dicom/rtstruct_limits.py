"""Contours with too many points for a receiver: thinned within a bound, then split where no voxel centre lies."""

import numpy as np
import shapely
from shapely import Polygon, box

from engine.contouring.fill import fill_plane
from engine.dicom.presets import ExportOptions
from engine.volume import Geometry


def point_limit(geometry: Geometry, options: ExportOptions) -> int | None:
    """Most points that a contour may have by the options, None for no limit."""
    limits = [] if options.max_points is None else [options.max_points]
    if options.max_contour_bytes is not None:
        farthest = float(np.abs(geometry.lps_from_kji(_corners(geometry))).max())
        width = len(str(int(farthest) + 1)) + options.decimals + 3
        limits.append(options.max_contour_bytes // (3 * width))
    return min(limits, default=None)


def _corners(geometry: Geometry) -> list[tuple[float, float, float]]:
    k, j, i = (size - 0.5 for size in geometry.shape)
    return [(a, b, c) for a in (-0.5, k) for b in (-0.5, j) for c in (-0.5, i)]


def thinned(polygon: Polygon, geometry: Geometry, bound_mm: float) -> Polygon:
    """The polygon with fewer points, no line moved by more than the bound and no voxel changed; else itself."""
    if bound_mm <= 0:
        return polygon
    thin = polygon.simplify(bound_mm, preserve_topology=True)
    if not isinstance(thin, Polygon) or not thin.is_valid or len(thin.interiors) != len(polygon.interiors):
        return polygon
    shape, spacing = geometry.shape[1:], geometry.spacing_uv
    same = np.array_equal(fill_plane(thin, shape, spacing), fill_plane(polygon, shape, spacing))
    return thin if same else polygon


def split(polygon: Polygon, geometry: Geometry, limit: int) -> list[Polygon]:
    """Pieces of at most `limit` points (keyholes included), cut along lines half-way between columns or rows of voxels.

    No voxel centre lies on a cut, so that every reader finds each voxel in exactly one piece.
    """
    points = int(shapely.get_num_coordinates(polygon)) + 2 * len(polygon.interiors)
    if points <= limit:
        return [polygon]
    u0, v0, u1, v1 = polygon.bounds
    du, dv = geometry.spacing_uv
    if u1 - u0 >= v1 - v0:
        cut = (np.floor((u0 + u1) / 2 / du) + 0.5) * du
        halves = [box(u0 - 1, v0 - 1, cut, v1 + 1), box(cut, v0 - 1, u1 + 1, v1 + 1)]
        done = not u0 < cut < u1
    else:
        cut = (np.floor((v0 + v1) / 2 / dv) + 0.5) * dv
        halves = [box(u0 - 1, v0 - 1, u1 + 1, cut), box(u0 - 1, cut, u1 + 1, v1 + 1)]
        done = not v0 < cut < v1
    if done:
        return [polygon]
    pieces = [
        piece
        for half in halves
        for piece in shapely.get_parts(polygon.intersection(half))
        if isinstance(piece, Polygon) and piece.area > 0
    ]
    return [part for piece in pieces for part in split(piece, geometry, limit)]
