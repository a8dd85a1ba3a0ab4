"""Tables beside the pictures of a set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import MismatchError
from engine.plain_table import PlainTable, columns_in, read_plain_table

#: A larger table is refused unread.
_LARGEST = 100_000_000


def header_of(path: Path) -> set[str]:
    """The names of a table's columns in small letters; empty where it is not there, or is no text."""
    return {name.casefold() for name in columns_in(path)}


def read_table(path: Path, columns: Sequence[str]) -> PlainTable:
    """A table which has these columns at least, in large or small letters; all its columns are given in small ones.

    Raises:
        ReadError: it can't be read, or is no text.
        MismatchError: a column is missing or there twice, or a row has more values than there are columns.
    """
    table = read_plain_table(path, _LARGEST)
    names = [name.casefold() for name in table.columns]
    lacking = [column for column in columns if column not in names]
    if lacking:
        missing = ", ".join(f"'{column}'" for column in lacking)
        raise MismatchError(
            f"{path} has no column {missing}; it needs {', '.join(columns)}, and its columns are: "
            f"{', '.join(table.columns) or 'none'}."
        )
    if len(set(names)) < len(names):
        raise MismatchError(f"{path} has a column twice, in capitals and in small letters: {', '.join(names)}.")
    rows = tuple({name.casefold(): value for name, value in row.items()} for row in table.rows)
    return replace(table, columns=tuple(names), rows=rows)
