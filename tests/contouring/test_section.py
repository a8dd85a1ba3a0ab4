"""Structures cut along rows and columns: drawn between the planes, and painted on."""

import numpy as np
import pytest
import shapely

from engine.contouring.fill import fill
from engine.contouring.section import paint_section, section
from tests.contouring.shapes import disc, rectangle, regular, uneven


def sphere(radius=20.0, centre=(30.0, 32.0, 30.0), geometry=None):
    result = {}
    for k, position in enumerate(geometry.positions):
        left = radius**2 - (position - centre[2]) ** 2
        if left > 0:
            result[k] = disc(centre[0], centre[1], np.sqrt(left))
    return result


@pytest.mark.parametrize("axis", ["row", "column"])
def test_a_sphere_is_cut_to_a_disc(axis):
    geometry = regular((30, 64, 64), (1.0, 1.0, 2.0))
    cut = section(sphere(geometry=geometry), geometry, axis, 32.0 if axis == "row" else 30.0)
    expected = disc(30.0 if axis == "row" else 32.0, 30.0, 20.0)
    assert cut.is_valid
    assert cut.symmetric_difference(expected).area < 0.03 * expected.area


def test_a_box_reaches_half_a_plane_beyond_its_ends():
    geometry = uneven([0, 1, 3, 6, 7], (40, 40))
    areas = {k: rectangle(10, 12, 20, 30) for k in (1, 2, 3)}
    (cut,) = section(areas, geometry, "row", 15.0).geoms
    assert cut.bounds == pytest.approx((10, 0.5, 20, 6.5))
    assert cut.area == pytest.approx(10 * 6)
    (cut,) = section(areas, geometry, "column", 12.0).geoms
    assert cut.bounds == pytest.approx((12, 0.5, 30, 6.5))
    assert section(areas, geometry, "row", 35.0).is_empty


def test_one_island_that_becomes_two_is_drawn_as_a_fork_and_a_gap_as_a_gap():
    geometry = regular((7, 60, 60), (1.0, 1.0, 2.0))
    both = shapely.MultiPolygon([*rectangle(10, 10, 20, 20).geoms, *rectangle(30, 10, 40, 20).geoms])
    areas = {0: rectangle(10, 10, 40, 20), 1: rectangle(10, 10, 40, 20), 2: both, 3: both, 6: both}
    cut = section(areas, geometry, "row", 15.0)
    assert cut.is_valid
    assert len(cut.geoms) == 3
    fork = max(cut.geoms, key=lambda part: part.area)
    assert fork.contains(shapely.Point(25, 2.1))
    assert not fork.contains(shapely.Point(25, 3.9))
    assert not cut.contains(shapely.Point(15, 9))


def test_two_islands_that_become_one_are_drawn_without_overlap():
    geometry = regular((6, 60, 60), (1.0, 1.0, 2.0))
    both = shapely.MultiPolygon([*rectangle(10, 10, 20, 20).geoms, *rectangle(30, 10, 40, 20).geoms])
    areas = {0: both, 1: both, 2: rectangle(10, 10, 40, 20), 3: rectangle(10, 10, 40, 20)}
    cut = section(areas, geometry, "row", 15.0)
    assert cut.is_valid
    (fork,) = cut.geoms
    # Two legs, two wedges that meet a quarter of the way up, and the beam.
    assert fork.area == pytest.approx(2 * 10 * 3 + 2 * (0.25 * 25 + 0.75 * 30) + 30 * 3)
    assert not fork.contains(shapely.Point(25, 2.1))
    assert fork.contains(shapely.Point(25, 3.9))


def test_holes_are_cut_as_holes():
    geometry = regular((9, 60, 60), (1.0, 1.0, 1.0))
    ring = shapely.MultiPolygon([disc(30, 30, 20).geoms[0].difference(disc(30, 30, 8).geoms[0])])
    areas = {k: ring if 3 <= k <= 5 else disc(30, 30, 20) for k in range(9)}
    cut = section(areas, geometry, "row", 30.0)
    assert not cut.contains(shapely.Point(30, 4))
    assert cut.contains(shapely.Point(15, 4))
    assert cut.area == pytest.approx(40 * 9 - 16 * 2, rel=0.03)


def test_planes_of_a_tilted_gantry_are_cut_where_they_lie():
    geometry = uneven(np.arange(10) * 2.0, (80, 60), tilt=0.5)
    upright = {k: rectangle(10, 20 - k, 30, 40 - k) for k in range(10)}
    cut = section(upright, geometry, "column", 20.0)
    assert cut.bounds == pytest.approx((20, -1, 40, 19))


def test_painting_on_a_cut_changes_only_the_planes_and_the_column_it_meets():
    geometry = regular((12, 40, 40), (1.0, 1.0, 3.0))
    areas = {k: rectangle(10, 10, 30, 30) for k in range(2, 9)}
    before = fill(areas, geometry)
    shape = disc(32, 15.0, 7.0)
    changed = paint_section(areas, geometry, "column", 20, shape, True)
    assert sorted(changed) == [3, 4, 5, 6, 7]
    after = fill({**areas, **changed}, geometry)
    difference = np.argwhere(before != after)
    assert set(difference[:, 2]) == {20}
    assert set(difference[:, 0]) <= set(changed)
    cut = section({**areas, **changed}, geometry, "column", 20.0)
    assert cut.contains(shapely.Point(36, 15))


def test_erasing_on_a_cut_makes_a_slit_and_can_clear_a_plane():
    geometry = regular((6, 40, 40), (1.0, 1.0, 3.0))
    areas = {k: rectangle(10, 19.6, 30, 20.4) for k in (2, 3)}
    changed = paint_section(areas, geometry, "row", 20, rectangle(5, 5, 35, 7), False)
    assert sorted(changed) == [2]
    assert changed[2].is_empty


def test_a_stroke_between_two_planes_counts_for_the_nearer_one():
    geometry = regular((6, 40, 40), (1.0, 1.0, 5.0))
    assert sorted(paint_section({}, geometry, "row", 20, disc(20, 11.8, 1.0), True)) == [2]


def test_strokes_that_change_nothing_change_no_plane():
    geometry = regular((6, 40, 40), (1.0, 1.0, 3.0))
    areas = {2: rectangle(10, 10, 30, 30)}
    assert paint_section(areas, geometry, "row", 20, rectangle(12, 5, 20, 7), True) == {}
    assert paint_section(areas, geometry, "row", 35, rectangle(12, 5, 20, 7), False) == {}
    assert paint_section(areas, geometry, "row", 20, shapely.Polygon(), True) == {}


def test_neighbouring_strokes_merge_without_a_seam():
    geometry = regular((3, 40, 40), (0.7, 0.9, 3.0))
    areas = {}
    for row in range(10, 15):
        areas.update(paint_section(areas, geometry, "row", row, rectangle(5, 2, 15, 4), True))
    (area,) = areas[1].geoms
    assert not area.interiors
    assert area.area == pytest.approx(10 * 5 * 0.9)
