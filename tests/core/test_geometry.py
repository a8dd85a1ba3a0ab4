"""The geometry of planes, against SimpleITK's and against hand-made numbers."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import GeometryError
from engine.resample import onto_regular_grid
from engine.volume import Geometry, Volume


def rotation(x: float, y: float, z: float) -> np.ndarray:
    transform = sitk.Euler3DTransform()
    transform.SetRotation(x, y, z)
    return np.array(transform.GetMatrix()).reshape(3, 3)


angles = st.floats(-3.1, 3.1)


@settings(max_examples=50, deadline=None)
@given(angles, angles, angles, st.tuples(*[st.floats(0.3, 6)] * 3))
def test_voxel_centres_agree_with_simpleitk(x: float, y: float, z: float, spacing: tuple[float, float, float]) -> None:
    axes = rotation(x, y, z)
    geometry = Geometry.regular((10.0, -20.0, 30.0), axes, spacing, (5, 6, 7))
    image = sitk.Image(7, 6, 5, sitk.sitkUInt8)
    image.SetOrigin((10.0, -20.0, 30.0))
    image.SetSpacing(spacing)
    image.SetDirection(axes.ravel().tolist())
    for k, j, i in [(0, 0, 0), (4, 5, 6), (2, 0, 3)]:
        expected = image.TransformIndexToPhysicalPoint((i, j, k))
        assert geometry.lps_from_kji((k, j, i))[0] == pytest.approx(expected, abs=1e-6)
    assert geometry.is_regular


@settings(max_examples=50, deadline=None)
@given(angles, angles, angles, st.integers(0, 1000))
def test_index_and_position_are_inverse_on_uneven_tilted_planes(x: float, y: float, z: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    axes = rotation(x, y, z)
    along = np.cumsum(random.uniform(0.5, 5, 8))
    origins = np.outer(along, axes[:, 2]) + np.outer(along * 0.3, axes[:, 1])
    geometry = Geometry(origins, axes[:, 0], axes[:, 1], (0.7, 1.3), (8, 20, 30))
    index = random.uniform((0, -3, -3), (7, 22, 33), (40, 3))
    assert geometry.kji_from_lps(geometry.lps_from_kji(index)) == pytest.approx(index, abs=1e-6)
    assert not geometry.is_regular


def test_plane_coordinates_are_columns_times_rows_times_spacing() -> None:
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (0.5, 2.0, 3.0), (4, 5, 6))
    assert geometry.lps_from_plane(2, [(1.0, 4.0)])[0] == pytest.approx((1.0, 4.0, 6.0))
    assert geometry.plane_from_lps(2, [(1.0, 4.0, 99.0)])[0] == pytest.approx((1.0, 4.0))


def test_plane_thickness_reaches_half_way_to_the_neighbours() -> None:
    origins = np.array([(0, 0, z) for z in (0.0, 2.0, 6.0, 7.0)])
    geometry = Geometry(origins, np.array([1, 0, 0]), np.array([0, 1, 0]), (1, 1), (4, 2, 2))
    assert geometry.plane_thickness == pytest.approx((2.0, 3.0, 2.5, 1.0))


@pytest.mark.parametrize(
    ("row", "column", "origins"),
    [
        ((1, 0, 0), (1, 0, 0), [(0, 0, 0), (0, 0, 1)]),
        ((1, 0, 0), (0, 2, 0), [(0, 0, 0), (0, 0, 1)]),
        ((1, 0, 0), (0, 1, 0), [(0, 0, 1), (0, 0, 0)]),
        ((1, 0, 0), (0, 1, 0), [(0, 0, 0), (0, 0, float("nan"))]),
    ],
)
def test_impossible_geometry_is_refused_in_words(row: tuple, column: tuple, origins: list) -> None:
    with pytest.raises(GeometryError, match=r"\.$"):
        Geometry(np.array(origins), np.array(row), np.array(column), (1, 1), (2, 3, 3))


def test_resampled_display_shows_a_linear_ramp_exactly_where_it_is() -> None:
    along = np.array([0.0, 2.0, 3.0, 7.0, 8.5])
    origins = np.stack([np.zeros(5), along * 0.25, along], axis=1)
    geometry = Geometry(origins, np.array([1, 0, 0]), np.array([0, 1, 0]), (1.0, 1.5), (5, 12, 9))
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1).reshape(-1, 3)
    weights = np.array([3.0, -2.0, 5.0])
    values = (geometry.lps_from_kji(index) @ weights).reshape(geometry.shape).astype(np.float32)
    display = onto_regular_grid(Volume(values, geometry))
    assert display.geometry.is_regular
    assert any("resampled" in note for note in display.notes)
    grid = display.geometry
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1).reshape(-1, 3)
    expected = (grid.lps_from_kji(index) @ weights).reshape(grid.shape)
    inside = display.voxels != values.min()
    inside[grid.positions > geometry.positions[-1] + 1e-6] = False
    assert inside.mean() > 0.6
    assert display.voxels[inside] == pytest.approx(expected[inside], abs=1e-3)


def test_a_regular_volume_is_displayed_as_it_is() -> None:
    volume = Volume(np.zeros((3, 4, 5), np.int16), Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 3), (3, 4, 5)))
    assert onto_regular_grid(volume) is volume
