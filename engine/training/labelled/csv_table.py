"""Tables beside the pictures of a set."""

import csv
from collections.abc import Sequence
from pathlib import Path

from engine.errors import MismatchError, ReadError

#: A larger table is refused unread.
_LARGEST = 100_000_000


def header_of(path: Path) -> set[str]:
    """The names of a table's columns; empty where it is not there, or is no text."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return {name.strip() for name in file.readline().split(",")}
    except (OSError, UnicodeDecodeError):
        return set()


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file with a header, which has these columns at least.

    Raises:
        ReadError: it can't be read, or is no text.
        MismatchError: a column is missing.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ReadError(f"{path} is larger than a table of labels may be, so it was not read.")
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = [{key.strip(): value or "" for key, value in row.items() if key is not None} for row in reader]
            names = [name.strip() for name in reader.fieldnames or []]
    except OSError as error:
        raise ReadError(f"{path} could not be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"{path} is not a table of comma-separated values in UTF-8: {error}.") from error
    missing = [column for column in columns if column not in names]
    if missing:
        raise MismatchError(f"{path} has no column '{missing[0]}'; it needs {', '.join(columns)}.")
    return rows
