"""Masks, geometries and analytic shapes for the tests of the contour kernel."""

import numpy as np
import shapely
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely import MultiPolygon

from engine.contouring.fill import fill_plane
from engine.volume import Geometry

SPACINGS = st.tuples(st.floats(0.2, 4.0), st.floats(0.2, 4.0))


def regular(shape, spacing=(1.0, 1.0, 3.0), origin=(0.0, 0.0, 0.0), directions=None):
    return Geometry.regular(origin, np.eye(3) if directions is None else directions, spacing, shape)


def uneven(heights, shape, spacing_uv=(1.0, 1.0), tilt=0.0):
    """Planes at given heights; with `tilt` each is moved along v by that share of its height (a tilted gantry)."""
    heights = np.asarray(heights, dtype=float)
    origins = np.stack([np.zeros_like(heights), tilt * heights, heights], axis=1)
    return Geometry(origins, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), spacing_uv, (len(heights), *shape))


def rotation(*angles):
    """Directions turned about x, y and z by angles in radians."""
    result = np.eye(3)
    for axis, angle in enumerate(angles):
        c, s = np.cos(angle), np.sin(angle)
        turn = np.eye(3)
        a, b = [(1, 2), (2, 0), (0, 1)][axis]
        turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
        result = turn @ result
    return result


@st.composite
def masks(draw, largest=14):
    """Small planes of every kind: noise, blocks, diagonals, rings, shapes that run off the edge."""
    shape = draw(st.tuples(st.integers(1, largest), st.integers(1, largest)))
    kind = draw(st.sampled_from(["noise", "noise", "blocks", "diagonal", "ring", "everything"]))
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    if kind == "noise":
        return draw(arrays(bool, shape))
    if kind == "diagonal":
        return (rows + columns * draw(st.sampled_from([-1, 1]))) % draw(st.integers(2, 5)) == 0
    if kind == "ring":
        j, i = draw(st.floats(0, shape[0])), draw(st.floats(0, shape[1]))
        inner = draw(st.floats(0, 6))
        distance = np.hypot(rows - j, columns - i)
        return (distance >= inner) & (distance <= inner + draw(st.floats(0.5, 5)))
    mask = np.full(shape, kind == "everything")
    for _ in range(draw(st.integers(0, 5))):
        j0, i0 = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
        mask[j0 : j0 + draw(st.integers(1, 6)), i0 : i0 + draw(st.integers(1, 6))] ^= True
    return mask


def centres_inside(area, shape, spacing_uv):
    """An independent even-odd filling: GEOS's point in polygon, which leaves out points on the line."""
    u, v = np.meshgrid(np.arange(shape[1]) * spacing_uv[0], np.arange(shape[0]) * spacing_uv[1])
    return shapely.contains_xy(area, u, v)


def even_odd(rings, shape, spacing_uv):
    """Our filling of rings that may cross, each (n, 2) mm: inside is what an odd number of them goes round."""
    return fill_plane(MultiPolygon([shapely.Polygon(ring) for ring in rings]), shape, spacing_uv)


def disc(u, v, radius, segments=64):
    return MultiPolygon([shapely.Point(u, v).buffer(radius, segments)])


def rectangle(u0, v0, u1, v1):
    return MultiPolygon([shapely.box(u0, v0, u1, v1)])


def volume_mm3(areas, geometry):
    return sum(area.area * geometry.plane_thickness[k] for k, area in areas.items())


def positions(geometry):
    """(planes, rows, columns, 3) LPS of all voxel centres."""
    _, rows, columns = geometry.shape
    u = np.arange(columns) * geometry.spacing_uv[0]
    v = np.arange(rows) * geometry.spacing_uv[1]
    return (
        geometry.origins_lps[:, None, None]
        + u[None, None, :, None] * geometry.row_direction
        + v[None, :, None, None] * geometry.column_direction
    )


def sphere(p, radius):
    return radius - np.linalg.norm(p, axis=-1), 4 / 3 * np.pi * radius**3


def torus(p, ring, tube):
    flat = np.hypot(p[..., 0], p[..., 1]) - ring
    return tube - np.hypot(flat, p[..., 2]), 2 * np.pi**2 * ring * tube**2


def shell(p, radius, thickness):
    distance = np.linalg.norm(p, axis=-1)
    return (
        thickness / 2 - np.abs(distance - radius),
        4 / 3 * np.pi * ((radius + thickness / 2) ** 3 - (radius - thickness / 2) ** 3),
    )


def cone(p, radius, height):
    """Its axis along z, its tip at +height/2."""
    slope = radius / height
    side = (slope * (height / 2 - p[..., 2]) - np.hypot(p[..., 0], p[..., 1])) / np.hypot(1, slope)
    return np.minimum(side, p[..., 2] + height / 2), np.pi * radius**2 * height / 3


def tilted_cylinder(p, radius, length, angle):
    axis = np.array([0, np.sin(angle), np.cos(angle)])
    along = p @ axis
    off = np.linalg.norm(p - along[..., None] * axis, axis=-1)
    return np.minimum(radius - off, length / 2 - np.abs(along)), np.pi * radius**2 * length


SOLIDS = {
    "sphere": lambda p: sphere(p, 20.0),
    "torus": lambda p: torus(p, 18.0, 6.0),
    "shell": lambda p: shell(p, 18.0, 5.0),
    "cone": lambda p: cone(p, 18.0, 36.0),
    "tilted cylinder": lambda p: tilted_cylinder(p, 8.0, 40.0, 0.6),
}


def off_centre(geometry):
    """A point near the middle of the image: within the planes on no voxel's centre, across them half-way."""
    return positions(geometry).reshape(-1, 3).mean(axis=0) + np.array([0.21, -0.33, 0.0])


@st.composite
def stacks(draw):
    """A geometry of uneven or tilted planes, and random polygons with holes and islands on some of them."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(2, 7))
    gaps = random.uniform(0.5, 5.0, count) if draw(st.booleans()) else np.full(count, 2.5)
    positions = np.cumsum(gaps) - gaps[0]
    tilt = random.uniform(-0.6, 0.6, 2) if draw(st.booleans()) else np.zeros(2)
    origins = np.stack([tilt[0] * positions, tilt[1] * positions, positions], axis=1)
    spacing = tuple(random.uniform(0.5, 1.5, 2)) if draw(st.booleans()) else (1.0, 1.0)
    geometry = Geometry(origins, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), spacing, (count, 40, 40))
    areas = {}
    for plane in np.flatnonzero(random.random(count) < 0.85).tolist():
        area = shapely.Polygon()
        for _ in range(random.integers(1, 6)):
            u, v, size = *random.uniform(3, 37, 2), random.uniform(1, 14)
            if draw(st.booleans()):
                part = shapely.Point(u, v).buffer(size / 1.5, quad_segs=int(random.integers(1, 9)))
            else:
                # Edges on whole numbers are those that a cut on a whole index runs along.
                part = shapely.box(*np.rint([u - size, v - size / 2, u + size, v + size / 2]))
            area = area.difference(part) if random.random() < 0.4 else area.union(part)
        polygons = [part for part in shapely.get_parts(area) if isinstance(part, shapely.Polygon) and not part.is_empty]
        if polygons:
            areas[plane] = MultiPolygon(polygons)
    return geometry, areas
