"""RTSTRUCT: structures as contours."""

from pathlib import Path

from engine.dicom.header import read_elements
from engine.dicom.references import References, references_of
from engine.dicom.rtstruct_file import RTSTRUCT_CLASS, parse_rtstruct
from engine.dicom.rtstruct_read import read_rtstruct
from engine.loose import points_of
from engine.progress import Progress
from engine.stored.catalogue import Series
from engine.stored.structures_file import StructuresFileHandler
from engine.structures import StructureSet
from engine.volume import FloatArray, Volume

_REFERENCES = ("StudyInstanceUID", "FrameOfReferenceUID", "ReferencedFrameOfReferenceSequence")


class Rtstructs(StructuresFileHandler):
    """Radiotherapy structure sets, each file a set of its own."""

    label = "Structures"
    sop_classes = frozenset({RTSTRUCT_CLASS})
    modalities = frozenset({"RTSTRUCT"})

    def refers_to(self, path: Path) -> References:
        """By its attributes and its contours' references."""
        return references_of(read_elements(path, _REFERENCES))

    def read(self, series: Series, volume: Volume, progress: Progress) -> StructureSet:
        """The contours on the planes of the image."""
        progress(0.0, f"Reading {series.files[0].name}")
        return read_rtstruct(series.files[0], volume)

    def read_outlines(self, series: Series) -> list[FloatArray]:
        """The points of each contour."""
        file = parse_rtstruct(series.files[0])
        points = (points_of(contour.data) for roi in file.roi_contours for contour in roi.contours)
        return [contour for contour in points if contour is not None and len(contour)]
