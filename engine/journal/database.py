"""The SQLite file of a journal: how it is made, opened and locked, and what its errors mean to a person."""

import os
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import shapely.errors

from engine.errors import ReadError, WriteError

APPLICATION_ID = 0x504C4A4E
#: Since 2 a step may be joined to the one before it.
SCHEMA_VERSION = 2

SCHEMA = """
CREATE TABLE session (
    id TEXT PRIMARY KEY, series_uid TEXT NOT NULL, study_uid TEXT NOT NULL, label TEXT NOT NULL,
    sources TEXT NOT NULL, grid TEXT NOT NULL, user TEXT NOT NULL, version TEXT NOT NULL, started TEXT NOT NULL);
CREATE TABLE contours (id INTEGER PRIMARY KEY, area BLOB NOT NULL, source BLOB);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, user TEXT NOT NULL, kind TEXT NOT NULL,
    text TEXT NOT NULL, tool TEXT NOT NULL, weights_sha256 TEXT NOT NULL, payload TEXT NOT NULL);
"""
TABLES = ("session", "contours", "entries")


_DAMAGE = (
    sqlite3.Error,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    zlib.error,
    shapely.errors.ShapelyError,
)


class HeldError(ReadError):
    """Another window holds the journal."""


class BlankError(ReadError):
    """The process ended before anything was written."""


def create(path: Path, session: Sequence[str]) -> sqlite3.Connection:
    """A new journal file, readable by its owner only, held until the connection is closed.

    Args:
        path: of the file.
        session: the one row of the table `session`. It is written together with the tables, so that a file either is
            blank or says what it is about.

    Raises:
        WriteError: the folder or file cannot be made, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise WriteError(unwritable(path, error.strerror or str(error))) from error
    with as_write_error(path):
        connection = connect(path)
        with transaction(connection):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            for table in TABLES:
                for verb in ("UPDATE", "DELETE"):
                    connection.execute(
                        f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table} "
                        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
                    )
            connection.execute(f"INSERT INTO session VALUES ({', '.join('?' * len(session))})", tuple(session))
    return connection


def connect(path: Path, wait_s: float = 2.0) -> sqlite3.Connection:
    """A connection that holds the file for itself until it is closed. Raises sqlite3.Error."""
    until = time.monotonic() + wait_s
    while True:
        try:
            return _held(path, wait_s)
        except sqlite3.OperationalError as error:
            # Where another window looks at a file that is being made, SQLite gives up without waiting for it.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(0.01)


def _held(path: Path, wait_s: float) -> sqlite3.Connection:
    # Never made here: a session that another window closes moves away between a look at the folder and this, and a
    # blank file in its place would stand before the saved one.
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, timeout=wait_s, isolation_level=None, check_same_thread=False, uri=True)
    try:
        # Exclusive before WAL: SQLite then needs no shared memory and holds the lock until the process ends.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_existing(path: Path, wait_s: float = 2.0) -> sqlite3.Connection:
    """A connection to a journal. Raises ReadError: absent, damaged, from a newer version, or held by a window."""
    if not path.exists():
        raise ReadError(f"There is no saved session {path.stem} in {path.parent}.")
    with as_read_error(path):
        connection = connect(path, wait_s)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                connection.close()
                raise BlankError(f"The saved session {path} is blank: nothing was recorded in it.")
            connection.execute("SELECT count(*) FROM session").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
    if not ours or version > SCHEMA_VERSION:
        connection.close()
        raise ReadError(f"The saved session {path} was written by another version of Planimeter (format {version}).")
    return connection


def look_into(path: Path) -> sqlite3.Connection:
    """A connection that only reads a journal that was closed, and leaves the file as it is. Raises ReadError."""
    with as_read_error(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            connection.execute("SELECT count(*) FROM session").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After a full disk SQLite has already rolled back.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def unwritable(path: Path, why: str) -> str:
    """The sentence for a journal that cannot be written."""
    return f"The journal {path} cannot be written ({why}): you can go on, but a crash would lose what you draw now."


@contextmanager
def as_write_error(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and the system into a WriteError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise WriteError(unwritable(path, str(error))) from error


@contextmanager
def as_read_error(path: Path) -> Iterator[None]:
    """Turn errors of SQLite, the system and the decoding into a ReadError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise HeldError(f"The saved session {path.stem} is open in another window.") from error
        raise ReadError(f"The saved session {path} cannot be read ({error}).") from error
    except _DAMAGE as error:
        raise ReadError(f"The saved session {path} is damaged and cannot be read ({error}).") from error
