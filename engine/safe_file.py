"""Files that appear whole or not at all, and errors of the file system in one sentence."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.errors import WriteError


@contextlib.contextmanager
def write_errors(path: Path, again: str = "export") -> Iterator[None]:
    """Turn an error of the file system into one sentence.

    Args:
        path: that is written.
        again: what a person is to do again, once there is room.

    Raises:
        WriteError: instead of any OSError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteError(
            f"{path.name} could not be written in {path.parent}: {reason}; "
            f"what stood there before is unchanged. Choose another folder or make room, and {again} again."
        ) from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file beside `path` to write, with its suffix: it takes the place of `path` at the end, once it is on the disk.

    Where the block or anything else goes wrong it is taken away, and what stood at `path` stays. OSErrors are raised as
    they are; `write_errors` makes a sentence of them.
    """
    handle, name = tempfile.mkstemp(prefix=".", suffix=f".{path.name}", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _synchronise(temporary)
        _put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _put_in_place(temporary: Path, path: Path) -> None:
    """Let a temporary file take the place of `path`, in one step, with the permissions of a new file."""
    if path.is_dir():
        raise IsADirectoryError(21, "a folder of that name stands there")
    temporary.chmod(0o666 & ~_umask())
    os.replace(temporary, path)
    with contextlib.suppress(OSError):  # not every file system lets a folder be synchronised
        _synchronise(path.parent)


def _synchronise(path: Path) -> None:
    """See a file or folder on to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
