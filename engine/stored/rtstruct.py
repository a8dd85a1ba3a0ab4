"""RTSTRUCT: structures as contours."""

from collections.abc import Sequence
from pathlib import Path

from engine.dicom.header import Header, read_elements
from engine.dicom.info import read_info
from engine.dicom.references import NOTHING, References, references_of
from engine.dicom.rtstruct_file import RTSTRUCT_CLASS, parse_rtstruct
from engine.dicom.rtstruct_read import read_rtstruct
from engine.loose import points_of
from engine.progress import Progress
from engine.stored.catalogue import Series
from engine.stored.handler import StructuresHandler
from engine.structures import StructureSet
from engine.volume import FloatArray, Volume

_REFERENCES = ("StudyInstanceUID", "FrameOfReferenceUID", "ReferencedFrameOfReferenceSequence")


class Rtstructs(StructuresHandler):
    """Radiotherapy structure sets, each file a set of its own."""

    label = "Structures"
    sop_classes = frozenset({RTSTRUCT_CLASS})
    modalities = frozenset({"RTSTRUCT"})

    def look(self, headers: Sequence[Header]) -> list[Series]:
        """A series a file, with what it refers to."""
        return [self._series(header) for header in headers]

    def _series(self, header: Header) -> Series:
        info = read_info(header.path)
        return Series(
            uid=info.series_uid or str(header.path.parent),
            info=info,
            modality=info.modality,
            handler=self,
            files=(header.path,),
            references=_references(header.path),
        )

    def read(self, series: Series, volume: Volume, progress: Progress) -> StructureSet:
        """The contours on the planes of the image."""
        progress(0.0, f"Reading {series.files[0].name}")
        return read_rtstruct(series.files[0], volume)

    def read_outlines(self, series: Series) -> list[FloatArray]:
        """The points of each contour."""
        file = parse_rtstruct(series.files[0])
        points = (points_of(contour.data) for roi in file.roi_contours for contour in roi.contours)
        return [contour for contour in points if contour is not None and len(contour)]


def _references(path: Path) -> References:
    """What the file refers to; nothing where its header is damaged, which is told when it is read."""
    try:
        return references_of(read_elements(path, _REFERENCES))
    except Exception:  # pydicom raises nearly anything on damaged bytes
        return NOTHING
