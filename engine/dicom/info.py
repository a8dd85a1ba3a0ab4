"""What identifies the series of a DICOM file, for the screen and for what is written."""

import os
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from engine.dicom.characters import characters_of, decode_as
from engine.dicom.walk import Walker
from engine.volume import SeriesInfo

_INFO = {
    "series_uid": "SeriesInstanceUID",
    "study_uid": "StudyInstanceUID",
    "frame_of_reference_uid": "FrameOfReferenceUID",
    "modality": "Modality",
    "description": "SeriesDescription",
    "series_number": "SeriesNumber",
    "study_description": "StudyDescription",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "study_id": "StudyID",
    "accession_number": "AccessionNumber",
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "patient_birth_date": "PatientBirthDate",
    "patient_sex": "PatientSex",
    "referring_physician": "ReferringPhysicianName",
}
_EXTRA = (
    "BodyPartExamined",
    "PhotometricInterpretation",
    "StructureSetLabel",
    "PatientOrientation",
    "WindowCenter",
    "WindowWidth",
    "ImageLaterality",
    "ViewPosition",
    "LossyImageCompression",
)
#: Transfer syntaxes whose pixels always differ a little from those that were measured.
_LOSSY = {JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless}
_WALKER = Walker(["SpecificCharacterSet", *_INFO.values(), *_EXTRA], to_pixels=False)


def read_info(path: Path) -> SeriesInfo:
    """What identifies the series of a DICOM file; elements that cannot be decoded are left empty."""
    try:
        with path.open("rb") as file:
            dataset = _WALKER.read(file, os.fstat(file.fileno()).st_size).dataset
    except Exception:  # pydicom raises nearly anything on damaged bytes
        return SeriesInfo(source=str(path.parent))
    characters = characters_of(dataset)
    if characters.use:
        decode_as(dataset, characters)
    values = {name: _shown(dataset, keyword) for name, keyword in _INFO.items()}
    values["modality"] = values["modality"].upper()
    extra = {keyword: value for keyword in _EXTRA if (value := _shown(dataset, keyword))}
    if characters.note:
        extra["SpecificCharacterSet"] = characters.note
    return SeriesInfo(**values, source=str(path.parent), attributes=extra)


def text_notes(info: SeriesInfo) -> tuple[str, ...]:
    """What had to be assumed of the text of a file that `read_info` read."""
    note = info.attributes.get("SpecificCharacterSet")
    return (str(note),) if note else ()


def loss_notes(info: SeriesInfo, transfer_syntax: str) -> tuple[str, ...]:
    """A sentence where the pixels of a file are or were compressed with loss."""
    if info.attributes.get("LossyImageCompression") != "01" and transfer_syntax not in _LOSSY:
        return ()
    return ("The image was compressed with loss: its values differ from those measured, by an amount not known.",)


def _shown(dataset: Dataset, keyword: str) -> str:
    """The text of an element; a backslash in it, which parts values, stays."""
    try:
        value = dataset.get(keyword)
    except Exception:
        return ""
    if isinstance(value, MultiValue):
        return "\\".join(map(str, value))
    return "" if value is None else str(value)
