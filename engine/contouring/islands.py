"""Islands and holes: what to keep of a structure in several pieces."""

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from engine.contouring.stack import Areas, changed, to_stack
from engine.progress import Progress, silent
from engine.volume import Geometry


def components(areas: Areas, geometry: Geometry) -> list[dict[int, list[int]]]:
    """The connected pieces of a structure in space, largest volume first.

    Two polygons belong together when they lie on neighbouring planes of the image and overlap (or touch) seen along the
    normal. A plane without contours separates.

    Returns:
        For each piece: plane index → indices of its polygons in `areas[plane].geoms`.
    """
    stack = to_stack(areas, geometry)
    names = [(k, i) for k, area in stack.items() for i in range(len(area.geoms))]
    number = {name: n for n, name in enumerate(names)}
    parent = list(range(len(names)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for k, area in stack.items():
        above = stack.get(k + 1)
        if above is None:
            continue
        a, b = shapely.STRtree(list(above.geoms)).query(list(area.geoms), predicate="intersects")
        for i, j in zip(a.tolist(), b.tolist(), strict=True):
            parent[root(number[k, i])] = root(number[k + 1, j])
    pieces: dict[int, dict[int, list[int]]] = {}
    volume: dict[int, float] = {}
    thickness = geometry.plane_thickness
    for n, (k, i) in enumerate(names):
        piece = root(n)
        pieces.setdefault(piece, {}).setdefault(k, []).append(i)
        volume[piece] = volume.get(piece, 0.0) + stack[k].geoms[i].area * float(thickness[k])
    return [pieces[piece] for piece in sorted(pieces, key=lambda piece: -volume[piece])]


def _volume_cm3(piece: dict[int, list[int]], areas: Areas, geometry: Geometry) -> float:
    thickness = geometry.plane_thickness
    areas_mm2 = [(k, float(areas[k].geoms[i].area)) for k, members in piece.items() for i in members]
    return sum(area * float(thickness[k]) for k, area in areas_mm2) / 1000


def _only(pieces: list[dict[int, list[int]]], areas: Areas) -> dict[int, MultiPolygon]:
    kept: dict[int, set[int]] = {}
    for piece in pieces:
        for k, members in piece.items():
            kept.setdefault(k, set()).update(members)
    result = {}
    for k, chosen in kept.items():
        area = areas[k]
        whole = len(chosen) == len(area.geoms)
        result[k] = area if whole else MultiPolygon([area.geoms[i] for i in sorted(chosen)])
    return changed(areas, result)


def keep_largest(
    areas: Areas, geometry: Geometry, count: int = 1, progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """Only the `count` pieces of largest volume, connected in space; see `components`.

    Returns:
        The planes that change; those left without contours are empty.
    """
    progress(0.0, "Finding the largest piece")
    return _only(components(areas, geometry)[:count], areas)


def remove_islands(
    areas: Areas, geometry: Geometry, smaller_than_cm3: float, progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """Without the pieces, connected in space, whose volume is below `smaller_than_cm3`.

    Returns:
        The planes that change; those left without contours are empty.
    """
    progress(0.0, "Removing islands")
    pieces = [p for p in components(areas, geometry) if _volume_cm3(p, areas, geometry) >= smaller_than_cm3]
    return _only(pieces, areas)


def fill_holes(
    areas: Areas, geometry: Geometry, smaller_than_mm2: float = np.inf, progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """Without the holes, each on its plane, whose area is below `smaller_than_mm2` (all of them by default).

    An island inside a hole that goes becomes part of what is around it.

    Returns:
        The planes that change.
    """
    progress(0.0, "Filling holes")
    filled = {k: fill_holes_of(area, smaller_than_mm2) for k, area in areas.items()}
    return {k: area for k, area in filled.items() if area is not areas[k]}


def fill_holes_of(area: MultiPolygon, smaller_than_mm2: float) -> MultiPolygon:
    """One plane without its holes whose area is below `smaller_than_mm2`; the same object where it has none."""
    filled: list[Polygon] = []
    gone = False
    for polygon in area.geoms:
        holes = [hole for hole in polygon.interiors if Polygon(hole).area >= smaller_than_mm2]
        gone |= len(holes) < len(polygon.interiors)
        filled.append(polygon if len(holes) == len(polygon.interiors) else Polygon(polygon.exterior, holes))
    if not gone:
        return area
    merged = shapely.union_all(filled)
    return merged if isinstance(merged, MultiPolygon) else MultiPolygon([merged])
