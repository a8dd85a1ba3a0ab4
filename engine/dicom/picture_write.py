"""A picture that came from no DICOM file → a DICOM picture that has been read back, for what refers to it."""

import hashlib
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.tag import Tag
from pydicom.valuerep import format_number_as_ds

from engine.dicom.header import read_header
from engine.dicom.info import read_info
from engine.dicom.pictures import files_of_pictures, read_dicom_picture, why_no_picture
from engine.dicom.rtstruct_header import choose_character_set, stable_uid
from engine.dicom.written_image import PatientIdentity, begun, why_no_identity
from engine.errors import MismatchError, PlanimeterError, WriteError
from engine.progress import Progress, silent
from engine.safe_file import whole_file, write_errors
from engine.volume import Volume


@dataclass(frozen=True)
class PictureKind:
    """A kind of picture that is written.

    Args:
        name: for people.
        sop_class: of a single picture with 8 bits a colour; "" where it is a secondary capture.
    """

    name: str
    sop_class: str = ""


#: By modality. What holds frames or 16 bits is a secondary capture, whatever its modality.
PICTURE_KINDS = {
    "XC": PictureKind("Photograph", "1.2.840.10008.5.1.4.1.1.77.1.4"),
    "US": PictureKind("Ultrasound", "1.2.840.10008.5.1.4.1.1.6.1"),
    "ES": PictureKind("Endoscopy", "1.2.840.10008.5.1.4.1.1.77.1.1"),
    "OT": PictureKind("Another picture"),
}
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
#: Of several frames: in colour, with 8 bits, with 16.
_FRAMES_IN_COLOUR, _FRAMES_OF_BYTES, _FRAMES_OF_WORDS = f"{_CAPTURE}.4", f"{_CAPTURE}.2", f"{_CAPTURE}.3"
_PAGE_NUMBERS = Tag("PageNumberVector")
_JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})


def why_no_picture_file(volume: Volume, patient: PatientIdentity) -> str:
    """What is missing before a picture can be written as a DICOM file, in one sentence; "" where nothing is."""
    problem = why_no_identity(patient)
    if problem:
        return problem
    if patient.modality not in PICTURE_KINDS:
        return "The picture doesn't say what it is: tell whether it is a photograph, an ultrasound, or another."
    if volume.voxels.dtype not in (np.uint8, np.uint16):
        return "The picture has values that no DICOM picture holds; only grey levels and colours can be written."
    return ""


def write_picture(volume: Volume, path: Path, patient: PatientIdentity, progress: Progress = silent) -> Volume:
    """Write a picture as a DICOM file, read it back, and compare it pixel by pixel with the picture.

    The same picture, patient and kind give the same UIDs. Where the file is there already it is taken as it is.

    Args:
        volume: of a file that is not DICOM.
        path: of the file; it appears whole or not at all.
        patient: who it is of, and by its modality what it is.
        progress: reports and may stop.

    Returns:
        The picture as it was read back, with its instances.

    Raises:
        WriteError: another file stands at `path`, what was written differs when it is read, or the folder can't be
            written to.
        MismatchError: the patient or the kind of picture is not given; see `why_no_picture_file`.
    """
    problem = why_no_picture_file(volume, patient)
    if problem:
        raise MismatchError(problem)
    pixels = np.ascontiguousarray(volume.voxels)
    key = f"{hashlib.sha256(pixels.data).hexdigest()} {pixels.shape} {patient.name} {patient.patient_id}"
    progress(0.1, "Writing the picture")
    if path.exists():
        return _there(volume, path, stable_uid("image", key, patient.modality, "0"))
    with write_errors(path), whole_file(path) as temporary:
        _picture(volume, patient, key).save_as(temporary, enforce_file_format=True)
        progress(0.6, "Reading the picture back")
        _read(temporary, volume)
    return _read(path, volume)


def _there(volume: Volume, path: Path, uid: str) -> Volume:
    """The picture as it was written before."""
    try:
        same = read_header(path).sop_instance_uid == uid
        image = _read(path, volume) if same else None
    except PlanimeterError:
        image = None
    if image is None:
        raise WriteError(
            f"{path} is there already, and is another picture or of another patient; choose another folder."
        )
    return image


def _read(path: Path, volume: Volume) -> Volume:
    """The picture of a file.

    Raises:
        WriteError: it is not that of `volume`.
    """
    header = read_header(path)
    files = files_of_pictures(header.planes)
    problem = header.problem or ("it holds no picture" if len(files) != 1 else why_no_picture(files[0]))
    if problem:
        raise WriteError(f"The picture was not written: read back, {problem}")
    info = replace(read_info(path), source=str(path))
    image = read_dicom_picture(files[0], info, (), silent)
    if image.voxels.shape != volume.voxels.shape or not np.array_equal(image.voxels, volume.voxels):
        raise WriteError("The picture was not written: read back, its pixels differ.")
    return image


def _sop_class(volume: Volume, modality: str) -> str:
    in_colour, bits = volume.voxels.ndim == 4, volume.voxels.dtype.itemsize * 8
    if volume.geometry.shape[0] > 1:
        return _FRAMES_IN_COLOUR if in_colour else _FRAMES_OF_BYTES if bits == 8 else _FRAMES_OF_WORDS
    return PICTURE_KINDS[modality].sop_class if bits == 8 and PICTURE_KINDS[modality].sop_class else _CAPTURE


def _picture(volume: Volume, patient: PatientIdentity, key: str) -> FileDataset:
    """The pictures of a volume as one data set (PS3.3 A.32.4, A.32.1, A.6, A.8)."""
    frames, rows, columns = volume.geometry.shape
    pixels, sop_class = volume.voxels, _sop_class(volume, patient.modality)
    in_colour, bits = pixels.ndim == 4, pixels.dtype.itemsize * 8
    ds = begun(volume, patient, modality=patient.modality, sop_class=sop_class, key=key, number=1)
    ds.ImageType, ds.PatientOrientation = ["DERIVED", "SECONDARY"], ""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = (3, "RGB") if in_colour else (1, "MONOCHROME2")
    if in_colour:
        ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit, ds.PixelRepresentation = bits - 1, 0
    if sop_class == _CAPTURE or sop_class.startswith(f"{_CAPTURE}."):
        ds.ConversionType = "WSD"
    elif patient.modality != "US":
        ds.AcquisitionContextSequence = []
    if frames > 1:
        ds.NumberOfFrames, ds.FrameIncrementPointer = frames, _PAGE_NUMBERS
        ds.PageNumberVector = list(range(1, frames + 1))
        # Nobody has looked for names in the picture, and the standard wants an answer.
        ds.BurnedInAnnotation = "YES"
        if not in_colour:
            ds.PresentationLUTShape, ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "IDENTITY", 0, 1, "US"
    _lossy(ds, volume)
    data = pixels.tobytes() if bits == 8 else pixels.astype("<u2").tobytes()
    ds.PixelData = data + bytes(len(data) % 2)
    ds["PixelData"].VR = "OB" if bits == 8 else "OW"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        choose_character_set(ds)
    return ds


def _lossy(ds: FileDataset, volume: Volume) -> None:
    """Say that the picture was a JPEG, and how far it was compressed (PS3.3 C.7.6.1.1.5)."""
    source = Path(volume.info.source)
    if source.suffix.lower() not in _JPEG:
        ds.LossyImageCompression = "00"
        return
    ds.LossyImageCompression, ds.LossyImageCompressionMethod = "01", "ISO_10918_1"
    try:
        size = source.stat().st_size
    except OSError:
        return
    ds.LossyImageCompressionRatio = format_number_as_ds(round(volume.voxels.nbytes / max(size, 1), 2))
