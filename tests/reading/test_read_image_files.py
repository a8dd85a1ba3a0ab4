"""NIfTI, NRRD and MetaImage files lie where SimpleITK and nibabel say."""

from itertools import product
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from engine.errors import PlanimeterError, ReadError
from engine.opening import open_volume
from tests.reading.reference import assert_as_image, assert_same_places
from tests.synthetic import make_voxels, random_rotation

SHAPE = (5, 7, 6)
SUFFIXES = [".nii", ".nii.gz", ".nrrd", ".mha"]


def image_of(voxels: np.ndarray, directions: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    image.SetOrigin((10.0, -20.0, 30.5))
    image.SetSpacing((0.8, 1.2, 3.0))
    image.SetDirection(directions.ravel().tolist())
    return image


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("seed", [0, 1])
def test_right_handed_grids_are_read_as_simpleitk_reads_them(tmp_path: Path, suffix: str, seed: int) -> None:
    directions = np.eye(3) if seed == 0 else random_rotation(seed)
    path = tmp_path / f"image{suffix}"
    sitk.WriteImage(image_of(make_voxels(SHAPE), directions), str(path))
    assert_as_image(open_volume(path), sitk.ReadImage(str(path)))


@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_mirrored_grids_keep_each_voxel_at_its_place(tmp_path: Path, suffix: str, signs: tuple[int, ...]) -> None:
    path = tmp_path / f"image{suffix}"
    sitk.WriteImage(image_of(make_voxels(SHAPE), random_rotation(5) * signs), str(path))
    volume = open_volume(path)
    assert np.linalg.det(volume.geometry.directions) == pytest.approx(1)
    assert_same_places(volume, sitk.ReadImage(str(path)))


def test_nifti_from_nibabel_lies_where_its_affine_says(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    affine = np.eye(4)
    affine[:3, :3] = random_rotation(2) * (0.9, 1.1, 2.5) * (-1, 1, 1)
    affine[:3, 3] = 5, -6, 7
    nibabel.save(nibabel.Nifti1Image(voxels, affine), tmp_path / "image.nii.gz")
    volume = open_volume(tmp_path / "image.nii.gz")
    index = np.argwhere(np.ones(volume.voxels.shape, bool))
    ras = volume.geometry.lps_from_kji(index) * (-1, -1, 1)
    there = np.rint((ras - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
    np.testing.assert_array_equal(volume.voxels[tuple(index.T)], voxels[tuple(there.T)])


@pytest.mark.parametrize(
    ("kind", "scale", "expected"),
    [
        (np.uint8, 1, np.int16),
        (np.int16, 1, np.int16),
        (np.uint16, 1, np.int16),
        (np.int32, 1, np.int16),
        (np.int32, 1000, np.float32),
        (np.float32, 1, np.int16),
        (np.float64, 0.001, np.float32),
    ],
)
def test_whole_values_that_fit_are_int16_else_float(tmp_path: Path, kind: type, scale: float, expected: type) -> None:
    voxels = (make_voxels(SHAPE, low=0, high=200) * float(scale)).astype(kind)
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "image.nrrd"))
    volume = open_volume(tmp_path / "image.nrrd")
    assert volume.voxels.dtype == expected
    np.testing.assert_allclose(volume.voxels, voxels)


def test_nifti_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(make_voxels(SHAPE), np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "image.nii")
    expected = np.asarray(nibabel.load(tmp_path / "image.nii").dataobj).transpose(2, 1, 0)
    volume = open_volume(tmp_path / "image.nii")
    np.testing.assert_allclose(np.sort(volume.voxels.ravel()), np.sort(expected.ravel()))


@pytest.mark.parametrize(
    ("low", "high", "modality"), [(-1024, 2000, "CT"), (0, 2000, ""), (-30, 300, ""), (-9000, 99, "")]
)
def test_values_like_hu_make_a_ct_and_say_so(tmp_path: Path, low: int, high: int, modality: str) -> None:
    voxels = make_voxels(SHAPE, low=low, high=high)
    voxels[0, 0, :2] = low, high
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "image.mha"))
    volume = open_volume(tmp_path / "image.mha")
    assert (volume.modality, volume.units) == (modality, "HU" if modality else "")
    assert len(volume.notes) == (1 if modality else 0)


def test_a_fourth_axis_of_one_is_no_series(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6, 1), np.int16), np.eye(4)), tmp_path / "image.nii")
    assert open_volume(tmp_path / "image.nii").voxels.shape == (6, 5, 4)


def test_colour_is_refused(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((*SHAPE, 3), np.uint8), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "image.mha"))
    with pytest.raises(ReadError, match="3 values a voxel"):
        open_volume(tmp_path / "image.mha")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("left", [0, 10, 0.5, 0.95])
def test_a_cut_off_file_is_refused(tmp_path: Path, suffix: str, left: float, compressed: bool) -> None:
    path = tmp_path / f"image{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(make_voxels((20, 30, 40))), str(path), useCompression=compressed)
    data = path.read_bytes()
    path.write_bytes(data[: int(left if left >= 1 else left * len(data))])
    with pytest.raises(PlanimeterError, match=f"image{suffix}"):
        open_volume(path)


def test_sheared_axes_are_refused_in_a_sentence(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 1] = 0.5
    image = nibabel.Nifti1Image(make_voxels(SHAPE), affine)
    image.set_qform(None, code=0)
    nibabel.save(image, tmp_path / "image.nii")
    with pytest.raises(PlanimeterError, match=r"image\.nii: its sform has axes that are not perpendicular"):
        open_volume(tmp_path / "image.nii")


def test_a_file_that_is_not_tied_to_the_patient_says_so(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(make_voxels(SHAPE, low=0), None), tmp_path / "image.nii")
    head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nendian: little\nspacings: 1 1 2\n\n"
    (tmp_path / "image.nrrd").write_bytes(head.encode() + bytes(16))
    for name in ("image.nii", "image.nrrd"):
        assert "left, right" in open_volume(tmp_path / name).notes[0]


def test_a_flipped_bit_in_a_compressed_nifti_is_found(tmp_path: Path) -> None:
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(make_voxels((20, 30, 40))), str(path))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)
    with pytest.raises(ReadError, match=r"image\.nii\.gz"):
        open_volume(path)


def test_a_real_planning_ct_is_read_as_simpleitk_reads_it(shared_data: Path) -> None:
    path = next((shared_data / "openkbp/validation/imagesTr").glob("*.nii.gz"))
    volume = open_volume(path)
    assert (volume.modality, volume.units, volume.voxels.dtype) == ("CT", "HU", np.int16)
    assert_same_places(volume, sitk.ReadImage(str(path)))
