"""PET whose header has what cannot be, or says the same in another way: the right SUV, or none and a sentence."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from engine.opening import open_volume
from engine.volume import Volume
from tests.synthetic import make_geometry, write_series

SHAPE = (2, 4, 4)
HALF_LIFE, DOSE, WEIGHT_G = 6586.2, 370e6, 70_000.0
Edit = Callable[[Dataset, Dataset], object]


def opened(folder: Path, edit: Edit = lambda series, drug: None) -> Volume:
    """1000 Bq/ml everywhere; injected at 10:00, scanned at 11:00 of one day, unless `edit` says otherwise."""

    def write(dataset: Dataset, _: int) -> None:
        drug = dataset.RadiopharmaceuticalInformationSequence[0]
        dataset.SeriesDate = dataset.AcquisitionDate = "20240101"
        dataset.SeriesTime = dataset.AcquisitionTime = "110000"
        drug.RadiopharmaceuticalStartTime, drug.RadiopharmaceuticalStartDateTime = "100000", "20240101100000"
        drug.RadionuclideTotalDose = "370000000"
        edit(dataset, drug)

    write_series(folder, np.full(SHAPE, 1000), make_geometry(SHAPE), "PT", edit=write)
    return open_volume(folder)


def assert_elapsed(volume: Volume, seconds: float, rtol: float = 1e-6) -> None:
    assert volume.units == "SUVbw", volume.notes
    expected = 1000 * WEIGHT_G / (DOSE * 2 ** (-seconds / HALF_LIFE))
    np.testing.assert_allclose(volume.voxels, expected, rtol=rtol)


def assert_activity(volume: Volume, *words: str) -> None:
    assert volume.units == "BQML"
    assert (volume.voxels == 1000).all()
    assert any("No SUV" in note and all(word in note for word in words) for note in volume.notes), volume.notes


def of_drug(**elements: str) -> Edit:
    def edit(_: Dataset, drug: Dataset) -> None:
        for keyword, value in elements.items():
            setattr(drug, keyword, value)

    return edit


def of_series(**elements: str) -> Edit:
    def edit(series: Dataset, _: Dataset) -> None:
        for keyword, value in elements.items():
            setattr(series, keyword, value)

    return edit


def both(*edits: Edit) -> Edit:
    return lambda series, drug: [edit(series, drug) for edit in edits]


def without_time_of_day(_: Dataset, drug: Dataset) -> None:
    del drug.RadiopharmaceuticalStartTime


def without_date(_: Dataset, drug: Dataset) -> None:
    del drug.RadiopharmaceuticalStartDateTime


@pytest.mark.parametrize(
    "time",
    ["20240101110030", "20240101110000.5", "20240102100000", "20240101113000+0000"],
    ids=["30 s", "half a second", "a day", "with an offset"],
)
def test_an_injection_after_the_start_of_the_scan_is_not_moved_to_the_day_before(tmp_path: Path, time: str) -> None:
    edit = both(of_drug(RadiopharmaceuticalStartDateTime=time), of_series(TimezoneOffsetFromUTC="+0000"))
    assert_activity(opened(tmp_path, edit), "after the scan's start")


@pytest.mark.parametrize("date", ["19800101100000", "20231230100000"], ids=["decades", "two days"])
def test_a_full_date_more_than_ten_half_lives_before_the_scan_is_believed_and_gives_no_suv(
    tmp_path: Path, date: str
) -> None:
    volume = opened(tmp_path, of_drug(RadiopharmaceuticalStartDateTime=date))
    assert_activity(volume, "before the scan's start", "more than 10 half-lives")


@pytest.mark.parametrize(
    ("injected", "zone", "elapsed"),
    [
        ("20240101090000+0000", "+0100", 3600),
        ("20240101090000.000000-0000", "+0100", 3600),
        ("20240101100000.25+0100", "+0100", 3599.75),
        ("20240101000000-0900", "+0100", 3600),
        ("20240101143000+0530", "+0100", 3600),
        ("20231231220000-1100", "+0100", 3600),
        ("20240101100000", "+0100", 3600),
        ("20240101100000", "", 3600),
        ("202401011000", "-0500", 3600),
        ("2024010110", "", 3600),
    ],
)
def test_the_offset_of_a_date_and_time_from_utc_counts(
    tmp_path: Path, injected: str, zone: str, elapsed: float
) -> None:
    edit = both(without_time_of_day, of_drug(RadiopharmaceuticalStartDateTime=injected))
    edit = both(edit, of_series(TimezoneOffsetFromUTC=zone)) if zone else edit
    volume = opened(tmp_path, edit)
    assert_elapsed(volume, elapsed)
    assert volume.notes == ()


def test_the_scan_s_own_offset_counts(tmp_path: Path) -> None:
    def edit(series: Dataset, drug: Dataset) -> None:
        series.DecayCorrectionDateTime = "20240101100000+0000"
        drug.RadiopharmaceuticalStartDateTime = "20240101100000+0100"

    assert_elapsed(opened(tmp_path, edit), 3600)


def test_without_the_scan_s_offset_the_time_of_day_beside_it_tells_the_clock(tmp_path: Path) -> None:
    volume = opened(tmp_path, of_drug(RadiopharmaceuticalStartDateTime="20240101090000+0000"))
    assert_elapsed(volume, 3600)
    assert volume.notes == ()


def test_over_midnight_the_time_of_day_beside_it_is_of_the_next_day(tmp_path: Path) -> None:
    edit = of_drug(RadiopharmaceuticalStartDateTime="20231231233000+0000", RadiopharmaceuticalStartTime="003000")
    early = of_series(SeriesTime="013000", AcquisitionTime="013000")
    assert_elapsed(opened(tmp_path, both(edit, early)), 3600)


def test_an_injection_in_utc_and_a_scan_of_unknown_offset_give_no_suv(tmp_path: Path) -> None:
    edit = both(without_time_of_day, of_drug(RadiopharmaceuticalStartDateTime="20240101090000+0000"))
    assert_activity(opened(tmp_path, edit), "UTC", "Timezone Offset From UTC")


def test_another_offset_is_taken_for_the_scan_s_with_a_note(tmp_path: Path) -> None:
    edit = both(without_time_of_day, of_drug(RadiopharmaceuticalStartDateTime="20240101100000+0100"))
    volume = opened(tmp_path, edit)
    assert_elapsed(volume, 3600)
    assert any("one clock" in note for note in volume.notes)


def test_the_date_alone_says_the_day_of_the_time_of_day(tmp_path: Path) -> None:
    edit = of_drug(RadiopharmaceuticalStartDateTime="20231231", RadiopharmaceuticalStartTime="233000")
    early = of_series(SeriesTime="003000", AcquisitionTime="003000")
    volume = opened(tmp_path, both(edit, early))
    assert_elapsed(volume, 3600)
    assert volume.notes == ()


def test_a_date_alone_without_a_time_gives_no_suv(tmp_path: Path) -> None:
    edit = both(without_time_of_day, of_drug(RadiopharmaceuticalStartDateTime="20240101"))
    assert_activity(opened(tmp_path, edit), "Start Time is missing")


def test_a_time_of_day_alone_over_midnight_is_noted(tmp_path: Path) -> None:
    edit = both(without_date, of_drug(RadiopharmaceuticalStartTime="233000.50"))
    early = of_series(SeriesTime="003000", AcquisitionTime="003000")
    volume = opened(tmp_path, both(edit, early))
    assert_elapsed(volume, 3599.5)
    assert any("day before" in note for note in volume.notes)


def test_a_time_of_day_alone_just_after_the_scan_s_start_gives_no_suv(tmp_path: Path) -> None:
    edit = both(without_date, of_drug(RadiopharmaceuticalStartTime="110030"))
    assert_activity(opened(tmp_path, edit), "more than 10 half-lives")


def test_a_time_of_day_alone_does_not_say_the_day_of_a_nuclide_that_lasts_for_days(tmp_path: Path) -> None:
    edit = both(without_date, of_drug(RadionuclideHalfLife="282276"))
    assert_activity(opened(tmp_path, edit), "the day of the injection is missing")


def test_a_time_of_day_that_contradicts_the_full_date_is_noted(tmp_path: Path) -> None:
    volume = opened(tmp_path, of_drug(RadiopharmaceuticalStartTime="093000"))
    assert_elapsed(volume, 3600)
    assert any("09:30:00" in note for note in volume.notes)


def test_an_acquisition_without_a_date_of_its_own_is_no_date_made_of_its_time(tmp_path: Path) -> None:
    # "101012.101010" reads as the year 1010 where date and time are joined without looking.
    def edit(series: Dataset, _: Dataset) -> None:
        series.AcquisitionTime = "101012.101010"
        del series.AcquisitionDate

    assert_activity(opened(tmp_path, edit), "date or time of the acquisition is missing")


def test_the_acquisition_s_date_and_time_in_one_element_are_read(tmp_path: Path) -> None:
    def edit(series: Dataset, _: Dataset) -> None:
        series.AcquisitionDateTime = "20240101110000.000"
        del series.AcquisitionDate, series.AcquisitionTime

    assert_elapsed(opened(tmp_path, edit), 3600)


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"RadionuclideTotalDose": "370"}, ("370 Bq", "MBq?")),
        ({"RadionuclideTotalDose": "99999"}, ("99999 Bq",)),
        ({"RadionuclideTotalDose": "3.7e14"}, ("3.7e+14 Bq",)),
        ({"RadionuclideTotalDose": "-370000000"}, ("not above zero",)),
        ({"RadionuclideHalfLife": "109.8"}, ("109.8 s", "no nuclide")),
        ({"RadionuclideHalfLife": "0"}, ("not above zero",)),
    ],
)
def test_a_dose_or_half_life_that_cannot_be_gives_no_suv(
    tmp_path: Path, elements: dict[str, str], words: tuple[str, ...]
) -> None:
    assert_activity(opened(tmp_path, of_drug(**elements)), *words)


@pytest.mark.parametrize(("dose", "told"), [("350000", True), ("999999", True), ("1000000", False)])
def test_a_dose_that_may_be_in_kbq_is_told(tmp_path: Path, dose: str, told: bool) -> None:
    volume = opened(tmp_path, of_drug(RadionuclideTotalDose=dose))
    assert volume.units == "SUVbw"
    assert any("in kBq" in note for note in volume.notes) == told


@pytest.mark.parametrize("weight", ["0.07", "70000", "700", "0.9"])
def test_a_weight_that_cannot_be_gives_no_suv(tmp_path: Path, weight: str) -> None:
    assert_activity(opened(tmp_path, of_series(PatientWeight=weight)), "Patient's Weight is", "cannot be")


def named(code: str = "", meaning: str = "", drug_name: str = "", half_life: str = "") -> Edit:
    def edit(_: Dataset, drug: Dataset) -> None:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", meaning
        if code or meaning:
            drug.RadionuclideCodeSequence = [item]
        if drug_name:
            drug.Radiopharmaceutical = drug_name
        if half_life:
            drug.RadionuclideHalfLife = half_life

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        named(code="77004003", half_life="4062.6"),
        named(code="C-111A1", half_life="109.8"),
        named(meaning="^18^Fluorine", half_life="4062.6"),
        named(meaning="^68^Gallium"),
        named(drug_name="Fluorodeoxyglucose F^18^", half_life="4062.6"),
        named(drug_name="[68Ga]Ga-PSMA-11"),
        named(drug_name="Ga-68 DOTATATE"),
        named(drug_name="18FDG", half_life="1221.8"),
    ],
)
def test_a_half_life_that_is_not_of_the_nuclide_named_gives_no_suv(tmp_path: Path, edit: Edit) -> None:
    assert_activity(opened(tmp_path, edit), "Half Life", "which the file names")


@pytest.mark.parametrize(
    "edit",
    [
        named(code="77004003", half_life="6588"),
        named(drug_name="FDG -- fluorodeoxyglucose"),
        named(drug_name="PSMA-1007 F-18"),
        named(drug_name="18F-PSMA-1007"),
        named(code="123456", meaning="something else"),
    ],
)
def test_a_half_life_of_the_nuclide_named_or_of_none_gives_an_suv(tmp_path: Path, edit: Edit) -> None:
    assert opened(tmp_path, edit).units == "SUVbw"


def test_two_injections_give_no_suv(tmp_path: Path) -> None:
    def edit(series: Dataset, drug: Dataset) -> None:
        second = deepcopy(drug)
        second.RadionuclideTotalDose = "100000000"
        series.RadiopharmaceuticalInformationSequence.append(second)

    assert_activity(opened(tmp_path, edit), "2 injections")


@pytest.mark.parametrize(
    ("elements", "units"),
    [
        ({"Units": "GML", "SUVType": "LBMJANMA"}, "SUVlbm"),
        ({"Units": "CM2ML", "SUVType": "BSA"}, "SUVbsa"),
        ({"Units": "CM2ML"}, "SUVbsa"),
        ({"Units": "GML", "SUVType": "IBW"}, "SUVibw"),
        ({"Units": "PROPCPS"}, "PROPCPS"),
        ({"Units": "CNTS"}, "CNTS"),
    ],
)
def test_values_in_other_units_are_never_called_uptake_by_body_weight(
    tmp_path: Path, elements: dict[str, str], units: str
) -> None:
    volume = opened(tmp_path, of_series(**elements))
    assert volume.units == units
    assert (volume.voxels == 1000).all()


def of_one_file(edit: Edit) -> Edit:
    """The same for the first file of the series alone."""
    return lambda series, drug: edit(series, drug) if series.InstanceNumber == 1 else None


def with_scale(scale: str) -> Edit:
    def edit(series: Dataset, _: Dataset) -> None:
        series.Units = "CNTS"
        series.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0, "DS", scale)

    return edit


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (of_series(PatientWeight="71"), "Patient's Weight"),
        (of_series(DecayCorrection="ADMIN"), "Decay Correction"),
        (of_series(CorrectedImage="DECY"), "Corrected Image"),
        (of_series(SeriesTime="103000"), "Series Time"),
        (of_drug(RadionuclideTotalDose="185000000"), "Radiopharmaceutical Information"),
        (of_drug(RadiopharmaceuticalStartDateTime="20240101093000"), "Radiopharmaceutical Information"),
    ],
)
def test_files_that_differ_in_what_the_uptake_comes_from_give_no_suv(tmp_path: Path, edit: Edit, word: str) -> None:
    assert_activity(opened(tmp_path, of_one_file(edit)), "differ", word)


def test_a_vendor_s_scale_that_differs_between_files_gives_no_suv(tmp_path: Path) -> None:
    volume = opened(tmp_path, both(with_scale("0.0005"), of_one_file(with_scale("0.0006"))))
    assert volume.units == "CNTS"
    assert any("differ" in note and "7053,1000" in note for note in volume.notes)


def test_files_in_different_units_have_no_unit_together(tmp_path: Path) -> None:
    volume = opened(tmp_path, of_one_file(of_series(Units="GML")))
    assert volume.units == ""
    assert any("BQML/GML" in note for note in volume.notes)


@pytest.mark.parametrize(
    "edit",
    [
        of_series(PatientWeight="70.0"),
        of_drug(RadionuclideTotalDose="3.70e8"),
        of_series(SeriesTime="110000.000000"),
        of_series(SeriesTime="105959"),
    ],
    ids=["70.0", "3.70e8", "with a fraction", "a second apart"],
)
def test_files_that_say_the_same_in_other_words_give_the_suv(tmp_path: Path, edit: Edit) -> None:
    # Which of the files counts is not told: a second is 1.05e-4 of the activity.
    assert_elapsed(opened(tmp_path, of_one_file(edit)), 3600, rtol=1.1e-4)


def test_a_series_that_begins_long_before_its_acquisition_is_noted(tmp_path: Path) -> None:
    volume = opened(tmp_path, of_series(SeriesTime="101000"))
    assert_elapsed(volume, 600)
    assert any("50 min before the first acquisition" in note for note in volume.notes)


def test_times_that_were_set_to_zero_give_no_suv(tmp_path: Path) -> None:
    zero = of_series(SeriesTime="000000", AcquisitionTime="000000")
    edit = both(without_date, of_drug(RadiopharmaceuticalStartTime="000000"), zero)
    assert_activity(opened(tmp_path, edit), "removed")


@pytest.mark.parametrize("name", ["FDG", "Fluorodeoxyglucose", "FDG -- fluorodeoxyglucose", "Fludeoxyglucose"])
def test_a_drug_that_is_always_of_one_nuclide_names_it(tmp_path: Path, name: str) -> None:
    edit = of_drug(Radiopharmaceutical=name, RadionuclideHalfLife="4062.6")
    assert_activity(opened(tmp_path, edit), "Half Life", "F-18")


def test_a_half_life_of_no_nuclide_gives_no_suv(tmp_path: Path) -> None:
    assert_activity(opened(tmp_path, of_drug(RadionuclideHalfLife="9999")), "Half Life", "no nuclide")


@pytest.mark.parametrize(("units", "kind"), [("GML", "BSA"), ("CM2ML", "BW"), ("CM2ML", "LBM")])
def test_a_unit_and_a_kind_of_uptake_that_contradict_each_other_are_said(tmp_path: Path, units: str, kind: str) -> None:
    volume = opened(tmp_path, of_series(Units=units, SUVType=kind))
    assert volume.units == units
    assert any(units in note and kind in note for note in volume.notes)


@pytest.mark.parametrize("keyword", ["PatientWeight", "RadionuclideTotalDose"])
def test_a_number_with_a_comma_is_quoted_as_the_reason(tmp_path: Path, keyword: str) -> None:
    def edit(series: Dataset, drug: Dataset) -> None:
        place = series if keyword == "PatientWeight" else drug
        tag = place[keyword].tag
        place[tag] = RawDataElement(tag, "DS", 4, b"70,5", 0, False, True)

    assert_activity(opened(tmp_path, edit), "“70,5”, which is not a number")
