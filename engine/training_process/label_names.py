"""What a data set calls its structures: which number in label maps is which, and other names of ROIs.

`labels.json` in its folder says so, as `{"Liver": 1, "Spleen": 2}` or `{"1": "Liver", "2": "Spleen"}`, or `labels.txt`
with a line for each, such as `1 Liver`, `1 = Liver` or a line that ITK-SNAP writes.

`names.json` beside DICOM studies says how ROIs of RTSTRUCTs may be called as well: `{"GTV": ["GTV_Mass", "Tumour"]}`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import ReadError
from engine.safe_file import whole_file, write_errors

NAMES_FILE, _LINES_FILE, OTHER_NAMES_FILE = "labels.json", "labels.txt", "names.json"
#: The greatest number that is a label: label maps are read as bytes.
_MOST = 255
_PAIR = re.compile(r"\s*(\d+)\s*[=:,\t ]\s*(.+?)\s*")
#: Number, three colours, how it is shown (three), and the name in quotation marks.
_SNAP = re.compile(r'\s*(\d+)(?:\s+[\d.]+){6}\s+"(.*)"\s*')


def read_names(folder: Path) -> tuple[dict[int, str], str]:
    """Number → structure, background left away, and the file that says so; none, and "", where there is no such file.

    Raises:
        ReadError: the file is damaged, or names a number or a structure twice.
    """
    if (folder / NAMES_FILE).is_file():
        return _named(_of_table(folder / NAMES_FILE), folder / NAMES_FILE), NAMES_FILE
    if (folder / _LINES_FILE).is_file():
        text = _text(folder / _LINES_FILE)
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        return _named([_pair(line, folder / _LINES_FILE) for line in lines], folder / _LINES_FILE), _LINES_FILE
    return {}, ""


def parsed_names(text: str) -> dict[int, str]:
    """Number → structure of what a person typed: "1 = Liver, 2 = Spleen".

    Raises:
        ReadError: a part of it is no number with a name, or says a number or a structure twice.
    """
    return _named([_pair(part, Path()) for part in re.split(r"[,;\n]", text) if part.strip()], Path())


def names_text(names: Mapping[int, str]) -> str:
    """The numbers with their structures, as they are typed."""
    return ", ".join(f"{number} = {name}" for number, name in sorted(names.items()))


def guess_told(names: Mapping[int, str]) -> str:
    """What is said where nothing names the numbers of a set, and they were taken in the order of the model."""
    return (
        f"The labels have no names, so their numbers were taken in order: {names_text(names)}. If that is wrong, put "
        f"{NAMES_FILE} into the folder."
    )


def write_names(folder: Path, names: Mapping[int, str]) -> None:
    """Put `labels.json` into a folder.

    Raises:
        WriteError: it can't be written.
    """
    path = folder / NAMES_FILE
    with write_errors(path, "keep the names"), whole_file(path) as file:
        table = {name: number for number, name in sorted(names.items())}
        file.write_text(json.dumps(table, ensure_ascii=False, indent=1), encoding="utf-8")


def read_other_names(folder: Path) -> dict[str, tuple[str, ...]]:
    """Structure → further names of its ROIs, the first that is there counting; none where there is no such file.

    Raises:
        ReadError: the file is damaged, or gives a name to two structures.
    """
    path = folder / OTHER_NAMES_FILE
    if not path.is_file():
        return {}
    try:
        table = json.loads(_text(path))
    except ValueError as error:
        raise ReadError(f"{path} is not JSON: {error}.") from error
    if not isinstance(table, dict):
        raise ReadError(f'{path} is no table of names; it should be like {{"GTV": ["Tumour"]}}.')
    pairs = [(name, other) for name, told in table.items() for other in (told if isinstance(told, list) else [told])]
    if not all(isinstance(other, str) and other.strip() for _, other in pairs):
        raise ReadError(f'{path}: the names of a structure are words, like {{"GTV": ["Tumour"]}}.')
    return _renamed(pairs, f"{path}: ")


def parsed_other_names(text: str) -> dict[str, tuple[str, ...]]:
    """Structure → further names, of what a person typed: "GTV = GTV_Mass, GTV = Tumour".

    Raises:
        ReadError: a part of it is no such pair, or gives a name to two structures.
    """
    pairs = []
    for part in re.split(r"[,;\n]", text):
        name, _, other = (word.strip() for word in part.partition("="))
        if part.strip() and not (name and other):
            raise ReadError(f'"{part.strip()}" is no structure with another name, such as GTV = Tumour.')
        pairs += [(name, other)] if name else []
    return _renamed(pairs, "")


def other_names_text(names: Mapping[str, Sequence[str]]) -> str:
    """Structures with their further names, as they are typed."""
    return ", ".join(f"{name} = {other}" for name, others in names.items() for other in others)


def write_other_names(folder: Path, names: Mapping[str, Sequence[str]]) -> None:
    """Put `names.json` into a folder.

    Raises:
        WriteError: it can't be written.
    """
    path = folder / OTHER_NAMES_FILE
    with write_errors(path, "keep the names"), whole_file(path) as file:
        table = {name: list(others) for name, others in names.items()}
        file.write_text(json.dumps(table, ensure_ascii=False, indent=1), encoding="utf-8")


def _renamed(pairs: Sequence[tuple[str, str]], where: str) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    taken: dict[str, str] = {}
    for name, other in pairs:
        if taken.setdefault(other.strip().casefold(), name) != name:
            raise ReadError(
                f"{where}{other} is a name of two structures, {taken[other.strip().casefold()]} and {name}."
            )
        names[name] = (*names.get(name, ()), other.strip())
    return names


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"{path} can't be read as text: {error}.") from error


def _of_table(path: Path) -> list[tuple[int, str]]:
    try:
        table = json.loads(_text(path))
    except ValueError as error:
        raise ReadError(f"{path} is not JSON: {error}.") from error
    if isinstance(table, dict) and isinstance(table.get("labels"), dict):
        table = table["labels"]
    if not isinstance(table, dict):
        raise ReadError(f'{path} is no table of names; it should be like {{"Liver": 1, "Spleen": 2}}.')
    pairs = []
    for key, value in table.items():
        number, name = (key, value) if isinstance(value, str) else (value, key)
        if isinstance(number, bool) or not str(number).isdecimal() or not str(name).strip():
            raise ReadError(f'{path}: "{key}" is no name with a number, such as "Liver": 1.')
        pairs.append((int(number), str(name).strip()))
    return pairs


def _pair(line: str, path: Path) -> tuple[int, str]:
    found = _SNAP.fullmatch(line) or _PAIR.fullmatch(line)
    if found is None:
        where = f" in {path}" if path.name else ""
        raise ReadError(f'"{line.strip()}"{where} is no number with a name, such as 1 = Liver.')
    return int(found[1]), found[2].strip()


def _named(pairs: list[tuple[int, str]], path: Path) -> dict[int, str]:
    where = f"{path}: " if path.name else ""
    names: dict[int, str] = {}
    for number, name in pairs:
        if not number:
            continue
        if number > _MOST:
            raise ReadError(f"{where}{number} is no label; the greatest is {_MOST}.")
        if number in names or name in names.values():
            raise ReadError(f"{where}{number} or {name} is there twice; each number is one structure.")
        names[number] = name
    return names
