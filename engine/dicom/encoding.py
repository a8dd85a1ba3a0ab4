"""DICOM data elements as bytes: find and build them without making an object of each.

An RTSTRUCT holds one item for each contour, tens of thousands of elements; reading and writing their bytes directly is
an order of magnitude faster than through a general data set, and keeps the text of Contour Data as it was written.
Encodings: PS3.5 section 7.1 (explicit and implicit VR) and 7.5 (sequences), little endian.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydicom.datadict import dictionary_has_tag, repeater_has_tag

from engine.errors import ReadError

ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF

#: VRs whose explicit form has two reserved bytes and a length of four (PS3.5 table 7.1-1).
LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))

#: Those whose explicit form has a length of two bytes.
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())

#: All VRs (PS3.5 table 6.2-1), and "??" of programs that did not know one.
VRS = LONG_VRS | SHORT_VRS | {b"??"}

_HEADER = struct.Struct("<HHI")
_EXPLICIT_SHORT = struct.Struct("<HH2sH")
_LONG_LENGTH = struct.Struct("<I")


class Element(NamedTuple):
    """One element: its tag, VR (b"" in implicit form), and where header and value lie in the buffer."""

    tag: int
    vr: bytes
    start: int
    value_start: int
    value_end: int
    end: int


def elements(data: bytes, start: int, end: int, implicit: bool) -> Iterator[Element]:
    """The elements of `data[start:end]` in order; sequences are passed over whole.

    Raises:
        ReadError: an element runs past the end, which happens in truncated files.
    """
    position = start
    while position < end:
        element = _element(data, position, end, implicit)
        if element.tag == ITEM_END:
            return
        yield element
        position = element.end


def top_elements(data: bytes, implicit: bool) -> tuple[list[Element], int]:
    """(the elements of a whole data set, where it ends): bytes after its end are no elements.

    The end is where no element can begin: what is left is shorter than a header, all zero, or begins with no tag above
    the last one that DICOM knows.

    Raises:
        ReadError: an element runs past the end, which happens in truncated files.
    """
    every: list[Element] = []
    position, order = 0, TagOrder()
    while len(data) - position >= _HEADER.size:
        group, number, _ = _HEADER.unpack_from(data, position)
        if not order.takes(group << 16 | number) or not (implicit or data[position + 4 : position + 6] in VRS):
            break
        every.append(_element(data, position, len(data), implicit))
        position = every[-1].end
    return every, position


class TagOrder:
    """Which tags may follow one another in a data set: rising ones that DICOM knows, or of a known private block."""

    def __init__(self) -> None:
        self._last = 0
        self._blocks: set[int] = set()

    def takes(self, tag: int) -> bool:
        """Whether a tag can be the next one; if so, it counts as the last from now on."""
        group, number = tag >> 16, tag & 0xFFFF
        if group % 2:
            known = number < 0x100 or (group << 8 | number >> 8) in self._blocks
            if known and number < 0x100:
                self._blocks.add(group << 8 | number)
        else:
            known = dictionary_has_tag(tag) or repeater_has_tag(tag) or number == 0
        if not known or tag <= self._last:
            return False
        self._last = tag
        return True


def items(data: bytes, sequence: Element, implicit: bool) -> Iterator[tuple[int, int]]:
    """(start, end) of the content of each item of a sequence element.

    Raises:
        ReadError: as `elements`.
    """
    # PS3.5 section 6.2.2: a sequence stored as UN is in implicit form inside.
    implicit = implicit or sequence.vr == b"UN"
    position = sequence.value_start
    while position + 8 <= sequence.value_end:
        group, number, length = _HEADER.unpack_from(data, position)
        tag = group << 16 | number
        if tag == SEQUENCE_END:
            return
        if tag != ITEM:
            raise ReadError(f"A sequence holds {tag:08X} where an item should begin, at byte {position}.")
        content = position + 8
        if length == UNDEFINED:
            stop, position = _undefined_item(data, content, sequence.value_end, implicit)
        else:
            stop = position = content + length
            if stop > sequence.value_end:
                raise ReadError(f"An item at byte {content} runs past the end of its sequence.")
        yield content, stop


def _element(data: bytes, position: int, end: int, implicit: bool) -> Element:
    if position + 8 > end:
        raise ReadError(f"The file breaks off inside an element at byte {position}.")
    group, number, length = _HEADER.unpack_from(data, position)
    tag = group << 16 | number
    vr = b""
    content = position + 8
    if tag in (ITEM, ITEM_END, SEQUENCE_END):
        return Element(tag, vr, position, content, content, content)
    if not implicit:
        _, _, vr, length = _EXPLICIT_SHORT.unpack_from(data, position)
        if vr in LONG_VRS:
            if position + 12 > end:
                raise ReadError(f"The file breaks off inside an element at byte {position}.")
            (length,) = _LONG_LENGTH.unpack_from(data, position + 8)
            content = position + 12
    if length == UNDEFINED:
        value_end, stop = _undefined_sequence(data, content, end, implicit or vr == b"UN")
        return Element(tag, vr, position, content, value_end, stop)
    stop = content + length
    if stop > end:
        raise ReadError(f"Element {tag:08X} at byte {position} runs past the end of the file.")
    return Element(tag, vr, position, content, stop, stop)


def _undefined_sequence(data: bytes, start: int, end: int, implicit: bool) -> tuple[int, int]:
    """(end of the value, end of the element) of a sequence of undefined length."""
    position = start
    while position + 8 <= end:
        group, number, length = _HEADER.unpack_from(data, position)
        tag = group << 16 | number
        if tag == SEQUENCE_END:
            return position, position + 8
        if tag != ITEM:
            raise ReadError(f"A sequence holds {tag:08X} where an item should begin, at byte {position}.")
        content = position + 8
        position = _undefined_item(data, content, end, implicit)[1] if length == UNDEFINED else content + length
    raise ReadError("The file breaks off inside a sequence.")


def _undefined_item(data: bytes, start: int, end: int, implicit: bool) -> tuple[int, int]:
    """(end of the content, end of the item) of an item of undefined length."""
    position = start
    while position + 8 <= end:
        element = _element(data, position, end, implicit)
        if element.tag == ITEM_END:
            return position, element.end
        position = element.end
    raise ReadError("The file breaks off inside a sequence item.")


def implicit_element(tag: int, value: bytes, pad: bytes = b" ") -> bytes:
    """One element in implicit VR little endian, its value padded to even length with `pad`."""
    if len(value) % 2:
        value += pad
    return _HEADER.pack(tag >> 16, tag & 0xFFFF, len(value)) + value


def implicit_sequence(tag: int, contents: Iterable[bytes]) -> bytes:
    """A sequence of defined length in implicit VR little endian, one item for each of `contents`.

    Raises:
        ValueError: it would hold more than 4 GiB, for which there is no defined length.
    """
    parts: list[bytes] = []
    for content in contents:
        parts.append(_HEADER.pack(ITEM >> 16, ITEM & 0xFFFF, len(content)))
        parts.append(content)
    value = b"".join(parts)
    if len(value) >= UNDEFINED:
        raise ValueError("A sequence of more than 4 GiB has no defined length.")
    return _HEADER.pack(tag >> 16, tag & 0xFFFF, len(value)) + value
