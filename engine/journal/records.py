"""What the journal holds, as values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from engine.answers import Document
from engine.edits import Direction, Step


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
    """What to put back: the document that the session began with, the steps since, and the marks at the end."""

    base: Document
    steps: tuple[tuple[Direction, Step], ...]
    seen: frozenset[tuple[int, int]] = field(default=frozenset())
