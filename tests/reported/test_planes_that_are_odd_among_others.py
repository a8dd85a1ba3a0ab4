"""Planes that differ from the others of their series in place, patient, scale or what they show: told, not mixed in."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from engine.opening import open_volume
from engine.stored.scan import scan
from tests.synthetic import make_geometry, make_voxels, write_series

SHAPE = (6, 12, 9)
GEOMETRY = make_geometry(SHAPE, spacing=(1.0, 1.0, 3.0))
UID = "1.2.826.0.1.3680043.8.498.8"


def test_a_plane_shifted_beside_the_others_is_told(tmp_path: Path) -> None:
    offsets = np.zeros((SHAPE[0], 3))
    offsets[3, 0] = 5.0
    geometry = make_geometry(SHAPE, spacing=(1.0, 1.0, 3.0), offsets=offsets)
    write_series(tmp_path, make_voxels(SHAPE), geometry)
    volume = open_volume(tmp_path)
    (note,) = [note for note in volume.notes if "beside the line" in note]
    assert "plane 4 by 5.0 mm" in note
    np.testing.assert_allclose(volume.geometry.origins_lps, geometry.origins_lps)


@pytest.mark.parametrize("step", [0.0, 1.0], ids=["straight", "sheared"])
def test_planes_on_one_line_lie_beside_no_other(tmp_path: Path, step: float) -> None:
    offsets = np.zeros((SHAPE[0], 3))
    offsets[:, 1] = step * np.arange(SHAPE[0])
    write_series(tmp_path, make_voxels(SHAPE), make_geometry(SHAPE, spacing=(1.0, 1.0, 3.0), offsets=offsets))
    assert not any("beside the line" in note for note in open_volume(tmp_path).notes)


def test_planes_of_another_patient_id_under_one_series_uid_are_told(tmp_path: Path) -> None:
    write_series(
        tmp_path, make_voxels(SHAPE), GEOMETRY, edit=lambda ds, k: setattr(ds, "PatientID", "A" if k < 4 else "B")
    )
    volume = open_volume(tmp_path)
    assert volume.geometry.shape[0] == 4
    (left,) = volume.left_out
    assert (left.kind, left.planes) == ("patients", 2) and "“B”" in left.sentence
    assert left.sentence in volume.notes


def test_a_series_uid_that_two_patients_share_in_folders_of_their_own_leaves_nothing_out(tmp_path: Path) -> None:
    for patient in ("A", "B"):
        write_series(tmp_path / patient, make_voxels(SHAPE), GEOMETRY, PatientID=patient, SeriesInstanceUID=UID)
    assert [series.left_out for series in scan([tmp_path]).images()] == [(), ()]


def test_patients_that_differ_by_name_under_one_id_are_told(tmp_path: Path) -> None:
    def rename(dataset: Dataset, k: int) -> None:
        dataset.PatientName = "Doe^Jane" if k < 4 else "Roe^Richard"

    write_series(tmp_path, make_voxels(SHAPE), GEOMETRY, edit=rename)
    assert any("2 patients" in note for note in open_volume(tmp_path).notes)


def test_a_name_in_other_capitals_is_the_same(tmp_path: Path) -> None:
    def rename(dataset: Dataset, k: int) -> None:
        dataset.PatientName = "Doe^Jane" if k < 4 else "DOE^JANE^^"

    write_series(tmp_path, make_voxels(SHAPE), GEOMETRY, edit=rename)
    assert not any("patients" in note for note in open_volume(tmp_path).notes)


def test_a_plane_whose_slope_is_zero_is_left_out_and_told(tmp_path: Path) -> None:
    write_series(
        tmp_path, make_voxels(SHAPE), GEOMETRY, edit=lambda ds, k: setattr(ds, "RescaleSlope", "0" if k == 2 else "1")
    )
    volume = open_volume(tmp_path)
    assert volume.geometry.shape[0] == SHAPE[0] - 1
    assert ["slope 0" in left.sentence for left in volume.left_out] == [True]


@pytest.mark.parametrize(
    ("keyword", "values", "name"),
    [
        ("EchoTime", (10, 80), "echo time"),
        ("TemporalPositionIdentifier", (1, 2), "time point"),
        ("ImageComments", ("0%", "50%"), "phase"),
        ("DiffusionBValue", (0.0, 800.0), "b-value"),
    ],
)
def test_planes_of_one_even_stack_that_show_different_things_are_told(
    tmp_path: Path, keyword: str, values: tuple[object, object], name: str
) -> None:
    write_series(tmp_path, make_voxels(SHAPE), GEOMETRY, "MR", edit=lambda ds, k: setattr(ds, keyword, values[k % 2]))
    volume = open_volume(tmp_path)
    assert volume.geometry.shape == SHAPE
    assert any(f"differ in {name}" in note for note in volume.notes)
