"""Structures that name another patient, or another image than their coordinates: drawn, and said."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from engine.dicom.rtstruct_read import read_rtstruct
from engine.structures import StructureSet
from engine.volume import Volume
from tests.rtstruct.study import Contour, make_study, write_rtstruct


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    folder = tmp_path_factory.mktemp("study") / "ct"
    return make_study(folder, PatientID="123", PatientName="Doe^Jane")


def read(folder: Path, volume: Volume, patient: tuple[str, str]) -> StructureSet:
    def edit(dataset: Dataset) -> None:
        dataset.PatientID, dataset.PatientName = patient

    return read_rtstruct(write_rtstruct(folder / "rt.dcm", volume, {"cord": [Contour(2)]}, edit), volume)


@pytest.mark.parametrize("patient", [("456", "Doe^Jane"), ("123", "Roe^Richard"), ("", "Roe^Richard")])
def test_structures_of_another_patient_are_told(tmp_path: Path, volume: Volume, patient: tuple[str, str]) -> None:
    structures = read(tmp_path, volume, patient)
    assert [roi.name for roi in structures.rois] == ["cord"]
    assert any("of the same person" in note for note in structures.notes)


@pytest.mark.parametrize("patient", [("123", "Doe^Jane"), ("123 ", "DOE^JANE^"), ("", ""), ("123", "")])
def test_structures_of_the_same_patient_need_no_word(tmp_path: Path, volume: Volume, patient: tuple[str, str]) -> None:
    assert read(tmp_path, volume, patient).notes == ()


def test_contours_that_name_another_image_than_their_plane_s_are_told(tmp_path: Path, volume: Volume) -> None:
    def edit(dataset: Dataset) -> None:
        image = dataset.ROIContourSequence[0].ContourSequence[0].ContourImageSequence[0]
        image.ReferencedSOPInstanceUID = volume.instances[4].sop_instance_uid

    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"cord": [Contour(1), Contour(2)]}, edit)
    structures = read_rtstruct(path, volume)
    assert set(structures.rois[0].planes) == {1, 2}
    assert any(note.startswith("1 contour names another image") for note in structures.notes)


def test_a_contour_s_type_in_small_letters_is_the_same(tmp_path: Path, volume: Volume) -> None:
    contours = [Contour(2, geometric_type="closed_planar")]
    structures = read_rtstruct(write_rtstruct(tmp_path / "rt.dcm", volume, {"cord": contours}), volume)
    assert set(structures.rois[0].planes) == {2}
