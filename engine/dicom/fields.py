"""Reads elements of a DICOM header fast: straight from their stored bytes, converting only what is asked for."""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from engine.errors import ReadError

_BINARY = {"FD", "FL", "US", "SS", "UL", "SL"}
#: A number with a comma; without one; and one whose comma parts no thousands: "1,024" may be 1024, and "12,500" is none
#: of a header's numbers.
_WITH_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?|[+-]?\d+,")
_WITHOUT = re.compile(r"[+-]?\d+([eE][+-]?\d+)?")
_DECIMAL = re.compile(r"[+-]?(0*|\d{2,}),\d*.*|[+-]?\d*,(\d{0,2}|\d{4,})([eE].*)?")
_TEXTS = {"AE", "AS", "CS", "DS", "IS", "LO", "LT", "SH", "ST", "UC", "UT"}


def items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence; none where it is absent."""
    tag = _tag(keyword)
    if tag not in dataset:
        return ()
    value = dataset[tag].value
    return [item for item in value if isinstance(item, Dataset)] if isinstance(value, Iterable) else ()


def is_absent(dataset: Dataset, keyword: str) -> bool:
    """True where an element is not there, or is empty."""
    element = dataset.get_item(_tag(keyword))
    return element is None or element.value is None or element.value == b""


def text(dataset: Dataset, keyword: str) -> str:
    """The text of an element as the file has it, without padding; "" where it is absent."""
    element = dataset.get_item(_tag(keyword))
    value = None if element is None else element.value
    if value is None:
        return ""
    if isinstance(value, bytes) and _is_binary(element, keyword):
        value = dataset[_tag(keyword)].value
    if isinstance(value, bytes):
        return value.decode("latin-1").strip(" \0")
    if isinstance(value, (str, int, float)):
        return str(value).strip()
    return "\\".join(str(part) for part in value) if isinstance(value, Iterable) else str(value)


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """`count` finite numbers of a text or binary (FD, FL) element; None where it is absent or empty.

    Raises:
        ReadError: there are fewer or more, or one is no number. The sentence lacks the file's name.
    """
    written = text(dataset, keyword)
    if not written:
        return None
    try:
        found = tuple(float(part) for part in written.split("\\"))
    except ValueError:
        raise ReadError(f"its {keyword} is “{written[:40]}”, which is not a number") from None
    if len(found) != count or not all(map(math.isfinite, found)):
        raise ReadError(f"its {keyword} is “{written[:40]}”, not {count} finite number{'s' * (count > 1)}")
    return found


def number_if_any(dataset: Dataset, keyword: str) -> tuple[float | None, tuple[str, ...]]:
    """(a number that can be done without, remarks): None where it is absent or no number, which a remark then says."""
    try:
        found = numbers(dataset, keyword, 1)
    except ReadError as error:
        return None, (f"{error}, and is not used",)
    return (found[0] if found else None), ()


def with_points(written: str) -> str | None:
    """Numbers with points in place of decimal commas; None where there are none, or they could part thousands.

    "0,9\\12,25" has decimal commas; "1,024" alone may be either, and "1,024.5" has none.
    """
    parts = [part.strip(" \0") for part in written.split("\\")]
    commas = [part for part in parts if "," in part]
    if not commas or not all(_WITH_COMMA.fullmatch(part) or _WITHOUT.fullmatch(part) for part in parts):
        return None
    return "\\".join(parts).replace(",", ".") if any(map(_DECIMAL.fullmatch, commas)) else None


def put_points(dataset: Dataset, keywords: Iterable[str]) -> tuple[str, ...]:
    """Write points in place of decimal commas into a data set; remarks on the elements that had them."""
    remarks = []
    for keyword in keywords:
        written = text(dataset, keyword) if _tag(keyword) in dataset else ""
        plain = with_points(written) if "," in written else None
        if plain is not None:
            dataset[_tag(keyword)] = DataElement(_tag(keyword), "DS", plain)
            remarks.append(f"its {keyword} is written with decimal commas, which are read as points")
    return tuple(remarks)


def whole(dataset: Dataset, keyword: str, default: int) -> int:
    """The whole number of an IS element; `default` where it is absent or no number."""
    written = text(dataset, keyword).split("\\")[0]
    try:
        return int(float(written)) if written else default
    except (ValueError, OverflowError):
        return default


def whole_number(written: str) -> int | None:
    """A whole number in any form ("7", "07", "+7", "7.0", "7e0"); None where it is none."""
    try:
        value = Decimal(written.strip(" \0"))
    except InvalidOperation:
        return None
    # The bound keeps "1e999999999" from being written out.
    fits = value.is_finite() and abs(value) < 1 << 63 and value == value.to_integral_value()
    return int(value) if fits else None


def one_line(words: str, instead: str = " ") -> str:
    """Text with `instead` for each character that breaks or controls a line; all else is kept as it is."""
    return "".join(instead if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in words)


def short(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """The whole number of a US element; `default` where it is absent.

    Raises:
        ReadError: it is absent and there is no default. The sentence lacks the file's name.
    """
    element = dataset.get_item(_tag(keyword))
    value = None if element is None else element.value
    if value is None or value == b"":
        if default is None:
            raise ReadError(f"it lacks {keyword}")
        return default
    if isinstance(value, bytes) and isinstance(element, RawDataElement) and element.VR not in _TEXTS:
        size = 4 if element.VR in {"UL", "SL"} else 2
        return int.from_bytes(value[:size], "little" if element.is_little_endian else "big")
    try:
        return int(float(text(dataset, keyword).split("\\")[0]))
    except (ValueError, OverflowError):
        raise ReadError(f"its {keyword} is “{text(dataset, keyword)[:40]}”, which is not a number") from None


def bounds(dataset: Dataset, keyword: str, signed: bool) -> int | None:
    """The whole number of an element that is US or SS as the pixels are (PS3.5 A); None where it is absent."""
    element = dataset.get_item(_tag(keyword))
    value = None if element is None else element.value
    if value is None or value == b"":
        return None
    if not isinstance(value, bytes):
        return int(value)
    vr = element.VR if element is not None else None
    little = element.is_little_endian if isinstance(element, RawDataElement) else True
    return int.from_bytes(
        value[:2], "little" if little else "big", signed=vr == "SS" or (signed and vr not in ("US", "SS"))
    )


@cache
def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag


def _is_binary(element: DataElement | RawDataElement | None, keyword: str) -> bool:
    """True when a number is stored as such; what the file says of that comes before the dictionary."""
    stated = None if element is None else element.VR
    return (stated if stated not in {None, "UN"} else _dictionary(keyword)) in _BINARY


@cache
def _dictionary(keyword: str) -> str:
    return dictionary_VR(_tag(keyword))
