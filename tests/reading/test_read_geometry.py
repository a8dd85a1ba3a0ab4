"""Series of every orientation are read where and as SimpleITK reads them."""

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from engine.opening import open_volume
from tests.reading.reference import assert_planes_as_simpleitk, assert_series_as_simpleitk
from tests.synthetic import make_geometry, make_voxels, random_rotation, write_series

SHAPE = (5, 12, 9)


def _rotations() -> dict[str, np.ndarray]:
    """All 24 right-handed axis permutations with flips, and oblique ones."""
    found = {}
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            matrix = np.eye(3)[:, list(order)] * signs
            if np.linalg.det(matrix) > 0:
                name = "".join(f"{'+-'[sign < 0]}{'xyz'[axis]}" for axis, sign in zip(order, signs, strict=True))
                found[name] = matrix
    found.update({f"oblique{seed}": random_rotation(seed) for seed in range(4)})
    return found


@pytest.mark.parametrize(("name", "directions"), _rotations().items(), ids=_rotations())
def test_any_orientation_is_read_as_simpleitk_reads_it(tmp_path: Path, name: str, directions: np.ndarray) -> None:
    geometry = make_geometry(SHAPE, (0.7, 1.3, 2.6), (12.5, -30.25, 7.0), directions)
    voxels = make_voxels(SHAPE)
    files = write_series(tmp_path, voxels, geometry)
    volume = open_volume(tmp_path)
    assert volume.geometry.same_grid(geometry)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert_planes_as_simpleitk(volume, files)
    assert_series_as_simpleitk(volume, tmp_path)


def test_file_names_and_instance_numbers_do_not_decide_the_order(tmp_path: Path) -> None:
    geometry = make_geometry(SHAPE)
    voxels = make_voxels(SHAPE)
    order = [3, 0, 4, 1, 2]

    def number(dataset, k):
        dataset.InstanceNumber = order[k]

    write_series(tmp_path, voxels, geometry, names=[f"{'zyxwv'[n]}.dcm" for n in order], edit=number)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert_series_as_simpleitk(volume, tmp_path)


@pytest.mark.parametrize("degrees", [-20.0, 5.0])
def test_tilted_gantry_keeps_the_real_planes_and_says_so(tmp_path: Path, degrees: float) -> None:
    shift = np.tan(np.radians(degrees)) * 2.5
    geometry = make_geometry(SHAPE, offsets=[(0, shift * k, 0) for k in range(SHAPE[0])])
    files = write_series(tmp_path, make_voxels(SHAPE), geometry)
    volume = open_volume(tmp_path)
    assert not volume.geometry.is_regular
    np.testing.assert_allclose(volume.geometry.origins_lps, geometry.origins_lps, atol=1e-6)
    assert_planes_as_simpleitk(volume, files)
    assert any(f"tilted by {abs(degrees):.1f}°" in note for note in volume.notes)


def test_uneven_gaps_are_kept_and_named(tmp_path: Path) -> None:
    steps = np.array([0, 0, 0, 1.5, 1.5])
    geometry = make_geometry(SHAPE, offsets=np.outer(steps, [0, 0, 1]))
    files = write_series(tmp_path, make_voxels(SHAPE), geometry)
    volume = open_volume(tmp_path)
    np.testing.assert_allclose(np.diff(volume.geometry.positions), [2.5, 2.5, 4.0, 2.5])
    assert_planes_as_simpleitk(volume, files)
    assert any("uneven" in note and "4.00 mm between planes 3 and 4" in note for note in volume.notes)


def test_a_missing_plane_is_named_with_its_place(tmp_path: Path) -> None:
    files = write_series(tmp_path, make_voxels((8, 12, 9)), make_geometry((8, 12, 9)))
    files[5].unlink()
    volume = open_volume(tmp_path)
    assert volume.geometry.shape[0] == 7
    assert any(
        "5.00 mm between planes 5 and 6 (1 plane seems to be missing at -87.5 mm)" in note for note in volume.notes
    ), volume.notes


def test_a_regular_series_has_no_notes(tmp_path: Path) -> None:
    write_series(tmp_path, make_voxels(SHAPE), make_geometry(SHAPE))
    assert open_volume(tmp_path).notes == ()


def test_each_plane_names_the_stored_image_that_it_came_from(tmp_path: Path) -> None:
    uids = []
    write_series(tmp_path, make_voxels(SHAPE), make_geometry(SHAPE), edit=lambda ds, k: uids.append(ds.SOPInstanceUID))
    volume = open_volume(tmp_path)
    assert [instance.sop_instance_uid for instance in volume.instances] == uids
    assert all(instance.frame_number is None for instance in volume.instances)


def test_one_plane_takes_its_slice_thickness(tmp_path: Path) -> None:
    shape = (1, 12, 9)
    write_series(tmp_path, make_voxels(shape), make_geometry(shape, (1.0, 1.0, 4.5)))
    assert open_volume(tmp_path).geometry.plane_thickness.tolist() == [4.5]
