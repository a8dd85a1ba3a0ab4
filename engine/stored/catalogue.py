"""What a scan finds: patients, their studies and series, and what is unreadable; and what identifies a series."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from engine.dicom.planes import StoredPlane
from engine.dicom.walk import Walker
from engine.grid_file import Placement
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
    "manufacturer": "Manufacturer",
}
_EXTRA = (
    "ManufacturerModelName",
    "InstitutionName",
    "PatientPosition",
    "BodyPartExamined",
    "ProtocolName",
    "KVP",
    "ConvolutionKernel",
    "EchoTime",
    "RepetitionTime",
    "MagneticFieldStrength",
    "SeriesDate",
    "SeriesTime",
    "PhotometricInterpretation",
    "StructureSetLabel",
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that gave nothing, and why, in one sentence; `damaged` when it is a DICOM file."""

    path: Path
    reason: str
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One thing that can be opened, or the reason why not.

    Args:
        uid: unique in the catalogue: the Series Instance UID, with "#2", "#3", ... after it where a series splits.
        kind: "image", "rtstruct" or "other".
        files: in the order of the planes for images; one for an RTSTRUCT.
        problem: why it cannot be opened, "" when it can.
        references: frame of reference and series UIDs that an RTSTRUCT refers to.
        notes: what is unusual about it, for the user.
        planes: of a DICOM image, sorted; empty for other files.
        placement: which form places a NIfTI file whose two forms disagree; "" for the one that is taken unasked.
    """

    uid: str
    info: SeriesInfo
    modality: str
    kind: str
    files: tuple[Path, ...]
    plane_count: int = 0
    problem: str = ""
    references: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    planes: tuple[StoredPlane, ...] = ()
    placement: Placement = ""


@dataclass(frozen=True, slots=True)
class Study:
    """The series of one examination."""

    uid: str
    date: str
    description: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Patient:
    """The studies of one person."""

    id: str
    name: str
    studies: tuple[Study, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that was found."""

    patients: tuple[Patient, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    def series(self) -> Iterator[Series]:
        """All series of all studies of all patients, in order."""
        for patient in self.patients:
            for study in patient.studies:
                yield from study.series


_WALKER = Walker(["SpecificCharacterSet", *_INFO.values(), *_EXTRA])


def read_info(path: Path) -> SeriesInfo:
    """What identifies the series of a DICOM file; elements that cannot be decoded are left empty."""
    try:
        with path.open("rb") as file:
            dataset = _WALKER.read(file, os.fstat(file.fileno()).st_size).dataset
    except Exception:  # pydicom raises nearly anything on damaged bytes
        return SeriesInfo(source=str(path.parent))
    values = {name: _shown(dataset, keyword) for name, keyword in _INFO.items()}
    values["modality"] = values["modality"].upper()
    extra = {keyword: value for keyword in _EXTRA if (value := _shown(dataset, keyword))}
    return SeriesInfo(**values, source=str(path.parent), attributes=extra)


def _shown(dataset: Dataset, keyword: str) -> str:
    """The text of an element; a backslash in it, which parts values, stays."""
    try:
        value = dataset.get(keyword)
    except Exception:
        return ""
    if isinstance(value, MultiValue):
        return "\\".join(map(str, value))
    return "" if value is None else str(value)
