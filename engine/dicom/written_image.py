"""What every image that the program writes says: whose it is, as a person told, and which program made it."""

from dataclasses import dataclass

from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from engine import __version__
from engine.dicom.rtstruct_header import put, stable_uid
from engine.volume import Volume

_LONGEST_TEXT = 64
#: What the standard wants to be there, and no file of another kind tells.
_UNKNOWN = (
    "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "StudyID", "ReferringPhysicianName",
    "Laterality",
)  # fmt: skip


@dataclass(frozen=True)
class PatientIdentity:
    """Who an image is of, as a person says it; the image's file doesn't.

    Args:
        name: as DICOM writes it: Family^Given.
        patient_id: of the hospital.
        modality: what the image is, by its DICOM modality; "" takes what it looks like.
    """

    name: str
    patient_id: str
    modality: str = ""


def why_no_identity(patient: PatientIdentity) -> str:
    """What is missing in a patient's name and ID, in one sentence; "" where nothing is."""
    for what, value in (("name", patient.name), ("ID", patient.patient_id)):
        plain = value.strip()
        if not plain.strip("^= "):
            return f"The image names no patient: give the patient's {what}."
        if len(plain) > _LONGEST_TEXT or "\\" in plain or not plain.isprintable():
            return f"The patient's {what} must have at most {_LONGEST_TEXT} characters, and no backslash."
    return ""


def begun(
    volume: Volume, patient: PatientIdentity, *, modality: str, sop_class: str, key: str, number: int
) -> FileDataset:
    """A file of an image with all but what is its own: patient, study, series, equipment.

    Args:
        volume: that is written.
        patient: who it is of.
        modality: DICOM's.
        sop_class: its UID.
        key: tells this image from all others; the UIDs depend on it alone.
        number: of the file within its series, from 1.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(stable_uid("image", key, modality, str(number - 1)))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(stable_uid("Planimeter"))
    ds = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID = stable_uid("image study", key)
    ds.SeriesInstanceUID = stable_uid("image series", key, modality)
    put(ds, "PatientName", patient.name)
    put(ds, "PatientID", patient.patient_id)
    for keyword in _UNKNOWN:
        setattr(ds, keyword, "")
    ds.Modality, ds.Manufacturer, ds.SoftwareVersions = modality, "Planimeter", __version__
    put(ds, "SeriesDescription", volume.info.description)
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = 1, number, None
    put(ds, "DerivationDescription", f"Converted by Planimeter from {volume.info.description}")
    if volume.notes:
        put(ds, "ImageComments", " ".join(volume.notes))
    return ds
