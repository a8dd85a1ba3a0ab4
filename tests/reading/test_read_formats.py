"""Pixel formats, rescales and transfer syntaxes give the values that SimpleITK reads."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from engine.opening import open_volume
from tests.reading.reference import assert_planes_as_simpleitk
from tests.synthetic import COMPRESSED, make_geometry, make_voxels, write_series

SHAPE = (4, 21, 17)
GEOMETRY = make_geometry(SHAPE)
SYNTAXES = [*COMPRESSED, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("signed", "bits"), [(True, (16, 16)), (True, (16, 12)), (False, (16, 12)), (False, (16, 16))])
def test_every_transfer_syntax_gives_the_same_voxels(
    tmp_path: Path, syntax: str, signed: bool, bits: tuple[int, int]
) -> None:
    voxels = make_voxels(SHAPE)
    files = write_series(tmp_path, voxels, GEOMETRY, transfer_syntax=syntax, signed=signed, bits=bits)
    volume = open_volume(tmp_path)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert_planes_as_simpleitk(volume, files)


@pytest.mark.parametrize("signed", [True, False])
def test_eight_bit_pixels_are_read(tmp_path: Path, signed: bool) -> None:
    voxels = make_voxels(SHAPE, low=-100, high=100)
    files = write_series(tmp_path, voxels, GEOMETRY, signed=signed, bits=(8, 8), intercept=0 if signed else -100)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert_planes_as_simpleitk(volume, files)


def test_thirty_two_bit_pixels_are_read_as_float(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-100_000, 100_000, SHAPE)
    write_series(tmp_path, voxels, GEOMETRY, bits=(32, 32))
    volume = open_volume(tmp_path)
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels, voxels)


def test_bits_above_the_stored_ones_are_ignored(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE, low=-1000, high=1000)

    def overlay(dataset, _):
        pixels = np.frombuffer(dataset.PixelData, "<u2").copy()
        pixels[::3] |= 0x4000
        dataset.PixelData = pixels.tobytes()

    files = write_series(tmp_path, voxels, GEOMETRY, bits=(16, 12), edit=overlay)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert_planes_as_simpleitk(volume, files)


def test_unsigned_values_beyond_int16_become_float(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 65_000, SHAPE)
    voxels[-1, -1, -1] = 65_000
    write_series(tmp_path, voxels, GEOMETRY, "MR", signed=False, intercept=0)
    volume = open_volume(tmp_path)
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels, voxels)


@pytest.mark.parametrize("intercept", [-40_000, -32_768, -8192, 1000])
def test_int16_is_kept_when_the_shifted_values_fit(tmp_path: Path, intercept: int) -> None:
    voxels = np.clip(np.random.default_rng(0).integers(0, 65_535, SHAPE) + intercept, -32_768, 32_767)
    voxels = np.maximum(voxels, intercept)
    write_series(tmp_path, voxels, GEOMETRY, signed=False, intercept=intercept)
    volume = open_volume(tmp_path)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, voxels)


def test_each_plane_is_rescaled_by_its_own_slope(tmp_path: Path) -> None:
    slopes = np.array([0.5, 1.0, 0.125, 2.0])
    intercepts = np.array([0.0, -10.0, 3.5, 7.0])
    stored = np.random.default_rng(0).integers(0, 4000, SHAPE)
    voxels = stored * slopes[:, None, None] + intercepts[:, None, None]
    files = write_series(tmp_path, voxels, GEOMETRY, "MR", slope=slopes, intercept=intercepts)
    volume = open_volume(tmp_path)
    assert volume.voxels.dtype == np.float32
    np.testing.assert_allclose(volume.voxels, voxels, rtol=1e-6)
    assert_planes_as_simpleitk(volume, files)


def test_whole_intercepts_that_differ_keep_int16(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    files = write_series(tmp_path, voxels, GEOMETRY, intercept=[0, -1024, 10, -5])
    volume = open_volume(tmp_path)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert_planes_as_simpleitk(volume, files)


def test_monochrome1_keeps_its_values_and_tells_the_display(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    write_series(tmp_path, voxels, GEOMETRY, PhotometricInterpretation="MONOCHROME1")
    # SimpleITK inverts the stored bits before the rescale, which turns HU upside down: no reference here.
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert volume.info.attributes["PhotometricInterpretation"] == "MONOCHROME1"
    assert any("MONOCHROME1" in note for note in volume.notes)


def test_elements_after_the_pixel_data_are_no_pixels(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)

    def pad(dataset, _):
        dataset.add_new(0xFFFCFFFC, "OB", b"\0" * 400)

    write_series(tmp_path, voxels, GEOMETRY, edit=pad)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, voxels)


def test_units_of_ct_and_mr(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", make_voxels(SHAPE), GEOMETRY)
    write_series(tmp_path / "mr", make_voxels(SHAPE), GEOMETRY, "MR")
    ct, mr = open_volume(tmp_path / "ct"), open_volume(tmp_path / "mr")
    assert (ct.modality, ct.units) == ("CT", "HU")
    assert (mr.modality, mr.units) == ("MR", "")


def test_a_file_without_the_preamble_is_read(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    for file in write_series(tmp_path, voxels, GEOMETRY, transfer_syntax=ImplicitVRLittleEndian):
        file.write_bytes(file.read_bytes()[132:])
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
