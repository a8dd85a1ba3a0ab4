"""Folders in which models are converted; what a killed import left of them is deleted when the next one begins.

Each holds a lock for as long as its import lives; the system lets go of it whatever ends the import.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

_PREFIX, _ALIVE = "planimeter-import-", "alive.lock"
#: A younger folder may not have its lock yet; one without any that is older than a day was left by an earlier version.
_YOUNG_S, _LONG_AGO_S = 5.0, 86_400.0


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this import alone, deleted with all that is in it."""
    delete_left_ones()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as place, filelock.FileLock(Path(place) / _ALIVE):
        yield Path(place)


def delete_left_ones() -> None:
    """Delete the folders of imports that no longer live, of this user alone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    known = folder.lstat()
    is_mine = not hasattr(os, "getuid") or known.st_uid == os.getuid()
    age_s = time.time() - known.st_mtime
    if folder.is_symlink() or not folder.is_dir() or not is_mine or age_s < _YOUNG_S:
        return False
    lock = folder / _ALIVE
    if not lock.exists():
        return age_s > _LONG_AGO_S
    try:
        with filelock.FileLock(lock, timeout=0):
            return True
    except filelock.Timeout:
        return False
