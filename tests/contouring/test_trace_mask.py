"""Masks become lines that give the mask back, have its area, and can be read and edited."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contouring.fill import fill, fill_plane
from engine.contouring.line import MARGIN, SIMPLIFY
from engine.contouring.trace import trace_mask, trace_mask_volume
from engine.errors import CancelledError, MismatchError
from engine.progress import stoppable
from tests.contouring.shapes import (
    SOLIDS,
    SPACINGS,
    centres_inside,
    masks,
    off_centre,
    positions,
    regular,
    uneven,
    volume_mm3,
)


@settings(max_examples=400, deadline=None)
@given(masks(), SPACINGS)
def test_filling_the_lines_gives_back_the_mask_and_its_area(mask, spacing):
    area = trace_mask(mask, spacing)
    assert area.is_valid
    assert (centres_inside(area, mask.shape, spacing) == mask).all()
    assert (fill_plane(area, mask.shape, spacing) == mask).all()
    assert area.area == pytest.approx(mask.sum() * spacing[0] * spacing[1], rel=1e-5)


@settings(max_examples=200, deadline=None)
@given(masks(), SPACINGS)
def test_lines_keep_their_distance_from_every_voxel_centre(mask, spacing):
    area = trace_mask(mask, spacing)
    rows, columns = np.mgrid[-1 : mask.shape[0] + 1, -1 : mask.shape[1] + 1]
    centres = shapely.points(columns * spacing[0], rows * spacing[1])
    least = (MARGIN / np.sqrt(2) - 2 * SIMPLIFY) * min(spacing)
    if not area.is_empty:
        assert shapely.distance(centres, area.boundary).min() >= least - 1e-9


@settings(max_examples=200, deadline=None)
@given(masks(), SPACINGS, st.sampled_from([2, 3, 4]), st.floats(-900, 900))
def test_rounding_to_the_decimals_of_a_file_changes_no_voxel(mask, spacing, decimals, origin):
    area = trace_mask(mask, spacing)
    rounded = shapely.transform(area, lambda points: np.round(points + origin, decimals) - origin)
    assert (fill_plane(rounded, mask.shape, spacing) == mask).all()


@pytest.mark.parametrize("name", SOLIDS)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 3.0), (0.6, 1.4, 2.0)])
def test_solids_keep_their_voxels_and_volume(name, spacing):
    geometry = regular((30, 64, 64), spacing)
    centre = off_centre(geometry)
    field, _ = SOLIDS[name](positions(geometry) - centre)
    mask = field > 0
    areas = trace_mask_volume(mask, geometry)
    assert (fill(areas, geometry) == mask).all()
    assert volume_mm3(areas, geometry) == pytest.approx(mask.sum() * np.prod(spacing), rel=1e-5)


@pytest.mark.parametrize("name", SOLIDS)
def test_traced_solids_have_the_volume_of_the_formula(name):
    geometry = regular((60, 96, 96), (0.6, 0.6, 1.0))
    centre = off_centre(geometry)
    field, volume = SOLIDS[name](positions(geometry) - centre)
    areas = trace_mask_volume(field > 0, geometry)
    assert volume_mm3(areas, geometry) == pytest.approx(volume, rel=0.01)


def test_single_voxels_and_thin_shells_keep_their_area():
    single = np.zeros((5, 5), dtype=bool)
    single[2, 2] = True
    assert trace_mask(single, (0.7, 1.3)).area == pytest.approx(0.7 * 1.3, rel=1e-6)
    rows, columns = np.mgrid[:60, :60]
    thin = np.abs(np.hypot(rows - 30, columns - 29.5) - 22) < 0.75
    area = trace_mask(thin, (1.0, 1.0))
    assert area.area == pytest.approx(thin.sum(), rel=1e-6)
    assert len(area.geoms) == 1
    assert len(area.geoms[0].interiors) == 1


def test_voxels_that_touch_diagonally_are_joined_and_holes_that_do_are_not():
    assert len(trace_mask(np.eye(6, dtype=bool), (1.0, 1.0)).geoms) == 1
    (holed,) = trace_mask(np.pad(~np.eye(6, dtype=bool), 2, constant_values=True), (1.0, 1.0)).geoms
    assert len(holed.interiors) == 6


def test_a_disc_becomes_a_round_line():
    """All turns of the line add up to little more than one; those of steps would add up to many."""
    rows, columns = np.mgrid[:100, :100]
    (polygon,) = trace_mask(np.hypot(rows - 50.3, columns - 49.6) < 40, (1.0, 1.0)).geoms
    edges = np.diff(shapely.get_coordinates(polygon.exterior), axis=0)
    heading = np.arctan2(edges[:, 1], edges[:, 0])
    turns = (np.diff(np.append(heading, heading[0])) + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(turns).sum() < 2.5 * 2 * np.pi
    distance = np.hypot(*(shapely.get_coordinates(polygon.exterior.segmentize(0.2)) - [49.6, 50.3]).T)
    assert np.sqrt(np.mean((distance - 40) ** 2)) < 0.12
    assert len(polygon.exterior.coords) < 160


def test_structures_may_run_off_the_image():
    mask = np.ones((4, 7), dtype=bool)
    area = trace_mask(mask, (2.0, 1.0))
    assert area.area == pytest.approx(4 * 7 * 2, rel=1e-6)
    assert (centres_inside(area, mask.shape, (2.0, 1.0)) == mask).all()


def test_each_plane_of_a_volume_is_traced_as_if_alone():
    rng = np.random.default_rng(3)
    mask = rng.random((9, 20, 30)) < 0.5
    mask[4] = False
    geometry = uneven([0, 1, 3, 4, 8, 9, 12, 12.5, 20], (20, 30), (0.8, 1.1), tilt=0.3)
    areas = trace_mask_volume(mask, geometry)
    assert sorted(areas) == [0, 1, 2, 3, 5, 6, 7, 8]
    for k, area in areas.items():
        alone = trace_mask(mask[k], geometry.spacing_uv)
        assert shapely.hausdorff_distance(area.boundary, alone.boundary) < 4 * SIMPLIFY
        assert area.area == pytest.approx(alone.area, rel=1e-6)


def test_empty_masks_have_no_lines():
    assert trace_mask(np.zeros((4, 4), dtype=bool), (1.0, 1.0)).is_empty
    assert trace_mask_volume(np.zeros((2, 4, 4), dtype=bool), regular((2, 4, 4))) == {}


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(MismatchError, match="same"):
        trace_mask_volume(np.zeros((2, 4, 4), dtype=bool), regular((2, 4, 5)))


def test_tracing_stops_when_asked():
    mask = np.ones((3, 4, 4), dtype=bool)
    with pytest.raises(CancelledError):
        trace_mask_volume(mask, regular(mask.shape), stoppable(lambda fraction, stage: None, lambda: True))
