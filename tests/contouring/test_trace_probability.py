"""Probability maps of any grid become lines between the samples, on the planes of the image."""

import numpy as np
import pytest
import shapely
import SimpleITK as sitk
from contourpy import contour_generator

from engine.contouring.trace import trace_probability, trace_probability_volume
from engine.errors import CancelledError, GeometryError
from engine.progress import stoppable
from tests.contouring.shapes import (
    SOLIDS,
    centres_inside,
    off_centre,
    positions,
    regular,
    rotation,
    uneven,
    volume_mm3,
)

FLIPPED = np.array([[-1.0, 0, 0], [0, 1, 0], [0, 0, -1]])
SAGITTAL = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])


def probability(field, softness=1.0):
    return (1 / (1 + np.exp(-np.clip(field / softness, -30, 30)))).astype(np.float32)


def around(centre, shape, spacing, directions):
    """A regular grid with its middle at `centre`."""
    half = (np.array(shape[::-1]) - 1) / 2 * np.asarray(spacing)
    return regular(shape, spacing, centre - np.asarray(directions) @ half, directions)


@pytest.mark.parametrize("name", SOLIDS)
def test_the_volume_is_that_of_the_formula_where_the_map_is_on_the_image_grid(name):
    geometry = regular((90, 64, 64), (0.9, 0.9, 0.5))
    field, volume = SOLIDS[name](positions(geometry) - off_centre(geometry))
    areas = trace_probability_volume(probability(field), geometry, geometry)
    assert all(area.is_valid for area in areas.values())
    assert volume_mm3(areas, geometry) == pytest.approx(volume, rel=0.005)


@pytest.mark.parametrize(
    ("spacing", "directions"),
    [
        ((2.0, 2.0, 3.0), np.eye(3)),
        ((2.0, 1.5, 1.2), FLIPPED),
        ((0.6, 0.6, 0.6), np.eye(3)),
        ((1.5, 1.5, 2.0), SAGITTAL),
        ((1.5, 1.5, 1.5), rotation(0.3, -0.2, 0.5)),
        ((1.6, 1.6, 2.0), rotation(0, 0, 0.7)),
    ],
    ids=["coarser", "flipped", "finer", "sagittal", "oblique", "turned in the plane"],
)
@pytest.mark.parametrize("name", ["torus", "tilted cylinder"])
def test_the_lines_lie_on_the_surface_whatever_the_grid_of_the_map(name, spacing, directions):
    image = regular((24, 70, 76), (0.8, 0.9, 2.5), (-3.0, 20.0, 7.0))
    centre = off_centre(image)
    shape = tuple((np.array([72, 72, 72]) / np.array(spacing)[::-1]).astype(int))
    grid = around(centre + 0.3, shape, spacing, directions)
    field, _ = SOLIDS[name](positions(grid) - centre)
    areas = trace_probability_volume(probability(field), grid, image)
    truth, _ = SOLIDS[name](positions(image) - centre)
    # The cylinder's sharp rims are as blunt as the samples are coarse.
    tolerance = 0.35 if name == "torus" else 0.2 + 0.3 * max(spacing)
    for k in range(image.shape[0]):
        inside = (
            centres_inside(areas[k], image.shape[1:], image.spacing_uv) if k in areas else np.zeros(image.shape[1:])
        )
        sure = np.abs(truth[k]) > tolerance
        assert (inside == (truth[k] > 0))[sure].all(), k
    fine = regular((24, 280, 304), (0.2, 0.225, 2.5), (-3.3, 19.6625, 7.0))
    volume = np.count_nonzero(SOLIDS[name](positions(fine) - centre)[0] > 0) * 0.2 * 0.225 * 2.5
    # Between samples the map is a straight line, so a bulge of one or two samples is a little flat.
    assert volume_mm3(areas, image) == pytest.approx(volume, rel=0.01 if max(spacing) < 1 else 0.025)


def test_uneven_and_tilted_image_planes_are_met_where_they_really_are():
    image = uneven([0, 2, 3, 7, 8, 12, 15, 16, 20, 26, 28, 33], (90, 60), (1.0, 1.0), tilt=0.4)
    grid = regular((40, 90, 60), (1.0, 1.0, 1.0), (0.0, 0.0, -3.0))
    centre = np.array([30.2, 40.3, 16.0])
    field, _ = SOLIDS["sphere"](positions(grid) - centre)
    areas = trace_probability_volume(probability(field), grid, image)
    for k, area in areas.items():
        edge = image.lps_from_plane(k, shapely.get_coordinates(area))
        assert np.abs(np.linalg.norm(edge - centre, axis=1) - 20).max() < 0.15
    assert len(areas) == 12


def test_a_map_on_uneven_planes_is_traced_on_those_planes():
    geometry = uneven([0, 2, 3, 7, 8, 12, 15, 16, 20, 26, 28, 33], (90, 60), (1.0, 1.0), tilt=0.4)
    centre = np.array([30.2, 40.3, 16.0])
    field, _ = SOLIDS["sphere"](positions(geometry) - centre)
    areas = trace_probability_volume(probability(field), geometry, geometry)
    for k, area in areas.items():
        edge = geometry.lps_from_plane(k, shapely.get_coordinates(area))
        assert np.abs(np.linalg.norm(edge - centre, axis=1) - 20).max() < 0.15
    between = regular((9, 90, 60), (1.0, 1.0, 1.0), (0.0, 0.0, 12.4))
    for k, area in trace_probability_volume(probability(field), geometry, between).items():
        edge = between.lps_from_plane(k, shapely.get_coordinates(area))
        assert np.abs(np.linalg.norm(edge - centre, axis=1) - 20).max() < 0.35
    oblique = regular((5, 20, 20), directions=rotation(0.3, 0, 0))
    with pytest.raises(GeometryError, match="uneven"):
        trace_probability_volume(probability(field), geometry, oblique)


def test_the_line_runs_at_the_level_between_the_samples():
    ramp = np.tile(np.linspace(1, 0, 11), (6, 1))
    for level in (0.25, 0.5, 0.73):
        area = trace_probability(ramp, (2.0, 1.0), (10.0, -5.0), level)
        assert area.bounds[2] == pytest.approx(10 + 20 * (1 - level), abs=0.003)


def test_holes_and_islands_are_kept():
    rows, columns = np.mgrid[:60, :60]
    ring = 4 - np.abs(np.hypot(rows - 30, columns - 30) - 18)
    dot = 3 - np.hypot(rows - 30, columns - 30)
    area = trace_probability(probability(np.maximum(ring, dot)), (1.0, 1.0))
    assert sorted(len(polygon.interiors) for polygon in area.geoms) == [0, 1]


def test_corners_are_not_rounded_away():
    """A square turned against the grid: with each corner cut off by a cell the line misses it by far more."""
    fine = np.mgrid[-20:20:0.1, -20:20:0.1]
    turn = np.deg2rad(20)
    v = np.cos(turn) * fine[0] - np.sin(turn) * fine[1]
    u = np.sin(turn) * fine[0] + np.cos(turn) * fine[1]
    square = (np.abs(u) < 11.3) & (np.abs(v) < 11.3)
    coverage = square.reshape(40, 10, 40, 10).mean(axis=(1, 3))
    area = trace_probability(coverage, (1.0, 1.0), (-19.55, -19.55))
    corner = np.array([11.3, 11.3])
    missed = []
    for quarter in range(4):
        angle = turn + quarter * np.pi / 2
        place = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        missed.append(area.boundary.distance(shapely.Point(*(place @ corner))))
    assert max(missed) < 0.5
    assert np.mean(missed) < 0.3
    assert area.area == pytest.approx(22.6**2, rel=0.002)


def test_rough_maps_get_no_spikes():
    """Corners are put back only where straight lines meet: elsewhere the points are those of marching squares."""
    rng = np.random.default_rng(1)
    noise = sitk.GetArrayFromImage(
        sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.standard_normal((60, 60))), 1.5)
    )
    values = np.pad(probability(noise, 0.02), 1)
    plain = contour_generator(z=values).lines(0.5)
    area = trace_probability(values, (1.0, 1.0))
    assert area.is_valid
    assert shapely.get_num_coordinates(area) <= 1.12 * sum(len(line) for line in plain)


def test_maps_of_zeros_and_ones_are_traced_as_masks():
    rng = np.random.default_rng(5)
    mask = rng.random((30, 30)) < 0.5
    area = trace_probability(mask.astype(np.float32), (1.0, 1.5), (4.0, 6.0))
    moved = shapely.transform(area, lambda points: points - [4.0, 6.0])
    assert (centres_inside(moved, mask.shape, (1.0, 1.5)) == mask).all()
    geometry = regular((3, 30, 30), (1.0, 1.5, 2.0))
    areas = trace_probability_volume(np.stack([mask] * 3).astype(np.float32), geometry, geometry)
    for k in range(3):
        assert (centres_inside(areas[k], mask.shape, (1.0, 1.5)) == mask).all()
        assert areas[k].area == pytest.approx(mask.sum() * 1.5, rel=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_noise_gives_valid_polygons_around_the_samples_that_reach_the_level(seed):
    rng = np.random.default_rng(seed)
    values = np.round(rng.random((25, 31)), rng.integers(1, 4))
    level = float(rng.choice([0.3, 0.5, 0.8]))
    area = trace_probability(values, (1.0, 1.0), level=level)
    assert area.is_valid
    assert (centres_inside(area, values.shape, (1.0, 1.0)) == (values >= level)).all()


def test_a_structure_at_the_edge_of_the_map_ends_half_a_sample_beyond_it():
    area = trace_probability(np.full((4, 5), 0.999), (1.0, 1.0))
    assert area.area == pytest.approx(20, rel=0.03)


@pytest.mark.parametrize("level", [0.02, 0.5, 0.65])
@pytest.mark.parametrize("directions", [np.eye(3), FLIPPED], ids=["straight", "flipped"])
def test_what_reaches_the_edge_of_a_coarser_map_is_drawn_to_the_end_of_its_samples_however_unsure(level, directions):
    image = regular((12, 20, 16), (1.0, 1.0, 1.0), (5.0, 6.0, 7.0), directions)
    first = image.origins_lps[0] + directions @ [1.5, 1.5, 1.0]
    areas = trace_probability_volume(
        np.full((4, 5, 4), 0.7, np.float32), regular((4, 5, 4), (4.0, 4.0, 3.0), first, directions), image, level
    )
    assert sorted(areas) == list(range(12))
    for area in areas.values():
        assert area.bounds == pytest.approx((-0.5, -0.5, 15.5, 19.5), abs=0.02)
        assert area.area == pytest.approx(320, rel=0.03), "but for the corners, which are cut"


def test_samples_that_are_not_numbers_count_as_outside():
    values = np.full((9, 9), 0.9)
    values[4, 4] = np.nan
    (polygon,) = trace_probability(values, (1.0, 1.0)).geoms
    assert len(polygon.interiors) == 1


def test_a_map_below_the_level_everywhere_has_no_lines():
    geometry = regular((4, 8, 8))
    assert trace_probability(np.full((8, 8), 0.4), (1.0, 1.0)).is_empty
    assert trace_probability_volume(np.full((4, 8, 8), 0.4, np.float32), geometry, geometry) == {}


def test_a_map_that_does_not_fit_its_geometry_is_refused():
    with pytest.raises(GeometryError, match="fit"):
        trace_probability_volume(np.zeros((4, 8, 8), np.float32), regular((4, 8, 9)), regular((4, 8, 8)))


def test_tracing_a_map_stops_when_asked():
    geometry = regular((4, 8, 8))
    with pytest.raises(CancelledError):
        trace_probability_volume(
            np.ones((4, 8, 8), np.float32), geometry, geometry, progress=stoppable(lambda f, s: None, lambda: True)
        )


def test_a_map_that_is_coarser_than_the_image_draws_no_further_than_the_image_s_pixels() -> None:
    image, coarse = regular((8, 26, 30), (2, 2, 2)), regular((2, 7, 8), (8, 8, 8), (3, 3, 3))
    probability = np.zeros(coarse.shape, np.float32)
    probability[:, 2:, 3:] = 0.9
    areas = trace_probability_volume(probability, coarse, image)
    for area in areas.values():
        assert area.bounds[2:] == pytest.approx((59, 51)), "the last pixels end there"
        assert area.bounds[0] == pytest.approx(23, abs=2) and area.bounds[1] == pytest.approx(15, abs=2)
    apart = regular((8, 26, 30), (2, 2, 2), (100, 0, 0))
    assert not trace_probability_volume(np.ones(coarse.shape), coarse, apart)
