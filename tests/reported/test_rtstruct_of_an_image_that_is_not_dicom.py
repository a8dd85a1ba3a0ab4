"""An RTSTRUCT of a NIfTI image: refused alone, and written with the image as a DICOM series that it refers to."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from click.testing import CliRunner, Result

from engine.__main__ import commands
from engine.contouring.fill import fill
from engine.dicom.export_with_image import export_with_image, image_folder
from engine.dicom.image_write import write_image_series
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.written_image import PatientIdentity
from engine.errors import CertificationError, MismatchError, WriteError
from engine.opening import open_volume
from engine.stored.handler import Gives
from engine.stored.scan import scan
from engine.volume import Geometry, Volume
from tests.rtstruct.study import shell, traced
from tests.synthetic import make_geometry, make_voxels, random_rotation

PATIENT = PatientIdentity("Müller^Jörg", "12-34", "CT")
WHO = ["--with-image", "--patient-name", PATIENT.name, "--patient-id", PATIENT.patient_id]


def place(seed: int = 1) -> Geometry:
    axes = random_rotation(seed) if seed else None
    return make_geometry((7, 40, 48), (0.9, 1.1, 2.5), origin=(-101.234567, 57.1, -9.87654321), directions=axes)


def save(path: Path, values: np.ndarray, geometry: Geometry) -> Path:
    image = sitk.GetImageFromArray(values)
    image.SetOrigin(geometry.origins_lps[0].tolist())
    image.SetSpacing(geometry.spacing_xyz)
    image.SetDirection(geometry.directions.ravel().tolist())
    sitk.WriteImage(image, str(path))
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with a CT and a folder of one mask, both NIfTI."""
    voxels = make_voxels((7, 40, 48), low=-1000, high=1500)
    save(tmp_path / "ct.nii.gz", voxels, place())
    (tmp_path / "masks").mkdir()
    save(tmp_path / "masks" / "Shell.nii.gz", shell((7, 40, 48)).astype(np.uint8), place())
    return tmp_path


def from_masks(study: Path, *more: str, image: str = "ct.nii.gz") -> Result:
    arguments = ["rtstruct", "from-masks", study / "masks", study / image, "-o", study / "rt.dcm", *more]
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "names no patient.*--with-image, --patient-name and --patient-id.*or write masks"),
        (["--patient-name", "A", "--patient-id", "1"], "are for --with-image"),
        (["--with-image"], "give the patient's name"),
        (["--with-image", "--patient-name", "A"], "give the patient's ID"),
        (["--with-image", "--patient-name", " ^ ", "--patient-id", "1"], "give the patient's name"),
        (["--with-image", "--patient-name", "A" * 65, "--patient-id", "1"], "at most 64 characters"),
        (["--with-image", "--patient-name", "A", "--patient-id", "1\\2"], "no backslash"),
    ],
)
def test_without_patient_and_image_nothing_is_written(study: Path, given: list[str], said: str) -> None:
    result = from_masks(study, *given)
    assert isinstance(result.exception, MismatchError)
    with pytest.raises(MismatchError, match=said):
        raise result.exception
    assert sorted(path.name for path in study.iterdir()) == ["ct.nii.gz", "masks"]


def test_a_dicom_series_keeps_its_own_patient(study: Path) -> None:
    write_image_series(open_volume(study / "ct.nii.gz"), study / "dicom", PATIENT)
    assert isinstance(from_masks(study, *WHO, image="dicom").exception, MismatchError)
    assert from_masks(study, image="dicom").exit_code == 0


def test_image_and_structures_fit_when_they_are_opened_together(study: Path) -> None:
    result = from_masks(study, *WHO)
    assert result.exit_code == 0, result.exception
    assert "written as a DICOM series of 7 files" in result.output
    assert "written as a DICOM series of 7 files" in (study / "rt.dcm.certificate.json").read_text()
    before, folder = open_volume(study / "ct.nii.gz"), study / "rt_images"
    shutil.move(study / "rt.dcm", folder / "rt.dcm")
    series = list(scan([folder]).series())
    assert [found.handler.gives for found in series] == [Gives.VOLUME, Gives.STRUCTURES]
    after = open_volume(folder)
    assert (after.info.patient_name, after.info.patient_id) == (PATIENT.name, PATIENT.patient_id)
    assert after.units == "HU" and after.voxels.dtype == np.int16
    np.testing.assert_array_equal(after.voxels, before.voxels)
    assert after.geometry.same_grid(before.geometry, 1e-3)
    file = pydicom.dcmread(folder / "rt.dcm")
    assert (str(file.PatientName), file.PatientID) == (PATIENT.name, PATIENT.patient_id)
    assert series[0].info.series_uid in series[1].references.series_uids
    assert series[0].info.frame_of_reference_uid in series[1].references.frame_of_reference_uids
    referred = {
        image.ReferencedSOPInstanceUID
        for roi in file.ROIContourSequence
        for contour in roi.ContourSequence
        for image in contour.ContourImageSequence
    }
    assert referred <= {instance.sop_instance_uid for instance in after.instances} and referred
    found = read_rtstruct(folder / "rt.dcm", after).rois[0]
    np.testing.assert_array_equal(
        fill({k: c.area for k, c in found.planes.items()}, after.geometry), shell((7, 40, 48))
    )
    check = CliRunner().invoke(commands, ["rtstruct", "check", str(folder / "rt.dcm"), str(folder)])
    assert check.exit_code == 0, check.output


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_itk_reads_the_series_where_the_file_lies(tmp_path: Path, seed: int) -> None:
    save(tmp_path / "ct.nii.gz", make_voxels((7, 40, 48)), place(seed))
    volume = open_volume(tmp_path / "ct.nii.gz")
    write_image_series(volume, tmp_path / "out", PATIENT)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "out"))
    image = sitk.ReadImage(names)
    for kji in [(0, 0, 0), (6, 39, 0), (3, 0, 47), (6, 39, 47)]:
        there = image.TransformIndexToPhysicalPoint(kji[::-1])
        np.testing.assert_allclose(there, volume.geometry.lps_from_kji(kji)[0], atol=1e-3)
        assert image[kji[::-1]] == volume.voxels[kji]


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("low", [-1000.0, 0.0, 3e4])
@pytest.mark.parametrize("step", [1.0, 0.37])
def test_values_come_back_equal_or_the_rounding_is_said(tmp_path: Path, modality: str, low: float, step: float) -> None:
    values = (make_voxels((7, 40, 48), low=0, high=3000) * step + low).astype(np.float32)
    voxels = values.astype(np.int16) if step == 1 and low < 3e4 else values
    volume = Volume(voxels, place())
    again = write_image_series(volume, tmp_path / "out", PatientIdentity("A", "1", modality))  # type: ignore[arg-type]
    rounded = [note for note in again.notes if "rounded" in note]
    if step == 1:
        np.testing.assert_array_equal(again.voxels, voxels)
        assert not rounded
    else:
        assert np.abs(again.voxels - voxels).max() < 3000 * step / 65000
        assert rounded
    assert again.modality == modality


def test_an_image_that_says_nothing_of_itself_needs_a_modality(tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="whether it is a CT or an MR"):
        write_image_series(
            Volume(np.zeros((7, 40, 48), np.int16), place()), tmp_path / "out", PatientIdentity("A", "1")
        )
    assert not list(tmp_path.iterdir())


def test_what_is_uncertain_about_the_image_is_written_into_it(tmp_path: Path) -> None:
    volume = Volume(np.zeros((7, 40, 48), np.int16), place(), notes=("Left and right are not certain.",))
    again = write_image_series(volume, tmp_path / "out", PATIENT)
    assert "Left and right are not certain." in again.notes
    assert pydicom.dcmread(tmp_path / "out" / "0001.dcm").ImageComments == "Left and right are not certain."


def test_the_same_image_and_patient_give_the_same_uids_and_another_patient_others(tmp_path: Path) -> None:
    volume = Volume(make_voxels((7, 40, 48)), place())
    first = write_image_series(volume, tmp_path / "a", PATIENT)
    again = write_image_series(volume, tmp_path / "b", PATIENT)
    other = write_image_series(volume, tmp_path / "c", PatientIdentity("Other", "12-34", "CT"))
    assert first.instances == again.instances
    assert not {i.sop_instance_uid for i in first.instances} & {i.sop_instance_uid for i in other.instances}
    assert other.info.study_uid != first.info.study_uid


def test_a_folder_that_is_there_is_left_alone(study: Path) -> None:
    folder = image_folder(study / "rt.dcm")
    folder.mkdir()
    (folder / "precious").write_text("x")
    assert isinstance(from_masks(study, *WHO).exception, WriteError)
    assert [path.name for path in folder.iterdir()] == ["precious"] and not (study / "rt.dcm").exists()


def test_an_image_that_reads_back_otherwise_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = Volume(make_voxels((7, 40, 48)), place())
    plane = pydicom.dataset.FileDataset.save_as

    def spoilt(self: pydicom.dataset.FileDataset, *args: object, **kwargs: object) -> None:
        data = bytearray(self.PixelData)
        data[100] ^= 1
        self.PixelData = bytes(data)
        plane(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(pydicom.dataset.FileDataset, "save_as", spoilt)
    with pytest.raises(WriteError, match="values differ"):
        write_image_series(volume, tmp_path / "out", PATIENT)
    assert not list(tmp_path.iterdir())


def test_an_rtstruct_that_is_refused_leaves_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise CertificationError("it differs")

    volume = Volume(make_voxels((7, 40, 48)), place())
    monkeypatch.setattr("engine.dicom.export_with_image.export_rtstruct", refuse)
    with pytest.raises(CertificationError):
        export_with_image(traced(volume, {"Shell": shell((7, 40, 48))}), volume, tmp_path / "rt.dcm", PATIENT)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_dciodvfy_finds_no_error_in_the_series(tmp_path: Path, modality: str) -> None:
    volume = Volume(make_voxels((7, 40, 48)), place())
    write_image_series(volume, tmp_path / "out", PatientIdentity("Müller^Jörg", "1", modality))  # type: ignore[arg-type]
    for name in ("0001.dcm", "0007.dcm"):
        result = subprocess.run(["dciodvfy", tmp_path / "out" / name], capture_output=True, text=True, check=False)
        assert not [
            line for line in (result.stdout + result.stderr).splitlines() if line.startswith(("Error", "Abort"))
        ]
