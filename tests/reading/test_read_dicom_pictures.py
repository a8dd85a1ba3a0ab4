"""DICOM photographs, captures, ultrasound and radiographs open as pictures, and say what their millimetres are."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_voi_lut, pixel_array
from pydicom.uid import DigitalXRayImageStorageForPresentation, UltrasoundMultiFrameImageStorage, generate_uid

from engine.errors import ReadError
from engine.opening import find_images, open_volume, why_not_over
from engine.stored.read import read_grid, thumbnail
from engine.stored.scan import scan
from tests.synthetic import make_geometry, write_series

#: A file of each layout and compression of colours that pydicom brings.
COLOURED = [
    "ExplVR_BigEnd.dcm",
    "GDCMJ2K_TextGBR.dcm",
    "SC_jpeg_no_color_transform.dcm",
    "SC_rgb_dcmtk_+eb+cy+n1.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "examples_jpeg2k.dcm",
    "examples_palette.dcm",
    "examples_rgb_color.dcm",
    "examples_ybr_color.dcm",
]


def of_pydicom(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    if found is None:
        pytest.skip(f"pydicom brings no {name}")
    return Path(str(found))


@pytest.mark.parametrize("name", COLOURED)
def test_colours_are_those_that_pydicom_gives(name: str) -> None:
    path = of_pydicom(name)
    file = dcmread(path)
    expected = pixel_array(file)
    if file.PhotometricInterpretation == "PALETTE COLOR":
        expected = apply_color_lut(expected, file)[..., :3]
    if expected.dtype != np.uint8:
        expected = (expected >> 8).astype(np.uint8)
    volume = open_volume(path)
    assert volume.is_colour
    assert not volume.geometry.in_patient
    assert np.array_equal(volume.voxels, expected.reshape(volume.voxels.shape))
    (series,) = find_images(path)
    assert read_grid(series).geometry.shape == volume.geometry.shape
    assert thumbnail(series).shape[2] == 3


def test_a_palette_of_16_bits_is_dark_where_the_picture_is(tmp_path: Path) -> None:
    """What is dark must not come out bright because nothing bright is in the frame."""
    file = dcmread(of_pydicom("examples_palette.dcm"))
    palette = apply_color_lut(np.arange(256), file)
    dark = int(palette.sum(axis=1).argmin())
    file.PixelData = np.full((file.Rows, file.Columns), dark, np.uint8).tobytes()
    file.save_as(tmp_path / "dark.dcm")
    assert np.array_equal(open_volume(tmp_path / "dark.dcm").voxels[0, 0, 0], palette[dark] >> 8)


def picture(
    folder: Path, values: np.ndarray, edit: Callable[[Dataset], Any] = lambda dataset: None, modality: str = "DX"
) -> Path:
    """A radiograph or the like without a place in the patient; of several frames where `values` has them."""

    def change(dataset: Dataset, _: int) -> None:
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope",
                        "RescaleIntercept", "SliceThickness", "FrameOfReferenceUID", "RescaleType"):  # fmt: skip
            if keyword in dataset:
                delattr(dataset, keyword)
        dataset.Modality = modality
        dataset.SOPClassUID = (
            UltrasoundMultiFrameImageStorage if modality == "US" else DigitalXRayImageStorageForPresentation
        )
        edit(dataset)

    shape = (1, *values.shape)
    (path,) = write_series(folder, values[None], make_geometry(shape), edit=change)
    return path


def radiograph() -> np.ndarray:
    return np.random.default_rng(8).integers(0, 4096, (20, 30)).astype(np.int16)


def test_a_radiograph_measures_at_its_detector_and_says_so(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.ImagerPixelSpacing = [0.2, 0.1]
        dataset.EstimatedRadiographicMagnificationFactor = 1.05
        dataset.WindowCenter, dataset.WindowWidth = [2000, 100], [3000, 10]
        dataset.PatientOrientation = ["L", "F"]
        dataset.PhotometricInterpretation = "MONOCHROME1"

    volume = open_volume(picture(tmp_path, radiograph(), edit))
    geometry = volume.geometry
    assert (geometry.unit, geometry.spacing_uv, geometry.measured) == ("mm", (0.1, 0.2), "at the detector")
    assert geometry.size_unit == "mm²"
    assert any("magnified there by about 1.05" in note for note in volume.notes)
    assert np.array_equal(volume.voxels[0], radiograph())
    stated = {key: volume.info.attributes[key] for key in ("WindowCenter", "PatientOrientation")}
    assert stated == {"WindowCenter": "2000.0\\100.0", "PatientOrientation": "L\\F"}


@pytest.mark.parametrize(
    ("elements", "spacing", "measured"),
    [
        ({}, None, ""),
        ({"PixelSpacing": [0.3, 0.3]}, (0.3, 0.3), ""),
        ({"PixelSpacing": [0.18, 0.18], "ImagerPixelSpacing": [0.2, 0.2], "PixelSpacingCalibrationType": "FIDUCIAL"},
         (0.18, 0.18), "calibrated by an object of known size"),
        ({"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2]}, (0.2, 0.2), "at the detector"),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), "on the film"),
        ({"ImagerPixelSpacing": [0.0, 0.2]}, None, ""),
    ],
)  # fmt: skip
def test_spacing_is_said_as_what_it_is(
    tmp_path: Path, elements: dict[str, Any], spacing: tuple[float, float] | None, measured: str
) -> None:
    def edit(dataset: Dataset) -> None:
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)

    geometry = open_volume(picture(tmp_path, radiograph(), edit)).geometry
    assert (geometry.unit, geometry.measured) == ("px" if spacing is None else "mm", measured)
    assert geometry.spacing_uv == (spacing or (1.0, 1.0))


def region(delta: float, last_column: int = 29) -> Dataset:
    item = Dataset()
    item.RegionLocationMinX0, item.RegionLocationMinY0 = 2, 3
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = last_column, 18
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta, -delta
    return item


@pytest.mark.parametrize(
    ("regions", "spacing", "told"),
    [
        ([region(0.01)], (0.1, 0.1), r"inside the ultrasound image alone \(columns × rows 2–29 × 3–18\)"),
        ([region(0.01), region(0.02)], None, "different scales"),
        ([region(0.01, last_column=300)], None, "reach beyond the picture"),
    ],
)
def test_ultrasound_is_measured_by_its_regions(
    tmp_path: Path, regions: list[Dataset], spacing: tuple[float, float] | None, told: str
) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.SequenceOfUltrasoundRegions = regions

    volume = open_volume(picture(tmp_path, radiograph(), edit, "US"))
    assert volume.geometry.spacing_uv == pytest.approx(spacing or (1.0, 1.0))
    assert volume.geometry.unit == ("mm" if spacing else "px")
    assert any(re.search(told, note) for note in volume.notes)


def test_values_go_through_the_tables_of_the_file_as_pydicom_takes_them(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        table = Dataset()
        table.LUTDescriptor = [4096, 0, 12]
        table.LUTData = (4095 - np.arange(4096)).astype("<u2").tobytes()
        table["LUTData"].VR = "OW"
        dataset.VOILUTSequence = [table]
        dataset.WindowCenter, dataset.WindowWidth = 5, 5

    path = picture(tmp_path, radiograph(), edit)
    volume = open_volume(path)
    file = dcmread(path)
    assert np.array_equal(volume.voxels[0], apply_voi_lut(file.pixel_array, file))
    assert "Values are those after the VOI LUT of the file." in volume.notes
    assert "WindowCenter" not in volume.info.attributes


def test_each_file_of_a_series_is_a_picture_and_its_frames_are_frames(tmp_path: Path) -> None:
    uid = generate_uid()
    for number in (2, 1):

        def edit(dataset: Dataset, number: int = number) -> None:
            dataset.SeriesInstanceUID, dataset.InstanceNumber = uid, number
            dataset.StudyInstanceUID, dataset.PatientID = f"{uid}.1", "P"
            dataset.NumberOfFrames = 4
            dataset.PixelData = dataset.PixelData * 4

        picture(tmp_path / str(number), radiograph(), edit, "XA")
    catalogue = scan([tmp_path])
    pictures = catalogue.images()
    assert [series.plane_count for series in pictures] == [4, 4]
    assert [series.info.description[-2:] for series in pictures] == ["#1", "#2"]
    assert len({series.uid for series in pictures}) == 2
    volume = open_volume(tmp_path / "1")
    assert [instance.frame_number for instance in volume.instances] == [1, 2, 3, 4]
    assert "no place in the patient" in why_not_over(pictures[1], volume)


def test_a_cut_off_picture_and_a_whole_slide_are_refused_in_a_sentence(tmp_path: Path) -> None:
    name = "examples_rgb_color.dcm"
    stored = of_pydicom(name).read_bytes()
    (tmp_path / name).write_bytes(stored[: len(stored) * 2 // 3])
    with pytest.raises(ReadError, match=r"examples_rgb_color\.dcm is (cut off|damaged)"):
        open_volume(tmp_path / name)
    slide = dcmread(of_pydicom(name))
    slide.SOPClassUID = slide.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    (tmp_path / "slide").mkdir()
    slide.save_as(tmp_path / "slide" / "slide.dcm")
    with pytest.raises(ReadError, match="microscope slide in tiles"):
        open_volume(tmp_path / "slide" / "slide.dcm")
