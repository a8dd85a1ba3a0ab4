"""Images whose values with a unit come from a real world value mapping, not from a rescale."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from engine.errors import ReadError
from engine.opening import open_volume
from engine.volume import Volume
from tests.synthetic import make_geometry, write_enhanced, write_series

SHAPE = (3, 4, 4)
STORED = np.arange(48).reshape(SHAPE) + 100
#: 1 Bq/ml of a 70 kg patient an hour after 350 MBq of F-18.
PER_BQ = 70_000 / (350e6 * 2 ** (-3600 / 6586.2))


def mapping(
    unit: str, slope: float = 1.0, label: str = "", intercept: float = 0.0, span: tuple[int, int] = (0, 32767)
) -> Dataset:
    item, code = Dataset(), Dataset()
    setattr(code, "CodeValue" if len(unit) <= 16 else "LongCodeValue", unit)
    code.CodingSchemeDesignator, code.CodeMeaning = "UCUM", unit
    item.MeasurementUnitsCodeSequence = [code]
    item.LUTLabel, item.LUTExplanation = label or unit[:16], unit
    item.add_new("RealWorldValueFirstValueMapped", "SS", span[0])
    item.add_new("RealWorldValueLastValueMapped", "SS", span[1])
    item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
    return item


def enhanced(
    folder: Path,
    maps: Sequence[Dataset],
    modality: str = "PT",
    *,
    per_frame: Sequence[Sequence[Dataset]] = (),
    rescale: tuple[float, float] | None = (3.0, 7.0),
    rescale_type: str = "US",
    also: Callable[[Dataset], None] = lambda dataset: None,
    **options: str,
) -> Path:
    def edit(dataset: Dataset) -> None:
        if modality == "PT":
            del dataset.Units, dataset.CorrectedImage, dataset.DecayCorrection
            dataset.DecayCorrected = dataset.AttenuationCorrected = "YES"
            dataset.DecayCorrectionDateTime = "20240102101500"
            drug = dataset.RadiopharmaceuticalInformationSequence[0]
            drug.RadiopharmaceuticalStartDateTime = "20240102091500"
            drug.RadionuclideTotalDose = "350"
        shared = dataset.SharedFunctionalGroupsSequence[0]
        if maps:
            shared.RealWorldValueMappingSequence = list(maps)
        for frame, own in zip(dataset.PerFrameFunctionalGroupsSequence, per_frame, strict=False):
            frame.RealWorldValueMappingSequence = list(own)
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            if rescale is None:
                del frame.PixelValueTransformationSequence
            else:
                item = frame.PixelValueTransformationSequence[0]
                item.RescaleSlope, item.RescaleIntercept, item.RescaleType = *rescale, rescale_type
        also(dataset)

    return write_enhanced(folder / "e.dcm", STORED, make_geometry(SHAPE), modality, edit=edit, **options)


def read(folder: Path, units: str = "") -> Volume:
    return open_volume(folder, units=units)


def assert_values(volume: Volume, units: str, values: np.ndarray) -> None:
    assert volume.units == units, volume.notes
    np.testing.assert_allclose(volume.voxels, values, rtol=1e-5)


@pytest.mark.parametrize("syntax", ["", ImplicitVRLittleEndian])
def test_numbers_come_from_the_mapping_that_gives_the_unit(tmp_path: Path, syntax: str) -> None:
    enhanced(tmp_path, [mapping("Bq/ml", 2.5)], **({"transfer_syntax": syntax} if syntax else {}))
    volume = open_volume(tmp_path)
    assert_values(volume, "SUVbw", STORED * 2.5 * PER_BQ)
    assert volume.notes == ()


@pytest.mark.parametrize(("unit", "factor"), [("kBq/ml", 1000), ("Bq/cc", 1), ("BQ/ML", 1), ("MBq/ml", 1e6)])
def test_activity_is_known_by_any_of_its_codes(tmp_path: Path, unit: str, factor: float) -> None:
    enhanced(tmp_path, [mapping(unit, 2.0)])
    assert_values(open_volume(tmp_path), "SUVbw", STORED * 2.0 * factor * PER_BQ)


@pytest.mark.parametrize("suv", ["{SUVbw}g/ml", "g/ml{SUVbw}"])
@pytest.mark.parametrize("first", [True, False])
def test_of_several_mappings_the_unit_decides_and_the_others_are_offered(tmp_path: Path, suv: str, first: bool) -> None:
    maps = [mapping(suv, 0.01), mapping("Bq/ml", 2.5), mapping("{counts}", 1.0)]
    enhanced(tmp_path, maps if first else maps[::-1])
    volume = open_volume(tmp_path)
    assert_values(volume, "SUVbw", STORED * 0.01)
    (note,) = volume.notes
    assert "SUVbw" in note and "BQML" in note and "CNTS" in note
    assert_values(read(tmp_path, "BQML"), "BQML", STORED * 2.5)
    assert_values(read(tmp_path, "cnts"), "CNTS", STORED)
    with pytest.raises(ReadError, match="no values in SUVlbm"):
        read(tmp_path, "SUVlbm")


@pytest.mark.parametrize(
    ("unit", "units"),
    [("{SUVlbm}g/ml", "SUVlbm"), ("g/ml{SUVlbm(Janma)}", "SUVlbm"), ("cm2/ml{SUVbsa}", "SUVbsa"), ("ml/g", "ml/g")],
)
def test_other_uptake_values_keep_their_name(tmp_path: Path, unit: str, units: str) -> None:
    enhanced(tmp_path, [mapping(unit, 0.5)])
    assert_values(open_volume(tmp_path), units, STORED * 0.5)


def test_each_frame_is_mapped_by_its_own_mapping(tmp_path: Path) -> None:
    slopes = np.array([0.5, 1.0, 2.0])
    enhanced(tmp_path, [], per_frame=[[mapping("Bq/ml", slope)] for slope in slopes])
    assert_values(open_volume(tmp_path), "SUVbw", STORED * slopes[:, None, None] * PER_BQ)


def test_a_mapping_that_a_frame_lacks_is_not_taken(tmp_path: Path) -> None:
    suv, activity = mapping("{SUVbw}g/ml", 0.01), mapping("Bq/ml", 2.0)
    enhanced(tmp_path, [], per_frame=[[suv, activity], [activity], [suv, activity]])
    assert_values(open_volume(tmp_path), "SUVbw", STORED * 2.0 * PER_BQ)


@pytest.mark.parametrize("maps", [[], [mapping("1", 2.0)]], ids=["none", "without a unit"])
def test_without_a_mapping_the_unit_stays_unknown(tmp_path: Path, maps: list[Dataset]) -> None:
    enhanced(tmp_path, maps)
    volume = open_volume(tmp_path)
    assert_values(volume, "", STORED * 3.0 + 7)
    assert any("units that the file does not say" in note for note in volume.notes)


def test_a_mapping_of_pieces_maps_each_range_by_its_own_line(tmp_path: Path) -> None:
    enhanced(
        tmp_path, [mapping("Bq/ml", 2.0, "LOW", span=(0, 119)), mapping("Bq/ml", 10.0, "HIGH", -960, span=(120, 999))]
    )
    expected = np.where(STORED < 120, STORED * 2.0, STORED * 10.0 - 960)
    assert_values(open_volume(tmp_path), "SUVbw", expected * PER_BQ)


def test_a_table_gives_the_value_of_each_stored_value(tmp_path: Path) -> None:
    table = mapping("Bq/ml", span=(100, 147))
    del table.RealWorldValueSlope, table.RealWorldValueIntercept
    table.RealWorldValueLUTData = [float(value) ** 2 for value in range(48)]
    enhanced(tmp_path, [table])
    assert_values(open_volume(tmp_path), "SUVbw", (STORED - 100.0) ** 2 * PER_BQ)


def test_stored_values_that_the_mapping_is_not_for_are_counted_in_a_note(tmp_path: Path) -> None:
    enhanced(tmp_path, [mapping("Bq/ml", 2.0, span=(110, 32767))])
    assert any(note.startswith("10 voxels") for note in open_volume(tmp_path).notes)


def test_parametric_mr_has_the_unit_of_its_mapping(tmp_path: Path) -> None:
    enhanced(tmp_path, [mapping("um2/s", 0.5, intercept=3)], "MR")
    assert_values(open_volume(tmp_path), "um2/s", STORED * 0.5 + 3)


def test_an_mr_whose_mapping_has_no_unit_keeps_its_rescale(tmp_path: Path) -> None:
    enhanced(tmp_path, [mapping("1", 0.5)], "MR")
    volume = open_volume(tmp_path)
    assert_values(volume, "", STORED * 3.0 + 7)
    assert volume.notes == ()


def test_ct_without_rescale_is_in_hu_by_its_mapping(tmp_path: Path) -> None:
    enhanced(tmp_path, [mapping("[hnsf'U]", 1.0, intercept=-1024)], "CT", rescale=None)
    assert_values(open_volume(tmp_path), "HU", STORED - 1024)


def test_ct_in_hu_by_its_rescale_stays_so_and_offers_its_mapping(tmp_path: Path) -> None:
    enhanced(tmp_path, [mapping("mg/cm3", 0.5)], "CT", rescale=(1.0, -1000.0), rescale_type="HU")
    volume = open_volume(tmp_path)
    assert_values(volume, "HU", STORED - 1000)
    assert any("mg/cm3" in note for note in volume.notes)
    assert_values(read(tmp_path, "mg/cm3"), "mg/cm3", STORED * 0.5)


def test_ct_whose_planes_differ_in_their_unit_is_not_called_hu(tmp_path: Path) -> None:
    def edit(dataset: Dataset, plane: int) -> None:
        dataset.RescaleType = "HU" if plane else "MGML"

    write_series(tmp_path, STORED, make_geometry(SHAPE), "CT", edit=edit)
    volume = open_volume(tmp_path)
    assert volume.units == ""
    assert any("HU, MGML" in note for note in volume.notes)


def test_files_of_one_plane_offer_their_mapping_beside_their_units(tmp_path: Path) -> None:
    write_series(
        tmp_path, STORED, make_geometry(SHAPE), "PT", edit=lambda dataset, plane: setattr(
            dataset, "RealWorldValueMappingSequence", [mapping("{SUVlbm}g/ml", 0.01 * (plane + 1))]
        )
    )  # fmt: skip
    volume = open_volume(tmp_path)
    assert_values(volume, "SUVbw", STORED * PER_BQ)
    assert any("SUVlbm" in note for note in volume.notes)
    assert_values(read(tmp_path, "SUVlbm"), "SUVlbm", STORED * 0.01 * np.array([1, 2, 3])[:, None, None])
    assert_values(read(tmp_path, "BQML"), "BQML", STORED)


def test_the_dose_of_enhanced_pet_is_in_mbq_and_one_in_bq_is_told_from_it(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = "350000000"

    enhanced(tmp_path, [mapping("Bq/ml", 2.5)], also=edit)
    volume = open_volume(tmp_path)
    assert_values(volume, "SUVbw", STORED * 2.5 * PER_BQ)
    assert any("taken to be in Bq" in note for note in volume.notes)


@pytest.mark.parametrize("dose", ["0.00035", "0.05", "3.5e14"])
def test_a_dose_of_enhanced_pet_that_cannot_be_gives_no_suv(tmp_path: Path, dose: str) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = dose

    enhanced(tmp_path, [mapping("Bq/ml", 2.5)], also=edit)
    assert_values(open_volume(tmp_path), "BQML", STORED * 2.5)


@pytest.mark.parametrize("rescale_type", ["HU", ""])
def test_each_frame_of_a_ct_is_rescaled_by_its_own_line(tmp_path: Path, rescale_type: str) -> None:
    lines = [(1.0, -1024.0), (2.0, -1000.0), (0.5, 0.0)]

    def edit(dataset: Dataset) -> None:
        for frame, (slope, intercept) in zip(dataset.PerFrameFunctionalGroupsSequence, lines, strict=True):
            item = frame.PixelValueTransformationSequence[0]
            item.RescaleSlope, item.RescaleIntercept, item.RescaleType = slope, intercept, rescale_type

    enhanced(tmp_path, [], "CT", also=edit)
    assert_values(open_volume(tmp_path), "HU", np.stack([STORED[k] * a + b for k, (a, b) in enumerate(lines)]))


def test_uptake_is_computed_from_activity_where_it_is_asked_for(tmp_path: Path) -> None:
    enhanced(tmp_path, [mapping("{counts}", 1.0), mapping("Bq/ml", 2.5, "ACT")])
    assert_values(read(tmp_path, "suvbw"), "SUVbw", STORED * 2.5 * PER_BQ)
    assert_values(read(tmp_path, "act"), "BQML", STORED * 2.5)


def test_a_file_of_one_unit_has_no_other(tmp_path: Path) -> None:
    path = tmp_path / "image.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(STORED.astype(np.int16)), str(path))
    with pytest.raises(ReadError, match="no values in SUVbw"):
        open_volume(path, units="SUVbw")


def test_every_other_unit_that_is_offered_can_be_read_and_leads_back(tmp_path: Path) -> None:
    one_way = enhanced(tmp_path / "a", [mapping("Bq/ml", 2.0), mapping("{counts}", 5.0)])
    write_series(tmp_path / "b", STORED, make_geometry(SHAPE), "PT")
    for path, offered in ((one_way, {"BQML", "CNTS"}), (tmp_path / "b", {"BQML"})):
        volume = open_volume(path)
        assert (volume.units, set(volume.other_units)) == ("SUVbw", offered)
        for units in volume.other_units:
            other = open_volume(path, units=units)
            assert other.units == units and "SUVbw" in other.other_units and units not in other.other_units
            assert open_volume(path, units="SUVbw").voxels == pytest.approx(volume.voxels)
