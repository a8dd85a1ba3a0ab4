"""Tables of text as spreadsheets write them: what parts the columns, which bytes the letters are, what is a number.

A table is a header and rows. Columns are parted by commas, or by semicolons or tabs, as Excel writes them in many
countries; the letters are UTF-8, UTF-16 with its mark, or else those of Windows in Western Europe (1252).
"""

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from engine.errors import MismatchError, ReadError

_BYTES_OF_A_HEADER = 65536
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}
#: "1,234" may be a thousand or one; "0,234" and "1,23" are no thousands.
_UNSURE = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class PlainTable:
    """A table that was read.

    Args:
        columns: names, without blanks around them.
        rows: of each row, column → text without blanks around it; rows without any text are left away.
        lines: of each row, its number in the file, from 1.
        notes: what was assumed, a sentence each.
    """

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    lines: tuple[int, ...]
    notes: tuple[str, ...] = ()


def read_plain_table(path: Path, largest: int) -> PlainTable:
    """The table in a file.

    Args:
        path: of the file.
        largest: a file of more bytes is refused unread.

    Raises:
        ReadError: it can't be read, or is no text.
        MismatchError: two columns have one name, or a row has more values than there are columns.
    """
    try:
        if path.stat().st_size > largest:
            raise ReadError(f"{path} is larger than such a table may be, so it was not read.")
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path} could not be read: {error.strerror}.") from error
    text, notes = _text_of(data, path)
    header, numbered = _cells(text, path)
    repeated = [name for name, count in Counter(header).items() if name and count > 1]
    if repeated:
        raise MismatchError(f"{path} has two columns named '{repeated[0]}', so which of them counts can't be told.")
    rows, lines = [], []
    for line, cells in numbered:
        if any(cells[len(header) :]):
            raise MismatchError(
                f"Line {line} of {path} has {len(cells)} values, and there are {len(header)} columns; a value that has "
                "the sign in it that parts columns stands in quotation marks."
            )
        values = [*cells, *[""] * (len(header) - len(cells))]
        rows.append({name: value for name, value in zip(header, values, strict=False) if name})
        lines.append(line)
    return PlainTable(tuple(name for name in header if name), tuple(rows), tuple(lines), notes)


def columns_in(path: Path) -> tuple[str, ...]:
    """The names of a table's columns; none where it is not there, or is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_OF_A_HEADER)
        text, _ = _text_of(data, path, whole=False)
        return tuple(name for name in _cells(text, path, most=1)[0] if name)
    except (OSError, ReadError):
        return ()


def number_of(text: str) -> float:
    """The number that a text means, with a decimal point or a decimal comma.

    Raises:
        ValueError: it means none, or could mean two: "1,234".
    """
    text = text.strip()
    if "_" in text or _UNSURE.fullmatch(text):
        raise ValueError(f"'{text}' is no number, or could be two")
    return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)


def _text_of(data: bytes, path: Path, *, whole: bool = True) -> tuple[str, tuple[str, ...]]:
    """What bytes say, and a note where that was guessed; the last letter of what is not whole may be cut."""
    mark = next((encoding for start, encoding in _MARKS.items() if data.startswith(start)), "")
    try:
        return _plain(codecs.getincrementaldecoder(mark or "utf-8")().decode(data, whole), path), ()
    except UnicodeDecodeError as error:
        if mark:
            raise ReadError(f"{path} is no text in {mark.upper().removesuffix('-SIG')}.") from error
    try:
        text = _plain(data.decode("cp1252"), path)
    except UnicodeDecodeError as error:
        raise ReadError(f"{path} is not a table of comma-separated values in UTF-8.") from error
    return text, (f"{path.name} is not in UTF-8; its letters were read as those of Windows in Western Europe.",)


def _plain(text: str, path: Path) -> str:
    if "\0" in text:
        raise ReadError(f"{path} is no text, so it is not a table of comma-separated values.")
    return text


def _cells(text: str, path: Path, most: int | None = None) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The cells of the header, and (line, cells) of the first `most` rows below; lines without text are left away."""
    lines = list(io.StringIO(text, newline=""))
    skipped = 0
    told = ""
    while lines and not lines[0].strip().strip(",;\t"):
        lines, skipped = lines[1:], skipped + 1
    if lines and (said := re.fullmatch(r'"?sep=(.)"?', lines[0].strip(), re.IGNORECASE)):
        # As Excel tells itself which sign parts the columns.
        lines, skipped, told = lines[1:], skipped + 1, said[1]
    if not lines:
        return [], []
    header = re.sub(r'"[^"]*"', "", lines[0])
    reader = csv.reader(lines, delimiter=told or max(",;\t", key=header.count), skipinitialspace=True)
    found: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            own = [cell.strip() for cell in cells]
            if any(own):
                found.append((skipped + reader.line_num, own))
            if most is not None and len(found) > most:
                break
    except csv.Error as error:
        raise ReadError(f"{path} is not a table of comma-separated values: {error}.") from error
    return found[0][1], found[1:]
