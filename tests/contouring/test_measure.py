"""Measures against formulas and against other implementations."""

import numpy as np
import pytest
import SimpleITK as sitk
from shapely import MultiPolygon
from surface_distance import metrics as reference

from engine.contouring import measure
from engine.contouring.trace import trace_mask_volume
from engine.errors import MismatchError
from tests.contouring.shapes import disc, positions, rectangle, regular, rotation, uneven

SPACING = (2.0, 0.8, 1.1)


def ball(shape, centre, radius, spacing=SPACING):
    grid = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"), -1)
    return np.linalg.norm(grid - np.asarray(centre), axis=-1) < radius


def pairs():
    shape = (24, 60, 50)
    rng = np.random.default_rng(4)
    smooth = sitk.GetArrayFromImage(
        sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.standard_normal(shape)), 3.0)
    )
    return {
        "shifted": (ball(shape, (24, 24, 27), 15.0), ball(shape, (26, 25, 29), 15.0)),
        "larger": (ball(shape, (24, 24, 27), 15.0), ball(shape, (24, 24, 27), 18.0)),
        "apart": (ball(shape, (12, 12, 12), 8.0), ball(shape, (36, 36, 40), 8.0)),
        "wild": (smooth > 0, smooth > 0.01),
    }


@pytest.mark.parametrize("name", ["shifted", "larger", "apart", "wild"])
def test_surface_measures_agree_with_surface_distance(name):
    """DeepMind's package takes areas from marching cubes, ours from vector areas: same points, weights a little off."""
    a, b = pairs()[name]
    theirs = reference.compute_surface_distances(a, b, SPACING)
    for tolerance in (1.0, 2.0, 4.0):
        expected = reference.compute_surface_dice_at_tolerance(theirs, tolerance)
        assert measure.surface_distances(a, b, SPACING).share_within(tolerance) == pytest.approx(expected, abs=0.04)
    expected = reference.compute_robust_hausdorff(theirs, 95)
    assert measure.surface_distances(a, b, SPACING).percentile(95) == pytest.approx(expected, rel=0.05, abs=0.3)
    forth, back = reference.compute_average_surface_distance(theirs)
    weights = theirs["surfel_areas_gt"].sum(), theirs["surfel_areas_pred"].sum()
    expected = (forth * weights[0] + back * weights[1]) / sum(weights)
    assert measure.surface_distances(a, b, SPACING).mean == pytest.approx(expected, rel=0.04, abs=0.03)


def test_the_hausdorff_distance_agrees_with_simpleitk():
    """SimpleITK measures between voxels, not surfaces: less than a voxel's diagonal apart."""
    a, b = pairs()["shifted"]
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (a, b)]
    for image in images:
        image.SetSpacing(SPACING[::-1])
    other = sitk.HausdorffDistanceImageFilter()
    other.Execute(*images)
    ours = measure.surface_distances(a, b, SPACING).percentile(100)
    assert ours == pytest.approx(other.GetHausdorffDistance(), abs=np.linalg.norm(SPACING) / 2)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    assert measure.mask_dice(a, b) == pytest.approx(overlap.GetDiceCoefficient())


def test_spheres_about_one_centre_are_their_radii_apart():
    shape, spacing = (80, 80, 80), (0.75, 0.75, 0.75)
    a, b = ball(shape, (30, 30, 30), 18.0, spacing), ball(shape, (30, 30, 30), 22.0, spacing)
    # The elements of a surface fill a layer one voxel thick, so the nearest one is up to half a voxel too near.
    assert measure.surface_distances(a, b, spacing).mean == pytest.approx(4.0, abs=0.375)
    assert measure.surface_distances(a, b, spacing).percentile(95) == pytest.approx(4.0, abs=0.375)
    assert measure.surface_distances(a, b, spacing).share_within(5.0) == 1.0
    assert measure.surface_distances(a, b, spacing).share_within(2.9) < 0.01
    found = measure.surface_distances(a, b, spacing)
    assert found.forth_size.sum() == pytest.approx(4 * np.pi * 18**2, rel=0.08)
    assert found.back_size.sum() == pytest.approx(4 * np.pi * 22**2, rel=0.08)


def test_equal_masks_are_no_distance_apart_and_overlap_wholly():
    a, _ = pairs()["wild"]
    assert measure.mask_dice(a, a) == 1.0
    assert measure.surface_distances(a, a, SPACING).percentile(95) == 0.0
    assert measure.surface_distances(a, a, SPACING).mean == 0.0
    assert measure.surface_distances(a, a, SPACING).share_within(0.0) == 1.0


def test_empty_masks_are_named_as_such():
    empty, some = np.zeros((4, 5, 6), bool), ball((4, 5, 6), (2, 2, 2), 2.0)
    assert np.isnan(measure.mask_dice(empty, empty))
    assert np.isnan(measure.surface_distances(empty, empty, SPACING).percentile(95))
    assert measure.mask_dice(empty, some) == 0.0
    assert measure.surface_distances(empty, some, SPACING).percentile(95) == np.inf
    assert measure.surface_distances(some, empty, SPACING).mean == np.inf
    assert measure.surface_distances(some, empty, SPACING).share_within(3.0) == 0.0


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(MismatchError, match="grid"):
        measure.surface_distances(np.zeros((3, 3, 3), bool), np.zeros((3, 3, 4), bool), SPACING)


def test_volume_and_centroid_follow_the_formula_on_any_planes():
    geometry = uneven(np.cumsum([0, *([1.0, 1.5, 0.5, 2.0] * 14)]), (140, 100), tilt=0.2)
    heights = geometry.positions
    centre = np.array([50.0, 60.0, 35.0])
    areas = {
        k: disc(50, 60 - 0.2 * z, np.sqrt(25**2 - (z - 35) ** 2)) for k, z in enumerate(heights) if abs(z - 35) < 25
    }
    assert measure.volume_cm3(areas, geometry) == pytest.approx(4 / 3 * np.pi * 25**3 / 1000, rel=0.01)
    assert measure.centroid_lps(areas, geometry) == pytest.approx(centre, abs=0.2)
    turned = regular((5, 50, 50), (1, 1, 2), (5, 6, 7), rotation(0.4, 0.5, 0.6))
    assert measure.centroid_lps({2: rectangle(10, 10, 20, 30)}, turned) == pytest.approx(
        turned.lps_from_plane(2, [15, 20])[0]
    )
    assert np.isnan(measure.centroid_lps({}, turned)).all()


def test_dice_of_polygons_is_exact():
    geometry = uneven([0, 1, 4], (60, 60))
    a = {0: rectangle(0, 0, 10, 10), 1: rectangle(0, 0, 10, 10)}
    b = {1: rectangle(5, 0, 15, 10), 2: rectangle(5, 0, 15, 10)}
    thickness = geometry.plane_thickness
    expected = 2 * 50 * thickness[1] / (100 * (thickness[0] + thickness[1]) + 100 * (thickness[1] + thickness[2]))
    assert measure.dice(a, b, geometry) == pytest.approx(expected)
    assert measure.dice(a, a, geometry) == pytest.approx(1.0)
    assert measure.dice(a, {}, geometry) == 0.0
    assert np.isnan(measure.dice({}, {}, geometry))


def test_dice_of_polygons_is_close_to_that_of_their_masks():
    geometry = regular((24, 60, 50), (1.1, 0.8, 2.0))
    a, b = pairs()["shifted"]
    traced = [trace_mask_volume(mask, geometry) for mask in (a, b)]
    assert measure.dice(*traced, geometry) == pytest.approx(measure.mask_dice(a, b), abs=0.005)
    voxels_cm3 = np.count_nonzero(a) * np.prod(SPACING) / 1000
    assert measure.volume_cm3(traced[0], geometry) == pytest.approx(voxels_cm3, rel=1e-4)
    assert positions(geometry).shape == (24, 60, 50, 3)


def test_lines_about_one_centre_are_their_radii_apart():
    a, b = {1: disc(30, 30, 10, 200), 2: disc(30, 30, 10, 200)}, {1: disc(30, 30, 13, 200), 2: disc(30, 30, 13, 200)}
    found = measure.contour_distances(a, b)
    assert found.mean == pytest.approx(3.0, abs=0.001)
    assert found.percentile(100) == pytest.approx(3.0, abs=0.001)
    assert found.share_within(2.9) == 0.0
    assert found.share_within(3.1) == 1.0
    assert measure.contour_distances(a, {1: a[1]}).percentile(100) == np.inf
    assert np.isnan(measure.contour_distances({}, {}).mean)


def test_the_added_path_is_what_must_be_drawn_anew():
    reference_areas = {0: rectangle(0, 0, 10, 10), 1: rectangle(0, 0, 10, 10)}
    drawn = {0: MultiPolygon([*rectangle(0, 0, 10, 7).geoms])}
    assert measure.added_path_length(reference_areas, drawn) == pytest.approx(3 + 10 + 3 + 40)
    assert measure.added_path_length(reference_areas, drawn, tolerance_mm=1.0) == pytest.approx(
        2 + 10 + 2 + 40, abs=0.1
    )
    assert measure.added_path_length(reference_areas, reference_areas) == 0.0
