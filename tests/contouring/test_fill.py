"""Polygons are filled by even-odd at voxel centres, to the last voxel."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, box

from engine.contouring.fill import count_inside, fill, fill_plane
from engine.volume import Geometry
from tests.contouring.shapes import SPACINGS, centres_inside, disc, even_odd, rectangle, regular, uneven

POINTS = st.tuples(st.floats(-5, 25), st.floats(-5, 25))


@settings(max_examples=300, deadline=None)
@given(st.lists(POINTS, min_size=3, max_size=9, unique=True), SPACINGS)
def test_any_valid_polygon_is_filled_as_geos_would(points, spacing):
    area = shapely.make_valid(shapely.Polygon(points))
    parts = [part for part in shapely.get_parts(area) if part.geom_type == "Polygon"]
    parts = [p for part in parts for p in shapely.get_parts(part)]
    area = MultiPolygon(parts)
    ours, theirs = fill_plane(area, (12, 15), spacing), centres_inside(area, (12, 15), spacing)
    u, v = np.meshgrid(np.arange(15) * spacing[0], np.arange(12) * spacing[1])
    on_the_line = shapely.dwithin(shapely.points(u, v), area.boundary, 1e-9) if parts else np.zeros_like(ours)
    assert (ours == theirs)[~on_the_line].all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 12), st.integers(-2, 12)), min_size=3, max_size=8, unique=True))
def test_vertices_on_centres_follow_the_half_open_rule(points):
    """The same as moving the polygon by a hair towards smaller v, then smaller u: no centre is then on a line."""
    ring = np.array(points, dtype=float)
    moved = ring + np.array([-1e-7, -1e-4])
    sampled = even_odd([moved], (10, 10), (1.0, 1.0))
    assert (even_odd([ring], (10, 10), (1.0, 1.0)) == sampled).all()


def test_areas_that_share_a_line_through_centres_share_no_voxel():
    left, right = rectangle(0, 0, 4, 6), rectangle(4, 0, 9, 6)
    upper, lower = rectangle(0, 0, 9, 3), rectangle(0, 3, 9, 6)
    for a, b in ((left, right), (upper, lower)):
        first, second = fill_plane(a, (8, 12), (1.0, 1.0)), fill_plane(b, (8, 12), (1.0, 1.0))
        assert not (first & second).any()
        assert ((first | second) == fill_plane(rectangle(0, 0, 9, 6), (8, 12), (1.0, 1.0))).all()


def test_holes_stay_empty_and_what_is_outside_the_image_is_left_out():
    area = MultiPolygon([disc(5.1, 5.2, 9).geoms[0].difference(disc(5.1, 5.2, 3).geoms[0])])
    mask = fill_plane(area, (8, 10), (1.0, 1.0))
    assert (mask == centres_inside(area, (8, 10), (1.0, 1.0))).all()
    assert not mask[5, 5]
    assert not fill_plane(disc(-50, -50, 9), (8, 10), (1.0, 1.0)).any()
    assert fill_plane(rectangle(-99, -99, 99, 99), (8, 10), (1.0, 1.0)).all()


def test_nested_and_crossing_rings_are_taken_by_even_odd():
    rings = [np.array(disc(10, 10, r).geoms[0].exterior.coords) for r in (9.3, 6.1, 2.7)]
    rings.append(np.array(disc(18, 10, 5.2).geoms[0].exterior.coords))
    expected = np.zeros((22, 26), dtype=bool)
    for ring in rings:
        expected ^= centres_inside(shapely.Polygon(ring), expected.shape, (1.0, 1.0))
    assert (even_odd(rings, expected.shape, (1.0, 1.0)) == expected).all()


@pytest.mark.parametrize("geometry", [regular((6, 20, 24), (0.7, 0.9, 2.5)), uneven([0, 1, 4, 5, 9, 12], (20, 24))])
def test_planes_of_any_geometry_are_filled_each_by_itself(geometry):
    areas = {1: disc(8.1, 7.2, 4), 4: MultiPolygon([*disc(5.1, 5.2, 3).geoms, *disc(14.3, 12.1, 2.5).geoms])}
    mask = fill(areas, geometry)
    for k in range(6):
        expected = centres_inside(areas[k], (20, 24), geometry.spacing_uv) if k in areas else np.zeros((20, 24))
        assert (mask[k] == expected).all()


def test_planes_outside_the_image_are_left_out():
    assert not fill({-1: disc(5, 5, 3), 9: disc(5, 5, 3)}, regular((3, 10, 10))).any()


def test_small_islands_far_apart_are_filled_as_well_as_large_ones():
    rng = np.random.default_rng(8)
    places = np.column_stack([rng.uniform(1, 299, (12, 2)), rng.uniform(0.3, 3, 12)])
    islands = [disc(u, v, radius, 8).geoms[0] for u, v, radius in places]
    area = MultiPolygon(shapely.get_parts(shapely.union_all(islands)).tolist())
    mask = fill({2: area}, regular((5, 260, 300), (1.03, 1.17, 2.0)))
    assert (mask[2] == centres_inside(area, (260, 300), (1.03, 1.17))).all()
    assert mask[2].any()
    assert not mask[[0, 1, 3, 4]].any()


@pytest.mark.parametrize("seed", range(4))
def test_voxels_are_counted_as_filling_sets_them(seed: int) -> None:
    """Also where lines run through voxel centres, leave the image, and where two structures share lines."""
    rng = np.random.default_rng(seed)
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (0.7, 1.3, 2.0), (4, 30, 40))

    def areas() -> dict[int, MultiPolygon]:
        out = {}
        for plane in rng.choice(6, 4, replace=False) - 1:
            boxes = [
                box(*corner, *(corner + size))
                for corner, size in zip(
                    np.round(rng.uniform(-5, 25, (3, 2)) / (0.7, 1.3)) * (0.7, 1.3),
                    rng.uniform(1, 14, (3, 2)),
                    strict=True,
                )
            ]
            joined = shapely.union_all([*boxes, Point(*rng.uniform(0, 25, 2)).buffer(6).difference(boxes[0])])
            out[int(plane)] = MultiPolygon(list(getattr(joined, "geoms", [joined])))
        return out

    first, second = areas(), areas()
    mine, theirs = fill(first, geometry), fill(second, geometry)
    assert count_inside([first], geometry) == mine.sum() > 0
    assert count_inside([first, second], geometry) == (mine ^ theirs).sum()
    assert count_inside([first, first], geometry) == 0 == count_inside([{}], geometry)
