"""What a DICOM file says before its pixel data: identity, pixel format, and where each of its planes lies."""

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import (
    MediaStorageDirectoryStorage,
)

from engine.dicom.fields import items, numbers, short, text, whole
from engine.dicom.frames import frame_planes
from engine.dicom.planes import NATIVE, TRAITS, VOLUME_MODALITIES, StoredImage, StoredPlane
from engine.dicom.walk import Walked, Walker
from engine.errors import ReadError

_KEYWORDS = (
    *(trait for trait in TRAITS if trait != "StackID"),
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "FrameOfReferenceUID",
    "AcquisitionDate",
    "AcquisitionDateTime",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceThickness",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ReferencedFrameOfReferenceSequence",
)
_WALKER = Walker(_KEYWORDS)

#: More frames than any image has; a header that claims more is damaged.
MAX_FRAMES = 100_000

#: Modalities of objects that are no images, and what they are.
OTHER_MODALITIES = {
    "RTSTRUCT": "structures",
    "RTPLAN": "a treatment plan",
    "RTDOSE": "a dose grid",
    "RTIMAGE": "a radiotherapy projection image",
    "RTRECORD": "a treatment record",
    "SEG": "a segmentation",
    "SR": "a structured report",
    "REG": "a registration",
    "FID": "fiducials",
    "PR": "a presentation state",
    "KO": "a selection of key objects",
    "RWV": "a real-world value map",
    "DOC": "a document",
    "PLAN": "a plan",
    "AU": "audio",
    "ECG": "an electrocardiogram",
}

#: The same by SOP class, where the modality is that of an image.
OTHER_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.30": "a parametric map",
    "1.2.840.10008.5.1.4.1.1.66.4": "a segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "a segmentation (label map)",
    "1.2.840.10008.5.1.4.1.1.66.5": "a surface segmentation",
    "1.2.840.10008.5.1.4.1.1.66": "raw data",
    "1.2.840.10008.5.1.4.1.1.67": "a real-world value map",
    "1.2.840.10008.5.1.4.1.1.4.2": "a spectrum",
}


class NotDicomError(ReadError):
    """The file is no DICOM file at all."""


@dataclass(frozen=True, slots=True)
class Header:
    """One file: what it belongs to, its planes where it is an image, and what is wrong with it ("" when nothing)."""

    path: Path
    patient_id: str
    study_uid: str
    series_uid: str
    series_number: str
    modality: str
    sop_class_uid: str
    sop_instance_uid: str
    frame_of_reference_uid: str
    image_type: str
    planes: tuple[StoredPlane, ...] = ()
    references: frozenset[str] = frozenset()
    problem: str = ""

    @property
    def is_directory(self) -> bool:
        """True for a DICOMDIR."""
        return self.sop_class_uid == MediaStorageDirectoryStorage


def read_header(path: Path) -> Header:
    """Read everything of a file but its pixel data.

    Raises:
        NotDicomError: it is no DICOM file.
        ReadError: it is one, but its header is damaged.
    """
    try:
        # Opening a pipe or a device could wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise NotDicomError(f"{path.name} is not a file.")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            _require_dicom(file.read(132), path)
            file.seek(0)
            walked = _WALKER.read(file, status.st_size)
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(f"{path.name} cannot be opened: {error.strerror or error}.") from error
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is a damaged DICOM file: its header cannot be read.") from error
    try:
        return _header(path, status, walked)
    except ReadError as error:
        raise ReadError(f"{path.name} is a damaged or unusual DICOM file: {error}.") from error
    except Exception as error:
        raise ReadError(f"{path.name} is a damaged DICOM file: its header makes no sense.") from error


def _require_dicom(start: bytes, path: Path) -> None:
    """Refuse a file that does not begin as DICOM does."""
    if not start:
        raise NotDicomError(f"{path.name} is empty.")
    # Files from before the standard's file format start with their first element, group 2 or 8, little-endian.
    old = len(start) >= 16 and start[:2] in (b"\x02\x00", b"\x08\x00") and start[3:4] == b"\x00"
    if start[128:] != b"DICM" and not old:
        raise NotDicomError(f"{path.name} is not a DICOM file.")


def _header(path: Path, status: os.stat_result, walked: Walked) -> Header:
    dataset = walked.dataset
    header = Header(
        path=path,
        patient_id=text(dataset, "PatientID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        series_number=text(dataset, "SeriesNumber"),
        modality=text(dataset, "Modality").upper(),
        # De-identification may leave these in the file meta information alone.
        sop_class_uid=text(dataset, "SOPClassUID") or walked.sop_class_uid,
        sop_instance_uid=text(dataset, "SOPInstanceUID") or walked.sop_instance_uid,
        frame_of_reference_uid=text(dataset, "FrameOfReferenceUID"),
        image_type=text(dataset, "ImageType"),
        references=_references(dataset),
    )
    if header.is_directory:
        return header
    if not header.series_uid and not header.modality:
        raise ReadError("it names neither a series nor a modality")
    if header.sop_class_uid in OTHER_CLASSES or header.modality in OTHER_MODALITIES:
        return header
    if "Rows" not in dataset or "Columns" not in dataset:
        lost = header.modality in VOLUME_MODALITIES
        return replace(header, problem=f"{path.name} is cut off: it has no image.") if lost else header
    image = StoredImage(
        path=path,
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        transfer_syntax=walked.transfer_syntax,
        sop_class_uid=header.sop_class_uid,
        sop_instance_uid=header.sop_instance_uid,
        rows=short(dataset, "Rows"),
        columns=short(dataset, "Columns"),
        samples=short(dataset, "SamplesPerPixel", 1),
        photometric=text(dataset, "PhotometricInterpretation"),
        bits_allocated=short(dataset, "BitsAllocated"),
        bits_stored=short(dataset, "BitsStored"),
        high_bit=short(dataset, "HighBit"),
        signed=short(dataset, "PixelRepresentation", 0) == 1,
        frames=max(whole(dataset, "NumberOfFrames", 1), 1),
        offset=walked.offset,
        length=walked.length,
    )
    if image.frames > MAX_FRAMES:
        raise ReadError(f"it claims {image.frames} frames")
    planes = frame_planes(dataset, image) if "PerFrameFunctionalGroupsSequence" in dataset else _planes(dataset, image)
    return replace(header, planes=planes, problem=_damage(image))


def _damage(image: StoredImage) -> str:
    """Why the pixel data cannot be whole, or "" when the header and the file's size agree."""
    name = image.path.name
    if image.rows == 0 or image.columns == 0:
        return f"{name} is damaged: it says that it has {image.rows} rows and {image.columns} columns."
    if image.offset == 0:
        return f"{name} is cut off: it has no pixel data."
    # Colour is stored in several layouts, and not opened anyway.
    if image.offset > 0 and image.length >= 0 and image.transfer_syntax in NATIVE and image.samples == 1:
        if image.offset + image.length > image.size:
            there = max(image.size - image.offset, 0)
            return f"{name} is cut off: {there} of {image.length} bytes of its pixel data are there."
        if image.length < image.frame_bytes * image.frames:
            needed = image.frame_bytes * image.frames
            return f"{name} is damaged: its pixel data has {image.length} bytes where its size needs {needed}."
    return ""


def _planes(dataset: Dataset, image: StoredImage) -> tuple[StoredPlane, ...]:
    spacing = numbers(dataset, "PixelSpacing", 2)
    several = image.frames > 1
    thickness = numbers(dataset, "SliceThickness", 1)
    slope, intercept = numbers(dataset, "RescaleSlope", 1), numbers(dataset, "RescaleIntercept", 1)
    first = StoredPlane(
        image=image,
        frame=1 if several else None,
        # Frames without functional groups have no place of their own: the file's one place says nothing of them.
        position=None if several else numbers(dataset, "ImagePositionPatient", 3),
        orientation=None if several else numbers(dataset, "ImageOrientationPatient", 6),
        spacing_uv=None if spacing is None else (spacing[1], spacing[0]),
        thickness=thickness[0] if thickness else None,
        slope=slope[0] if slope else None,
        intercept=intercept[0] if intercept else None,
        rescale_type=text(dataset, "RescaleType"),
        instance_number=whole(dataset, "InstanceNumber", 0),
        acquired=_acquired(dataset),
        traits=tuple(text(dataset, trait) for trait in TRAITS),
    )
    return (first, *(replace(first, frame=number) for number in range(2, image.frames + 1)))


def _acquired(dataset: Dataset) -> str:
    """When the plane was acquired; "" where the file gives no date."""
    date, time = text(dataset, "AcquisitionDate"), text(dataset, "AcquisitionTime")
    return date + time if date and time else text(dataset, "AcquisitionDateTime")


def _references(dataset: Dataset) -> frozenset[str]:
    """Frame of reference and series UIDs that an RTSTRUCT refers to."""
    found = set()
    for frame in items(dataset, "ReferencedFrameOfReferenceSequence"):
        found.add(text(frame, "FrameOfReferenceUID"))
        for study in items(frame, "RTReferencedStudySequence"):
            for series in items(study, "RTReferencedSeriesSequence"):
                found.add(text(series, "SeriesInstanceUID"))
    return frozenset(found - {""})
