"""What a DICOM file says before its pixel data: identity, pixel format, and where each of its planes lies."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.uid import (
    MediaStorageDirectoryStorage,
)

from engine.dicom.fields import number_if_any, numbers, put_points, text, whole
from engine.dicom.frames import frame_planes
from engine.dicom.nuclear import NUCLEAR_KEYWORDS, slice_places
from engine.dicom.pixel_format import FORMAT_KEYWORDS, PixelFormat, float_padding_of, padding_of
from engine.dicom.planes import NATIVE, PLAIN, VOLUME_MODALITIES, StoredImage, StoredPlane
from engine.dicom.traits import TRAIT_TAGS, is_mosaic, traits_of, with_trait
from engine.dicom.walk import Walked, Walker
from engine.dicom.watched import DamagedHeaderError, nobody
from engine.errors import PlanimeterError, ReadError

_KEYWORDS = (
    *TRAIT_TAGS,
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "PatientID",
    "PatientName",
    "SeriesInstanceUID",
    "InstanceNumber",
    "AcquisitionDate",
    "AcquisitionDateTime",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceThickness",
    "PixelSpacing",
    *FORMAT_KEYWORDS,
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    *NUCLEAR_KEYWORDS,
)
_WALKER = Walker(_KEYWORDS)


#: Numbers that readers are known to find with decimal commas.
_DECIMALS = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceThickness",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
)
#: How files of other kinds begin → what they are, and what to do.
_KNOWN = {
    b"PK": "an archive; unpack it, and open what it holds",
    b"\x1f\x8b": "compressed (gzip); unpack it, and open what it holds",
    b"Rar!": "an archive; unpack it, and open what it holds",
    b"7z\xbc\xaf": "an archive; unpack it, and open what it holds",
    b"GIF8": "a GIF picture, which is not opened; save it as PNG",
    b"BM": "a BMP picture, which is not opened; save it as PNG",
    b"RIFF": "a WebP picture or a film, which is not opened; save pictures as PNG",
    b"\0\0\0\x0cjP": "a JPEG 2000 picture, which is not opened; save it as PNG",
    b"%PDF": "a PDF document, which is not opened",
}


class NotDicomError(ReadError):
    """The file is no DICOM file at all."""


class BlankError(NotDicomError):
    """The file has nothing where a header would be: no bytes, or zeros."""


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
    problem: str = ""
    patient_name: str = ""

    @property
    def is_directory(self) -> bool:
        """True for a DICOMDIR."""
        return self.sop_class_uid == MediaStorageDirectoryStorage


def read_header(
    path: Path, is_image: Callable[[Header], bool] = lambda header: True, listen: Callable[[], None] = nobody
) -> Header:
    """Read everything of a file but its pixel data.

    Args:
        path: the file.
        is_image: tells from its identity whether its planes are wanted.
        listen: called now and then while much is read; what it raises ends the reading.

    Raises:
        NotDicomError: it is no DICOM file.
        ReadError: it is one, but its header is damaged.
    """
    try:
        # Opening a pipe or a device could wait for ever, and so could reading a file that the system makes up.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise NotDicomError(f"{path.name} is not a file.")
        if not status.st_size:
            raise BlankError(f"{path.name} is empty.")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            _require_dicom(file.read(132), path)
            file.seek(0)
            walked = _WALKER.read(file, status.st_size, listen)
            return _header(path, status, walked, file, is_image)
    except PlanimeterError:
        raise
    except OSError as error:
        if path.is_symlink() and not path.exists():
            raise ReadError(f"{path.name} is a link that leads to no file.") from error
        raise ReadError(f"{path.name} cannot be opened: {error.strerror or error}.") from error
    except DamagedHeaderError as error:
        raise ReadError(f"{path.name} is a damaged DICOM file: {error}.") from error
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is a damaged DICOM file: its header cannot be read.") from error


def begins_as_dicom(path: Path) -> bool:
    """True where a file has the sign of DICOM after its preamble."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_elements(path: Path, keywords: tuple[str, ...]) -> Dataset:
    """Some elements of a file that lie before its pixel data and its contours; those that are absent are left out.

    Raises:
        ReadError: the file cannot be read, or its header is damaged.
    """
    try:
        with path.open("rb") as file:
            return Walker(keywords).read(file, os.fstat(file.fileno()).st_size).dataset
    except OSError as error:
        raise ReadError(f"{path.name} cannot be opened: {error.strerror or error}.") from error
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is a damaged DICOM file: its header cannot be read.") from error


def _require_dicom(start: bytes, path: Path) -> None:
    """Refuse a file that does not begin as DICOM does."""
    if not any(start):
        raise BlankError(f"{path.name} begins with zeros, where a DICOM file has its header.")
    # Files from before the standard's file format start with their first element, group 2 or 8.
    little = start[:2] in (b"\x02\x00", b"\x08\x00") and start[3:4] == b"\x00"
    big = start[:3] == b"\x00\x08\x00" and start[4:6].isalpha()
    old = len(start) >= 16 and (little or big)
    if start[128:] == b"DICM":
        return
    known = next((what for sign, what in _KNOWN.items() if start.startswith(sign)), "")
    if known:
        raise NotDicomError(f"{path.name} is {known}.")
    if not old:
        raise NotDicomError(f"{path.name} is not a DICOM file.")


def _header(
    path: Path, status: os.stat_result, walked: Walked, file: BinaryIO, is_image: Callable[[Header], bool]
) -> Header:
    try:
        return _described(path, status, walked, file, is_image)
    except ReadError as error:
        raise ReadError(f"{path.name} is a damaged or unusual DICOM file: {error}.") from error
    except Exception as error:
        raise ReadError(f"{path.name} is a damaged DICOM file: its header makes no sense.") from error


def _described(
    path: Path, status: os.stat_result, walked: Walked, file: BinaryIO, is_image: Callable[[Header], bool]
) -> Header:
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
        patient_name=text(dataset, "PatientName"),
    )
    if header.is_directory:
        return header
    if not header.series_uid and not header.modality:
        raise ReadError("it names neither a series nor a modality")
    if not is_image(header):
        return header
    lacking = [keyword for keyword in ("Rows", "Columns") if keyword not in dataset]
    if lacking:
        lost = header.modality in VOLUME_MODALITIES
        why = "is cut off: it has no image" if not walked.last else f"has no image: it lacks {' and '.join(lacking)}"
        return replace(header, problem=f"{path.name} {why}.") if lost else header
    commas = put_points(dataset, _DECIMALS)
    form = PixelFormat.of(walked, file)
    image = StoredImage(
        path=path,
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        transfer_syntax=form.transfer_syntax,
        sop_class_uid=header.sop_class_uid,
        sop_instance_uid=header.sop_instance_uid,
        rows=form.rows,
        columns=form.columns,
        samples=form.samples,
        photometric=form.photometric,
        bits_allocated=form.bits_allocated,
        bits_stored=form.bits_stored,
        high_bit=form.high_bit,
        signed=form.signed,
        frames=form.frames,
        offset=walked.offset,
        length=walked.length,
        swapped=form.swapped,
        remarks=(*form.remarks, *commas),
        deflated_at=walked.deflated_at,
        mosaic=is_mosaic(dataset, form.rows, form.columns, _spacing_uv(dataset)),
        padding=float_padding_of(dataset, form.bits_allocated)
        if form.floating
        else padding_of(dataset, form.bits_allocated, form.signed),
        floating=form.floating,
    )
    planes = frame_planes(dataset, image) if "PerFrameFunctionalGroupsSequence" in dataset else _planes(dataset, image)
    problem = f"{path.name} {form.problem}." if form.problem else _damage(image, header.modality in VOLUME_MODALITIES)
    return replace(header, planes=planes, problem=problem)


def _damage(image: StoredImage, of_volume: bool) -> str:
    """Why the pixel data cannot be whole, or "" when the header and the file's size agree."""
    name = image.path.name
    if image.rows == 0 or image.columns == 0:
        return f"{name} is damaged: it says that it has {image.rows} rows and {image.columns} columns."
    if image.offset == 0:
        return f"{name} has no pixel data: it is cut off, or was written without."
    # Planes of a volume in colour are refused for that.
    if image.length >= 0 and image.transfer_syntax in PLAIN and (image.samples == 1 or not of_volume):
        if image.offset + image.length > image.size and image.transfer_syntax in NATIVE:
            there = max(image.size - image.offset, 0)
            return f"{name} is cut off: {there} of {image.length} bytes of its pixel data are there."
        needed = image.frame_bytes * image.frames
        if image.photometric == "YBR_FULL_422":
            # Two neighbours share their colour.
            needed = needed * 2 // 3
        if image.length < needed:
            return f"{name} is damaged: its pixel data has {image.length} bytes where its size needs {needed}."
    return ""


def _planes(dataset: Dataset, image: StoredImage) -> tuple[StoredPlane, ...]:
    several = image.frames > 1
    thickness, remarks = number_if_any(dataset, "SliceThickness")
    if remarks:
        image = replace(image, remarks=(*image.remarks, *remarks))
    slope, intercept = numbers(dataset, "RescaleSlope", 1), numbers(dataset, "RescaleIntercept", 1)
    first = StoredPlane(
        image=image,
        frame=1 if several else None,
        # Frames without functional groups have no place of their own: the file's one place says nothing of them.
        position=None if several else numbers(dataset, "ImagePositionPatient", 3),
        orientation=None if several else numbers(dataset, "ImageOrientationPatient", 6),
        spacing_uv=_spacing_uv(dataset),
        thickness=thickness,
        slope=slope[0] if slope else None,
        intercept=intercept[0] if intercept else None,
        rescale_type=text(dataset, "RescaleType"),
        instance_number=whole(dataset, "InstanceNumber", 0),
        acquired=_acquired(dataset),
        traits=traits_of(dataset),
    )
    planes = (first, *(replace(first, frame=number) for number in range(2, image.frames + 1)))
    placed = slice_places(dataset, image.sop_class_uid, image.frames) if several else None
    if placed is None:
        return planes
    slots = placed.slots or (0,) * image.frames
    return tuple(
        replace(
            plane,
            position=position,
            orientation=placed.orientation,
            traits=with_trait(plane.traits, "TimeSlot", str(slot)) if slot else plane.traits,
        )
        for plane, position, slot in zip(planes, placed.positions, slots, strict=True)
    )


def _acquired(dataset: Dataset) -> str:
    """When the plane was acquired; "" where the file gives no date."""
    date, time = text(dataset, "AcquisitionDate"), text(dataset, "AcquisitionTime")
    return date + time if date and time else text(dataset, "AcquisitionDateTime")


def _spacing_uv(dataset: Dataset) -> tuple[float, float] | None:
    spacing = numbers(dataset, "PixelSpacing", 2)
    return None if spacing is None else (spacing[1], spacing[0])
