"""Multi-frame files of nuclear medicine, whose slices are placed by the detector's first one and a spacing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage, generate_uid

from engine.opening import find_images, open_volume
from engine.stored.read import read_series
from engine.stored.scan import scan

SLICES = np.arange(4 * 5 * 3, dtype=np.uint16).reshape(4, 5, 3)


def write(
    folder: Path,
    step: float = 4.0,
    vector: Sequence[int] = (1, 2, 3, 4),
    kind: str = "RECON TOMO",
    values: NDArray[np.uint16] = SLICES,
    **vectors: Sequence[int],
) -> Path:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = NuclearMedicineImageStorage, generate_uid()
    dataset.Modality, dataset.PatientID, dataset.PatientName = "NM", "SYN-1", "Phantom"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", kind, "EMISSION"]
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelSpacing, dataset.SliceThickness, dataset.SpacingBetweenSlices = [2, 2], 4, step
    dataset.SliceVector = list(vector)
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [-3, -5, 10], [1, 0, 0, 0, 1, 0]
    dataset.DetectorInformationSequence = [detector]
    for keyword, each in vectors.items():
        setattr(dataset, keyword, list(each))
    dataset.PixelData = values.tobytes()
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


#: Two moments of a beat of four slices.
BEAT = np.concatenate([SLICES, SLICES + 100])


@pytest.mark.parametrize(("slices", "vectors"), [
    ((1, 2, 3, 4) * 2, {"TimeSlotVector": (1,) * 4 + (2,) * 4}), ((1, 2, 3, 4) * 2, {}),
    ((1, 2, 3, 4) * 2, {"TimeSlotVector": (1,) * 4 + (2,) * 4, "RRIntervalVector": (1,) * 8}),
])  # fmt: skip
def test_the_moments_of_a_gated_tomogram_are_volumes_of_one_series(
    tmp_path: Path, slices: tuple[int, ...], vectors: dict[str, Sequence[int]]
) -> None:
    path = write(tmp_path, vector=slices, kind="RECON GATED TOMO", values=BEAT, **vectors)
    found = find_images(path)
    assert [(series.axis, series.member) for series in found] == [("time slot", "1"), ("time slot", "2")]
    for series, expected in zip(found, (SLICES, SLICES + 100), strict=True):
        volume = read_series(series)
        np.testing.assert_array_equal(volume.voxels, expected)
        np.testing.assert_allclose(volume.geometry.positions, 10 + 4 * np.arange(4))
    assert [left.kind for left in open_volume(path).left_out] == ["phases"]


def test_frames_of_a_gated_tomogram_may_come_slice_by_slice(tmp_path: Path) -> None:
    mixed = BEAT.reshape(2, 4, 5, 3).swapaxes(0, 1).reshape(8, 5, 3)
    vectors = {"TimeSlotVector": (1, 2) * 4}
    path = write(tmp_path, vector=(1, 1, 2, 2, 3, 3, 4, 4), kind="RECON GATED TOMO", values=mixed, **vectors)
    np.testing.assert_array_equal(
        [read_series(series).voxels for series in find_images(path)], BEAT.reshape(2, 4, 5, 3)
    )


@pytest.mark.parametrize(("vector", "kind", "vectors"), [
    ((1, 2, 1, 3), "RECON GATED TOMO", {}), ((1, 2, 3, 4), "STATIC", {}), ((1, 2, 1, 2), "GATED TOMO", {}),
    ((1, 2, 1, 2), "RECON GATED TOMO", {"RRIntervalVector": (1, 1, 2, 2)}),
    ((1, 2, 1, 2), "RECON GATED TOMO", {"TimeSlotVector": (1, 1, 1, 2)}),
])  # fmt: skip
def test_flat_images_and_tomograms_that_are_not_whole_stay_pictures(
    tmp_path: Path, vector: tuple[int, ...], kind: str, vectors: dict[str, Sequence[int]]
) -> None:
    (series,) = scan([write(tmp_path, vector=vector, kind=kind, **vectors)]).series()
    assert series.handler.pages
