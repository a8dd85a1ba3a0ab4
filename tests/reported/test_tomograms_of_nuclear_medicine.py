"""Multi-frame files of nuclear medicine, whose slices are placed by the detector's first one and a spacing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage, generate_uid

from engine.opening import open_volume
from engine.stored.scan import scan

SLICES = np.arange(4 * 5 * 3, dtype=np.uint16).reshape(4, 5, 3)


def write(folder: Path, step: float = 4.0, vector: Sequence[int] = (1, 2, 3, 4), kind: str = "RECON TOMO") -> Path:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = NuclearMedicineImageStorage, generate_uid()
    dataset.Modality, dataset.PatientID, dataset.PatientName = "NM", "SYN-1", "Phantom"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", kind, "EMISSION"]
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = SLICES.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelSpacing, dataset.SliceThickness, dataset.SpacingBetweenSlices = [2, 2], 4, step
    dataset.SliceVector = list(vector)
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [-3, -5, 10], [1, 0, 0, 0, 1, 0]
    dataset.DetectorInformationSequence = [detector]
    dataset.PixelData = SLICES.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(folder / "nm.dcm", enforce_file_format=True)
    return folder


@pytest.mark.parametrize("step", [4.0, -4.0])
def test_slices_follow_the_first_one_along_the_normal_or_against_it(tmp_path: Path, step: float) -> None:
    volume = open_volume(write(tmp_path, step))
    np.testing.assert_array_equal(volume.voxels, SLICES if step > 0 else SLICES[::-1])
    np.testing.assert_allclose(
        volume.geometry.positions, 10 + step * (np.arange(4) if step > 0 else np.arange(4)[::-1])
    )
    np.testing.assert_allclose(volume.geometry.origins_lps[:, :2], [[-3, -5]] * 4)
    assert volume.geometry.spacing_uv == (2, 2)


def test_frames_are_the_slices_that_their_vector_says(tmp_path: Path) -> None:
    volume = open_volume(write(tmp_path, vector=(3, 1, 4, 2)))
    np.testing.assert_array_equal(volume.voxels, SLICES[[1, 3, 0, 2]])


@pytest.mark.parametrize(("vector", "kind"), [((1, 2, 1, 2), "RECON GATED TOMO"), ((1, 2, 3, 4), "STATIC")])
def test_gated_and_flat_images_stay_pictures(tmp_path: Path, vector: tuple[int, ...], kind: str) -> None:
    (series,) = scan([write(tmp_path, vector=vector, kind=kind)]).series()
    assert series.handler.pages
