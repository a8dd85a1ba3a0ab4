"""In which characters the text of a DICOM file is written, where the file does not say, or says what is not so.

Text that is not ASCII and is UTF-8 throughout is UTF-8: other encodings hardly ever make valid UTF-8 by chance.
"""

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydicom.charset import convert_encodings, python_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset

from engine.dicom.fields import text

_UTF8, _LATIN1 = "ISO_IR 192", "ISO_IR 100"
_TEXTS = {"AE", "AS", "CS", "DS", "IS", "LO", "LT", "SH", "ST", "UC", "UT", "PN"}
#: Sets of Latin letters, in which the bytes of UTF-8 are a letter and signs that no text has side by side.
_LATIN = {f"{form} {number}" for form in ("ISO_IR", "ISO 2022 IR") for number in (6, 100, 101, 109, 110, 148)}
#: What tells the other sets of ISO 2022 (PS3.3 table C.12-4) where they are not named.
_ESCAPES = {
    b"\x1b$B": "ISO 2022 IR 87", b"\x1b$(D": "ISO 2022 IR 159", b"\x1b$)C": "ISO 2022 IR 149",
    b"\x1b$)A": "ISO 2022 IR 58", b"\x1b(J": "ISO 2022 IR 13",
}  # fmt: skip
#: Has an item a frame, and nothing that a person reads.
_FRAMES = 0x52009230
_UNSAID = "The file doesn't say in which characters its text is written"


@dataclass(frozen=True)
class Characters:
    """`use` is the Specific Character Set to read by, "" where the file's own holds; `note` says why, for the user."""

    use: str = ""
    note: str = ""


def characters_of(dataset: Dataset) -> Characters:
    """What the text of a data set is to be read as; values must still be as they were stored."""
    said = text(dataset, "SpecificCharacterSet").strip()
    values = list(_texts(dataset))
    foreign = [value for value in values if not value.isascii()]
    utf8 = bool(foreign) and all(map(_is_utf8, foreign))
    escapes = [name for sign, name in _ESCAPES.items() if any(sign in value for value in values)]
    if escapes and "ISO 2022" not in said and not utf8:
        why = f"The file says that its text is in {said}, but it changes between sets" if said else _UNSAID
        return Characters("\\".join(["", *escapes]), f"{why}: it was read as {' and '.join(escapes)}.")
    if not said:
        if utf8:
            return Characters(_UTF8, f"{_UNSAID}: it was read as UTF-8, which all of it is.")
        if foreign:
            return Characters(_LATIN1, f"{_UNSAID}: it was read as Latin-1, and names may be garbled.")
        return Characters()
    sets = [_named(name) for name in said.split("\\")]
    if not foreign:
        return Characters()
    if None in sets:
        use, name = (_UTF8, "UTF-8, which all of it is") if utf8 else (_LATIN1, "Latin-1, and names may be garbled")
        return Characters(use, f"The file names a character set that is not known (“{said[:32]}”): read as {name}.")
    if utf8 and set(sets) <= _LATIN:
        return Characters(_UTF8, f"The file says that its text is in {said}, but all of it is UTF-8, and read as such.")
    if sets == [_UTF8] and not utf8:
        note = "The file says that its text is in UTF-8, which it is not: it was read as Latin-1, and may be garbled."
        return Characters(_LATIN1, note)
    use = "\\".join(name for name in sets if name is not None)
    return Characters() if use == said else Characters(use)


def decoded(read: Callable[[], Dataset]) -> tuple[Dataset, str]:
    """(a data set as its reader gives it, its text in the characters that it is written in; `Characters.note`)."""
    dataset = read()
    characters = characters_of(dataset)
    if characters.use:
        # Looking into sequences has decoded them already.
        dataset = read()
        decode_as(dataset, characters)
    return dataset, characters.note


def decode_as(dataset: Dataset, characters: Characters) -> None:
    """Convert the elements that are still as they were stored, their text in these characters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encodings = convert_encodings(characters.use.split("\\"))
        for tag in list(dataset.keys()):
            # pydicom raises nearly anything on damaged values; who asks for one will see it.
            with contextlib.suppress(Exception):
                raw = dataset.get_item(tag)
                if isinstance(raw, RawDataElement):
                    dataset[tag] = convert_raw_data_element(raw, encoding=encodings)


def _named(name: str) -> str | None:
    """A character set by the standard's spelling; None where it is not known."""
    plain = re.sub(r"[^0-9A-Z]", "", name.upper())
    if plain in ("UTF8", "ISOIR192", "ISO2022IR192", "ISO10646"):
        return _UTF8
    if plain in ("GBK", "GB2312"):
        return "GBK"
    return next((known for known in python_encoding if re.sub(r"[^0-9A-Z]", "", known) == plain), None)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _texts(dataset: Dataset) -> Iterator[bytes]:
    """The stored text of all elements, those of items with a character set of their own left out."""
    for tag in list(dataset.keys()):
        try:
            element = dataset.get_item(tag)
            vr = element.VR if element.VR not in {None, "UN"} else _vr_of(tag)
            items = dataset[tag].value or () if vr == "SQ" and tag != _FRAMES else None
        except Exception:  # as above: a damaged element has no text
            continue
        if items is not None:
            for item in items:
                if isinstance(item, Dataset) and not text(item, "SpecificCharacterSet"):
                    yield from _texts(item)
        elif vr in _TEXTS and isinstance(element.value, bytes):
            yield element.value


def _vr_of(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""
