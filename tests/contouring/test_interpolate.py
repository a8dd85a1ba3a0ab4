"""Planes between drawn ones are filled smoothly, through changes of topology."""

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon

from engine.contouring.interpolate import interpolate
from engine.errors import CancelledError
from engine.progress import stoppable
from tests.contouring.shapes import disc, rectangle, regular, uneven


def test_a_cone_is_filled_in_from_its_ends():
    geometry = regular((11, 100, 100), (1.0, 1.0, 3.0))
    areas = {0: disc(50, 50, 30), 10: disc(50, 50, 10)}
    filled = interpolate(areas, geometry)
    assert sorted(filled) == list(range(1, 10))
    for k, area in filled.items():
        points = shapely.get_coordinates(area) - 50
        assert np.abs(np.hypot(*points.T) - (30 - 2 * k)).max() < 0.05


def test_positions_count_not_numbers_of_planes():
    geometry = uneven([0, 1, 8, 10], (100, 100), tilt=0.5)
    filled = interpolate({0: disc(50, 50, 30), 3: disc(50, 45, 10)}, geometry)
    assert np.sqrt(filled[1].area / np.pi) == pytest.approx(28, abs=0.05)
    assert np.sqrt(filled[2].area / np.pi) == pytest.approx(14, abs=0.05)
    assert filled[2].centroid.y == pytest.approx(46, abs=0.05)


def test_an_oblique_tube_stays_a_tube():
    geometry = regular((9, 100, 100))
    filled = interpolate({0: disc(20, 20, 6), 8: disc(60, 44, 6)}, geometry)
    for k, area in filled.items():
        assert area.area == pytest.approx(np.pi * 36, rel=0.01)
        assert area.centroid.x == pytest.approx(20 + 5 * k, abs=0.05)
        assert area.centroid.y == pytest.approx(20 + 3 * k, abs=0.05)


def test_one_island_becomes_two_without_steps():
    geometry = regular((13, 100, 100))
    two = MultiPolygon([*disc(35, 50, 8).geoms, *disc(65, 50, 8).geoms])
    filled = interpolate({0: rectangle(25, 42, 75, 58), 12: two}, geometry)
    counts = [len(filled[k].geoms) for k in range(1, 12)]
    assert counts[0] == 1
    assert counts[-1] == 2
    assert counts == sorted(counts)
    areas = [800.0, *(filled[k].area for k in range(1, 12)), two.area]
    assert (np.diff(areas) < 0).all()
    assert np.abs(np.diff(areas, 2)).max() < 40


def test_a_hole_opens_between_the_planes():
    geometry = regular((9, 100, 100))
    ring = MultiPolygon([disc(50, 50, 30).geoms[0].difference(disc(50, 50, 12).geoms[0])])
    filled = interpolate({0: disc(50, 50, 30), 8: ring}, geometry)
    holes = [sum(len(p.interiors) for p in filled[k].geoms) for k in range(1, 8)]
    assert holes[-1] == 1
    assert holes == sorted(holes)


def test_lines_do_not_step_from_voxel_to_voxel():
    """Between squares turned against each other the line is smooth: no turn of 90° except near their corners."""
    geometry = regular((5, 60, 60), (3.0, 3.0, 3.0))
    filled = interpolate({0: disc(80, 80, 40), 4: disc(90, 80, 30)}, geometry)
    for area in filled.values():
        edges = np.diff(shapely.get_coordinates(area.geoms[0].exterior), axis=0)
        heading = np.arctan2(edges[:, 1], edges[:, 0])
        turns = (np.diff(heading) + np.pi) % (2 * np.pi) - np.pi
        assert np.abs(turns).max() < 0.35
        assert np.abs(turns).sum() < 2 * np.pi * 1.1


def test_drawn_planes_are_untouched_and_only_the_wanted_ones_are_filled():
    geometry = regular((12, 100, 100))
    areas = {1: disc(50, 50, 20), 5: disc(50, 50, 20), 9: disc(52, 50, 10)}
    assert sorted(interpolate(areas, geometry)) == [2, 3, 4, 6, 7, 8]
    assert sorted(interpolate(areas, geometry, planes=[3, 5, 8, 11])) == [3, 8]
    assert interpolate({1: disc(50, 50, 20)}, geometry) == {}
    assert interpolate({}, geometry) == {}


def test_interpolation_stops_when_asked():
    with pytest.raises(CancelledError):
        interpolate(
            {0: disc(50, 50, 20), 5: disc(50, 50, 20)},
            regular((12, 100, 100)),
            progress=stoppable(lambda fraction, stage: None, lambda: True),
        )
