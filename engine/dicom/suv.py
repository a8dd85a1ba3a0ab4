"""PET as the standardized uptake value by body weight, SUVbw in g/ml.

    SUVbw = activity (Bq/ml) × body weight (g) / dose (Bq), both decayed to the same moment.

Follows the vendor-neutral pseudo-code of the RSNA's Quantitative Imaging Biomarkers Alliance (QIBA FDG-PET/CT, "SUV
vendor neutral pseudo-code") and DICOM PS3.3 C.8.9.1 (PET series) and C.8.22 (enhanced PET). Where a tag that it needs
is missing, or says what cannot be, the values stay in the file's own units, and a note says which tag.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedPETImageStorage

from engine.dicom.fields import items, numbers, text
from engine.dicom.moments import Moment, read_day, read_moment, zone_of
from engine.dicom.nuclides import TOLERANCE, half_life_of, is_known, nuclide_of
from engine.dicom.pet_headers import headers_of
from engine.dicom.planes import StoredPlane
from engine.errors import ReadError

#: Kind of SUV (SUV Type) → the unit's name here; a missing type means body weight.
_SUV_TYPES = {
    "": "SUVbw", "BW": "SUVbw", "BSA": "SUVbsa", "LBM": "SUVlbm", "LBMJAMES128": "SUVlbm", "LBMJANMA": "SUVlbm",
    "IBW": "SUVibw",
}  # fmt: skip
#: What a patient can weigh, kg, and be given, Bq: beyond, the value is in another unit or wrong.
_WEIGHTS = (1.0, 650.0)
_DOSES = (1e5, 1e11)
#: Less than this is given to no adult, Bq; as a number of kBq it is a common dose.
_LITTLE_DOSE = 1e6
#: After so many half-lives a thousandth is left, and nothing is to be seen.
_HALF_LIVES = 10
#: A date and time of injection further than this (s) from the time of day that is written beside it contradicts it.
_AGREE_S = 60.0
#: A scan that starts so much later (s) than its series does, by the file, is said.
_LATE_S = 900.0
#: Factors of the files of one series may differ by this share, as the rounding of what they come from does.
_SAME_FACTOR = 1e-3
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Suv:
    """The factor from the file's rescaled values to `units`, and what the user must know about it."""

    units: str
    factor: float = 1.0
    notes: tuple[str, ...] = ()


class _NoSuvError(Exception):
    """Why no SUV can be computed, as the end of a sentence."""


def find_suv(planes: Sequence[StoredPlane], units: str = "") -> Suv:
    """How to turn the values of a PET series into SUVbw.

    The tags that hold for the whole series must lead to one factor in all files, else there is no SUV; the acquisition
    times are read from all planes.

    Args:
        planes: of the series.
        units: of the values, where a real world value mapping gives them; else the file's Units.

    Raises:
        ReadError: the file is gone or its header is damaged.
    """
    headers = headers_of(planes)
    first = _suv_of(planes, planes[0], units)
    others = [_suv_of(planes, plane, units) for plane in headers.planes[1:]]
    if all(other.units == first.units and abs(other.factor / first.factor - 1) <= _SAME_FACTOR for other in others):
        return first
    stored = units or "/".join(headers.units)
    what = " and ".join(headers.differing)
    if len(headers.units) > 1 and not units:
        return Suv("", 1.0, (f"The files of this series differ in {what} ({stored}): the values are as stored.",))
    return Suv(stored, 1.0, (f"No SUV: the files of this series differ in {what}; the values stay in {stored}.",))


def _suv_of(planes: Sequence[StoredPlane], plane: StoredPlane, units: str) -> Suv:
    """The same by what the file of one of the planes says."""
    dataset = _read(plane.image.path)
    units = units or text(dataset, "Units").upper()
    if units.startswith("SUV"):
        return Suv(units)
    if units in ("GML", "CM2ML"):
        kind = text(dataset, "SUVType").upper() or ("BSA" if units == "CM2ML" else "")
        if (kind == "BSA") != (units == "CM2ML"):
            note = f"The file gives its values in {units}, but calls them SUV by {kind or 'BW'}: shown as stored."
            return Suv(units, 1.0, (note,))
        return Suv(_SUV_TYPES.get(kind, f"SUV {kind}"))
    if units not in ("BQML", "CNTS"):
        return Suv(units, 1.0, (f"PET values in {units or 'units that the file does not say'}: shown as stored.",))
    try:
        _require_corrections(dataset)
        to_activity = 1.0
        if units == "CNTS":
            factor = _philips(dataset, 0x00)
            if factor is not None:
                return Suv("SUVbw", factor)
            activity = _philips(dataset, 0x09)
            if activity is None:
                raise _NoSuvError("the vendor's scale from counts to activity (7053,1000 or 7053,1009) is missing")
            to_activity = activity
        weight = _positive(dataset, "PatientWeight", "Patient's Weight")
        if not _WEIGHTS[0] <= weight <= _WEIGHTS[1]:
            unit = " (is it in grams?)" if weight > _WEIGHTS[1] else ""
            raise _NoSuvError(f"Patient's Weight is {weight:g} kg, which cannot be{unit}")
        dose, notes = _dose(dataset, planes, plane)
        return Suv("SUVbw", to_activity * weight * 1000 / dose, notes)
    except _NoSuvError as reason:
        return Suv(units, 1.0, (f"No SUV: {reason}; the values stay in {units}.",))


def _read(path: Path) -> Dataset:
    try:
        return dcmread(path, stop_before_pixels=True, force=True)
    except OSError as error:
        raise ReadError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is a damaged DICOM file: its header cannot be read.") from error


def _require_corrections(dataset: Dataset) -> None:
    if "DecayCorrected" in dataset:
        corrected = {
            "DECY": text(dataset, "DecayCorrected") == "YES",
            "ATTN": text(dataset, "AttenuationCorrected") == "YES",
        }
    else:
        terms = text(dataset, "CorrectedImage").upper().split("\\")
        corrected = {term: term in terms for term in ("DECY", "ATTN")}
    if not corrected["ATTN"]:
        raise _NoSuvError("the file does not say that it is corrected for attenuation (Corrected Image ATTN)")
    if not corrected["DECY"]:
        raise _NoSuvError("the file does not say that it is corrected for decay (Corrected Image DECY)")


def _philips(dataset: Dataset, element: int) -> float | None:
    """An element of Philips's private PET group 7053, when it is there and above zero."""
    try:
        value = float(dataset.private_block(0x7053, "Philips PET Private Group")[element].value)
    except (KeyError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def _positive(dataset: Dataset, keyword: str, name: str) -> float:
    try:
        value = numbers(dataset, keyword, 1)
    except ReadError:
        raise _NoSuvError(f"{name} is “{text(dataset, keyword)[:32]}”, which is not a number") from None
    if value is None or value[0] <= 0:
        raise _NoSuvError(f"{name} is missing or not above zero")
    return value[0]


def _dose(dataset: Dataset, planes: Sequence[StoredPlane], plane: StoredPlane) -> tuple[float, tuple[str, ...]]:
    """(dose in Bq at the moment that the values are decay-corrected to, notes)."""
    drug = _drug(dataset)
    dose, given = _given(drug, plane.image.sop_class_uid == EnhancedPETImageStorage)
    if "DecayCorrected" not in dataset:
        event = text(dataset, "DecayCorrection").upper()
        if event == "ADMIN":
            return dose, given
        if event != "START":
            raise _NoSuvError(f"Decay Correction is {event or 'missing'}, neither START nor ADMIN")
    half_life = _half_life(drug)
    zone = zone_of(dataset)
    scan, notes = _scan_start(dataset, planes, plane, half_life, zone)
    injection, more = _injection(drug, scan, half_life, zone)
    elapsed = scan.seconds_after(injection)
    if elapsed == 0 and not any((scan.wall.hour, scan.wall.minute, scan.wall.second)):
        raise _NoSuvError("injection and scan both begin at 00:00:00: the times seem to have been removed")
    if elapsed < 0:
        raise _NoSuvError(
            f"the injection ({injection.wall:%Y-%m-%d %H:%M:%S}) is {_span(-elapsed)} after the scan's start "
            f"({scan.wall:%Y-%m-%d %H:%M:%S})"
        )
    if elapsed > _HALF_LIVES * half_life:
        raise _NoSuvError(
            f"the injection ({injection.wall:%Y-%m-%d %H:%M:%S}) is {_span(elapsed)} before the scan's start "
            f"({scan.wall:%Y-%m-%d %H:%M:%S}), more than {_HALF_LIVES} half-lives"
        )
    return dose * 2 ** (-elapsed / half_life), (*given, *notes, *more)


def _drug(dataset: Dataset) -> Dataset:
    """The one radiopharmaceutical of the scan."""
    drugs = items(dataset, "RadiopharmaceuticalInformationSequence")
    if not drugs:
        raise _NoSuvError("Radiopharmaceutical Information is missing")
    told = ("RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime",
            "RadiopharmaceuticalStartDateTime")  # fmt: skip
    if len({tuple(text(drug, keyword) for keyword in told) for drug in drugs}) > 1:
        raise _NoSuvError(f"the file names {len(drugs)} injections, and not which of them these values are of")
    return drugs[0]


def _given(drug: Dataset, enhanced: bool) -> tuple[float, tuple[str, ...]]:
    """(dose in Bq at injection, notes).

    A PET series gives it in Bq (PS3.3 C.8.9.2), enhanced PET in MBq (C.8.22.4), though many write Bq there as well; no
    number can be both.
    """
    dose = _positive(drug, "RadionuclideTotalDose", "Radionuclide Total Dose")
    low, high = _DOSES
    if enhanced and low <= dose * 1e6 <= high:
        return dose * 1e6, ()
    if not low <= dose <= high:
        unit = " (is it in MBq?)" if low <= dose * 1e6 <= high else ""
        raise _NoSuvError(f"Radionuclide Total Dose is {dose:g} Bq, which cannot be the dose of a scan{unit}")
    notes = []
    if enhanced:
        notes.append("SUV: Radionuclide Total Dose is taken to be in Bq; in MBq, as enhanced PET has it, it cannot be.")
    if dose < _LITTLE_DOSE:
        notes.append(
            f"SUV: Radionuclide Total Dose is {dose:g} Bq, little for a scan; if it is written in kBq, the true SUV is "
            "a thousandth of what is shown."
        )
    return dose, tuple(notes)


def _half_life(drug: Dataset) -> float:
    half_life = _positive(drug, "RadionuclideHalfLife", "Radionuclide Half Life")
    nuclide = nuclide_of(drug)
    if nuclide and abs(half_life / half_life_of(nuclide) - 1) > TOLERANCE:
        raise _NoSuvError(
            f"Radionuclide Half Life is {half_life:g} s, and that of {nuclide}, which the file names, is "
            f"{half_life_of(nuclide):g} s"
        )
    if not nuclide and not is_known(half_life):
        raise _NoSuvError(
            f"Radionuclide Half Life is {half_life:g} s, which is that of no nuclide of PET, and the file names none"
        )
    return half_life


def _scan_start(
    dataset: Dataset, planes: Sequence[StoredPlane], plane: StoredPlane, half_life: float, zone: timedelta | None
) -> tuple[Moment, tuple[str, ...]]:
    """The moment that the values are decay-corrected to, and notes where it had to be derived."""

    def moment(written: str) -> Moment | None:
        read = read_moment(written)
        return None if read is None else read.within(zone)

    explicit = moment(text(dataset, "DecayCorrectionDateTime"))
    if explicit is not None:
        return explicit, ()
    acquisitions = [read for plane in planes if (read := moment(plane.acquired)) is not None]
    series = moment(text(dataset, "SeriesDate") + text(dataset, "SeriesTime"))
    acquisition = moment(plane.acquired)
    derived = None if acquisition is None else _by_frame(dataset, acquisition, half_life)
    if series is not None and acquisitions and all(read.seconds_after(series) >= 0 for read in acquisitions):
        wait = min(read.seconds_after(series) for read in acquisitions)
        if wait <= _LATE_S or (derived is not None and abs(derived.seconds_after(series)) <= _LATE_S):
            return series, ()
        note = (
            f"SUV: the scan's start is taken to be Series Time ({series.wall:%H:%M:%S}), {_span(wait)} before the "
            "first acquisition of this volume, and nothing else in the file confirms it."
        )
        return series, (note,)
    # A series time after the acquisition is the time of a later reconstruction, not of the scan.
    scan = moment(_ge_scan_time(dataset))
    if scan is not None:
        return scan, ()
    if derived is None:
        if series is None:
            why = "Series Date or Series Time is missing"
        elif not acquisitions:
            why = "the date or time of the acquisition is missing, and Series Time may be that of a reconstruction"
        else:
            why = "Series Time is later than the acquisition"
        raise _NoSuvError(f"{why}, and no other tag gives the scan's start")
    note = "SUV: the scan's start is derived from Frame Reference Time, since Series Time is not that of the scan."
    return derived, (note,)


def _by_frame(dataset: Dataset, acquisition: Moment, half_life: float) -> Moment | None:
    """The scan's start by Frame Reference Time: when a frame's mean count rate occurred, counted from that start."""
    reference, duration = (_milliseconds(dataset, keyword) for keyword in ("FrameReferenceTime", "ActualFrameDuration"))
    if reference is None or not duration or duration < 0:
        return None
    decay = math.log(2) / half_life * duration
    mean_rate = math.log(decay / -math.expm1(-decay)) * half_life / math.log(2)
    return acquisition.later(mean_rate - reference)


def _ge_scan_time(dataset: Dataset) -> str:
    try:
        return str(dataset.private_block(0x0009, "GEMS_PETD_01")[0x0D].value)
    except KeyError:
        return ""


def _milliseconds(dataset: Dataset, keyword: str) -> float | None:
    """An element in ms as seconds."""
    try:
        value = numbers(dataset, keyword, 1)
    except ReadError:
        return None
    return None if value is None else value[0] / 1000


def _injection(drug: Dataset, scan: Moment, half_life: float, zone: timedelta | None) -> tuple[Moment, tuple[str, ...]]:
    """When the dose was given, on the clock of the scan, and what the user must know about how that was found.

    A full date is believed. A time of day alone is of the day of the scan or, where that would be after the scan, of
    the day before it, as long as the half-life leaves no other day.
    """
    written = text(drug, "RadiopharmaceuticalStartDateTime")
    time = text(drug, "RadiopharmaceuticalStartTime")
    full, day = read_moment(written), read_day(written)
    if full is not None:
        return _on_the_clock_of(scan, full.within(zone) if full.offset is None else full, read_moment(day + time))
    moment = read_moment((day or f"{scan.wall:%Y%m%d}") + time)
    if moment is None:
        raise _NoSuvError(f"Radiopharmaceutical Start Time is {f'no time of day ({time})' if time else 'missing'}")
    moment = Moment(moment.wall, scan.offset)
    if day:
        return moment, ()
    notes: tuple[str, ...] = ()
    if written:
        notes = (f"SUV: Radiopharmaceutical Start DateTime '{written}' cannot be read; its Start Time {time} is used.",)
    if _HALF_LIVES * half_life >= 2 * _DAY_S:
        raise _NoSuvError(
            "the day of the injection is missing (Radiopharmaceutical Start DateTime), and with a half-life of "
            f"{_span(half_life)} it may be any of several"
        )
    if scan.seconds_after(moment) < 0:
        moment = moment.later(-_DAY_S)
        clock = f"{moment.wall:%H:%M}"
        note = f"SUV: the injection at {clock}, whose day is not written, is taken for the day before the scan."
        notes = (*notes, note)
    return moment, notes


def _on_the_clock_of(scan: Moment, full: Moment, by_clock: Moment | None) -> tuple[Moment, tuple[str, ...]]:
    """A full date and time of injection made comparable with the scan's start, and notes.

    Args:
        scan: its start, with an offset from UTC where the file gives one.
        full: as written.
        by_clock: the date of `full` with the time of day that is written beside it, which is of the scan's clock.
    """
    if full.offset is not None and scan.offset is None and by_clock is not None:
        walls = [by_clock.wall + timedelta(days=days) for days in (-1, 0, 1)]
        wall = min(walls, key=lambda wall: abs(Moment(wall, timedelta(0)).seconds_after(full)))
        # Offsets from UTC are whole quarters of an hour.
        quarters = Moment(wall, timedelta(0)).seconds_after(full) / 900
        if abs(quarters - round(quarters)) * 900 <= _AGREE_S:
            return Moment(wall), ()
    if (full.offset is None) != (scan.offset is None):
        # A value in UTC may have been converted; another offset is that of the place where the scanner stands.
        if timedelta(0) in (full.offset, scan.offset):
            raise _NoSuvError(
                f"the {'scan' if full.offset is None else 'injection'} is in UTC, and how far the other clock is from "
                "it is missing (Timezone Offset From UTC)"
            )
        note = "SUV: injection and scan are taken to be of one clock; only one of them has an offset from UTC."
        return Moment(full.wall, scan.offset), (note,)
    full = full.within(scan.offset)
    apart = 0.0 if by_clock is None else (by_clock.wall - full.wall).total_seconds() % _DAY_S
    if by_clock is not None and min(apart, _DAY_S - apart) > _AGREE_S:
        note = (
            f"SUV: Radiopharmaceutical Start Time ({by_clock.wall:%H:%M:%S}) differs from Start DateTime "
            f"({full.wall:%Y-%m-%d %H:%M:%S}), which is used."
        )
        return full, (note,)
    return full, ()


def _span(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
