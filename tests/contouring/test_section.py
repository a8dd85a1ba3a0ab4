"""Structures cut along rows and columns: drawn between the planes, and painted on."""

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, box

from engine.contouring.fill import fill
from engine.contouring.section import edges_of, paint_section, section
from engine.contouring.stack import heights, offsets
from tests.contouring.shapes import disc, rectangle, regular, stacks, uneven


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
    # Two legs and the beam, which meet half-way between the planes.
    assert fork.area == pytest.approx(2 * 10 * 4 + 30 * 4)
    assert not fork.contains(shapely.Point(25, 2.9))
    assert fork.contains(shapely.Point(25, 3.1))


def test_one_piece_goes_straight_on_beside_another_that_forks():
    geometry = regular((3, 60, 60), (1.0, 1.0, 2.0))
    both = shapely.MultiPolygon([*rectangle(30, 10, 35, 20).geoms, *rectangle(40, 10, 45, 20).geoms])
    beside = [rectangle(10 + 4 * k, 10, 20 + 4 * k, 20).geoms[0] for k in range(3)]
    areas = {
        0: shapely.MultiPolygon([beside[0], *rectangle(30, 10, 45, 20).geoms]),
        1: shapely.MultiPolygon([beside[1], *both.geoms]),
        2: shapely.MultiPolygon([beside[2], *both.geoms]),
    }
    slanted, fork = sorted(section(areas, geometry, "row", 15.0).geoms, key=lambda part: part.bounds[0])
    assert slanted.contains(shapely.Point(19.9 + 2, 1.0)) and not slanted.contains(shapely.Point(20.1 + 2, 1.0))
    assert fork.contains(shapely.Point(37, 0.9)) and not fork.contains(shapely.Point(37, 1.1))


def test_holes_are_cut_as_holes():
    geometry = regular((9, 60, 60), (1.0, 1.0, 1.0))
    ring = shapely.MultiPolygon([disc(30, 30, 20).geoms[0].difference(disc(30, 30, 8).geoms[0])])
    areas = {k: ring if 3 <= k <= 5 else disc(30, 30, 20) for k in range(9)}
    cut = section(areas, geometry, "row", 30.0)
    assert not cut.contains(shapely.Point(30, 4))
    assert cut.contains(shapely.Point(15, 4))
    # The hole of three planes is three planes high.
    assert cut.area == pytest.approx(40 * 9 - 16 * 3)


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


def met(area, at, axis, shift):
    """Where a cut meets one area, from GEOS: (left, right) mm, in the frame of the cut."""
    u, v = shift
    line = [(-1e3, at - v), (1e3, at - v)] if axis == "row" else [(at - u, -1e3), (at - u, 1e3)]
    along = u if axis == "row" else v
    parts = shapely.get_parts(area.intersection(shapely.LineString(line)))
    ends = [(part.bounds[0], part.bounds[2]) if axis == "row" else (part.bounds[1], part.bounds[3]) for part in parts]
    return sorted((low + along, high + along) for low, high in ends if high - low > 1e-9)


def inside(spans, centre, thickness, place, height):
    """The rule of the module, point by point: joined one to one, else half a plane's thickness."""
    for k, level in enumerate(centre):
        if not level - thickness[k][0] <= height <= level + thickness[k][1]:
            continue
        other = k + (1 if height > level else -1)
        for span in spans[k]:
            over = [s for s in spans.get(other, []) if s[0] < span[1] and span[0] < s[1]]
            back = [s for s in spans[k] if len(over) == 1 and s[0] < over[0][1] and over[0][0] < s[1]]
            t = 0.0
            if len(over) == 1 and len(back) == 1:
                t = (height - level) / (centre[other] - level)
            end = over[0] if t else span
            if span[0] + t * (end[0] - span[0]) < place < span[1] + t * (end[1] - span[1]):
                return True
    return False


@given(stacks(), st.sampled_from(["row", "column"]), st.floats(0, 39), st.integers(0, 2**32 - 1))
def test_a_section_is_what_the_rule_says_at_any_point(stack, axis, index, seed):
    geometry, areas = stack
    cut = section(areas, geometry, axis, index)
    assert cut.is_valid
    at = index * geometry.spacing_uv[1 if axis == "row" else 0]
    shift, centre = offsets(geometry), heights(geometry)
    spans = {k: met(area, at, axis, shift[k]) for k, area in areas.items()}
    spans = {k: spans.get(k, []) for k in range(len(centre))}
    # A touch is an overlap for one arithmetic and none for another; such places are for no test to decide.
    for low, high in itertools.pairwise(spans.values()):
        for a, b in itertools.product(np.ravel(low), np.ravel(high)):
            if abs(a - b) < 1e-6:
                return
    gaps = np.diff(centre)
    halves = list(zip(np.insert(gaps, 0, gaps[0]) / 2, np.append(gaps, gaps[-1]) / 2, strict=True))
    random = np.random.default_rng(seed)
    for place, height in random.uniform((-5, centre[0] - 3), (50, centre[-1] + 3), (60, 2)):
        point = shapely.Point(place, height)
        if cut.boundary.distance(point) > 1e-6:
            assert cut.contains(point) == inside(spans, centre, halves, place, height)


def test_the_edges_of_several_areas_are_those_of_each() -> None:
    ring = Point(0, 0).buffer(9).difference(Point(0, 0).buffer(4))
    areas = [MultiPolygon([ring, box(20, 0, 30, 5)]), MultiPolygon(), MultiPolygon([box(0, 0, 1, 2)]), MultiPolygon()]
    edges = edges_of(areas)
    rings = (3, 0, 1, 0)
    counts = [len(shapely.get_coordinates(area)) - count for area, count in zip(areas, rings, strict=True)]
    assert [len(part) for part in edges] == counts
    for area, part in zip(areas, edges, strict=True):
        assert np.hypot(*(part[:, 2:] - part[:, :2]).T).sum() == pytest.approx(area.length)
    assert edges_of([]) == []
