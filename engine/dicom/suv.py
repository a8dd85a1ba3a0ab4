"""PET as the standardized uptake value by body weight, SUVbw in g/ml.

    SUVbw = activity (Bq/ml) × body weight (g) / dose (Bq), both decayed to the same moment.

Follows the vendor-neutral pseudo-code of the RSNA's Quantitative Imaging Biomarkers Alliance (QIBA FDG-PET/CT, "SUV
vendor neutral pseudo-code") and DICOM PS3.3 C.8.9.1 (PET series) and C.8.22 (enhanced PET). Where a tag that it needs
is missing, the values stay in the file's own units, and a note says which tag.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from engine.dicom.fields import items, numbers, text
from engine.dicom.planes import StoredPlane
from engine.errors import ReadError

#: Kind of SUV (SUV Type) → the unit's name here; a missing type means body weight.
_SUV_TYPES = {"": "SUVbw", "BW": "SUVbw", "BSA": "SUVbsa", "LBM": "SUVlbm", "LBMJAMES128": "SUVlbm", "IBW": "SUVibw"}
#: UCUM codes of enhanced PET → Units.
_UCUM = {"Bq/ml": "BQML", "Bq/mL": "BQML", "g/ml{SUVbw}": "GML", "{SUVbw}g/ml": "GML"}


@dataclass(frozen=True, slots=True)
class Suv:
    """The factor from the file's rescaled values to `units`, and what the user must know about it."""

    units: str
    factor: float = 1.0
    notes: tuple[str, ...] = ()


class _MissingError(Exception):
    """Why no SUV can be computed, as the end of a sentence."""


def find_suv(planes: Sequence[StoredPlane]) -> Suv:
    """How to turn the values of a PET series into SUVbw.

    The tags that hold for the whole series are read from its first plane's file; the acquisition times from all planes.

    Raises:
        ReadError: the file is gone or its header is damaged.
    """
    dataset = _read(planes[0].image.path)
    units = text(dataset, "Units").upper() or _enhanced_units(dataset)
    if units == "GML":
        kind = text(dataset, "SUVType").upper()
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
                raise _MissingError("the vendor's scale from counts to activity (7053,1000 or 7053,1009) is missing")
            to_activity = activity
        weight = _positive(dataset, "PatientWeight", "Patient's Weight")
        dose, note = _dose(dataset, planes)
        return Suv("SUVbw", to_activity * weight * 1000 / dose, (note,) if note else ())
    except _MissingError as reason:
        return Suv(units, 1.0, (f"No SUV: {reason}; the values stay in {units}.",))


def _read(path: Path) -> Dataset:
    try:
        return dcmread(path, stop_before_pixels=True, force=True)
    except OSError as error:
        raise ReadError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is a damaged DICOM file: its header cannot be read.") from error


def _enhanced_units(dataset: Dataset) -> str:
    """Units of an enhanced PET, from the code of its real-world value map."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in items(dataset, groups)[:1]:
            for mapping in items(group, "RealWorldValueMappingSequence"):
                for code in items(mapping, "MeasurementUnitsCodeSequence"):
                    value = text(code, "CodeValue")
                    return _UCUM.get(value, value)
    return ""


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
        raise _MissingError("the file does not say that it is corrected for attenuation (Corrected Image ATTN)")
    if not corrected["DECY"]:
        raise _MissingError("the file does not say that it is corrected for decay (Corrected Image DECY)")


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
        value = None
    if value is None or value[0] <= 0:
        raise _MissingError(f"{name} is missing or not above zero")
    return value[0]


def _dose(dataset: Dataset, planes: Sequence[StoredPlane]) -> tuple[float, str]:
    """(dose in Bq at the moment that the values are decay-corrected to, note)."""
    drugs = items(dataset, "RadiopharmaceuticalInformationSequence")
    if not drugs:
        raise _MissingError("Radiopharmaceutical Information is missing")
    drug = drugs[0]
    dose = _positive(drug, "RadionuclideTotalDose", "Radionuclide Total Dose")
    if "DecayCorrected" not in dataset:
        event = text(dataset, "DecayCorrection").upper()
        if event == "ADMIN":
            return dose, ""
        if event != "START":
            raise _MissingError(f"Decay Correction is {event or 'missing'}, neither START nor ADMIN")
    half_life = _positive(drug, "RadionuclideHalfLife", "Radionuclide Half Life")
    scan, note = _scan_start(dataset, planes, half_life)
    elapsed = (scan - _injection(drug, scan, half_life)).total_seconds()
    return dose * 2 ** (-elapsed / half_life), note


def _scan_start(dataset: Dataset, planes: Sequence[StoredPlane], half_life: float) -> tuple[datetime, str]:
    """The moment that the values are decay-corrected to, and a note where it had to be derived."""
    explicit = _moment(text(dataset, "DecayCorrectionDateTime"))
    if explicit is not None:
        return explicit, ""
    acquisitions = [moment for plane in planes if (moment := _moment(plane.acquired)) is not None]
    series = _moment(text(dataset, "SeriesDate") + text(dataset, "SeriesTime"))
    if series is not None and acquisitions and series <= min(acquisitions):
        return series, ""
    # A series time after the acquisition is the time of a later reconstruction, not of the scan.
    scan = _moment(_ge_scan_time(dataset))
    if scan is not None:
        return scan, ""
    acquisition = _moment(planes[0].acquired)
    reference, duration = (_milliseconds(dataset, keyword) for keyword in ("FrameReferenceTime", "ActualFrameDuration"))
    if acquisition is None or reference is None or not duration:
        raise _MissingError(
            "Series Time is later than the acquisition or missing, and no other tag gives the scan's start"
        )
    # Frame Reference Time is when the mean count rate of the frame occurred, counted from the scan's start.
    decay = math.log(2) / half_life * duration
    mean_rate = math.log(decay / -math.expm1(-decay)) * half_life / math.log(2)
    note = "SUV: the scan's start is derived from Frame Reference Time, since Series Time is not that of the scan."
    return acquisition + timedelta(seconds=mean_rate - reference), note


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


def _injection(drug: Dataset, scan: datetime, half_life: float) -> datetime:
    """When the dose was given: before the scan, and by no more than ten half-lives.

    The full date is used where it is plausible; de-identification often shifts it apart from the scan's. Otherwise the
    time of day, on the day of the scan or, where that would be after the scan, the day before it.
    """
    full = _moment(text(drug, "RadiopharmaceuticalStartDateTime"))
    if full is not None and 0 <= (scan - full).total_seconds() <= 10 * half_life:
        return full
    written = text(drug, "RadiopharmaceuticalStartTime")
    moment = _moment(scan.strftime("%Y%m%d") + written) if written else None
    if moment is None and full is not None:
        moment = datetime.combine(scan.date(), full.time())
    if moment is None:
        raise _MissingError("Radiopharmaceutical Start Time is missing")
    return moment if moment <= scan else moment - timedelta(days=1)


def _moment(written: str) -> datetime | None:
    """A DICOM date and time, the offset from UTC left out; None where it is no whole date with at least an hour."""
    # Colons and dots within date or time are from before the present standard.
    match = re.match(r"(\d{4})\.?(\d\d)\.?(\d\d)(\d\d):?(\d\d)?:?(\d\d)?(\.\d{1,6})?", written)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        whole = datetime(year, month, day, hour, minute, min(second, 59))
    except ValueError:
        return None
    return whole + timedelta(seconds=float(match.group(7) or 0))
