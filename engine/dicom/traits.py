"""What tells planes at one place apart: the elements that say which phase, echo, weighting or pass a plane is of."""

import re
import struct
from collections.abc import Iterable

from pydicom.dataset import Dataset

from engine.dicom.fields import text

#: Trait → what it is called; the most telling first. Those without a DICOM keyword of their own are made from others.
TRAIT_NAMES = {
    "TemporalPositionIdentifier": "time point",
    "TemporalPositionIndex": "time point",
    "PhasePercent": "phase",
    "NominalPercentageOfCardiacPhase": "cardiac phase",
    "NominalPercentageOfRespiratoryPhase": "respiratory phase",
    "TimeSlot": "time slot",
    "EchoNumbers": "echo",
    "EchoTime": "echo time",
    "BValue": "b-value",
    "DiffusionBValue": "b-value",
    "DiffusionGradientOrientation": "gradient",
    "InversionTime": "inversion time",
    "TriggerTime": "trigger time",
    "NominalCardiacTriggerDelayTime": "trigger delay",
    "ImageType": "image type",
    "StackID": "stack",
    "AcquisitionNumber": "acquisition",
    "ConvolutionKernel": "kernel",
    "KVP": "tube voltage",
    "FlipAngle": "flip angle",
    "FrameReferenceTime": "frame time",
    "SeriesNumber": "series number",
    "SeriesDescription": "description",
    "ImageComments": "comment",
    "FrameOfReferenceUID": "frame of reference",
    "StudyInstanceUID": "study",
    "AcquisitionTime": "acquisition time",
    "ContentTime": "content time",
}
TRAITS = tuple(TRAIT_NAMES)
#: Traits that are moments of one motion or course: the volumes that they part are phases.
PHASES = frozenset(
    {
        "TemporalPositionIdentifier",
        "TemporalPositionIndex",
        "PhasePercent",
        "NominalPercentageOfCardiacPhase",
        "NominalPercentageOfRespiratoryPhase",
        "TimeSlot",
        "TriggerTime",
        "NominalCardiacTriggerDelayTime",
        "AcquisitionNumber",
        "FrameReferenceTime",
        "AcquisitionTime",
        "ContentTime",
        "ImageComments",
    }
)
#: Traits that say only when or under which number a plane was made: planes that these part may still be one volume.
PASSES = frozenset({"AcquisitionNumber", "SeriesNumber", "AcquisitionTime", "ContentTime", "FrameReferenceTime"})
_UNITS = {
    "EchoTime": " ms",
    "InversionTime": " ms",
    "TriggerTime": " ms",
    "NominalCardiacTriggerDelayTime": " ms",
    "FrameReferenceTime": " ms",
    "NominalPercentageOfCardiacPhase": "%",
    "NominalPercentageOfRespiratoryPhase": "%",
    "KVP": " kV",
    "FlipAngle": "°",
}
_MADE = {"StackID", "PhasePercent", "BValue", "TimeSlot"}

_SIEMENS_CREATOR, _TILES, _SIEMENS_B = 0x00190010, 0x0019100A, 0x0019100C
_CSA_CREATOR, _CSA = 0x00290010, 0x00291010
_PHILIPS_CREATOR, _PHILIPS_B = 0x20010010, 0x20011003
_GE_CREATOR, _GE_B = 0x00430010, 0x00431039
#: Elements that must be read for the traits.
TRAIT_TAGS: tuple[str | int, ...] = (
    *(trait for trait in TRAITS if trait not in _MADE),
    *(_SIEMENS_CREATOR, _TILES, _SIEMENS_B, _CSA_CREATOR, _CSA),
    *(_PHILIPS_CREATOR, _PHILIPS_B, _GE_CREATOR, _GE_B),
    *("AcquisitionMatrix", "ScanningSequence"),
)

#: "25%", "50 % In", "RESP_0%": the percent and, where it follows, whether the patient breathes in or out.
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?)\s*%\s*(in|ex)?", re.IGNORECASE)
#: Square pictures of an MR wider than this (mm) are no single slices: a magnet's bore is narrower.
_WIDEST_MM = 700.0


def traits_of(dataset: Dataset) -> tuple[str, ...]:
    """The text of each of `TRAITS` in a file, "" where it is absent."""
    made = {"StackID": "", "TimeSlot": "", "PhasePercent": _percent(dataset), "BValue": _b_value(dataset)}
    return tuple(made[trait] if trait in made else text(dataset, trait) for trait in TRAITS)


def with_trait(traits: tuple[str, ...], name: str, value: str) -> tuple[str, ...]:
    """The traits of a plane with another value of one of them."""
    return tuple(value if trait == name else given for trait, given in zip(TRAITS, traits, strict=True))


def is_mosaic(dataset: Dataset, rows: int, columns: int, spacing_uv: tuple[float, float] | None) -> bool:
    """True when one picture shows many slices beside each other, as Siemens stores functional and diffusion MR.

    Image Type says so, or the number of tiles in private elements. Where both were cleaned away, the acquired matrix
    fits several times into the picture, which is echo planar or wider than a magnet's bore.
    """
    if "MOSAIC" in text(dataset, "ImageType").upper().split("\\"):
        return True
    if (_private(dataset, _TILES, _SIEMENS_CREATOR, "SIEMENS") or 0) > 1:
        return True
    if _csa_tiles(_bytes(dataset, _CSA)) > 1:
        return True
    acquired = [number for number in _matrix(dataset) if number]
    if text(dataset, "Modality").upper() != "MR" or len(acquired) != 2:
        return False
    sides = zip((rows, columns), acquired, strict=True)
    tiled = all(side % number == 0 and side >= 2 * number for side, number in sides)
    wide = spacing_uv is not None and min(rows * spacing_uv[1], columns * spacing_uv[0]) > _WIDEST_MM
    echo_planar = "EP" in text(dataset, "ScanningSequence").upper().split("\\")
    # Echo planar images are interpolated to twice their matrix, seldom to more.
    return tiled and (wide or (echo_planar and rows >= 3 * acquired[0]))


def value_text(trait: str, value: str, others: Iterable[str]) -> str:
    """A trait's value for a person, where `others` are the values that it is told from."""
    if not value:
        return "none"
    if trait == "ImageType":
        common = set.intersection(*(set(other.split("\\")) for other in (value, *others)))
        parts = [part for part in value.split("\\") if part not in common]
        return "/".join(parts or value.split("\\"))
    if trait in ("AcquisitionTime", "ContentTime") and re.fullmatch(r"\d{6}(\.\d+)?", value):
        return f"{value[:2]}:{value[2:4]}:{value[4:].rstrip('0').rstrip('.') if '.' in value else value[4:]}"
    if trait in ("FrameOfReferenceUID", "StudyInstanceUID"):
        return f"…{value[-8:]}"
    return f"{value.replace(chr(92), '/')}{_UNITS.get(trait, '')}"


def sort_key(value: str) -> tuple[float, str]:
    """Orders values of a trait as numbers where they are such."""
    number = re.match(r"\s*(-?\d+(?:\.\d+)?)", value)
    return (float(number[1]) if number else float("inf"), value)


def normal(value: str) -> str:
    """A value in one spelling: "4.50" and "4.5" are the same echo time."""
    try:
        return f"{float(value):.12g}"
    except ValueError:
        return value


def _percent(dataset: Dataset) -> str:
    """The percents of a breath or heartbeat in the words of the image or series."""
    for keyword in ("ImageComments", "SeriesDescription"):
        found = _PERCENT.findall(text(dataset, keyword))
        if found:
            return ", ".join(f"{number}%{f' {word.lower()}' if word else ''}" for number, word in found)
    return ""


def _b_value(dataset: Dataset) -> str:
    """The diffusion weighting (s/mm²) of vendors that wrote it before the standard had an element for it."""
    found = (
        _private(dataset, _SIEMENS_B, _SIEMENS_CREATOR, "SIEMENS"),
        _private(dataset, _PHILIPS_B, _PHILIPS_CREATOR, "PHILIPS"),
        _private(dataset, _GE_B, _GE_CREATOR, "GEMS"),
    )
    # GE adds 10⁹ where the weighting was reached by several gradients.
    return next((f"{number % 1_000_000_000:g}" for number in found if number is not None), "")


def _private(dataset: Dataset, tag: int, creator_tag: int, creator: str) -> float | None:
    """The first number of a private element of a vendor's block; None where it is absent or none."""
    if not _bytes(dataset, creator_tag).decode("latin-1").upper().startswith(creator):
        return None
    raw = _bytes(dataset, tag)
    if tag == _PHILIPS_B and len(raw) == 4:
        return float(struct.unpack("<f", raw)[0])
    if tag == _TILES and len(raw) == 2:
        return float(int.from_bytes(raw, "little"))
    try:
        return float(raw.decode("latin-1").strip(" \0").split("\\")[0])
    except ValueError:
        return None


def _bytes(dataset: Dataset, tag: int) -> bytes:
    element = dataset.get_item(tag)
    value = None if element is None else element.value
    return value if isinstance(value, bytes) else str(value or "").encode("latin-1", "replace")


def _matrix(dataset: Dataset) -> list[int]:
    """Acquisition Matrix without its two zeros: acquired rows and columns, in this order."""
    parts = text(dataset, "AcquisitionMatrix").split("\\")
    numbers = [int(part) for part in parts if part.isdigit()]
    if len(numbers) != 4:
        return []
    # Frequency rows, frequency columns, phase rows, phase columns: one of each pair is zero.
    return [numbers[0] or numbers[2], numbers[1] or numbers[3]]


def _csa_tiles(header: bytes) -> int:
    """NumberOfImagesInMosaic of a Siemens CSA header; 0 where it does not say."""
    at = header.find(b"NumberOfImagesInMosaic\0")
    if at < 0:
        return 0
    # A name of 64 bytes, four fields of 4, the number of items, a check word; then items of 16 bytes and their text.
    length_at = at + 64 + 5 * 4
    text_at = length_at + 16
    if len(header) < text_at:
        return 0
    length = int.from_bytes(header[length_at + 4 : length_at + 8], "little")
    digits = header[text_at : text_at + min(length, 16)].split(b"\0")[0].strip()
    return int(digits) if digits.isdigit() else 0
