"""The built-in study: the averaged patient in `resources/demo`, written as a CT series that any program can read."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from engine.data_folder import data_folder
from engine.errors import ReadError, WriteError
from engine.shipped import shipped

_AVERAGE = shipped("demo", "average.nii.gz")
#: Stored values are HU less this, so that they need no sign.
_INTERCEPT = -1024
#: Day on which the average was made.
_MADE = "20261122"
_NOTE = "Median of many registered planning CTs: shows nobody. Made by Planimeter from OpenKBP (MIT licence)."


def built_in_study() -> Path:
    """The folder of the built-in study in the user's data, written now where it isn't there. Raises as below."""
    return write_demo_series(data_folder() / "demo")


def write_demo_series(folder: Path) -> Path:
    """Write the built-in study as one CT image a file into `folder`, unless it is there already.

    The same average gives the same UIDs and the same files, so a structure set drawn on the study fits it for good.

    Returns:
        `folder`.

    Raises:
        ReadError: the average that comes with the program is missing or damaged.
        WriteError: the files can't be written.
    """
    try:
        image = sitk.ReadImage(str(_AVERAGE))
    except RuntimeError as error:
        raise ReadError(f"The built-in study {_AVERAGE} could not be read; reinstall the program.") from error
    hu: NDArray[np.int16] = sitk.GetArrayFromImage(image)
    identity = hashlib.sha256(hu.tobytes() + repr((image.GetSpacing(), image.GetOrigin())).encode()).hexdigest()
    names = [f"CT.{_uid(identity, f'image {k}')}.dcm" for k in range(len(hu))]
    if folder.is_dir() and {path.name for path in folder.iterdir()} == set(names):
        return folder
    partial = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for k, name in enumerate(names):
            _plane(hu, image, k, identity).save_as(partial / name, enforce_file_format=True)
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    except OSError as error:
        raise WriteError(f"The built-in study could not be written to {folder}: {error.strerror}.") from error
    return folder


def _uid(identity: str, part: str) -> UID:
    """A UID that depends on nothing but the content: the 2.25 form, of a 128-bit number."""
    return UID(f"2.25.{int(hashlib.sha256(f'{identity} {part}'.encode()).hexdigest()[:32], 16)}")


def _plane(hu: NDArray[np.int16], image: sitk.Image, k: int, identity: str) -> FileDataset:
    """Plane `k` as a CT Image Storage data set."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(identity, f"image {k}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("", "planimeter")
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid(identity, "study"), _uid(identity, "series")
    data.FrameOfReferenceUID = _uid(identity, "frame of reference")
    data.PatientName, data.PatientID = "Average^Patient", "AVERAGE"
    data.PatientBirthDate = data.PatientSex = ""
    data.StudyDate, data.StudyTime = _MADE, "000000"
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = "Voxelwise median of many registered patients"
    data.StudyID, data.AccessionNumber, data.ReferringPhysicianName = "1", "", ""
    data.StudyDescription, data.SeriesDescription = "Built-in study", "Averaged head and neck"
    data.Modality, data.Manufacturer, data.KVP = "CT", "Planimeter", None
    data.SeriesNumber, data.InstanceNumber, data.AcquisitionNumber = 1, k + 1, None
    data.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    data.DerivationDescription = data.ImageComments = _NOTE
    data.BurnedInAnnotation = "NO"
    data.BodyPartExamined = "HEADNECK"
    data.PatientPosition, data.PositionReferenceIndicator = "HFS", ""
    x, y, z = (float(value) for value in image.TransformIndexToPhysicalPoint((0, 0, k)))
    data.ImagePositionPatient = [round(x, 4), round(y, 4), round(z, 4)]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    columns, rows, planes = (round(float(step), 4) for step in image.GetSpacing())
    data.PixelSpacing, data.SliceThickness = [rows, columns], planes
    data.SliceLocation = round(z, 4)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = hu.shape[1:]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = _INTERCEPT, 1, "HU"
    data.WindowCenter, data.WindowWidth = 40, 400
    stored = np.clip(hu[k].astype(np.int32) - _INTERCEPT, 0, 65535).astype("<u2")
    data.PixelData = stored.tobytes()
    data["PixelData"].VR = "OW"
    return data
