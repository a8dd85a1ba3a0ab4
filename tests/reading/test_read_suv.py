"""PET becomes SUVbw by the formula, or stays what it is with a plain sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from engine.opening import open_volume
from engine.volume import Volume
from tests.synthetic import make_geometry, write_series

SHAPE = (3, 8, 8)
ACTIVITY = np.random.default_rng(0).integers(0, 30_000, SHAPE)
HALF_LIFE, DOSE, WEIGHT = 6586.2, 350e6, 70_000.0


def opened(folder: Path, edit: Callable[[Dataset], object] = lambda _: None, **elements: object) -> Volume:
    write_series(folder, ACTIVITY, make_geometry(SHAPE), "PT", edit=lambda ds, _: edit(ds), **elements)
    return open_volume(folder)


def assert_suv(volume: Volume, decay_s: float) -> None:
    expected = ACTIVITY * WEIGHT / (DOSE * 2 ** (-decay_s / HALF_LIFE))
    assert volume.units == "SUVbw"
    assert volume.voxels.dtype == np.float32
    np.testing.assert_allclose(volume.voxels, expected, rtol=1e-6)


def drug(dataset: Dataset) -> Dataset:
    item = dataset.RadiopharmaceuticalInformationSequence[0]
    assert isinstance(item, Dataset)
    return item


def test_activity_is_decayed_from_injection_to_the_start_of_the_scan(tmp_path: Path) -> None:
    volume = opened(tmp_path)
    assert_suv(volume, 3600)
    assert volume.notes == ()


def test_decay_to_administration_takes_the_dose_as_given(tmp_path: Path) -> None:
    assert_suv(opened(tmp_path, DecayCorrection="ADMIN"), 0)


def test_injection_before_midnight_and_scan_after_it(tmp_path: Path) -> None:
    times = {"SeriesTime": "003000", "AcquisitionTime": "003000"}
    volume = opened(tmp_path, lambda ds: setattr(drug(ds), "RadiopharmaceuticalStartTime", "233000"), **times)
    assert_suv(volume, 3600)


def test_a_full_injection_date_is_used_where_it_is_plausible(tmp_path: Path) -> None:
    def inject(dataset: Dataset) -> None:
        drug(dataset).RadiopharmaceuticalStartDateTime = "20240102081500"
        drug(dataset).RadiopharmaceuticalStartTime = "091500"

    assert_suv(opened(tmp_path, inject), 7200)


def test_bed_positions_are_all_decayed_to_the_first(tmp_path: Path) -> None:
    clock = iter(["102500", "101500", "102000"])
    assert_suv(opened(tmp_path, lambda ds: setattr(ds, "AcquisitionTime", next(clock))), 3600)


def test_ge_s_private_scan_time_replaces_a_later_series_time(tmp_path: Path) -> None:
    def reconstruct(dataset: Dataset) -> None:
        dataset.SeriesTime = "140000"
        dataset.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20240102101500.00")

    assert_suv(opened(tmp_path, reconstruct), 3600)


def test_a_later_series_time_falls_back_to_the_frame_reference_time_with_a_note(tmp_path: Path) -> None:
    # 120 s frames that started 600 s into the scan: the mean count rate occurs near the middle of the frame.
    decay = np.log(2) / HALF_LIFE * 120
    mean_rate = np.log(decay / (1 - np.exp(-decay))) * HALF_LIFE / np.log(2)

    def reconstruct(dataset: Dataset) -> None:
        dataset.SeriesTime = "140000"
        dataset.AcquisitionTime = "102500"
        dataset.FrameReferenceTime = f"{(600 + mean_rate) * 1000:.3f}"

    volume = opened(tmp_path, reconstruct)
    assert_suv(volume, 3600)
    assert any("Frame Reference Time" in note for note in volume.notes)


def test_a_scan_start_that_no_tag_gives_leaves_activity(tmp_path: Path) -> None:
    def reconstruct(dataset: Dataset) -> None:
        dataset.SeriesTime = "140000"
        del dataset.FrameReferenceTime

    volume = opened(tmp_path, reconstruct)
    assert volume.units == "BQML"
    assert "Series Time" in volume.notes[0]


def test_philips_counts_by_the_factor_to_suv(tmp_path: Path) -> None:
    def philips(dataset: Dataset) -> None:
        dataset.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0x00, "DS", "0.00025")

    volume = opened(tmp_path, philips, Units="CNTS")
    assert volume.units == "SUVbw"
    np.testing.assert_allclose(volume.voxels, ACTIVITY * 0.00025, rtol=1e-6)


@pytest.mark.parametrize("suv_factor", [None, "0"])
def test_philips_counts_by_the_factor_to_activity(tmp_path: Path, suv_factor: str | None) -> None:
    def philips(dataset: Dataset) -> None:
        block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
        if suv_factor is not None:
            block.add_new(0x00, "DS", suv_factor)
        block.add_new(0x09, "DS", "1.0")

    assert_suv(opened(tmp_path, philips, Units="CNTS"), 3600)


def test_counts_without_the_vendor_s_factor_stay_counts(tmp_path: Path) -> None:
    volume = opened(tmp_path, Units="CNTS")
    assert volume.units == "CNTS"
    np.testing.assert_array_equal(volume.voxels, ACTIVITY)
    assert "7053,1000" in volume.notes[0]


@pytest.mark.parametrize(("kind", "units"), [("", "SUVbw"), ("BW", "SUVbw"), ("LBM", "SUVlbm")])
def test_gml_is_suv_already(tmp_path: Path, kind: str, units: str) -> None:
    volume = opened(tmp_path, Units="GML", **({"SUVType": kind} if kind else {}))
    assert volume.units == units
    np.testing.assert_array_equal(volume.voxels, ACTIVITY)


@pytest.mark.parametrize(
    ("remove", "sentence"),
    [
        (lambda ds: delattr(ds, "PatientWeight"), "Patient's Weight"),
        (lambda ds: setattr(ds, "PatientWeight", "0"), "Patient's Weight"),
        (lambda ds: delattr(ds, "RadiopharmaceuticalInformationSequence"), "Radiopharmaceutical Information"),
        (lambda ds: delattr(drug(ds), "RadionuclideTotalDose"), "Total Dose"),
        (lambda ds: delattr(drug(ds), "RadionuclideHalfLife"), "Half Life"),
        (lambda ds: delattr(drug(ds), "RadiopharmaceuticalStartTime"), "Start Time"),
        (lambda ds: setattr(ds, "CorrectedImage", ["ATTN"]), "decay"),
        (lambda ds: setattr(ds, "CorrectedImage", ["DECY"]), "attenuation"),
        (lambda ds: setattr(ds, "DecayCorrection", "NONE"), "Decay Correction is NONE"),
        (lambda ds: delattr(ds, "DecayCorrection"), "Decay Correction is missing"),
    ],
)
def test_a_missing_tag_leaves_activity_and_is_named(
    tmp_path: Path, remove: Callable[[Dataset], None], sentence: str
) -> None:
    volume = opened(tmp_path, remove)
    assert volume.units == "BQML"
    np.testing.assert_array_equal(volume.voxels, ACTIVITY)
    assert len(volume.notes) == 1
    assert sentence in volume.notes[0]
