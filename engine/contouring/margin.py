"""Margins in space: six distances, outwards or inwards, on planes at their real positions."""

from dataclasses import dataclass, fields
from itertools import pairwise, permutations

import numpy as np
import shapely
from shapely import MultiPolygon, box
from shapely.affinity import scale

from engine.contouring.brush import clean
from engine.contouring.interpolate import THINNED_MM, blend
from engine.contouring.simplify import simplify_plane
from engine.contouring.stack import EMPTY, Areas, changed, heights, move, offsets, to_stack
from engine.errors import PlanimeterError
from engine.progress import Progress, part, silent
from engine.volume import FloatArray, Geometry

#: Edges of a quarter of an ellipse; it lies inside the true one by at most 0.13 % of its radius.
QUARTER_EDGES = 16
#: A radius of zero is taken for this (mm).
THIN_MM = 1e-3
#: Plates put between two planes at most.
MAX_BETWEEN = 6


@dataclass(frozen=True)
class Margins:
    """Distances in mm towards the patient's sides, positive outwards, negative inwards.

    They act along the image's row, column and plane directions, each taken for the patient axis nearest to it: on
    oblique images the margin is that of the image's axes.
    """

    left: float = 0.0
    right: float = 0.0
    anterior: float = 0.0
    posterior: float = 0.0
    superior: float = 0.0
    inferior: float = 0.0

    @classmethod
    def uniform(cls, distance_mm: float) -> "Margins":
        """The same distance towards all sides."""
        return cls(*[distance_mm] * 6)


@dataclass(frozen=True)
class _Reach:
    """Radii (mm, >= 0) along an image axis each way: (towards rising index, towards falling index)."""

    u: tuple[float, float]
    v: tuple[float, float]
    w: tuple[float, float]

    @property
    def nothing(self) -> bool:
        return not any((*self.u, *self.v, *self.w))


def margin(areas: Areas, geometry: Geometry, margins: Margins, progress: Progress = silent) -> dict[int, MultiPolygon]:
    """A structure grown and shrunk in space by an ellipsoid with a semi-axis for each of its six directions.

    The solid: polygons on their planes, straight (shape-based) between neighbouring planes, and half a plane's
    thickness beyond the last plane of each piece. Growing joins, on each plane, the polygons of all planes within
    reach, each grown in the plane by the ellipse that is left of the ellipsoid at that height, `r·sqrt(1 − (h/R)²)`;
    shrinking keeps what stays inside on all of them. Distances that are negative shrink after the positive ones have
    grown. New planes are filled as far as the image goes. Where planes lie further apart than half the reach across
    them, the solid is also cut in between.

    Tolerance: in the plane 0.2 % of the distance; across planes the surface lies within 5 % of the distance, or one
    tenth of the plane spacing where that is more, of the ellipsoid's envelope of that solid.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        geometry: of the image; uneven and tilted planes count as they are.
        margins: distances towards the patient's sides.
        progress: reports and may stop.

    Returns:
        The planes that change; those left without contours are empty.

    Raises:
        PlanimeterError: a distance is not a finite number.
    """
    values = [float(getattr(margins, f.name)) for f in fields(margins)]
    if not np.isfinite(values).all():
        raise PlanimeterError(f"A margin must be a number of mm, but one of {values} is not.")
    outwards, inwards = _reach(margins, geometry, 1.0), _reach(margins, geometry, -1.0)
    shift = offsets(geometry)
    stack = {k: simplify_plane(area, THINNED_MM) for k, area in to_stack(areas, geometry).items()}
    if outwards.nothing and inwards.nothing:
        return {}
    share = 0.5 if not outwards.nothing and not inwards.nothing else 1.0
    done = 0.0
    if not outwards.nothing:
        stack = _grow(stack, geometry, outwards, part(progress, 0.0, share))
        done = share
    if not inwards.nothing:
        stack = _shrink(stack, geometry, inwards, part(progress, done, 1.0))
    progress(1.0, "Margin")
    return changed(areas, {k: move(area, -shift[k]) for k, area in stack.items()})


def _reach(margins: Margins, geometry: Geometry, sign: float) -> _Reach:
    """The radii of one sign along the image axes."""
    towards = {
        (0, 1): margins.left,
        (0, -1): margins.right,
        (1, 1): margins.posterior,
        (1, -1): margins.anterior,
        (2, 1): margins.superior,
        (2, -1): margins.inferior,
    }
    directions = geometry.directions
    nearest = max(permutations(range(3)), key=lambda p: sum(abs(directions[p[i], i]) for i in range(3)))
    pairs = []
    for axis in range(3):
        way = 1 if directions[nearest[axis], axis] > 0 else -1
        forwards, backwards = towards[nearest[axis], way], towards[nearest[axis], -way]
        pairs.append((max(0.0, sign * forwards), max(0.0, sign * backwards)))
    return _Reach(*pairs)


@dataclass(frozen=True)
class _Plate:
    """A cut through the solid: height (mm), the area there, and the pieces that end at it."""

    height: float
    area: MultiPolygon
    ends: MultiPolygon = EMPTY


def _plates(stack: Areas, geometry: Geometry, step: float, progress: Progress) -> list[_Plate]:
    """Cuts through the solid on its planes, at its ends, and between planes at most `step` apart.

    A plate at an end carries what goes on beyond it as `area`, and what does not as `ends`.
    """
    height = heights(geometry)
    gaps = np.diff(height) if len(height) > 1 else np.array([geometry.plane_spacing])
    above, below = np.append(gaps, gaps[-1]) / 2, np.insert(gaps, 0, gaps[0]) / 2
    plates = []
    for k, area in stack.items():
        up, down = stack.get(k + 1, EMPTY), stack.get(k - 1, EMPTY)
        plates.append(_Plate(height[k], area))
        goes_up, ends_up = _split(area, up)
        goes_down, ends_down = _split(area, down)
        if not ends_up.is_empty:
            plates.append(_Plate(height[k] + above[k], goes_up, ends_up))
        if not ends_down.is_empty:
            plates.append(_Plate(height[k] - below[k], goes_down, ends_down))
    for n, (a, b) in enumerate(pairwise(stack)):
        progress(0.4 * n / len(stack), "Margin: between the planes")
        if b != a + 1:
            continue
        count = min(MAX_BETWEEN, int(np.ceil((height[b] - height[a]) / step)) - 1)
        if count < 1:
            continue
        low, ends_up = _split(stack[a], stack[b])
        high, ends_down = _split(stack[b], stack[a])
        if low.is_empty or high.is_empty:
            continue
        shares = [(n + 1) / (count + 1) for n in range(count)]
        for share, area in zip(shares, blend(low, high, shares), strict=True):
            also = ends_up if share < 0.5 else ends_down
            whole = area if also.is_empty else clean(area.union(also))
            plates.append(_Plate(height[a] + share * (height[b] - height[a]), whole))
    return plates


def _split(area: MultiPolygon, neighbour: MultiPolygon) -> tuple[MultiPolygon, MultiPolygon]:
    """The polygons of `area` that meet the neighbouring plane's, and those that end."""
    meets = [bool(polygon.intersects(neighbour)) for polygon in area.geoms]
    if all(meets):
        return area, EMPTY
    on = MultiPolygon([polygon for polygon, goes_on in zip(area.geoms, meets, strict=True) if goes_on])
    return on, MultiPolygon([polygon for polygon, goes_on in zip(area.geoms, meets, strict=True) if not goes_on])


def _step(reach: _Reach) -> float:
    """How far apart cuts may lie: half the shorter reach across the planes."""
    across = [radius for radius in reach.w if radius > 0]
    return min(across) / 2 if across else np.inf


def _grow(stack: Areas, geometry: Geometry, reach: _Reach, progress: Progress) -> dict[int, MultiPolygon]:
    plates = _plates(stack, geometry, _step(reach), progress)
    result = {}
    planes = geometry.shape[0]
    for k, height in enumerate(heights(geometry)):
        progress(0.4 + 0.6 * k / planes, f"Margin on plane {k + 1} of {planes}")
        parts = []
        for plate in plates:
            left = _left_over(height - plate.height, reach.w)
            # An end grows on from its own area; what goes on is there on its own planes.
            area = plate.area if plate.ends.is_empty else plate.ends
            if left >= 0:
                parts.append(dilate(area, _scaled(reach.u, left), _scaled(reach.v, left)))
        if parts:
            area = clean(shapely.union_all(parts))
            if not area.is_empty:
                result[k] = area
    return result


def _shrink(stack: Areas, geometry: Geometry, reach: _Reach, progress: Progress) -> dict[int, MultiPolygon]:
    plates = _plates(stack, geometry, _step(reach), progress)
    height = heights(geometry)
    result: dict[int, MultiPolygon] = {}
    for n, (k, own) in enumerate(stack.items()):
        progress(0.4 + 0.6 * n / len(stack), f"Margin on plane {k + 1}")
        area = own
        for plate in plates:
            # Seen from the plane, what lies above is felt by the reach that way.
            distance = plate.height - height[k]
            left = _left_over(distance, reach.w)
            touching = distance != 0 and left == 0
            if left < 0 or touching or area.is_empty:
                continue
            area = clean(area.intersection(erode(plate.area, _scaled(reach.u, left), _scaled(reach.v, left))))
        if not area.is_empty:
            result[k] = area
    return result


def _left_over(distance: float, reach: tuple[float, float]) -> float:
    """Share of the radii in the plane that an ellipsoid leaves at a height; negative out of reach."""
    if abs(distance) < 1e-9:
        return 1.0
    radius = reach[0] if distance > 0 else reach[1]
    if abs(distance) > radius + 1e-9:
        return -1.0
    return float(np.sqrt(max(0.0, 1.0 - (distance / radius) ** 2)))


def _scaled(pair: tuple[float, float], factor: float) -> tuple[float, float]:
    return pair[0] * factor, pair[1] * factor


def dilate(area: MultiPolygon, u: tuple[float, float], v: tuple[float, float]) -> MultiPolygon:
    """An area grown in its plane by a shape of four quarter ellipses.

    Args:
        area: polygons, mm.
        u: radii in mm towards larger and towards smaller u, not negative.
        v: the same along v.

    Returns:
        All points that the shape, with its centre anywhere in the area, covers.
    """
    if area.is_empty or max(*u, *v) <= THIN_MM:
        return area
    right, left, down, up = (max(radius, THIN_MM) for radius in (*u, *v))
    if abs(right - left) < THIN_MM and abs(down - up) < THIN_MM:
        round_area = scale(area, 1 / right, 1 / down, origin=(0, 0)).buffer(1.0, quad_segs=QUARTER_EDGES)
        return clean(scale(round_area, right, down, origin=(0, 0)))
    angle = np.linspace(0, 2 * np.pi, 4 * QUARTER_EDGES, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    shape = np.stack([c * np.where(c > 0, right, left), s * np.where(s > 0, down, up)], axis=1)
    return _sum(area, shape)


def _sum(area: MultiPolygon, shape: FloatArray) -> MultiPolygon:
    """Minkowski sum of an area and a convex shape, (n, 2) anticlockwise in (u, v).

    Its line is part of the convolution of both outlines, which goes around each point as often as the mirrored shape,
    laid there, meets the area in separate pieces (Guibas, Ramshaw and Stolfi, FOCS 1983:100); a hole that the shape
    does not fit into is filled and would spoil that count.
    """
    size = np.ptp(shape, axis=0)
    curves = []
    for polygon in shapely.orient_polygons(shapely.get_parts(area)):
        for n, ring in enumerate(shapely.get_rings(polygon)):
            points = shapely.get_coordinates(ring)[:-1]
            if n == 0 or (np.ptp(points, axis=0) > size).all():
                curves.append(_convolution(points, shape))
    noded = shapely.union_all([shapely.LinearRing(curve) for curve in curves])
    faces = shapely.get_parts(shapely.polygonize([noded]))
    u, v = shapely.get_coordinates(shapely.point_on_surface(faces)).T
    around = np.zeros(len(faces), dtype=np.intp)
    for a in curves:
        b = np.roll(a, -1, axis=0)
        spans = (a[:, 0] <= u[:, None]) != (b[:, 0] <= u[:, None])
        face, edge = np.nonzero(spans)
        p, q = a[edge], b[edge]
        height = p[:, 1] + (u[face] - p[:, 0]) / (q[:, 0] - p[:, 0]) * (q[:, 1] - p[:, 1])
        way = np.where(q[:, 0] > p[:, 0], 1, -1) * (height < v[face])
        around += np.bincount(face, weights=way, minlength=len(faces)).astype(np.intp)
    return clean(shapely.union_all(faces[around > 0]))


def _convolution(points: FloatArray, shape: FloatArray) -> FloatArray:
    """(m, 2) each edge of a ring moved to where the shape touches it, joined along the shape around each corner."""
    edges = np.roll(points, -1, axis=0) - points
    heading = np.arctan2(edges[:, 1], edges[:, 0])
    along = np.roll(shape, -1, axis=0) - shape
    own = np.unwrap(np.arctan2(along[:, 1], along[:, 0]))
    # The corner of the shape where its outline turns through the edge's heading.
    touch = np.searchsorted(own, own[0] + (heading - own[0]) % (2 * np.pi)) % len(shape)
    turn = (np.roll(heading, -1) - heading + np.pi) % (2 * np.pi) - np.pi
    steps = np.where(turn >= 0, (np.roll(touch, -1) - touch) % len(shape), -((touch - np.roll(touch, -1)) % len(shape)))
    count = np.abs(steps) + 1
    place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    corner = np.repeat(touch, count) + place * np.repeat(np.sign(steps), count)
    curve: FloatArray = np.repeat(np.roll(points, -1, axis=0), count, axis=0) + shape[corner % len(shape)]
    return curve


def erode(area: MultiPolygon, u: tuple[float, float], v: tuple[float, float]) -> MultiPolygon:
    """An area shrunk in its plane: all points from which the shape of `dilate` stays within the area."""
    if area.is_empty or max(*u, *v) <= THIN_MM:
        return area
    right, left, down, up = (max(radius, THIN_MM) for radius in (*u, *v))
    if abs(right - left) < THIN_MM and abs(down - up) < THIN_MM:
        round_area = scale(area, 1 / right, 1 / down, origin=(0, 0)).buffer(-1.0, quad_segs=QUARTER_EDGES)
        return clean(scale(round_area, right, down, origin=(0, 0)))
    far = 2 * max(right, left, down, up)
    u0, v0, u1, v1 = area.bounds
    outside = clean(box(u0 - far, v0 - far, u1 + far, v1 + far).difference(area))
    return clean(area.difference(dilate(outside, (left, right), (up, down))))
