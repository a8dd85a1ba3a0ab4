"""Which window works on a series, so that a second one on the same series only looks.

A window holds a lock file of its own for as long as it lives; the system lets go of it whatever ends the window. A
series' claim names the window that works on it: where that window lives no more, the claim is nobody's.
"""

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.journal.session import journal_folder
from engine.later import later

if TYPE_CHECKING:
    import filelock
else:
    # Takes asyncio with it, which a window need not wait for.
    filelock = later("filelock")


@dataclass(frozen=True)
class Holder:
    """The window that works on a series: its process, and since when (UTC)."""

    pid: int
    since: datetime


class Claims:
    """What one window claims. Where the folder cannot be written, every claim is granted: nobody is kept from work."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = (folder or journal_folder()) / "windows"
        self._token = uuid.uuid4().hex
        self._alive: filelock.FileLock | None = None

    def claim(self, series: str) -> Holder | None:
        """Claim a series; None when it is ours now, else the living window that has it."""
        with contextlib.suppress(OSError, filelock.Timeout), self._changing():
            token, holder = self._read(series)
            if holder is None or token == self._token or not self._lives(token):
                self._write(series)
                return None
            return holder
        return None

    def take_over(self, series: str) -> None:
        """Claim a series whoever has it; that window finds out by `holds`."""
        with contextlib.suppress(OSError, filelock.Timeout), self._changing():
            self._write(series)

    def holds(self, series: str) -> bool:
        """Whether a series that was claimed is still ours."""
        token, holder = self._read(series)
        return holder is None or token == self._token

    def release(self, series: str) -> None:
        """Let a series go."""
        with contextlib.suppress(OSError, filelock.Timeout), self._changing():
            if self._read(series)[0] == self._token:
                self._path(series).unlink(missing_ok=True)

    def close(self) -> None:
        """The window goes."""
        if self._alive is not None:
            self._alive.release()
            with contextlib.suppress(OSError):
                self._lock_of(self._token).unlink(missing_ok=True)
            self._alive = None

    # Inside ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with filelock.FileLock(self._folder / "changing.lock", timeout=2):
            yield

    def _write(self, series: str) -> None:
        if self._alive is None:
            self._alive = filelock.FileLock(self._lock_of(self._token), timeout=0)
            self._alive.acquire()
        told = {"window": self._token, "pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        path = self._path(series)
        # Not flushed to the disk: after a power cut no window lives.
        written = path.with_suffix(f".{self._token}")
        written.write_text(json.dumps(told), "utf-8")
        os.replace(written, path)

    def _read(self, series: str) -> tuple[str, Holder | None]:
        try:
            told = json.loads(self._path(series).read_bytes())
            return str(told["window"]), Holder(int(told["pid"]), datetime.fromisoformat(told["since"]))
        except (OSError, ValueError, LookupError, TypeError):
            # Absent, or written by nobody that we know: nobody's.
            return "", None

    def _lives(self, token: str) -> bool:
        path = self._lock_of(token)
        if not path.exists():
            return False
        lock = filelock.FileLock(path, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            return True
        lock.release()
        path.unlink(missing_ok=True)
        return False

    def _path(self, series: str) -> Path:
        return self._folder / f"{hashlib.sha256(series.encode()).hexdigest()[:32]}.json"

    def _lock_of(self, token: str) -> Path:
        return self._folder / f"{token}.lock"
