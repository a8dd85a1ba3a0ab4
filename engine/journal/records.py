"""What the journal holds, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.answers import Document, FiledFindings
from engine.edits import Direction, Step, replay
from engine.findings.assessment import FiledReport
from engine.structures import StructureSet


class Kind(StrEnum):
    """What a row of the journal says."""

    BASE = "base"
    DO = "do"
    JOIN = "join"
    UNDO = "undo"
    REDO = "redo"
    SEEN = "seen"
    UNSEEN = "unseen"
    EXPORT = "export"
    REPORT = "report"
    RESUMED = "resumed"
    CLOSED = "closed"


STEPS = frozenset({Kind.DO, Kind.JOIN, Kind.UNDO, Kind.REDO})


@dataclass(frozen=True)
class Subject:
    """What a session is about.

    Args:
        series_uid, study_uid: of the open series; "" for files that have none.
        label: for the person to recognise the series by; must not name the patient.
        sources: paths from which the series can be opened again.
    """

    series_uid: str
    study_uid: str
    label: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One row, for the eye. `at` is UTC."""

    id: int
    at: datetime
    user: str
    kind: Kind
    text: str
    tool: str
    weights_sha256: str


class State(StrEnum):
    """How a session was left, as a person reads it."""

    LOST = "not closed"
    LEFT = "not exported"
    EXPORTED = "exported"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class About:
    """What is kept beside a journal, in a file that its owner alone may read.

    Args:
        patient_name, patient_id: as in the files; "" where unknown.
        look: how the series was looked at, in JSON, as the window gave it.
    """

    patient_name: str = ""
    patient_id: str = ""
    look: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SessionRecord:
    """A session in the folder. `steps` counts what was done, undone and redone; times are UTC."""

    id: str
    subject: Subject
    user: str
    version: str
    started: datetime
    last: datetime
    steps: int
    closed: bool
    state: State = State.LEFT
    about: About = field(default_factory=About)


@dataclass(frozen=True)
class FiledThen:
    """A file of findings that was written or read.

    Args:
        steps: after how many of the steps.
        report: that it is; None for a table or a page, which is no report.
        others: numbers of the structures of which it has other contours than the session.
    """

    steps: int
    report: FiledReport | None
    others: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Replay:
    """What to put back: the document that the session began with, the steps since, and the marks at the end.

    Args:
        base, steps: the document, and what was done, joined, undone and redone since, in order.
        seen: (ROI number, plane index) marked as seen.
        exports: after how many of the steps structures were exported, and their numbers, where the journal says which.
        reports: files of findings that were written or read.
    """

    base: Document
    steps: tuple[tuple[Direction, Step], ...]
    seen: frozenset[tuple[int, int]] = field(default=frozenset())
    exports: tuple[tuple[int, frozenset[int]], ...] = ()
    reports: tuple[FiledThen, ...] = ()

    def filed(self) -> StructureSet:
        """The structures as files hold them: as each was last exported, else as it was in the base."""
        filed = self.base.structures
        for steps, numbers in self.exports:
            now = replay(self.base, self.steps[:steps])[0].structures
            others = {roi.number for roi in now.rois} - numbers
            written = tuple(roi for roi in now.rois if roi.number in numbers)
            # What was left out is no more and no less in a file than before.
            filed = replace(now, rois=written + tuple(roi for roi in filed.rois if roi.number in others))
        return filed

    def filed_findings(self) -> FiledFindings:
        """The findings as files hold them."""
        filed = FiledFindings(in_file=self.base.findings)
        for then in self.reports:
            document = replay(self.base, self.steps[: then.steps])[0]
            rois = (replace(r, planes={}) if r.number in then.others else r for r in document.structures.rois)
            structures = replace(document.structures, rois=tuple(rois))
            filed = filed.written(document.findings, then.report, structures)
        return filed
