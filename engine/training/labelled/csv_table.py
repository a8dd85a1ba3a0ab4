"""Tables beside the pictures of a set."""

import csv
from collections.abc import Sequence
from pathlib import Path

from engine.errors import MismatchError, ReadError

#: A larger table is refused unread.
_LARGEST = 100_000_000
#: Names of columns that are the same in large letters.
_COLUMNS = frozenset({
    "path", "patient", "label", "split", "lesion_id", "image_id", "dx", "image", "retinopathy_grade",
    "macular_oedema_risk", "time_months", "event",
})  # fmt: skip


def header_of(path: Path) -> set[str]:
    """The names of a table's columns; empty where it is not there, or is no text."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            line = file.readline()
            return {_known(name) for name in line.split(_delimiter(line))}
    except (OSError, UnicodeDecodeError):
        return set()


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file with a header, which has these columns at least, in large or small letters.

    Columns are parted by commas, or, as Excel writes them in many countries, by semicolons or tabs.

    Raises:
        ReadError: it can't be read, or is no text.
        MismatchError: a column is missing.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ReadError(f"{path} is larger than a table of labels may be, so it was not read.")
        with path.open(newline="", encoding="utf-8-sig") as file:
            delimiter = _delimiter(file.readline())
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter)
            rows = [{_known(key): value or "" for key, value in row.items() if key is not None} for row in reader]
            names = [_known(name) for name in reader.fieldnames or []]
    except OSError as error:
        raise ReadError(f"{path} could not be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"{path} is not a table of comma-separated values in UTF-8: {error}.") from error
    missing = [column for column in columns if column not in names]
    if missing:
        raise MismatchError(f"{path} has no column '{missing[0]}'; it needs {', '.join(columns)}.")
    return rows


def _delimiter(header: str) -> str:
    """What parts the columns of a header: what is most often in it, a comma where nothing is."""
    return max(",;\t", key=header.count)


def _known(name: str) -> str:
    """A column's name; one of the names that layouts have is written in small letters, whatever the file says."""
    name = name.strip().strip('"')
    return name.casefold() if name.casefold() in _COLUMNS else name
