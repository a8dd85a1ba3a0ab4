"""Real series, and the files that come with pydicom, are read where and as SimpleITK reads them."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from engine.errors import ReadError
from engine.opening import open_volume, owner_of
from engine.stored.handler import Gives
from engine.stored.read import read_series, thumbnail
from engine.stored.scan import scan
from tests.reading.reference import assert_planes_as_simpleitk, assert_series_as_simpleitk

REGULAR = [
    "j2k_ct",
    *(f"sts_petct_mr/STS_{n}/{kind}/image" for n in ("001", "002") for kind in ("CT", "PET", "MR_T1")),
    "rt_utils_cases/mock_data",
    "dcmqi_seg/segmentations/ct-3slice",
    "dcmqi_seg/segmentations/24x38x3/image",
    "dcmqi_seg/segmentations/23x38x3/image",
]


@pytest.mark.parametrize("name", REGULAR)
def test_a_regular_series_is_read_as_simpleitk_reads_it(shared_data: Path, name: str) -> None:
    folder = shared_data / "dicom" / name
    (series,) = [series for series in scan([folder]).series() if series.is_image]
    volume = read_series(series)
    assert_planes_as_simpleitk(volume, series.files)
    assert_series_as_simpleitk(volume, folder)
    assert thumbnail(series).max() > 0


def test_the_tilted_uneven_series_is_read_plane_by_plane(shared_data: Path) -> None:
    folder = shared_data / "dicom/ge_tilted_gantry_ct"
    volume = open_volume(folder)
    assert volume.geometry.shape == (28, 512, 512)
    assert not volume.geometry.is_regular
    assert_planes_as_simpleitk(volume, folder.iterdir())
    assert any("18.5°" in note for note in volume.notes)
    assert any("uneven" in note for note in volume.notes)


def test_oblique_slices_are_read_plane_by_plane(shared_data: Path) -> None:
    folder = shared_data / "dicom/rt_utils_cases/oriented_data"
    found = [series for series in scan([folder]).series() if series.is_image]
    files = {file for series in found for file in series.files}
    assert sum(series.plane_count for series in found) == len(files) > 0
    for series in found:
        volume = read_series(series)
        assert_planes_as_simpleitk(volume, series.files)


def test_pet_that_is_suv_already_stays_as_it_is(shared_data: Path) -> None:
    volume = open_volume(shared_data / "dicom/sts_petct_mr/STS_001/PET/image")
    assert (volume.modality, volume.units, volume.voxels.dtype) == ("PT", "SUVbw", np.float32)
    assert 20 < volume.voxels.max() < 30


def test_multiframe_ct_equals_its_single_frame_form(shared_data: Path) -> None:
    for size in ("24x38x3", "23x38x3"):
        folder = shared_data / "dicom/dcmqi_seg/segmentations" / size
        single, multi = open_volume(folder / "image"), open_volume(folder / "multiframe")
        assert multi.geometry.same_grid(single.geometry)
        np.testing.assert_array_equal(multi.voxels, single.voxels)
        assert [instance.frame_number for instance in multi.instances] == [1, 2, 3]


def test_all_real_files_are_listed_with_their_kind(shared_data: Path) -> None:
    folder = shared_data / "dicom"
    catalogue = scan([folder])
    by_kind: dict[str, set[str]] = {}
    for series in catalogue.series():
        by_kind.setdefault(series.handler.gives, set()).add(series.modality)
        assert bool(series.problem) == (series.handler.gives is Gives.NOTHING), series
    assert by_kind[Gives.STRUCTURES] == {"RTSTRUCT", "SEG"}
    assert by_kind[Gives.VOLUME] == {"CT", "MR", "PT", ""}
    assert by_kind[Gives.FINDINGS] == {"SR"}
    assert {"RTPLAN", "RWV"} <= by_kind[Gives.NOTHING]
    assert {file.path.name for file in catalogue.unreadable} == {"LICENSE.md", "pm-example-dcm.zip"}
    breast = scan([folder / "breast_rtstruct"])
    assert owner_of(breast.structures()[0], breast.series()) == breast.images()[0]


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_padded.dcm",
        "J2K_pixelrep_mismatch.dcm",
    ],
)
def test_pydicom_s_own_images_have_the_values_that_pydicom_decodes(name: str) -> None:
    path = Path(str(get_testdata_file(name, download=False)))
    volume = open_volume(path)
    dataset = dcmread(path)
    expected = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns).astype(np.float64)
    order = [(instance.frame_number or 1) - 1 for instance in volume.instances]
    expected = expected[order] * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
    np.testing.assert_allclose(volume.voxels, expected)
    assert (np.diff(volume.geometry.positions) > 0).all()


def decodes(path: Path) -> bool:
    """Whether pydicom decodes a file's pixels."""
    try:
        return bool(dcmread(path).pixel_array.size)
    except (AttributeError, NotImplementedError, RuntimeError, ValueError):
        return False


def test_every_file_of_pydicom_is_listed_opened_or_explained() -> None:
    folder = Path(str(get_testdata_file("CT_small.dcm", download=False))).parent
    catalogue = scan([folder])
    opened = 0
    for series in catalogue.series():
        if series.is_image and not series.problem:
            try:
                assert read_series(series).voxels.size
            except ReadError as error:
                assert str(error).endswith(".") and not all(decodes(file) for file in series.files)
            else:
                opened += 1
        else:
            assert series.is_structures or series.problem.endswith((".", ")"))
    assert opened > 10
    assert all(file.reason.endswith(".") for file in catalogue.unreadable)
