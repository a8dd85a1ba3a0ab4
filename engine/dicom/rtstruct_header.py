"""All of an RTSTRUCT but its contours: patient, study, series, references, ROIs and observations (PS3.3 A.19)."""

import json
import uuid
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.multival import MultiValue

from engine import __version__
from engine.dicom.fields import one_line
from engine.dicom.presets import LONGEST_LABEL, ExportOptions
from engine.dicom.rtstruct_as_read import is_redrawn
from engine.dicom.rtstruct_file import RTSTRUCT_CLASS
from engine.dicom.rtstruct_volume import volume_to_write
from engine.structures import Approval, Code, Generation, Provenance, Roi, StructureSet
from engine.tg263 import standard_code, standard_side
from engine.volume import Geometry, Instance, SeriesInfo, Volume

_NAMESPACE = uuid.UUID("6a6f1a0e-7d5b-5c36-9f0a-0d3b8a4a1c57")

#: Where a ROI's own UID is kept: no standard attribute of a structure set holds one that checkers know.
PRIVATE_GROUP, PRIVATE_CREATOR = 0x3007, "PLANIMETER"

#: The study component class that PS3.3 C.8.8.5 gives for RT Referenced Study Sequence; retired, still what is expected.
_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"

#: Most characters of a value, by VR (PS3.5 table 6.2-1).
_LONGEST = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240, "CS": 16, "AE": 16, "PN": 64, "AS": 4, "IS": 12, "DS": 16}

#: Kept with a structure where it is another than the image's.
_FRAME = "ReferencedFrameOfReferenceUID"

#: Of the file that structures were read from, what goes into the file that is written from them.
_CARRIED = ("StructureSetName",)

#: What identifies the patient and the study, carried over where there is no image to take them from.
_IDENTITY = (
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyDescription", "PatientName",
    "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID", "FrameOfReferenceUID",
)  # fmt: skip

_INTERPRETED_TYPES = frozenset((
    "EXTERNAL", "PTV", "CTV", "GTV", "TREATED_VOLUME", "IRRAD_VOLUME", "BOLUS", "AVOIDANCE", "ORGAN", "MARKER",
    "REGISTRATION", "ISOCENTER", "CONTRAST_AGENT", "CAVITY", "BRACHY_CHANNEL", "BRACHY_ACCESSORY", "BRACHY_SRC_APP",
    "BRACHY_CHNL_SHLD", "SUPPORT", "FIXATION", "DOSE_REGION", "CONTROL", "DOSE_MEASUREMENT",
))  # fmt: skip


def identity(structures: StructureSet, volume: Volume | None) -> SeriesInfo:
    """Patient, study and frame of reference of the file to write; UIDs that are nowhere are made, always the same.

    Taken from the image, else from the file that the structures were read from.
    """
    if volume is not None:
        info = volume.info
    else:
        old = _from_json(json.loads(structures.attachments or "{}"))
        values = {keyword: _whole(old.get(keyword, "") or "") for keyword in _IDENTITY}
        frames = [
            str(item.get("FrameOfReferenceUID", "")) for item in old.get("ReferencedFrameOfReferenceSequence", [])
        ]
        info = SeriesInfo(
            study_uid=values["StudyInstanceUID"],
            frame_of_reference_uid=values["FrameOfReferenceUID"] or next(iter(frames), ""),
            study_description=values["StudyDescription"],
            study_date=values["StudyDate"],
            study_time=values["StudyTime"],
            study_id=values["StudyID"],
            accession_number=values["AccessionNumber"],
            patient_name=values["PatientName"],
            patient_id=values["PatientID"],
            patient_birth_date=values["PatientBirthDate"],
            patient_sex=values["PatientSex"],
            referring_physician=values["ReferringPhysicianName"],
        )
    geometry = structures.geometry
    where = [geometry.origins_lps.tobytes().hex(), geometry.directions.tobytes().hex(), str(geometry.shape)]
    return SeriesInfo(
        **{
            **{name: getattr(info, name) for name in SeriesInfo.__dataclass_fields__},
            "study_uid": info.study_uid or stable_uid("study", info.patient_id, *where),
            "frame_of_reference_uid": info.frame_of_reference_uid or stable_uid("frame of reference", *where),
        }
    )


def header(
    structures: StructureSet,
    volume: Volume | None,
    rois: Sequence[Roi],
    names: Mapping[int, str],
    options: ExportOptions,
) -> Dataset:
    """The data set of an RTSTRUCT without its contours, its SOP Instance UID and its dates."""
    info = identity(structures, volume)
    old = _from_json(json.loads(structures.attachments or "{}"))
    ds = Dataset()
    ds.SOPClassUID = RTSTRUCT_CLASS
    put(ds, "StudyDate", _date(info.study_date))
    put(ds, "StudyTime", _time(info.study_time))
    put(ds, "AccessionNumber", info.accession_number)
    put(ds, "Modality", "RTSTRUCT")
    put(ds, "Manufacturer", "Planimeter")
    put(ds, "ReferringPhysicianName", info.referring_physician)
    if info.study_description:
        put(ds, "StudyDescription", info.study_description)
    put(ds, "SeriesDescription", options.series_description or "Planimeter structures")
    put(ds, "OperatorsName", options.operator)
    put(ds, "ManufacturerModelName", "Planimeter")
    put(ds, "PatientName", info.patient_name)
    put(ds, "PatientID", info.patient_id)
    put(ds, "PatientBirthDate", _date(info.patient_birth_date))
    put(ds, "PatientSex", info.patient_sex if info.patient_sex in ("M", "F", "O") else "")
    put(ds, "SoftwareVersions", __version__)
    ds.StudyInstanceUID = info.study_uid
    ds.SeriesInstanceUID = stable_uid("RTSTRUCT series", info.study_uid, info.series_uid)
    put(ds, "StudyID", info.study_id)
    ds.SeriesNumber = "1"
    ds.InstanceNumber = "1"
    ds.FrameOfReferenceUID = info.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    put(ds, "StructureSetLabel", (options.label or structures.label or "Planimeter")[:LONGEST_LABEL].rstrip())
    description = options.description or structures.description
    if description:
        put(ds, "StructureSetDescription", description)
    for keyword in _CARRIED:
        if keyword in old:
            put(ds, keyword, str(old[keyword].value))
    if structures.sop_instance_uid:
        ds.PredecessorStructureSetSequence = [_reference(RTSTRUCT_CLASS, structures.sop_instance_uid)]
    if volume is None and old.get("ReferencedFrameOfReferenceSequence"):
        ds.ReferencedFrameOfReferenceSequence = old.ReferencedFrameOfReferenceSequence
    else:
        aside = {_attached(roi, "roi").get(_FRAME, "") for roi in structures.elsewhere}
        others = [
            item
            for item in old.get("ReferencedFrameOfReferenceSequence", None) or []
            if item.get("FrameOfReferenceUID", "") in aside
        ]
        ds.ReferencedFrameOfReferenceSequence = [_frame_of_reference(info, volume), *others]
    ds.StructureSetROISequence = [_roi(roi, names[roi.number], info, structures.geometry) for roi in rois]
    ds.RTROIObservationsSequence = list(_observations(rois, names))
    approval = Approval.of(rois)
    ds.ApprovalStatus = approval.status
    if approval.is_decided:
        put(ds, "ReviewDate", _date(approval.date))
        put(ds, "ReviewTime", approval.time)
        put(ds, "ReviewerName", approval.reviewer)
    for element in old:
        if element.tag.is_private and element.tag.group > 0x0008 and element.tag not in ds:
            ds.add(element)
    return ds


def cut_told(ds: Dataset, info: SeriesInfo) -> list[str]:
    """A sentence for each text of an image that tells patient and study apart and had to be cut in what is written."""
    named = {
        "PatientID": ("patient ID", info.patient_id),
        "PatientName": ("patient's name", info.patient_name),
        "AccessionNumber": ("accession number", info.accession_number),
        "StudyID": ("study ID", info.study_id),
    }
    return [
        f"The {name} of the image has {len(given)} characters, more than DICOM allows, and is written cut to "
        f"{len(written)}: systems that tell studies apart by it may take this file for another's."
        for keyword, (name, given) in named.items()
        if len(written := str(ds.get(keyword, "") or "")) < len(one_line(given, "").strip())
    ]


def stamp(ds: Dataset, when: datetime) -> None:
    """Set the dates and times of the file."""
    date, time = when.strftime("%Y%m%d"), when.strftime("%H%M%S")
    ds.InstanceCreationDate = ds.SeriesDate = ds.StructureSetDate = date
    ds.InstanceCreationTime = ds.SeriesTime = ds.StructureSetTime = time


def choose_character_set(ds: Dataset) -> str:
    """Set and give the character set: ISO_IR 100 (Latin-1) where all text fits it, else ISO_IR 192 (UTF-8)."""
    try:
        "".join(_texts(ds)).encode("latin-1")
        ds.SpecificCharacterSet = "ISO_IR 100"
    except UnicodeEncodeError:
        ds.SpecificCharacterSet = "ISO_IR 192"
    return str(ds.SpecificCharacterSet)


def stable_uid(*sources: str) -> str:
    """A UID that depends on the sources alone: a name-based UUID in the arc 2.25 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(sources)).int}"


def put(ds: Dataset, keyword: str, value: str) -> None:
    """Set a text element, without control characters and no longer than its VR allows."""
    vr = dictionary_VR(keyword)
    if vr not in ("ST", "LT", "UT"):
        value = one_line(value, "")
        # What identifies the patient must be the same in all files of a study, though a backslash parts values.
        if vr in ("SH", "LO") and keyword not in _IDENTITY:
            value = value.replace("\\", "_")
    if vr == "PN":
        value = "=".join(form[: _LONGEST[vr]] for form in value.split("="))
    else:
        value = value[: _LONGEST.get(vr, len(value))]
    # The limits are in characters, but checkers and some readers count the bytes of short labels.
    while vr == "SH" and len(value.encode()) > _LONGEST[vr]:
        value = value[:-1]
    setattr(ds, keyword, value.strip())


def image_item(instance: tuple[str, str, int | None]) -> Dataset:
    """The item of a Contour Image Sequence that refers to (SOP class UID, SOP instance UID, frame or None)."""
    item = _reference(instance[0], instance[1])
    if instance[2] is not None:
        item.ReferencedFrameNumber = str(instance[2])
    return item


def _reference(sop_class: str, instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = instance
    return item


def _frame_of_reference(info: SeriesInfo, volume: Volume | None) -> Dataset:
    frame = Dataset()
    frame.FrameOfReferenceUID = info.frame_of_reference_uid
    instances: tuple[Instance, ...] = volume.instances if volume is not None else ()
    if instances and info.series_uid:
        series = Dataset()
        series.SeriesInstanceUID = info.series_uid
        series.ContourImageSequence = [
            image_item((i.sop_class_uid, i.sop_instance_uid, i.frame_number)) for i in instances
        ]
        study = _reference(_STUDY_CLASS, info.study_uid)
        study.RTReferencedSeriesSequence = [series]
        frame.RTReferencedStudySequence = [study]
    return frame


def _roi(roi: Roi, name: str, info: SeriesInfo, geometry: Geometry) -> Dataset:
    item = _attached(roi, "roi")
    redrawn = is_redrawn(roi)
    if "ROIVolume" in item and geometry.in_patient and _FRAME not in item:
        # What was drawn since has another volume than the file that it was read from says.
        item.ROIVolume = volume_to_write(str(item.ROIVolume), roi.volume_cm3(geometry), redrawn=redrawn)
    if "ROIDateTime" in item and redrawn:
        # It says when the contours were last changed (C.8.8.5): of these they were since, which the dates of the
        # structure set say.
        del item.ROIDateTime
    item.ROINumber = str(roi.number)
    if _FRAME not in item:
        item.ReferencedFrameOfReferenceUID = info.frame_of_reference_uid
    put(item, "ROIName", name)
    provenance = roi.provenance
    generation = provenance.generation
    if generation is Generation.AUTOMATIC and provenance.edited:
        generation = Generation.SEMIAUTOMATIC
    item.ROIGenerationAlgorithm = generation.value
    if provenance.description:
        put(item, "ROIGenerationDescription", provenance.description)
    if roi.recipe is not None:
        # The whole recipe: the Generation Description has no more than 64 characters.
        put(item, "ROIDescription", f"Derived from {roi.recipe}{', edited by hand' if provenance.edited else ''}")
    if provenance.algorithm:
        item.ROIDerivationAlgorithmIdentificationSequence = [_algorithm(provenance)]
    if roi.uid:
        item.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True).add_new(1, "UI", roi.uid)
    return item


def _algorithm(provenance: Provenance) -> Dataset:
    """PS3.3 table 10-19, Algorithm Identification Macro."""
    item = Dataset()
    # DICOM's code for the family; machine learning has none of its own in CID 7162.
    item.AlgorithmFamilyCodeSequence = [_code_item(Code("123110", "DCM", "Artificial Intelligence"))]
    put(item, "AlgorithmName", provenance.algorithm)
    put(item, "AlgorithmVersion", provenance.version or "unknown")
    if provenance.weights_sha256:
        put(item, "AlgorithmParameters", f"weights SHA-256 {provenance.weights_sha256}")
    return item


def _code_item(code: Code) -> Dataset:
    item = Dataset()
    if len(code.value) <= _LONGEST["SH"]:
        put(item, "CodeValue", code.value)
    else:
        item.LongCodeValue = code.value
    put(item, "CodingSchemeDesignator", code.scheme)
    put(item, "CodeMeaning", code.meaning or code.value)
    return item


def _observations(rois: Sequence[Roi], names: Mapping[int, str]) -> Iterable[Dataset]:
    number = 0
    for roi in rois:
        number += 1
        item = _attached(roi, "observation")
        item.ObservationNumber = str(number)
        item.ReferencedROINumber = str(roi.number)
        if "ROIObservationLabel" not in item:
            put(item, "ROIObservationLabel", names[roi.number])
        code = standard_code(roi)
        if code is not None and code.value and code.scheme:
            coded = _code_item(code)
            side = standard_side(roi)
            if side is not None:
                coded.SegmentedPropertyTypeModifierCodeSequence = [_code_item(side)]
            item.RTROIIdentificationCodeSequence = [coded]
        item.RTROIInterpretedType = roi.roi_type if roi.roi_type in _INTERPRETED_TYPES else roi.roi_type[:16].upper()
        if "ROIInterpreter" not in item:
            item.ROIInterpreter = ""
        yield item
        for more in json.loads(roi.attachments or "{}").get("observations", []):
            number += 1
            extra = _from_json(more)
            extra.ObservationNumber = str(number)
            extra.ReferencedROINumber = str(roi.number)
            yield extra


def _attached(roi: Roi, key: str) -> Dataset:
    return _from_json(json.loads(roi.attachments or "{}").get(key, {}))


def _from_json(values: dict[str, Any]) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that are too long, which are cut below
        dataset = Dataset.from_json(values)
    for element in dataset:
        longest = _LONGEST.get(element.VR)
        if longest is not None and isinstance(element.value, str) and len(element.value) > longest:
            element.value = element.value[:longest].rstrip()
    return dataset


def _whole(value: Any) -> str:
    """A value as text, with the backslashes that part it."""
    return "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)


def _texts(ds: Dataset) -> Iterable[str]:
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                yield from _texts(item)
        elif element.VR in ("SH", "LO", "ST", "LT", "PN", "UC", "UT"):
            yield str(element.value)


def _date(text: str) -> str:
    return text if len(text) == 8 and text.isdigit() else ""


def _time(text: str) -> str:
    return text if text.partition(".")[0].isdigit() and len(text) <= 16 else ""
