"""One session's journal: writing its steps, reading them back, and finding the sessions that a crash left."""

import getpass
import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from engine import __version__
from engine.answers import Document
from engine.data_folder import data_folder
from engine.edits import Direction, Step
from engine.errors import MismatchError, PlanimeterError
from engine.findings.assessment import FiledReport
from engine.journal.about import forget_about, read_about, write_about
from engine.journal.codec import (
    change_from_json,
    change_to_json,
    contours_from_row,
    contours_to_row,
    document_from_json,
    document_to_json,
    filed_report,
)
from engine.journal.database import (
    SCHEMA_VERSION,
    as_read_error,
    as_write_error,
    create,
    open_existing,
    transaction,
)
from engine.journal.records import STEPS, About, Entry, FiledThen, Kind, Replay, SessionRecord, State, Subject
from engine.structures import PlaneContours, StructureSet
from engine.volume import Geometry

#: The reason with which a session that the user gave up was closed.
DISCARDED = "Not put back by the user"


def journal_folder() -> Path:
    """The folder of the journals."""
    return data_folder() / "journal"


class Journal:
    """The journal of one session, held by one window. Safe to call from any thread."""

    def __init__(self, path: Path, connection: sqlite3.Connection, session_id: str) -> None:
        self._path = path
        self._connection = connection
        self._lock = threading.RLock()
        # Rows of contours that are stored; of those in the transaction that is being written.
        self._rows: WeakKeyDictionary[PlaneContours, int] = WeakKeyDictionary()
        self._fresh: dict[PlaneContours, int] = {}
        self.id = session_id
        # `path` moves between the folders of open and closed sessions.
        self._folder = path.parent.parent

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @classmethod
    def start(cls, subject: Subject, geometry: Geometry, folder: Path | None = None) -> "Journal":
        """A new session.

        Raises:
            WriteError: the folder or file cannot be made, or the disk is full.
        """
        session_id = uuid.uuid4().hex
        path = (folder or journal_folder()) / "open" / f"{session_id}.sqlite"
        row = (
            session_id,
            subject.series_uid,
            subject.study_uid,
            subject.label,
            json.dumps(subject.sources),
            json.dumps(_grid(geometry)),
            _user(),
            __version__,
            _now(),
        )
        connection = create(path, row)
        return cls(path, connection, session_id)

    @classmethod
    def resume(cls, session_id: str, folder: Path | None = None) -> "Journal":
        """The journal of an earlier session, to read and to go on writing.

        Raises:
            ReadError: there is none, it is damaged, of a newer version, or open in another window.
        """
        folder = folder or journal_folder()
        path = folder / "open" / f"{session_id}.sqlite"
        closed = folder / "closed" / path.name
        if not path.exists() and closed.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.replace(closed, path)
        connection = open_existing(path)
        with as_read_error(path):
            # What is added may be of a kind that an older program would pass over.
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return cls(path, connection, session_id)

    # Writing --------------------------------------------------------------------------------------------------------

    def record_base(self, document: Document) -> None:
        """Store the answers that the next steps apply to. Raises WriteError."""
        with self._writing():
            payload = document_to_json(document, self._store)
            self._append(Kind.BASE, f"{len(document.structures.rois)} structures", "", "", payload)

    def record(self, direction: Direction, step: Step) -> None:
        """Store a step done, joined to the last, undone or redone; on disk when this returns.

        Raises:
            WriteError: it could not be stored; nothing of it is.
        """
        with self._writing():
            payload = [change_to_json(change, self._store) for change in step.changes]
            self._append(Kind(direction.value), step.text, step.tool, step.weights_sha256, payload)

    def record_seen(self, contours: frozenset[tuple[int, int]], seen: bool = True) -> None:
        """Store that a person marked (ROI number, plane index) as seen, or not. Raises WriteError."""
        kind = Kind.SEEN if seen else Kind.UNSEEN
        with self._writing():
            text = f"{len(contours)} contours marked as {'' if seen else 'not '}seen"
            self._append(kind, text, "review", "", sorted(contours))

    def record_export(self, path: Path, sha256: str, structures: int, numbers: Iterable[int] = ()) -> None:
        """Store that `structures` structures, of these numbers, were exported to a file with this hash.

        Raises:
            WriteError: it could not be stored.
        """
        with self._writing():
            text = f"Exported {structures} structures to {path.name}"
            told = {"path": str(path), "sha256": sha256, "numbers": sorted(numbers)}
            self._append(Kind.EXPORT, text, "export", "", told)

    def record_report(
        self,
        path: Path,
        sha256: str,
        findings: int,
        report: FiledReport | None,
        *,
        read: bool,
        others: Collection[int] = (),
    ) -> None:
        """Store that the findings were written to a file with this hash, or read from it.

        Args:
            path, sha256: of the file.
            findings: how many there are.
            report: what the next report names as its predecessor; None where the file is a table or a page.
            read: whether the file was read.
            others: numbers of the structures of which the file has other contours than those that are here.

        Raises:
            WriteError: it could not be stored.
        """
        with self._writing():
            verb, way = ("Read", "from") if read else ("Exported", "to")
            text = f"{verb} {findings} findings {way} {path.name}"
            told = {
                "path": str(path),
                "sha256": sha256,
                "report": None if report is None else asdict(report),
                "others": sorted(others),
            }
            self._append(Kind.REPORT, text, "report", "", told)

    def keep(self, about: About) -> None:
        """Keep beside the journal whose series it is and how it is looked at. Raises WriteError."""
        write_about(self._folder, self.id, about)

    def close(self, reason: str = "Closed") -> None:
        """End the session: it is not offered again. Never raises; a session without any step leaves no file."""
        with self._lock:
            try:
                worked = self._connection.execute("SELECT 1 FROM entries WHERE kind <> 'base' LIMIT 1").fetchone()
                if worked:
                    with self._writing():
                        self._append(Kind.CLOSED, reason, "", "", None)
                self._connection.close()
                if worked:
                    kept = self._folder / "closed" / self._path.name
                    kept.parent.mkdir(exist_ok=True, mode=0o700)
                    os.replace(self._path, kept)
                    self._path = kept
                else:
                    self._path.unlink(missing_ok=True)
                    forget_about(self._folder, self.id)
            except (PlanimeterError, sqlite3.Error, OSError):
                # What was recorded is still there; at worst the session is offered once more.
                self._connection.close()

    def abandon(self) -> None:
        """Let go of the file without ending the session."""
        with self._lock:
            self._connection.close()

    # Reading --------------------------------------------------------------------------------------------------------

    def entries(self) -> list[Entry]:
        """All rows in order. Raises ReadError."""
        with self._lock, as_read_error(self._path):
            return _entries(self._connection)

    def describe(self) -> SessionRecord:
        """What this session is about. Raises ReadError."""
        with self._lock, as_read_error(self._path):
            return describe_session(self._connection, self._folder)

    def fits(self, geometry: Geometry) -> bool:
        """Whether the session is about planes in these places. Raises ReadError."""
        with self._lock, as_read_error(self._path):
            grid = json.loads(self._connection.execute("SELECT grid FROM session").fetchone()[0])
            return _same_grid(grid, _grid(geometry))

    def replay(self, geometry: Geometry) -> Replay:
        """What is needed to put the session back onto the series with this geometry.

        Raises:
            MismatchError: the session belongs to planes elsewhere.
            ReadError: the journal is damaged.
        """
        if not self.fits(geometry):
            raise MismatchError(
                "The saved session belongs to a series with other planes; open the series that it was made on."
            )
        with self._lock, as_read_error(self._path):
            rows = self._connection.execute(
                "SELECT kind, text, tool, weights_sha256, payload FROM entries WHERE id >= "
                "(SELECT max(id) FROM entries WHERE kind = 'base') ORDER BY id"
            ).fetchall()
            if not rows:
                return Replay(Document(StructureSet(geometry)), ())
            contours: dict[int, PlaneContours] = {}
            for row, area, source in self._connection.execute("SELECT id, area, source FROM contours"):
                contours[row] = contours_from_row(area, source)
                self._rows[contours[row]] = row
            base = document_from_json(json.loads(rows[0][4]), geometry, contours)
            steps = []
            seen: set[tuple[int, int]] = set()
            exports: list[tuple[int, frozenset[int]]] = []
            reports: list[FiledThen] = []
            for kind, text, tool, weights, payload in rows[1:]:
                if kind in STEPS:
                    changes = tuple(change_from_json(change, contours) for change in json.loads(payload))
                    steps.append((Direction(kind), Step(text, tool, changes, weights)))
                elif kind in (Kind.SEEN, Kind.UNSEEN):
                    marks = {(int(number), int(plane)) for number, plane in json.loads(payload)}
                    seen = seen | marks if kind == Kind.SEEN else seen - marks
                elif kind == Kind.EXPORT:
                    numbers = json.loads(payload).get("numbers")
                    exports += [(len(steps), frozenset(numbers))] if numbers else []
                elif kind == Kind.REPORT:
                    told = json.loads(payload)
                    others = frozenset(told.get("others", ()))
                    reports.append(FiledThen(len(steps), filed_report(told["report"]), others))
            return Replay(base, tuple(steps), frozenset(seen), tuple(exports), tuple(reports))

    def mark_resumed(self) -> None:
        """Store that the session was put back after a crash. Raises WriteError."""
        with self._writing():
            self._append(Kind.RESUMED, "Put back", "", "", None)

    # Inside ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[None]:
        new: dict[PlaneContours, int] = {}
        with self._lock, as_write_error(self._path):
            self._fresh = new
            with transaction(self._connection):
                yield
            # Only after the commit: rows of a transaction that failed do not exist.
            self._rows.update(new)

    def _store(self, contours: PlaneContours) -> int:
        row = self._rows.get(contours) or self._fresh.get(contours)
        if row is None:
            cursor = self._connection.execute(
                "INSERT INTO contours (area, source) VALUES (?, ?)", contours_to_row(contours)
            )
            assert cursor.lastrowid is not None, "SQLite numbers every inserted row"
            row = self._fresh[contours] = cursor.lastrowid
        return row

    def _append(self, kind: Kind, text: str, tool: str, weights: str, payload: Any) -> None:
        self._connection.execute(
            "INSERT INTO entries (at, user, kind, text, tool, weights_sha256, payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (_now(), _user(), str(kind), text, tool, weights, json.dumps(payload, separators=(",", ":"))),
        )


def _entries(connection: sqlite3.Connection) -> list[Entry]:
    rows = connection.execute("SELECT id, at, user, kind, text, tool, weights_sha256 FROM entries ORDER BY id")
    return [
        Entry(row, datetime.fromisoformat(at), user, Kind(kind), text, tool, weights)
        for row, at, user, kind, text, tool, weights in rows
    ]


def describe_session(connection: sqlite3.Connection, folder: Path) -> SessionRecord:
    """What a journal of `folder` is about. Raises sqlite3.Error, ValueError where it is damaged."""
    session_id, series, study, label, sources, _, user, version, started = connection.execute(
        "SELECT * FROM session"
    ).fetchone()
    steps = connection.execute(f"SELECT count(*) FROM entries WHERE kind IN ({_STEPS})").fetchone()[0]
    last = connection.execute("SELECT at, kind, text FROM entries ORDER BY id DESC LIMIT 1").fetchone()
    at, kind, text = last or (started, "", "")
    unsaved = connection.execute(_UNSAVED).fetchone()
    closed = kind == Kind.CLOSED
    if closed and text == DISCARDED:
        state = State.DISCARDED
    elif not unsaved:
        state = State.EXPORTED
    else:
        state = State.LEFT if closed else State.LOST
    subject = Subject(series, study, label, tuple(json.loads(sources)))
    begun, ended = datetime.fromisoformat(started), datetime.fromisoformat(at)
    about = read_about(folder, session_id)
    return SessionRecord(session_id, subject, user, version, begun, ended, steps, closed, state, about)


_STEPS = ", ".join(f"'{kind}'" for kind in sorted(STEPS))
#: A step that no export holds: one about findings alone since the last report, any other since the last structures.
_UNSAVED = f"""
    WITH steps AS (
        SELECT id, (payload LIKE '%"kind":"score"%' OR payload LIKE '%"kind":"box"%' OR
                    payload LIKE '%"kind":"reported"%') AND
                   payload NOT LIKE '%"kind":"roi"%' AND payload NOT LIKE '%"roi":%' AS findings
        FROM entries WHERE kind IN ({_STEPS}))
    SELECT 1 FROM steps WHERE id > (
        SELECT coalesce(max(id), 0) FROM entries WHERE kind = CASE WHEN findings THEN 'report' ELSE 'export' END)
    LIMIT 1
"""


def _grid(geometry: Geometry) -> dict[str, Any]:
    return {
        "shape": list(geometry.shape),
        "spacing": list(geometry.spacing_uv),
        "axes": [*geometry.row_direction.tolist(), *geometry.column_direction.tolist()],
        "first": geometry.origins_lps[0].tolist(),
        "last": geometry.origins_lps[-1].tolist(),
    }


def _same_grid(saved: dict[str, Any], now: dict[str, Any]) -> bool:
    keys = ("spacing", "axes", "first", "last")
    return saved["shape"] == now["shape"] and all(np.allclose(saved[key], now[key], rtol=0, atol=1e-3) for key in keys)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
