"""Rings as files write them become areas, and areas with holes become single rings, without loss."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contouring.keyhole import keyhole
from engine.contouring.rings import area_from_rings, areas_from_rings
from engine.contouring.trace import trace_mask
from tests.contouring.shapes import centres_inside, disc, even_odd, masks, rectangle

GRID = 0.37
RINGS = st.lists(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=3, max_size=8), min_size=1, max_size=4
)


def ring(area):
    return np.array(area.geoms[0].exterior.coords)[:-1]


def inside_odd(rings, shape=(40, 40)):
    """Even-odd at sample points, by our own filling (checked against GEOS elsewhere), off all whole-number lines."""
    shifted = [np.asarray(r, dtype=float) - [0.0137, 0.0071] for r in rings]
    return even_odd(shifted, shape, (GRID, GRID))


def sampled(area, shape=(40, 40)):
    moved = shapely.transform(area, lambda points: points - [0.0137, 0.0071])
    return centres_inside(moved, shape, (GRID, GRID))


@settings(max_examples=200, deadline=None)
@given(RINGS)
def test_any_rings_are_taken_by_even_odd(rings):
    distinct = {tuple(sorted(set(r))): r for r in rings}.values()
    area, _ = area_from_rings([np.array(r, dtype=float) for r in distinct])
    assert area.is_valid
    expected, found = inside_odd(distinct), sampled(area)
    lines = shapely.union_all([shapely.LineString([*r, r[0]]) for r in distinct])
    u, v = np.meshgrid(np.arange(40) * GRID + 0.0137, np.arange(40) * GRID + 0.0071)
    near = shapely.distance(shapely.points(u, v), lines) < 1e-9
    assert (expected == found)[~near].all()


@settings(max_examples=200, deadline=None)
@given(masks())
def test_keyholes_survive_being_read_back(mask):
    area = trace_mask(mask, (1.0, 1.0))
    rings = [keyhole(polygon) for polygon in area.geoms]
    back, overlapped = area_from_rings(rings)
    assert not overlapped
    assert shapely.area(shapely.symmetric_difference(area, back)) < 1e-9
    assert len(back.geoms) == len(area.geoms)
    assert sum(len(p.interiors) for p in back.geoms) == sum(len(p.interiors) for p in area.geoms)


def test_keyhole_channels_run_inside_the_polygon():
    polygon = shapely.Polygon(
        ring(rectangle(0, 0, 100, 30)),
        [ring(disc(20, 15, 5)), ring(disc(50, 15, 8)), ring(disc(80, 10, 3)), ring(disc(80, 22, 3))],
    )
    points = keyhole(polygon)
    assert len(points) == 4 + 4 * 256 + 8
    walked = shapely.LineString([*points, points[0]])
    assert polygon.buffer(1e-9).covers(walked)


def test_nested_rings_become_holes_and_islands_with_their_coordinates_untouched():
    rings = [ring(disc(20, 20, r)) for r in (15.0, 10.0, 5.0)]
    area, overlapped = area_from_rings([rings[1], rings[0], rings[2]])
    assert not overlapped
    assert sorted(len(polygon.interiors) for polygon in area.geoms) == [0, 1]
    found = {tuple(map(tuple, np.array(r.coords)[:-1])) for p in area.geoms for r in (p.exterior, *p.interiors)}
    assert found == {tuple(map(tuple, r)) for r in rings}


def test_keyholes_and_nested_rings_may_be_mixed():
    outer = shapely.Polygon(ring(disc(20, 20, 15)), [ring(disc(20, 20, 8))])
    area, overlapped = area_from_rings([keyhole(outer), ring(disc(20, 20, 3))])
    assert not overlapped
    assert area.area == pytest.approx(outer.area + disc(20, 20, 3).area)


def test_crossing_rings_are_reported():
    area, overlapped = area_from_rings([ring(rectangle(0, 0, 10, 10)), ring(rectangle(5, 0, 15, 10))])
    assert overlapped
    assert area.area == pytest.approx(100)


def test_rings_that_share_an_edge_or_a_corner_are_joined_without_overlap():
    for other in (rectangle(10, 0, 20, 10), rectangle(10, 10, 20, 20)):
        area, overlapped = area_from_rings([ring(rectangle(0, 0, 10, 10)), ring(other)])
        assert not overlapped
        assert area.is_valid
        assert area.area == pytest.approx(200)


def test_a_ring_inside_another_that_touches_it_is_a_hole():
    area, overlapped = area_from_rings([ring(rectangle(0, 0, 10, 10)), ring(rectangle(0, 2, 5, 5))])
    assert not overlapped
    assert area.area == pytest.approx(85)


def test_a_repeated_ring_counts_once_and_is_reported():
    first = ring(disc(10, 10, 5))
    area, overlapped = area_from_rings([first, np.roll(first, 7, axis=0)[::-1]])
    assert overlapped
    assert area.area == pytest.approx(disc(10, 10, 5).area)


@pytest.mark.parametrize(
    "garbage",
    [[], [[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0]] * 5, [[np.nan, 1.0]] * 6, [[0, 0], [1, 1], [2, 2]]],
)
def test_rings_without_area_are_nothing_and_harm_nothing(garbage):
    area, overlapped = area_from_rings([np.array(garbage, dtype=float), ring(disc(10, 10, 5))])
    assert not overlapped
    assert area.area == pytest.approx(disc(10, 10, 5).area)
    assert area_from_rings([np.array(garbage, dtype=float)])[0].is_empty


def test_closed_rings_and_repeated_points_are_as_good_as_others():
    points = ring(rectangle(0, 0, 10, 10))
    messy = np.concatenate([points[:2], points[1:], points[:1]])
    messy[2] = [np.inf, 0.0]
    area, _ = area_from_rings([messy])
    assert area.area == pytest.approx(100)


def test_many_planes_at_once_are_each_as_if_alone():
    planes = {k: [ring(disc(10 + k, 10, 5)), ring(disc(10 + k, 10, 2))][: 1 + k % 2] for k in range(8)}
    planes[9] = []
    for k, (area, overlapped) in areas_from_rings(planes).items():
        alone, flag = area_from_rings(planes[k])
        assert area.equals(alone)
        assert overlapped == flag
