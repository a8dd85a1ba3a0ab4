"""The sessions in the folder of journals: those that a crash left, those that were closed, those nobody wants back."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from engine.errors import PlanimeterError
from engine.journal.about import forget_about
from engine.journal.database import BlankError, HeldError, as_read_error, look_into, open_existing
from engine.journal.records import SessionRecord, State
from engine.journal.session import DISCARDED, Journal, describe_session, journal_folder


def unfinished(
    folder: Path | None = None, damaged: Callable[[str], None] = lambda sentence: None
) -> list[SessionRecord]:
    """Sessions with steps that were not closed and that no window holds, the latest first.

    Files of sessions in which nothing was done are cleared away once they are an hour old.

    Args:
        folder: of the journals.
        damaged: called with a sentence for each file that cannot be read; it stays where it is.
    """
    return [record for record in _open(folder or journal_folder(), damaged) if not record.closed]


def recent(
    folder: Path | None = None, most: int = 20, damaged: Callable[[str], None] = lambda sentence: None
) -> list[SessionRecord]:
    """The latest sessions with steps that can be gone on with, closed or not, the latest first.

    Those that a window holds and those that the user discarded are not among them. Arguments as of `unfinished`.
    """
    folder = folder or journal_folder()
    records = _open(folder, damaged)
    for path in sorted((folder / "closed").glob("*.sqlite"), key=_modified, reverse=True):
        if len(records) >= most:
            break
        record = _described(path, folder, damaged, look_into)
        if record is not None and record.steps:
            records.append(record)
    kept = [record for record in records if record.state is not State.DISCARDED]
    return sorted(kept, key=lambda record: record.last, reverse=True)[:most]


def discard(session_id: str, folder: Path | None = None) -> None:
    """End a session that the user does not want back. It stays on disk as closed, without a name. Raises ReadError."""
    folder = folder or journal_folder()
    Journal.resume(session_id, folder).close(DISCARDED)
    forget_about(folder, session_id)


def _open(folder: Path, damaged: Callable[[str], None]) -> list[SessionRecord]:
    records = []
    for path in (folder / "open").glob("*.sqlite"):
        try:
            record = _described(path, folder, damaged, lambda path: open_existing(path, wait_s=0.1))
        except BlankError:
            _clear_away(path)
            continue
        if record is not None and record.steps:
            records.append(record)
        elif record is not None:
            _clear_away(path)
    return sorted(records, key=lambda record: record.last, reverse=True)


def _described(
    path: Path, folder: Path, damaged: Callable[[str], None], connect: Callable[[Path], sqlite3.Connection]
) -> SessionRecord | None:
    """None where a window holds it, or it can't be read. Raises BlankError."""
    try:
        connection = connect(path)
        try:
            with as_read_error(path):
                return describe_session(connection, folder)
        finally:
            connection.close()
    except HeldError:
        return None
    except BlankError:
        raise
    except PlanimeterError as error:
        # Where the file is gone, another window closed or went on with the session just now.
        if path.exists():
            damaged(str(error))
        return None


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        # Another window goes on with it just now.
        return 0.0


def _clear_away(path: Path) -> None:
    """Delete a file in which nothing was done, unless it is so new that a window may be about to write."""
    if time.time() - _modified(path) > 3600:
        path.unlink(missing_ok=True)
        forget_about(path.parent.parent, path.stem)
