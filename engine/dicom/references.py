"""What an object that is drawn on images says that it belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from engine.dicom.rtstruct_file import RoiContours


@dataclass(frozen=True)
class References:
    """What a set of structures says that it belongs to. Every set may be empty, and every UID may lead nowhere."""

    study_uids: frozenset[str] = frozenset()
    series_uids: frozenset[str] = frozenset()
    frame_of_reference_uids: frozenset[str] = frozenset()
    instance_uids: frozenset[str] = frozenset()


#: For what refers to nothing.
NOTHING = References()


def references_of(header: "Dataset", contours: "Sequence[RoiContours]" = ()) -> References:
    """All studies, series, frames of reference and instances that an RTSTRUCT refers to."""
    frames = _values([header], "FrameOfReferenceUID")
    series: set[str] = set()
    studies = _values([header], "StudyInstanceUID")
    instances: set[str] = set()
    for frame in header.get("ReferencedFrameOfReferenceSequence", None) or []:
        frames |= _values([frame], "FrameOfReferenceUID")
        for study in frame.get("RTReferencedStudySequence", None) or []:
            studies |= _values([study], "ReferencedSOPInstanceUID")
            items = study.get("RTReferencedSeriesSequence", None) or []
            series |= _values(items, "SeriesInstanceUID")
            for item in items:
                instances |= _values(item.get("ContourImageSequence", None) or [], "ReferencedSOPInstanceUID")
    frames |= _values(header.get("StructureSetROISequence", None) or [], "ReferencedFrameOfReferenceUID")
    for roi in contours:
        for contour in roi.contours:
            instances.update(instance for _, instance, _ in contour.image_uids)
    return References(frozenset(studies), frozenset(series), frozenset(frames), frozenset(instances - {""}))


def _values(items: "Sequence[Dataset]", keyword: str) -> set[str]:
    return {str(item.get(keyword, "") or "").strip() for item in items} - {""}
