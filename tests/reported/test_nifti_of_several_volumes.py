"""A NIfTI file of several volumes is one study whose volumes open each by itself, as nibabel has them."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import ReadError
from engine.files.masks import read_mask
from engine.opening import find_images, named_series, open_volume
from engine.stored.read import read_series
from tests.synthetic import make_voxels

SHAPE = (5, 6, 4, 3)


def values() -> NDArray[np.int16]:
    return np.stack([make_voxels(SHAPE[:3], seed) for seed in range(SHAPE[3])], axis=-1)


@pytest.fixture(params=["a.nii", "a.nii.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    image = nibabel.Nifti1Image(values(), np.diag([-1.5, -2, 3, 1.0]))
    image.header.set_xyzt_units("mm", "msec")
    image.header["pixdim"][4] = 2500
    image.header.set_slope_inter(2, -7)
    image.to_filename(tmp_path / request.param)
    return tmp_path / request.param


def test_each_volume_has_its_own_voxels_on_the_one_grid(path: Path) -> None:
    there = np.asarray(nibabel.load(path).dataobj)
    found = find_images(path)
    assert [series.member for series in found] == ["1, at 0 s", "2, at 2.5 s", "3, at 5 s"]
    assert len({series.uid for series in found}) == 3 and {series.axis for series in found} == {"time point"}
    for number, series in enumerate(found):
        volume = read_series(series)
        # The matrix is LPS mm but for its signs, so that no axis is turned.
        assert np.array_equal(volume.voxels, there[..., number].T)
        assert volume.geometry.spacing_xyz == (1.5, 2.0, 3.0)
        assert volume.info.description == f"{path.name} [{series.member}]"


def test_the_first_opens_and_the_others_are_told(path: Path) -> None:
    volume = open_volume(path)
    assert np.array_equal(volume.voxels, np.asarray(nibabel.load(path).dataobj)[..., 0].T)
    (left,) = volume.left_out
    assert (left.kind, left.planes) == ("volumes", 2 * SHAPE[2])
    assert left.sentence in volume.notes and "3 volumes" in left.sentence


def test_a_volume_can_be_named(path: Path) -> None:
    images = find_images(path)
    assert named_series(images, f"{path.absolute()}#2")[0] is images[1]


def test_a_file_whose_last_volume_is_cut_off_is_refused(path: Path) -> None:
    packed = path.suffix == ".gz"
    data = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    path.write_bytes(gzip.compress(data[:-2]) if packed else data[:-2])
    with pytest.raises(ReadError, match="is cut off"):
        open_volume(path)


def test_a_mask_of_several_volumes_is_refused(path: Path) -> None:
    with pytest.raises(ReadError, match=r"series of volumes \(5 × 6 × 4 × 3\)"):
        read_mask(path)
