"""Structured reports of measurements (TID 1500): their findings on the image that they are about."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset

from engine.dicom.header import Header, read_elements
from engine.dicom.info import read_info
from engine.dicom.references import NOTHING
from engine.dicom.report_file import MEASURING_CLASSES, predecessors_of, read_report_file, references_of, why_unread
from engine.dicom.report_read import ReportContents, read_report
from engine.errors import ReadError
from engine.progress import Progress
from engine.stored.catalogue import Series
from engine.stored.handler import FindingsHandler
from engine.stored.unopened import UNKNOWN
from engine.volume import Volume

_ROOT = ("ConceptNameCodeSequence", "ContentTemplateSequence")
_REFERENCES = (
    "StudyInstanceUID",
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
    "PredecessorDocumentsSequence",
)


class Reports(FindingsHandler):
    """Reports of measurements and evaluations, each file one of its own; others are listed with the reason."""

    label = "Report"
    sop_classes = MEASURING_CLASSES

    def look(self, headers: Sequence[Header]) -> list[Series]:
        """A series a file, with what it refers to; one that a later report replaces says so."""
        roots = [_elements(header.path) for header in headers]
        replaced = {
            uid: header.path.name
            for header, root in zip(headers, roots, strict=True)
            for uid in (predecessors_of(root) if root is not None else ())
        }
        return [
            self._series(header, root, replaced.get(header.sop_instance_uid, ""))
            for header, root in zip(headers, roots, strict=True)
        ]

    def _series(self, header: Header, root: Dataset | None, later: str) -> Series:
        info = read_info(header.path)
        problem = "" if root is None else why_unread(root)
        if problem and not info.description:
            info = replace(info, description="Structured report")
        return Series(
            uid=info.series_uid or str(header.path.parent),
            info=info,
            modality=info.modality,
            handler=UNKNOWN if problem else self,
            files=(header.path,),
            problem=problem,
            notes=(f"A later report ({later}) replaces this one: open that to see what holds.",) if later else (),
            references=NOTHING if root is None else references_of(root),
        )

    def why_damaged(self, series: Series) -> str:
        """Of a file that is cut off or holds what no report can."""
        try:
            read_report_file(series.files[0])
        except ReadError as error:
            return str(error)
        return ""

    def read(self, series: Series, volume: Volume, progress: Progress) -> ReportContents:
        """The findings, with their places on the image."""
        progress(0.0, f"Reading {series.files[0].name}")
        contents = read_report(series.files[0], volume)
        return replace(contents, notes=(*series.notes, *contents.notes))


def _elements(path: Path) -> Dataset | None:
    """The root of a report; None where it or a reference in it is damaged, which is told when it is read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            root = Dataset(read_elements(path, (*_ROOT, *_REFERENCES)))
            why_unread(root)
            references_of(root)
            predecessors_of(root)
        return root
    except Exception:  # pydicom raises nearly anything on damaged bytes
        return None
