"""The brush and the eraser."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from engine.contouring.brush import add, clean, stamp, subtract
from tests.contouring.shapes import rectangle

PATHS = st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)), min_size=1, max_size=8)


def test_a_stamp_is_the_disc_or_the_path_it_sweeps():
    assert stamp([[3.0, 4.0]], 5.0).area == pytest.approx(np.pi * 25, rel=0.003)
    assert stamp([[0.0, 0.0], [30.0, 0.0]], 5.0).area == pytest.approx(300 + np.pi * 25, rel=0.003)
    assert stamp([[2.0, 2.0], [2.0, 2.0]], 5.0).area == pytest.approx(np.pi * 25, rel=0.003)
    assert stamp(np.empty((0, 2)), 5.0).is_empty
    assert stamp([[0.0, 0.0]], 0.0).is_empty


@settings(max_examples=100, deadline=None)
@given(PATHS, st.floats(0.2, 8), PATHS, st.floats(0.2, 8))
def test_strokes_leave_valid_polygons_and_touch_only_what_they_cover(drawn, width, erased, eraser):
    shape, gone = stamp(drawn, width), stamp(erased, eraser)
    area = add(rectangle(10, 10, 40, 40), shape)
    less = subtract(area, gone)
    assert area.is_valid
    assert less.is_valid
    points = np.random.default_rng(1).uniform(-5, 55, (500, 2)).T
    inside = shapely.contains_xy(rectangle(10, 10, 40, 40), *points) | shapely.contains_xy(shape, *points)
    assert (shapely.contains_xy(area, *points) == inside).all()
    assert (shapely.contains_xy(less, *points) == (inside & ~shapely.contains_xy(gone, *points))).all()


def test_erasing_the_middle_leaves_a_hole_and_erasing_across_leaves_islands():
    (holed,) = subtract(rectangle(0, 0, 30, 30), stamp([[15.0, 15.0]], 4)).geoms
    assert len(holed.interiors) == 1
    assert len(subtract(rectangle(0, 0, 30, 30), stamp([[15.0, -9.0], [15.0, 39.0]], 3)).geoms) == 2


def test_a_loop_drawn_over_its_own_start_keeps_all_it_goes_around():
    angle = np.linspace(0, 2 * np.pi * 1.05, 80)
    loop = Polygon(np.stack([20 + (10 + 0.3 * angle) * np.cos(angle), 20 + (10 + 0.3 * angle) * np.sin(angle)], axis=1))
    area = clean(loop)
    assert area.is_valid
    assert len(area.geoms) == 1
    assert not area.geoms[0].interiors
    assert area.covers(shapely.Point(20, 20))


def test_cleaning_drops_what_is_no_area():
    mixed = shapely.GeometryCollection(
        [shapely.Point(1, 1), shapely.LineString([(0, 0), (5, 5)]), shapely.box(0, 0, 4, 4), shapely.box(9, 9, 9, 9)]
    )
    assert clean(mixed).equals(rectangle(0, 0, 4, 4))
    assert clean(MultiPolygon()).is_empty
