"""The built-in study is a CT series like any other, and always the same."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from engine.demo import write_demo_series
from engine.stored.read import read_series
from engine.stored.scan import scan

AVERAGE = Path(__file__).parents[2] / "resources" / "demo" / "average.nii.gz"


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_series(tmp_path_factory.mktemp("demo") / "study")


def test_it_says_that_it_is_nobody(series: Path) -> None:
    data = pydicom.dcmread(next(iter(sorted(series.iterdir()))))
    assert str(data.PatientName) == "Average^Patient"
    assert data.PatientIdentityRemoved == "YES"
    assert data.Modality == "CT"


def test_written_again_it_is_the_same(series: Path, tmp_path: Path) -> None:
    again = write_demo_series(tmp_path / "again")
    names = sorted(path.name for path in series.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    for name in (names[0], names[-1]):
        assert (series / name).read_bytes() == (again / name).read_bytes()


def test_a_damaged_copy_is_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "CT.1.dcm").write_bytes(b"half a file")
    write_demo_series(folder)
    assert len(list(folder.iterdir())) > 200


def test_the_program_reads_it_as_a_regular_ct_with_the_average_s_values(series: Path) -> None:
    (patient,) = scan([series]).patients
    volume = read_series(patient.studies[0].series[0])
    average = sitk.GetArrayFromImage(sitk.ReadImage(str(AVERAGE)))
    assert volume.modality == "CT" and volume.units == "HU" and volume.geometry.is_regular
    assert np.allclose(volume.geometry.directions, np.eye(3))
    assert (volume.voxels == average).all()
