"""Enhanced multi-frame files are stacks of planes like any other."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from engine.dicom import groups
from engine.dicom.header import read_header
from engine.dicom.walk import NotPlainError, Walker
from engine.errors import ReadError
from engine.opening import open_volume
from engine.stored.read import read_series
from engine.stored.scan import scan
from tests.reading.reference import assert_as_image
from tests.synthetic import COMPRESSED, make_geometry, make_voxels, random_rotation, write_enhanced

SHAPE = (6, 14, 11)


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("per_frame", [True, False])
def test_frames_are_sorted_by_place(tmp_path: Path, modality: str, per_frame: bool) -> None:
    geometry = make_geometry(SHAPE, directions=random_rotation(3))
    voxels = make_voxels(SHAPE)
    order = [4, 2, 0, 5, 1, 3]
    write_enhanced(tmp_path / "e.dcm", voxels, geometry, modality, per_frame=per_frame, order=order)
    volume = open_volume(tmp_path)
    assert volume.geometry.same_grid(geometry)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert [order[(instance.frame_number or 0) - 1] for instance in volume.instances] == list(range(6))
    assert volume.units == ("HU" if modality == "CT" else "")


def test_frames_in_order_are_read_as_simpleitk_reads_them(tmp_path: Path) -> None:
    import SimpleITK as sitk

    path = write_enhanced(tmp_path / "e.dcm", make_voxels(SHAPE), make_geometry(SHAPE))
    assert_as_image(open_volume(path), sitk.ReadImage(str(path)))


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_compressed_frames_are_each_decoded(tmp_path: Path, syntax: str) -> None:
    voxels = make_voxels(SHAPE)
    order = [1, 0, 3, 2, 5, 4]
    write_enhanced(tmp_path / "e.dcm", voxels, make_geometry(SHAPE), order=order, transfer_syntax=syntax)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, voxels)


def test_each_frame_is_rescaled_by_its_own_slope(tmp_path: Path) -> None:
    slopes = np.array([0.5, 1, 2, 0.25, 4, 1])
    voxels = np.random.default_rng(0).integers(0, 1000, SHAPE) * slopes[:, None, None] - 5
    write_enhanced(tmp_path / "e.dcm", voxels, make_geometry(SHAPE), "MR", slope=slopes, intercept=-5)
    np.testing.assert_allclose(open_volume(tmp_path).voxels, voxels)


def test_phases_in_one_file_are_parted(tmp_path: Path) -> None:
    one = make_geometry((3, 14, 11))
    origins = np.concatenate([one.origins_lps, one.origins_lps])
    voxels = make_voxels(SHAPE)

    def two_phases(dataset: Dataset) -> None:
        for k, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            frame.PlanePositionSequence[0].ImagePositionPatient = [f"{x:.6g}" for x in origins[k]]
            frame.FrameContentSequence[0].TemporalPositionIndex = 1 + k // 3

    write_enhanced(tmp_path / "e.dcm", voxels, make_geometry(SHAPE), "MR", edit=two_phases)
    found = [series for series in scan([tmp_path]).series() if series.is_image]
    volumes = [read_series(series).voxels for series in found]
    np.testing.assert_array_equal(volumes[0], voxels[:3])
    np.testing.assert_array_equal(volumes[1], voxels[3:])
    assert ["time point" in series.info.description for series in found] == [True, True]


def test_orientations_in_one_file_are_parted(tmp_path: Path) -> None:
    def turn_last(dataset: Dataset) -> None:
        group = dataset.PerFrameFunctionalGroupsSequence[-1]
        group.PlaneOrientationSequence[0].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    write_enhanced(tmp_path / "e.dcm", make_voxels(SHAPE), make_geometry(SHAPE), "MR", edit=turn_last)
    found = [series for series in scan([tmp_path]).series() if series.is_image]
    assert [series.plane_count for series in found] == [5, 1]


def test_enhanced_pet_becomes_suv(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 9000, SHAPE)

    def enhance(dataset: Dataset) -> None:
        del dataset.Units, dataset.CorrectedImage, dataset.DecayCorrection
        dataset.DecayCorrected = dataset.AttenuationCorrected = "YES"
        dataset.DecayCorrectionDateTime = "20240102101500"
        drug = dataset.RadiopharmaceuticalInformationSequence[0]
        drug.RadiopharmaceuticalStartDateTime = "20240102091500"
        mapping, code = Dataset(), Dataset()
        code.CodeValue, code.CodingSchemeDesignator = "Bq/ml", "UCUM"
        mapping.MeasurementUnitsCodeSequence = Sequence([code])
        mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 1.0, 0.0
        dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = Sequence([mapping])

    write_enhanced(tmp_path / "e.dcm", voxels, make_geometry(SHAPE), "PT", edit=enhance)
    volume = open_volume(tmp_path)
    dose = 350e6 * 2 ** (-3600 / 6586.2)
    assert volume.units == "SUVbw"
    np.testing.assert_allclose(volume.voxels, voxels * 70_000 / dose, rtol=1e-6)


def test_fewer_descriptions_than_frames_is_said(tmp_path: Path) -> None:
    def drop(dataset: Dataset) -> None:
        del dataset.PerFrameFunctionalGroupsSequence[-1]

    path = write_enhanced(tmp_path / "e.dcm", make_voxels(SHAPE), make_geometry(SHAPE), edit=drop)
    with pytest.raises(ReadError, match="6 frames but describes 5"):
        open_volume(path)


def test_a_truncated_compressed_frame_is_said(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "e.dcm", make_voxels(SHAPE), make_geometry(SHAPE), transfer_syntax=RLELossless)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 900])
    volume = open_volume(path)
    lost = SHAPE[0] - volume.geometry.shape[0]
    assert 0 < lost < SHAPE[0]
    assert f"{lost} of {SHAPE[0]} planes" in volume.notes[0]
    assert "e.dcm is damaged" in volume.notes[0]


def test_frames_among_large_private_groups_are_found_without_parsing_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_new_scanners_write(dataset: Dataset) -> None:
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            frame.is_undefined_length_sequence_item = True
            inner = Dataset()
            inner.is_undefined_length_sequence_item = True
            inner.private_block(0x21, "SIEMENS MR SDI 02", create=True).add_new(0x10, "LO", "x")
            block = frame.private_block(0x21, "SIEMENS MR SDR 01", create=True)
            block.add_new(0xFE, "SQ", Sequence([inner]))
            diffusion, direction = Dataset(), Dataset()
            diffusion.DiffusionBValue = 700.0
            direction.DiffusionGradientOrientation = [0.0, 0.6, 0.8]
            diffusion.DiffusionGradientDirectionSequence = Sequence([direction])
            frame.MRDiffusionSequence = Sequence([diffusion])
            for element in frame:
                if element.VR == "SQ":
                    element.is_undefined_length = True
        for keyword in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
            dataset[keyword].is_undefined_length = True

    voxels = make_voxels(SHAPE)
    path = write_enhanced(tmp_path / "e.dcm", voxels, make_geometry(SHAPE), "MR", edit=as_new_scanners_write)

    def parsed(*_: object) -> None:
        raise AssertionError("parsed whole")

    with monkeypatch.context() as patch:
        patch.setattr(Walker, "_parse", parsed)
        quick = read_header(path).planes
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, voxels)
    assert (quick[0].trait("DiffusionBValue"), quick[0].trait("DiffusionGradientOrientation")) == (
        "700.0",
        "0.0\\0.6\\0.8",
    )

    def refuse(*_: object) -> None:
        raise NotPlainError

    monkeypatch.setattr(groups._Walk, "frames", refuse)
    assert read_header(path).planes == quick
