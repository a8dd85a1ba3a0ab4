"""Whether an RTSTRUCT keeps the standard: our own structural check, and `dciodvfy` where it is installed."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, keyword_for_tag

from engine.dicom.references import references_of
from engine.dicom.rtstruct_file import RTSTRUCT_CLASS, RtstructFile
from engine.dicom.rtstruct_items import integer, sequence, string
from engine.dicom.rtstruct_match import contour_planes
from engine.structures import RawContour
from engine.volume import FloatArray, Volume

#: PS3.3 A.19 with C.7.1.1, C.7.2.1, C.8.8.1, C.7.5.1, C.8.8.5, C.8.8.6, C.8.8.8, C.12.1.
_TYPE_1 = ("SOPClassUID", "SOPInstanceUID", "Modality", "StudyInstanceUID", "SeriesInstanceUID", "StructureSetLabel",
           "StructureSetROISequence", "RTROIObservationsSequence")  # fmt: skip
_TYPE_2 = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
           "ReferringPhysicianName", "StudyID", "SeriesNumber", "Manufacturer", "OperatorsName", "StructureSetDate",
           "StructureSetTime")  # fmt: skip
_ITEM_1 = {
    "StructureSetROISequence": ("ROINumber", "ReferencedFrameOfReferenceUID"),
    "RTROIObservationsSequence": ("ObservationNumber", "ReferencedROINumber"),
}
_ITEM_2 = {
    "StructureSetROISequence": ("ROIName", "ROIGenerationAlgorithm"),
    "RTROIObservationsSequence": ("RTROIInterpretedType", "ROIInterpreter"),
}
#: Most characters of a value (PS3.5 table 6.2-1).
_LONGEST = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240, "CS": 16, "UI": 64, "DS": 16, "IS": 12, "DA": 8, "TM": 14}
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_TYPES = frozenset(("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR", "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"))
#: A closed contour is planar when no point is farther from its plane, mm.
PLANARITY_MM = 0.05


def file_problems(file: RtstructFile, volume: Volume | None) -> list[str]:
    """What is wrong with a file, one sentence each; empty where nothing is.

    Args:
        file: parsed.
        volume: its image, None where that isn't here.
    """
    return [
        *_attributes(file.header),
        *_values(file.header),
        *_numbers(file),
        *_contours(file),
        *_references(file, volume),
    ]


def outside_checker(path: Path) -> list[str]:
    """The errors that `dciodvfy` (dicom3tools) finds, where it is installed; its warnings are left out."""
    program = shutil.which("dciodvfy")
    if program is None:
        return []
    try:
        result = subprocess.run([program, str(path)], capture_output=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    text = (result.stdout + result.stderr).decode("utf-8", "replace")
    errors = Counter(line.removeprefix("Error - ").strip() for line in text.splitlines() if line.startswith("Error - "))
    # Its dictionary is older than CLOSEDPLANAR_XOR (PS3.3 C.8.8.6.3).
    return [
        f"dciodvfy: {error}" + (f" ({count} times)" if count > 1 else "")
        for error, count in errors.items()
        if "CLOSEDPLANAR_XOR" not in error
    ]


def _counted(count: int, what: str = "contour") -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _attributes(ds: Dataset) -> list[str]:
    out = [f"{keyword} is missing or empty." for keyword in _TYPE_1 if not ds.get(keyword, None)]
    out += [f"{keyword} is missing." for keyword in _TYPE_2 if keyword not in ds]
    if str(ds.get("SOPClassUID", "")) not in ("", RTSTRUCT_CLASS):
        out.append("SOPClassUID is not that of an RT structure set.")
    if ds.get("SOPInstanceUID", None) and ds.get("SOPInstanceUID") == ds.get("SeriesInstanceUID", None):
        out.append("The file has the same UID as its series.")
    for name, keywords in _ITEM_1.items():
        items = ds.get(name, None) or []
        for keyword in keywords:
            lacking = sum(item.get(keyword, None) in (None, "") for item in items)
            if lacking:
                out.append(f"{lacking} items of {name} lack {keyword}.")
    for name, keywords in _ITEM_2.items():
        items = ds.get(name, None) or []
        for keyword in keywords:
            lacking = sum(keyword not in item for item in items)
            if lacking:
                out.append(f"{lacking} items of {name} lack {keyword}.")
    return out


def _values(ds: Dataset, where: str = "") -> list[str]:
    out: list[str] = []
    for element in ds:
        if not dictionary_has_tag(element.tag):
            continue
        name = f"{where}{keyword_for_tag(element.tag)}"
        if element.VR == "SQ":
            for item in element.value:
                out += _values(item, f"{name} > ")
            continue
        values = element.value if isinstance(element.value, list) or element.VM > 1 else [element.value]
        for value in values:
            text = str(getattr(value, "original_string", value) if value is not None else "")
            longest = _LONGEST.get(element.VR)
            if longest is not None and len(text) > longest:
                out.append(f"{name} is longer than {longest} characters.")
            if element.VR == "UI" and text and not _UID.fullmatch(text):
                out.append(f"{name} is no valid UID.")
    return list(dict.fromkeys(out))


def _numbers(file: RtstructFile) -> list[str]:
    """ROI numbers: unique, and each named, drawn and observed."""
    out: list[str] = []

    def numbers(name: str, keyword: str) -> list[str]:
        return [str(integer(item, keyword)) for item in sequence(file.header, name)]

    named = Counter(numbers("StructureSetROISequence", "ROINumber"))
    out += [f"ROI number {number} is given to {count} structures." for number, count in named.items() if count > 1]
    drawn = Counter(str(item.number) for item in file.roi_contours)
    observed = set(numbers("RTROIObservationsSequence", "ReferencedROINumber"))
    out += [f"Contours refer to ROI number {n}, which is not there." for n in drawn if n not in named]
    out += [f"The contours of ROI number {n} are in {count} items." for n, count in drawn.items() if count > 1]
    out += [f"An observation refers to ROI number {n}, which is not there." for n in sorted(observed - set(named))]
    out += [f"ROI number {n} has no observation." for n in named if n not in observed]
    out += [f"ROI number {n} has no item in the ROI Contour Sequence." for n in named if n not in drawn]
    return out


def _contours(file: RtstructFile) -> list[str]:
    out: list[str] = []
    for roi in file.roi_contours:
        who = f"ROI number {roi.number}"
        found: Counter[str] = Counter()
        for contour, stated, points in zip(roi.contours, roi.stated_points, roi.points, strict=True):
            found.update(_contour(contour, stated, points))
        out += [f"{who}: {_counted(count)} {what}." for what, count in found.items()]
    return out


def _contour(contour: RawContour, stated: int | None, points: FloatArray | None) -> list[str]:
    out: list[str] = []
    if contour.geometric_type not in _TYPES:
        out.append(f"of the unknown type '{contour.geometric_type}'")
    if points is None:
        return [*out, "with coordinates that are no numbers"]
    if stated is None:
        out.append("without a number of points")
    elif stated != len(points):
        out.append("with another number of points than stated")
    if re.search(r"[^\\]{17,}", contour.data):
        out.append("with numbers of more than 16 characters")
    if not len(points):
        return [*out, "without points"]
    if contour.geometric_type in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
        if len(points) < 3:
            out.append("closed, but of fewer than three points")
        elif _out_of_plane(points) > PLANARITY_MM:
            out.append(f"not planar within {PLANARITY_MM} mm")
    elif contour.geometric_type == "POINT" and len(points) != 1:
        out.append("of type POINT, but of several points")
    return out


def _out_of_plane(points: np.ndarray) -> float:
    """Largest distance in mm of a point from the plane that fits best."""
    if min(np.ptp(points, axis=0)) < PLANARITY_MM:
        return 0.0
    centred = points - points.mean(axis=0)
    normal = np.linalg.svd(centred, full_matrices=False)[2][-1]
    return float(np.abs(centred @ normal).max())


def _references(file: RtstructFile, volume: Volume | None) -> list[str]:
    out: list[str] = []
    header = file.header
    frames = {
        str(f.get("FrameOfReferenceUID", "")) for f in header.get("ReferencedFrameOfReferenceSequence", None) or []
    }
    used = {str(r.get("ReferencedFrameOfReferenceUID", "")) for r in header.get("StructureSetROISequence", None) or []}
    if frames and used - frames:
        out.append("Structures refer to a frame of reference that the file does not list.")
    references = references_of(header, file.roi_contours)
    of_image = _in_frame(header, frames, volume)
    contours = [
        pair for roi in file.roi_contours if of_image(roi.number) for pair in zip(roi.contours, roi.points, strict=True)
    ]
    without = sum(not contour.image_uids for contour, _ in contours)
    if without:
        out.append(f"{_counted(without)} without reference to an image.")
    if volume is None:
        return out
    info = volume.info
    if references.series_uids and info.series_uid not in references.series_uids:
        out.append("The image series is not the one that the file refers to.")
    if info.frame_of_reference_uid and info.frame_of_reference_uid not in references.frame_of_reference_uids:
        out.append("The image's frame of reference is not the one that the file refers to.")
    if info.study_uid and str(header.get("StudyInstanceUID", "")) != info.study_uid:
        out.append("The file belongs to another study than the image.")
    return out + _image_references(contours, volume)


def _in_frame(header: Dataset, frames: set[str], volume: Volume | None) -> Callable[[int | None], bool]:
    """Whether a ROI, by its number, is to refer to the image: not where it lies in another frame that is listed."""
    own = volume.info.frame_of_reference_uid if volume is not None else ""
    others = frames - {own} if own in frames else set()
    apart = {
        integer(item, "ROINumber")
        for item in sequence(header, "StructureSetROISequence")
        if string(item, "ReferencedFrameOfReferenceUID") in others
    }
    return lambda number: number not in apart


def _image_references(contours: Sequence[tuple[RawContour, FloatArray | None]], volume: Volume) -> list[str]:
    if not volume.instances:
        return []
    plane_of = {(i.sop_instance_uid, i.frame_number): k for k, i in enumerate(volume.instances)}
    unresolved = elsewhere = off = 0
    placed = [(contour, points) for contour, points in contours if points is not None and len(points)]
    planes = contour_planes([p for _, p in placed], volume.geometry)
    for (contour, _), plane in zip(placed, planes, strict=True):
        off += plane < 0 and contour.geometric_type.startswith("CLOSED")
        if not contour.image_uids:
            continue
        named = [plane_of.get((uid, frame)) for _, uid, frame in contour.image_uids]
        if all(k is None for k in named):
            unresolved += 1
        elif plane >= 0 and int(plane) not in named:
            elsewhere += 1
    out = []
    if unresolved:
        out.append(f"{_counted(unresolved)} with references to images that are not in the series.")
    if elsewhere:
        out.append(f"{_counted(elsewhere)} with references to another image than the one of their plane.")
    if off:
        out.append(f"{_counted(off, 'closed contour')} off the planes of the series.")
    return out
