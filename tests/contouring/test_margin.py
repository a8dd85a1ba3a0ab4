"""Margins in space: against ellipsoids and boxes, outwards and inwards, on uneven, tilted and turned planes."""

from itertools import pairwise

import numpy as np
import pytest
import shapely
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contouring.combine import Operation, combine, crop
from engine.contouring.fill import fill
from engine.contouring.margin import Margins, dilate, erode, margin
from engine.contouring.trace import trace_mask, trace_mask_volume
from engine.errors import CancelledError, PlanimeterError
from engine.progress import stoppable
from tests.contouring.shapes import disc, masks, rectangle, regular, rotation, uneven, volume_mm3


def sphere(geometry, radius, centre):
    result = {}
    for k, position in enumerate(geometry.positions):
        left = radius**2 - (position - centre[2]) ** 2
        if left > 0.01:
            result[k] = disc(centre[0], centre[1], np.sqrt(left))
    return result


def after(areas, geometry, margins):
    result = {**areas, **margin(areas, geometry, margins)}
    return {k: area for k, area in result.items() if not area.is_empty}


@pytest.mark.parametrize("distance", [10.0, 5.0, 3.0, 1.5, -2.0, -5.0, -8.0])
def test_a_sphere_becomes_a_larger_or_smaller_sphere(distance):
    geometry = regular((60, 120, 120), (1.0, 1.0, 2.0))
    grown = after(sphere(geometry, 20.0, (60, 60, 59)), geometry, Margins.uniform(distance))
    expected = sphere(geometry, 20.0 + distance, (60, 60, 59))
    for k, area in expected.items():
        if abs(geometry.positions[k] - 59) < 20 + distance - 4:
            radius = np.sqrt(area.area / np.pi)
            assert np.sqrt(grown[k].area / np.pi) == pytest.approx(radius, abs=0.05 * abs(distance) + 0.2)
    assert volume_mm3(grown, geometry) == pytest.approx(volume_mm3(expected, geometry), rel=0.03)


def test_each_side_of_a_box_moves_by_its_own_distance():
    geometry = regular((30, 100, 100), (1.0, 1.0, 2.0))
    areas = {k: rectangle(40, 42, 60, 66) for k in range(10, 20)}
    grown = after(areas, geometry, Margins(left=5, right=2, anterior=3, posterior=7, superior=8, inferior=4))
    assert min(grown) == 8
    assert max(grown) == 23
    assert grown[15].bounds == pytest.approx((38, 39, 65, 73), abs=0.01)
    # Rounded by the quarter ellipses of its own two distances.
    corner = 20 * 24 + 20 * (3 + 7) + 24 * (5 + 2) + np.pi / 4 * (5 * 7 + 5 * 3 + 2 * 7 + 2 * 3)
    assert grown[15].area == pytest.approx(corner, rel=0.002)
    left = np.sqrt(1 - (3 / 8) ** 2)
    assert grown[21].bounds == pytest.approx((60 - 20 - 2 * left, 42 - 3 * left, 60 + 5 * left, 66 + 7 * left), abs=0.1)


def test_each_side_of_a_box_moves_inwards_by_its_own_distance():
    geometry = regular((30, 100, 100), (1.0, 1.0, 2.0))
    areas = {k: rectangle(40, 42, 60, 66) for k in range(10, 20)}
    shrunk = after(areas, geometry, Margins(left=-5, right=-2, anterior=-3, posterior=-7, superior=-8, inferior=-4))
    assert sorted(shrunk) == [12, 13, 14, 15]
    for area in shrunk.values():
        assert area.bounds == pytest.approx((42, 45, 55, 59), abs=0.01)
        assert area.area == pytest.approx(13 * 14, rel=0.002)


def test_positive_and_negative_distances_may_be_mixed():
    geometry = regular((12, 100, 100), (1.0, 1.0, 2.0))
    areas = {k: rectangle(40, 42, 60, 66) for k in range(4, 8)}
    moved = after(areas, geometry, Margins(left=5, right=-5))
    assert sorted(moved) == [4, 5, 6, 7]
    assert moved[5].bounds == pytest.approx((45, 42, 65, 66), abs=0.01)


def test_a_piece_that_ends_keeps_its_half_plane_beside_one_that_goes_on():
    geometry = regular((12, 100, 100), (1.0, 1.0, 3.0))
    long, short = rectangle(10, 10, 30, 30), rectangle(50, 50, 70, 70)
    both = shapely.MultiPolygon([*long.geoms, *short.geoms])
    areas = {k: both if k in (4, 5) else long for k in range(2, 9)}
    shrunk = after(areas, geometry, Margins(superior=-1.0))
    assert sorted(shrunk) == sorted(areas)
    assert all(shrunk[k].area == pytest.approx(area.area, rel=1e-3) for k, area in areas.items())
    shrunk = after(areas, geometry, Margins(superior=-2.0))
    assert shrunk[4].area == pytest.approx(800, rel=1e-3)
    assert shrunk[5].area == pytest.approx(400, rel=1e-3)
    assert sorted(shrunk) == [2, 3, 4, 5, 6, 7]


def test_sides_are_those_of_the_patient_on_flipped_and_sagittal_images():
    margins = Margins(left=6, superior=4)
    flipped = regular((20, 80, 80), (1.0, 1.0, 2.0), directions=[[-1, 0, 0], [0, 1, 0], [0, 0, -1]])
    grown = after({10: rectangle(30, 30, 50, 50)}, flipped, margins)
    assert grown[10].bounds == pytest.approx((24, 30, 50, 50), abs=0.01)
    assert sorted(grown) == [8, 9, 10]
    sagittal = regular((20, 80, 80), (1.0, 1.0, 2.0), directions=[[0, 0, -1], [1, 0, 0], [0, -1, 0]])
    grown = after({10: rectangle(30, 30, 50, 50)}, sagittal, margins)
    assert sorted(grown) == [7, 8, 9, 10]
    assert grown[10].bounds == pytest.approx((30, 26, 50, 50), abs=0.01)


def test_an_oblique_image_uses_its_own_axes():
    geometry = regular((10, 80, 80), (1.0, 1.0, 2.0), directions=rotation(0.2, 0.1, 0.15))
    grown = after({5: rectangle(30, 30, 50, 50)}, geometry, Margins(left=6))
    assert grown[5].bounds == pytest.approx((30, 30, 56, 50), abs=0.01)


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_uneven_and_tilted_planes_count_where_they_are(tilt):
    geometry = uneven([0, 2, 4, 9, 10, 11, 16, 18, 20, 27, 30, 33, 36, 40], (120, 100), tilt=tilt)
    upright = {k: disc(50, 60 - tilt * geometry.positions[k], 15) for k in range(4, 9)}
    grown = after(upright, geometry, Margins.uniform(6.0))
    # Ends at 9.5 and 23.5 mm: planes from 3.5 to 29.5 mm.
    assert sorted(grown) == [2, 3, 4, 5, 6, 7, 8, 9]
    for k in (4, 5, 6, 7, 8):
        assert np.sqrt(grown[k].area / np.pi) == pytest.approx(21, abs=0.1)
        assert grown[k].centroid.y == pytest.approx(60 - tilt * geometry.positions[k], abs=0.05)
    left = np.sqrt(36 - 3.5**2)
    assert np.sqrt(grown[9].area / np.pi) == pytest.approx(15 + left, abs=0.15)


def test_margins_agree_with_a_distance_map_of_the_voxels():
    """A real shape against SimpleITK's Euclidean distance map, away from the surface by half a voxel's diagonal."""
    rng = np.random.default_rng(2)
    geometry = regular((24, 48, 48), (1.0, 1.0, 1.0))
    field = sitk.GetArrayFromImage(
        sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.standard_normal((24, 48, 48))), 3.0)
    )
    mask = np.zeros(geometry.shape, dtype=bool)
    mask[8:16, 12:36, 12:36] = field[8:16, 12:36, 12:36] > 0
    grown = fill(after(trace_mask_volume(mask, geometry), geometry, Margins.uniform(4.0)), geometry)
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    distance = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True))
    assert grown[distance < 4.0 - 0.9].all()
    assert not grown[distance > 4.0 + 0.9].any()


@settings(max_examples=100, deadline=None)
@given(masks(), st.tuples(*[st.floats(0.05, 5.0)] * 4))
def test_growing_in_the_plane_is_the_sum_of_the_area_and_four_quarter_ellipses(mask, radii):
    """Against the definition: the shape laid along every edge, and the area itself."""
    right, left, down, up = radii
    area = trace_mask(mask, (1.0, 1.0))
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    shape = np.stack([c * np.where(c > 0, right, left), s * np.where(s > 0, down, up)], axis=1)
    parts = [area]
    for ring in shapely.get_rings(shapely.get_parts(area)):
        points = shapely.get_coordinates(ring)
        parts += [shapely.MultiPoint(np.concatenate([a + shape, b + shape])).convex_hull for a, b in pairwise(points)]
    expected = shapely.union_all(parts)
    grown = dilate(area, (right, left), (down, up))
    assert grown.is_valid
    assert grown.symmetric_difference(expected).area <= 0.004 * expected.area + 1e-6
    shrunk = erode(grown, (right, left), (down, up))
    assert area.difference(shrunk).area <= 0.01 * area.area + 1e-6


def test_no_margin_changes_nothing_and_nonsense_is_refused():
    geometry = regular((10, 80, 80))
    assert margin({5: rectangle(30, 30, 50, 50)}, geometry, Margins()) == {}
    assert margin({}, geometry, Margins.uniform(5)) == {}
    with pytest.raises(PlanimeterError, match="number"):
        margin({5: rectangle(30, 30, 50, 50)}, geometry, Margins(left=float("nan")))


def test_a_margin_stops_when_asked():
    with pytest.raises(CancelledError):
        margin(
            {5: rectangle(30, 30, 50, 50)},
            regular((10, 80, 80)),
            Margins.uniform(5),
            stoppable(lambda fraction, stage: None, lambda: True),
        )


def test_structures_are_combined_plane_by_plane():
    geometry = regular((6, 60, 60))
    a = {1: rectangle(10, 10, 30, 30), 2: rectangle(10, 10, 30, 30)}
    b = {2: rectangle(20, 10, 40, 30), 3: rectangle(20, 10, 40, 30)}
    joined = combine(a, b, geometry, Operation.UNION)
    assert {k: area.area for k, area in joined.items()} == {2: 600, 3: 400}
    shared = combine(a, b, geometry, Operation.INTERSECTION)
    assert {k: area.area for k, area in shared.items()} == {1: 0, 2: 200}
    less = combine(a, b, geometry, Operation.DIFFERENCE)
    assert {k: area.area for k, area in less.items()} == {2: 200}
    either = combine(a, b, geometry, Operation.EITHER)
    assert {k: area.area for k, area in either.items()} == {2: 400, 3: 400}


def test_cropping_keeps_a_distance_in_space():
    geometry = regular((20, 80, 80), (1.0, 1.0, 3.0))
    target = {k: rectangle(10, 10, 60, 40) for k in range(3, 16)}
    organ = {k: rectangle(30, 10, 50, 40) for k in range(8, 11)}
    cropped = {**target, **crop(target, organ, geometry, 5.0)}
    assert cropped[9].area == pytest.approx(15 * 30 + 5 * 30, rel=0.01)
    # One plane beyond its end at 1.5 mm, 3.27 of the 5 mm are left.
    assert cropped[11].area < 50 * 30 - 20 * 30
    assert cropped[13] is target[13]
    inside = {**target, **crop(target, organ, geometry, 4.0, inside=True)}
    assert [k for k, area in inside.items() if not area.is_empty] == [9]
    assert inside[9].bounds == pytest.approx((34, 14, 46, 36), abs=0.01)
