"""What the journal holds, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from engine.structures import PlaneContours, Provenance, Roi, StructureSet


class Kind(StrEnum):
    """What a row of the journal says."""

    BASE = "base"
    DO = "do"
    UNDO = "undo"
    REDO = "redo"
    SEEN = "seen"
    UNSEEN = "unseen"
    EXPORT = "export"
    RESUMED = "resumed"
    CLOSED = "closed"


STEPS = frozenset({Kind.DO, Kind.UNDO, Kind.REDO})


@dataclass(frozen=True)
class PlanesRedrawn:
    """Planes of one ROI redrawn: plane index → (before, after), None for an empty plane."""

    number: int
    planes: Mapping[int, tuple[PlaneContours | None, PlaneContours | None]]
    provenance: tuple[Provenance, Provenance]


@dataclass(frozen=True)
class RoiReplaced:
    """A ROI added (`before` None), deleted (`after` None) or changed; `index` is its place in the list."""

    before: Roi | None
    after: Roi | None
    index: int


@dataclass(frozen=True)
class JournalStep:
    """One step: what was done, by which tool or model, and the changes in order."""

    text: str
    tool: str
    changes: tuple[PlanesRedrawn | RoiReplaced, ...]
    weights_sha256: str = ""


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


@dataclass(frozen=True)
class Replay:
    """What to put back: the structures that the session began with, the steps since, and the marks at the end."""

    base: StructureSet
    steps: tuple[tuple[Kind, JournalStep], ...]
    seen: frozenset[tuple[int, int]] = field(default=frozenset())
