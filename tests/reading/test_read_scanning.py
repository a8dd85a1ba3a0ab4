"""A catalogue of what lies in folders, DICOMDIRs and files grows while headers are read, and stops when asked."""

import time
from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.fileset import FileSet
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from engine.dicom.walk import NotPlainError, Walker
from engine.errors import CancelledError
from engine.opening import open_volume
from engine.progress import stoppable
from engine.stored import image
from engine.stored import scan as scanning
from engine.stored.handler import Gives
from engine.stored.read import read_series, thumbnail
from engine.stored.scan import Catalogue, scan
from tests.synthetic import make_geometry, make_voxels, write_series

SHAPE = (4, 12, 9)
VOXELS = make_voxels(SHAPE)
GEOMETRY = make_geometry(SHAPE)


def test_folders_are_searched_to_the_bottom(tmp_path: Path) -> None:
    write_series(tmp_path / "a/b/c", VOXELS, GEOMETRY, PatientID="A", PatientName="Alpha^Ann")
    write_series(tmp_path / "d", VOXELS, GEOMETRY, "MR", PatientID="B", StudyDate="20230101")
    catalogue = scan([tmp_path])
    assert [(p.id, p.name) for p in catalogue.patients] == [("A", "Alpha^Ann"), ("B", "Phantom^Synthetic")]
    study = catalogue.patients[1].studies[0]
    assert (study.date, study.description, study.series[0].modality) == ("20230101", "Synthetic study", "MR")
    assert catalogue.unreadable == ()


def test_the_series_info_identifies_patient_study_and_series(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, PatientName="Müller^Jörg", SeriesNumber=7, AccessionNumber="ACC")
    info = open_volume(tmp_path).info
    assert (info.patient_name, info.series_number, info.accession_number) == ("Müller^Jörg", "7", "ACC")
    assert info.modality == "CT"
    assert info.series_uid and info.study_uid and info.frame_of_reference_uid
    assert info.source == str(tmp_path)


def test_one_file_opens_the_series_in_its_folder(tmp_path: Path) -> None:
    files = write_series(tmp_path, VOXELS, GEOMETRY, SeriesDescription="a", names=[f"a{k}" for k in range(4)])
    write_series(tmp_path, VOXELS[:3], make_geometry((3, 12, 9)), SeriesDescription="b", names=["x", "y", "z"])
    (tmp_path / "notes.txt").write_text("not an image")
    catalogue = scan([files[2]])
    assert [series.plane_count for series in catalogue.series()] == [4]
    assert catalogue.unreadable == ()
    np.testing.assert_array_equal(open_volume(tmp_path / "y").voxels, VOXELS[:3])


def test_several_dropped_paths_make_one_catalogue(tmp_path: Path) -> None:
    first = write_series(tmp_path / "a", VOXELS, GEOMETRY)
    write_series(tmp_path / "b", VOXELS, GEOMETRY, "MR")
    catalogue = scan([first[0], first[1], tmp_path / "b", tmp_path / "absent"])
    assert sorted(series.modality for series in catalogue.series()) == ["CT", "MR"]
    assert all(series.plane_count == 4 for series in catalogue.series())
    assert [file.reason for file in catalogue.unreadable] == [f"{tmp_path / 'absent'} does not exist."]


@pytest.mark.parametrize("lower_case", [False, True])
def test_a_dicomdir_leads_to_its_files(tmp_path: Path, lower_case: bool) -> None:
    file_set = FileSet()
    for file in write_series(tmp_path / "in", VOXELS, GEOMETRY):
        file_set.add(file)
    file_set.write(tmp_path / "out")
    directory = tmp_path / "out/DICOMDIR"
    if lower_case:
        for path in sorted((tmp_path / "out").rglob("*"), reverse=True):
            path.rename(path.with_name(path.name.lower()))
        directory = tmp_path / "out/dicomdir"
    np.testing.assert_array_equal(open_volume(directory).voxels, VOXELS)
    gone = next(path for path in (tmp_path / "out").rglob("*") if path.is_file() and path != directory)
    gone.unlink()
    catalogue = scan([directory])
    assert next(catalogue.series()).plane_count == 3
    assert "absent" in catalogue.unreadable[0].reason


def test_a_dicomdir_by_another_name_leads_to_its_files_too(tmp_path: Path) -> None:
    file_set = FileSet()
    for file in write_series(tmp_path / "in", VOXELS, GEOMETRY):
        file_set.add(file)
    file_set.write(tmp_path / "out")
    renamed = (tmp_path / "out/DICOMDIR").rename(tmp_path / "out/index.dcm")
    np.testing.assert_array_equal(open_volume(renamed).voxels, VOXELS)


def test_a_folder_with_a_dicomdir_lists_each_file_once(tmp_path: Path) -> None:
    file_set = FileSet()
    for file in write_series(tmp_path / "in", VOXELS, GEOMETRY):
        file_set.add(file)
    file_set.write(tmp_path / "out")
    catalogue = scan([tmp_path / "out", tmp_path / "out/DICOMDIR"])
    assert [series.plane_count for series in catalogue.series()] == [4]
    assert catalogue.unreadable == ()


def rtstruct(path: Path, frame: str, series_uid: str) -> None:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = RTStructureSetStorage, generate_uid(), "RTSTRUCT"
    ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "SYN-1", generate_uid(), "1.2.3.4"
    series, study, reference = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = series_uid
    study.RTReferencedSeriesSequence = [series]
    reference.FrameOfReferenceUID = frame
    reference.RTReferencedStudySequence = [study]
    ds.ReferencedFrameOfReferenceSequence = [reference]
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)


def test_each_rtstruct_is_listed_with_what_it_refers_to(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY)
    image = next(scan([tmp_path]).series()).info
    rtstruct(tmp_path / "rs1.dcm", image.frame_of_reference_uid, image.series_uid)
    rtstruct(tmp_path / "rs2.dcm", "1.2.9", "")
    found = {series.files[0].name: series for series in scan([tmp_path]).series() if series.is_structures}
    assert found["rs1.dcm"].references.series_uids == {image.series_uid}
    assert found["rs1.dcm"].references.frame_of_reference_uids == {image.frame_of_reference_uid}
    assert found["rs2.dcm"].references.frame_of_reference_uids == {"1.2.9"}
    assert found["rs1.dcm"].uid != found["rs2.dcm"].uid
    assert all(series.problem == "" for series in found.values())


def test_image_files_are_listed_beside_dicom(tmp_path: Path) -> None:
    import SimpleITK as sitk

    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(tmp_path / "image.nrrd"))
    (tmp_path / "broken.nii.gz").write_bytes(b"nothing")
    found = {series.info.description: series for series in scan([tmp_path]).series()}
    assert found["image.nrrd"].plane_count == 4
    assert "broken.nii.gz" in found["broken.nii.gz"].problem
    np.testing.assert_array_equal(read_series(found["image.nrrd"]).voxels, VOXELS)
    assert thumbnail(found["image.nrrd"]).dtype == np.uint8


def test_progress_rises_to_one_in_scan_and_read(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY)
    seen: list[float] = []
    open_volume(tmp_path, progress=lambda fraction, stage: seen.append(fraction))
    assert len(seen) >= 8
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, "1.2.840.10008.1.2.4.90"])
def test_scan_and_read_stop_when_asked(tmp_path: Path, syntax: str) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=syntax)
    series = next(scan([tmp_path]).series())
    for work in (lambda progress: scan([tmp_path], progress), lambda progress: read_series(series, progress)):
        stages: list[str] = []
        asked = lambda stages=stages: len(stages) == 2  # noqa: E731
        with pytest.raises(CancelledError):
            work(stoppable(lambda _, stage, stages=stages: stages.append(stage), asked))
        assert len(stages) == 2
    assert read_series(series).voxels.shape == SHAPE


def test_the_catalogue_grows_while_headers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        write_series(tmp_path / str(n), VOXELS, GEOMETRY, PatientID=str(n))
    real = scanning.read_header

    def slow(path: Path, *rest):
        time.sleep(0.1)
        return real(path, *rest)

    monkeypatch.setattr(scanning, "read_header", slow)
    grown: list[Catalogue] = []
    final = scan([tmp_path], found=grown.append)
    counts = [sum(series.plane_count for series in catalogue.series()) for catalogue in grown]
    assert len(counts) >= 2
    assert counts == sorted(counts) and counts[0] < 12
    assert sum(series.plane_count for series in final.series()) == 12


def test_a_thumbnail_reads_only_the_middle_plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voxels = np.zeros((5, 40, 20), np.int16)
    voxels[:, :20] = 1000
    write_series(tmp_path, voxels, make_geometry((5, 40, 20), (2.0, 2.0, 2.0)))
    series = next(scan([tmp_path]).series())
    asked: list[int] = []
    real = image.read_stored
    monkeypatch.setattr(image, "read_stored", lambda planes, *rest: asked.append(len(planes)) or real(planes, *rest))
    picture = thumbnail(series, 64)
    assert asked == [1]
    assert (picture.shape, picture.dtype) == ((64, 32), np.uint8)
    assert picture[:30].min() == 255 and picture[34:].max() == 0


def test_a_thumbnail_of_monochrome1_is_inverted(tmp_path: Path) -> None:
    voxels = np.zeros((1, 40, 40), np.int16)
    voxels[:, :20] = 1000
    write_series(tmp_path, voxels, make_geometry((1, 40, 40)), PhotometricInterpretation="MONOCHROME1")
    picture = thumbnail(next(scan([tmp_path]).series()))
    assert picture[0, 0] == 0 and picture[-1, -1] == 255


def test_hidden_files_and_certificates_are_left_out(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY)
    (tmp_path / "rt.dcm.certificate.json").write_text("{}")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_bytes(b"x")
    assert scan([tmp_path]).unreadable == ()


def test_the_quick_walk_over_a_header_finds_what_pydicom_finds(shared_data: Path) -> None:
    keywords = ["SpecificCharacterSet", "PatientName", "Rows", "ImagePositionPatient", "KVP"]
    walker = Walker([*keywords, "PerFrameFunctionalGroupsSequence"])
    pydicom_files = Path(str(get_testdata_file("CT_small.dcm", download=False))).parent
    files = [*(shared_data / "dicom").rglob("*"), *pydicom_files.rglob("*.dcm")]
    walked = 0
    for path in files:
        if not path.is_file():
            continue
        with path.open("rb") as file:
            try:
                quick = walker._walk(file, path.stat().st_size)
            except NotPlainError:
                continue
            if quick.deflated_at:  # pydicom is never shown one
                continue
            slow = walker._parse(file, path.stat().st_size)
        walked += 1
        assert quick.dataset.to_json_dict() == Dataset(slow.dataset).to_json_dict(), path
        assert (quick.transfer_syntax, quick.offset, quick.length) == (slow.transfer_syntax, slow.offset, slow.length)
        assert (quick.sop_class_uid, quick.sop_instance_uid) == (slow.sop_class_uid, slow.sop_instance_uid)
    assert walked > 300


@pytest.mark.parametrize(
    ("sop_class", "modality", "what"),
    [
        ("1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE", "Dose grid"),
        ("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN", "Treatment plan"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "SR", "Structured report"),
        ("1.2.840.10008.5.1.4.1.1.66.1", "REG", "Registration"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "DOC", "Document (PDF)"),
        ("1.2.3.4.5", "ECG", "Electrocardiogram"),
    ],
)
def test_what_is_no_image_is_listed_by_its_name_with_the_reason(
    tmp_path: Path, sop_class: str, modality: str, what: str
) -> None:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid()
    ds.Modality, ds.SeriesInstanceUID, ds.StudyInstanceUID = modality, generate_uid(), generate_uid()
    # Some of these have pixels, and are no images in the patient for all that.
    ds.Rows, ds.Columns, ds.NumberOfFrames = 4, 4, 3
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(tmp_path / "object.dcm", enforce_file_format=True)
    (series,) = scan([tmp_path]).series()
    assert (series.info.description, series.handler.gives) == (what, Gives.NOTHING)
    assert what.lower() in series.problem.lower() and "not opened" in series.problem
