"""Islands and holes."""

import pytest
from shapely import MultiPolygon

from engine.contouring.islands import components, fill_holes, keep_largest, remove_islands
from tests.contouring.shapes import disc, rectangle, regular, uneven


def ring(u, v, outer, inner):
    return disc(u, v, outer).geoms[0].difference(disc(u, v, inner).geoms[0])


def test_pieces_hang_together_from_plane_to_plane():
    geometry = regular((10, 80, 80), (1.0, 1.0, 2.0))
    areas = {
        1: rectangle(10, 10, 20, 20),
        2: MultiPolygon([*rectangle(15, 15, 30, 30).geoms, *rectangle(60, 60, 62, 62).geoms]),
        4: rectangle(10, 10, 20, 20),
        5: rectangle(50, 50, 55, 55),
    }
    pieces = components(areas, geometry)
    assert pieces == [{1: [0], 2: [0]}, {4: [0]}, {5: [0]}, {2: [1]}]


def test_a_piece_that_forks_and_joins_is_one():
    geometry = regular((5, 80, 80))
    fork = MultiPolygon([*rectangle(10, 10, 20, 20).geoms, *rectangle(30, 10, 40, 20).geoms])
    assert len(components({0: rectangle(10, 10, 40, 20), 1: fork, 2: fork}, geometry)) == 1
    assert len(components({1: fork, 2: fork}, geometry)) == 2


def test_with_a_tilted_gantry_pieces_meet_where_they_lie():
    geometry = uneven([0, 10, 20], (80, 80), tilt=1.0)
    upright = {k: rectangle(10, 40 - 10 * k, 18, 48 - 10 * k) for k in range(3)}
    assert len(components(upright, geometry)) == 1
    assert len(components({k: rectangle(10, 40, 18, 48) for k in range(3)}, geometry)) == 3


def test_only_the_largest_piece_by_volume_is_kept():
    geometry = regular((10, 80, 80), (1.0, 1.0, 2.0))
    long = {k: MultiPolygon([*rectangle(10, 10, 15, 15).geoms]) for k in range(8)}
    areas = {**long, 3: MultiPolygon([*long[3].geoms, *rectangle(40, 40, 52, 52).geoms])}
    changed = keep_largest(areas, geometry)
    assert sorted(changed) == [3]
    assert changed[3].equals(long[3])
    assert keep_largest(long, geometry) == {}
    assert keep_largest(areas, geometry, count=2) == {}


def test_islands_below_a_volume_go_and_planes_left_empty_say_so():
    geometry = regular((10, 80, 80), (1.0, 1.0, 2.0))
    areas = {1: rectangle(10, 10, 40, 40), 2: rectangle(10, 10, 40, 40), 6: rectangle(10, 10, 14, 14)}
    changed = remove_islands(areas, geometry, 0.1)
    assert sorted(changed) == [6]
    assert changed[6].is_empty
    assert remove_islands(areas, geometry, 0.03) == {}


def test_holes_below_an_area_are_filled_with_the_islands_inside_them():
    geometry = regular((4, 80, 80))
    areas = {
        0: MultiPolygon([ring(30, 30, 20, 10), *disc(30, 30, 4).geoms]),
        1: MultiPolygon([ring(30, 30, 20, 3)]),
        2: disc(30, 30, 20),
    }
    everything = fill_holes(areas, geometry)
    assert sorted(everything) == [0, 1]
    for area in everything.values():
        assert len(area.geoms) == 1
        assert area.area == pytest.approx(disc(30, 30, 20).area)
    assert sorted(fill_holes(areas, geometry, smaller_than_mm2=50)) == [1]
