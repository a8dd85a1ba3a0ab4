"""Enhanced images whose elements lie beside the functional groups that should hold them."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from engine.errors import PlanimeterError
from engine.opening import open_volume
from tests.synthetic import make_geometry, make_voxels, write_enhanced, write_series

GEOMETRY = make_geometry((4, 8, 10))
VOXELS = make_voxels(GEOMETRY.shape)


def test_what_no_group_has_is_read_from_the_file_itself(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            del frame.PixelMeasuresSequence, frame.PlaneOrientationSequence, frame.PixelValueTransformationSequence
        dataset.PixelSpacing, dataset.SliceThickness = ["1.1", "0.9"], "2.5"
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.RescaleSlope, dataset.RescaleIntercept = "2", "-7"

    volume = open_volume(write_enhanced(tmp_path / "ct" / "a.dcm", VOXELS, GEOMETRY, edit=edit))
    assert volume.geometry.same_grid(GEOMETRY) and volume.units == "HU"
    assert np.array_equal(volume.voxels, VOXELS.astype(int) * 2 - 7)
    (note,) = volume.notes
    assert "groups lack PixelSpacing and ImageOrientationPatient and RescaleSlope, which it gives beside" in note


def test_what_a_group_has_comes_before_the_file_itself(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.PixelSpacing, dataset.RescaleSlope, dataset.RescaleIntercept = ["5", "5"], "9", "9"

    volume = open_volume(write_enhanced(tmp_path / "ct" / "a.dcm", VOXELS, GEOMETRY, edit=edit))
    assert volume.geometry.same_grid(GEOMETRY) and np.array_equal(volume.voxels, VOXELS) and not volume.notes


def test_a_place_that_all_frames_would_share_is_none(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            del frame.PlanePositionSequence
        dataset.ImagePositionPatient = [0, 0, 0]

    with pytest.raises(PlanimeterError, match="Image Position"):
        open_volume(write_enhanced(tmp_path / "ct" / "a.dcm", VOXELS, GEOMETRY, edit=edit))


def test_hu_in_small_letters_is_hu(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", VOXELS, GEOMETRY, RescaleType="hu")
    volume = open_volume(tmp_path / "ct")
    assert volume.units == "HU" and not volume.notes
