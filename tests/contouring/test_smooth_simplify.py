"""Smoothing keeps the volume; simplification keeps its bound and the topology."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon

from engine.contouring.simplify import simplify, simplify_plane
from engine.contouring.smooth import smooth
from engine.contouring.trace import trace_mask, trace_mask_volume
from engine.errors import CancelledError, PlanimeterError
from engine.progress import stoppable
from tests.contouring.shapes import SOLIDS, masks, off_centre, positions, regular, uneven, volume_mm3


def rough(name, geometry, seed=0):
    field, _ = SOLIDS[name](positions(geometry) - off_centre(geometry))
    noise = np.random.default_rng(seed).random(geometry.shape) < 0.3
    return trace_mask_volume((field > 0) ^ (noise & (np.abs(field) < 2)), geometry)


def length(areas):
    return sum(area.length for area in areas.values())


def after(areas, changed):
    return {k: area for k, area in {**areas, **changed}.items() if not area.is_empty}


@pytest.mark.parametrize("name", SOLIDS)
@pytest.mark.parametrize("radius", [2.0, 5.0])
def test_smoothing_evens_out_the_line_and_keeps_the_volume(name, radius):
    geometry = regular((24, 56, 56), (1.0, 1.0, 2.0))
    areas = rough(name, geometry)
    smoothed = after(areas, smooth(areas, geometry, radius))
    assert volume_mm3(smoothed, geometry) == pytest.approx(volume_mm3(areas, geometry), rel=0.01)
    assert length(smoothed) < 0.7 * length(areas)
    assert all(area.is_valid for area in smoothed.values())


def test_smoothing_works_on_uneven_and_tilted_planes():
    geometry = uneven([0, 2, 3, 7, 8, 12, 15, 16, 20, 26, 28, 33, 36, 40], (90, 60), tilt=0.4)
    field = 15 - np.linalg.norm(positions(geometry) - np.array([30.0, 42.0, 20.0]), axis=-1)
    areas = trace_mask_volume(field > 0, geometry)
    smoothed = after(areas, smooth(areas, geometry, 4.0))
    assert volume_mm3(smoothed, geometry) == pytest.approx(volume_mm3(areas, geometry), rel=0.01)
    for k in range(4, 9):
        edge = geometry.lps_from_plane(k, shapely.get_coordinates(smoothed[k]))
        assert np.abs(np.linalg.norm(edge - [30, 42, 20], axis=1) - 15).max() < 1.0


def test_smoothing_within_planes_keeps_the_planes():
    geometry = regular((24, 56, 56), (1.0, 1.0, 2.0))
    areas = rough("sphere", geometry)
    smoothed = smooth(areas, geometry, 3.0, across_planes=False)
    assert set(smoothed) == set(areas)


def test_smoothing_refuses_what_makes_no_sense():
    geometry = regular((5, 20, 20))
    assert smooth({}, geometry, 3.0) == {}
    with pytest.raises(PlanimeterError, match="positive"):
        smooth({2: trace_mask(np.ones((5, 5), bool), (1, 1))}, geometry, 0.0)


def test_smoothing_stops_when_asked():
    geometry = regular((5, 20, 20))
    with pytest.raises(CancelledError):
        smooth(
            {2: trace_mask(np.ones((5, 5), bool), (1, 1))},
            geometry,
            3.0,
            progress=stoppable(lambda fraction, stage: None, lambda: True),
        )


def farthest(a, b):
    """Largest distance from densely sampled points of line `a` to line `b`: not by GEOS's Hausdorff distance."""
    points = shapely.get_coordinates(shapely.segmentize(a.boundary, 0.02))
    return float(shapely.distance(shapely.points(points), b.boundary).max())


@settings(max_examples=80, deadline=None)
@given(masks(), st.floats(0.01, 3.0))
def test_simplifying_keeps_its_bound_and_the_topology(mask, tolerance):
    area = trace_mask(mask, (1.0, 1.3))
    simple = simplify_plane(area, tolerance)
    assert simple.is_valid
    assert [len(p.interiors) for p in simple.geoms] == [len(p.interiors) for p in area.geoms]
    if not area.is_empty:
        assert farthest(area, simple) <= tolerance + 1e-9
        assert farthest(simple, area) <= tolerance + 1e-9


def test_simplifying_leaves_far_fewer_points_and_says_which_planes_change():
    round_area = MultiPolygon([shapely.Point(30, 30).buffer(20, 200)])
    square = MultiPolygon([shapely.box(0, 0, 5, 5)])
    geometry = regular((4, 60, 60))
    changed = simplify({0: round_area, 1: square}, geometry, 0.1)
    assert sorted(changed) == [0]
    assert shapely.get_num_coordinates(changed[0]) < 60
    with pytest.raises(PlanimeterError, match="positive"):
        simplify({0: round_area}, geometry, 0.0)


def test_simplifying_never_closes_a_bay_over_an_island_in_it():
    bay = shapely.Polygon([(0, 0), (9, 0), (9.5, 0.8), (10.5, 0.8), (11, 0), (20, 0), (20, 10), (0, 10)])
    island = shapely.box(9.8, 0.1, 10.2, 0.5)
    simple = simplify_plane(MultiPolygon([bay, island]), 2.0)
    assert simple.is_valid
    assert not simple.geoms[0].intersects(simple.geoms[1])
    assert len(simplify_plane(MultiPolygon([bay]), 2.0).geoms[0].exterior.coords) == 5
