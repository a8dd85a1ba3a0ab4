"""Finds the elements of a DICOM header that are asked for, and where its pixel data begins.

Headers of hundreds of files must be read in a fraction of a second, so plain files are walked here from element to
element, and those that are asked for are handed to pydicom unconverted. Whatever is less plain (big-endian or deflated
data, elements out of order, no preamble, damage) is read by pydicom alone.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

_Found = dict[BaseTag, DataElement | RawDataElement]

PIXEL_DATA = 0x7FE00010
#: Pixel data of any kind, and the contours of an RTSTRUCT, which can be most of it: reading ends before them.
_LAST = 0x7FE00008
_CONTOURS = range(0x30060020, 0x30070000)

_UNDEFINED = 0xFFFFFFFF
_CHUNK = 1 << 14
_MOST = 1 << 26
#: Representations whose length takes four bytes, and two.
_LONG_NAMES = b"OB OD OF OL OV OW SQ SV UC UN UR UT UV"
_SHORT_NAMES = b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
_LONG, _SHORT = ({name: name.decode() for name in names.split()} for names in (_LONG_NAMES, _SHORT_NAMES))
_HEAD, _LENGTH = struct.Struct("<HH2sH"), struct.Struct("<I")
_DELIMITERS, _ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFE, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
#: Sequences in sequences beyond this are damage.
_DEPTH = 40
#: Transfer syntaxes of the standard begin so; all but these are little-endian and as they lie in the file.
_STANDARD = "1.2.840.10008.1.2"
_NOT_PLAIN = {"", ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
_MEDIA_CLASS, _MEDIA_INSTANCE, _SYNTAX = 0x00020002, 0x00020003, 0x00020010


@dataclass(frozen=True, slots=True)
class Walked:
    """What was found.

    Args:
        dataset: the elements that were asked for, unconverted.
        transfer_syntax: of the file; what its encoding amounts to where it does not say.
        sop_class_uid, sop_instance_uid: of the file meta information, "" where they are absent.
        offset: byte at which the value of Pixel Data begins; 0 where there is none, -1 in a deflated file.
        length: its bytes, -1 when it is encapsulated.
    """

    dataset: Dataset
    transfer_syntax: str
    sop_class_uid: str
    sop_instance_uid: str
    offset: int
    length: int


class Walker:
    """Reads the elements of some keywords from any number of files."""

    def __init__(self, keywords: Iterable[str]) -> None:
        tags = [Tag(keyword) for keyword in keywords]
        self._tags: list[BaseTag | int] = [*tags]
        self._wanted: Mapping[int, BaseTag] = {int(tag): tag for tag in tags}

    def read(self, file: BinaryIO, size: int) -> Walked:
        """The elements of an open file of `size` bytes that begins with DICM after its preamble, or without either.

        Raises:
            Exception: whatever pydicom raises on damaged data.
        """
        return self._walk(file, size) or self._parse(file)

    def _walk(self, file: BinaryIO, size: int) -> Walked | None:
        """None where the file is not plain."""
        try:
            return self._walk_plain(_Plain(file, size))
        except _NotPlainError:
            return None

    def _walk_plain(self, plain: "_Plain") -> Walked:
        found: _Found = {}
        meta: dict[int, str] = {}
        decided, last, at = False, 0, 132
        if plain.bytes(128, 132) != b"DICM":
            raise _NotPlainError
        while at < plain.size:
            if not decided and plain.bytes(at, at + 2) != b"\x02\x00":
                syntax = meta.get(_SYNTAX, "")
                if syntax in _NOT_PLAIN or not syntax.startswith(_STANDARD):
                    raise _NotPlainError
                decided, plain.implicit = True, syntax == ImplicitVRLittleEndian
            tag, vr, start, length = plain.element(at)
            if tag <= last:
                raise _NotPlainError
            last = tag
            if tag >= _LAST or tag in _CONTOURS:
                if tag != PIXEL_DATA:
                    return _walked(found, meta, 0, 0)
                return _walked(found, meta, start, -1 if length == _UNDEFINED else length)
            if length == _UNDEFINED:
                if tag in self._wanted:
                    raise _NotPlainError
                at = plain.after_sequence(start)
                continue
            at = start + length
            if tag >> 16 == 2:
                meta[tag] = plain.bytes(start, at).decode("latin-1").strip(" \0")
            elif tag in self._wanted:
                key = self._wanted[tag]
                value = plain.bytes(start, at)
                found[key] = RawDataElement(key, vr or None, length, value, start, plain.implicit, True)
        if at != plain.size or not decided:
            raise _NotPlainError
        return _walked(found, meta, 0, 0)

    def _parse(self, file: BinaryIO) -> Walked:
        """The same by pydicom."""
        file.seek(0)
        dataset = read_partial(file, _stop, specific_tags=self._tags, force=True)
        meta = dataset.file_meta
        syntax = str(meta.get("TransferSyntaxUID", "")) or _encoding(dataset)
        offset, length = (-1, -1) if syntax == DeflatedExplicitVRLittleEndian else _pixel_data(file, dataset)
        sop_class, sop_instance = meta.get("MediaStorageSOPClassUID", ""), meta.get("MediaStorageSOPInstanceUID", "")
        return Walked(dataset, syntax, str(sop_class), str(sop_instance), offset, length)


class _NotPlainError(Exception):
    """The file is one for pydicom."""


class _Plain:
    """Elements of a little-endian file; raises `_NotPlainError` at whatever is odd."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.size = size
        self.implicit = False
        self._file = file
        self._data = file.read(_CHUNK)

    def bytes(self, start: int, stop: int) -> bytes:
        """A part of the file."""
        self._need(stop)
        return self._data[start:stop]

    def _need(self, stop: int) -> None:
        if stop > len(self._data):
            if stop > min(self.size, _MOST):
                raise _NotPlainError
            self._data += self._file.read(max(stop - len(self._data), len(self._data)))
            if stop > len(self._data):
                raise _NotPlainError

    def element(self, at: int) -> tuple[int, str, int, int]:
        """(tag, VR or "", where its value starts, its length) of the element at a place."""
        self._need(at + 8)
        group, element, vr, short = _HEAD.unpack_from(self._data, at)
        tag = group << 16 | element
        if self.implicit or group == _DELIMITERS:
            start, length = at + 8, _LENGTH.unpack_from(self._data, at + 4)[0]
            name = ""
        elif vr in _SHORT:
            start, length, name = at + 8, short, _SHORT[vr]
        elif vr in _LONG:
            self._need(at + 12)
            start, length, name = at + 12, _LENGTH.unpack_from(self._data, at + 8)[0], _LONG[vr]
        else:
            raise _NotPlainError
        if length != _UNDEFINED and start + length > self.size and tag != PIXEL_DATA:
            raise _NotPlainError
        return tag, name, start, length

    def after_sequence(self, at: int, depth: int = 0) -> int:
        """Where the element after a sequence of undefined length begins, whose first item is at a place."""
        if depth > _DEPTH:
            raise _NotPlainError
        while True:
            tag, _, start, length = self.element(at)
            if tag == _SEQUENCE_END:
                return start
            if tag != _ITEM:
                raise _NotPlainError
            at = self._after_item(start, depth) if length == _UNDEFINED else start + length

    def _after_item(self, at: int, depth: int) -> int:
        while True:
            tag, _, start, length = self.element(at)
            if tag == _ITEM_END:
                return start
            at = self.after_sequence(start, depth + 1) if length == _UNDEFINED else start + length


def _walked(
    found: dict[BaseTag, DataElement | RawDataElement], meta: Mapping[int, str], offset: int, length: int
) -> Walked:
    media = meta.get(_MEDIA_CLASS, ""), meta.get(_MEDIA_INSTANCE, "")
    return Walked(Dataset(found), meta[_SYNTAX], *media, offset, length)


def _stop(tag: BaseTag, vr: str | None, length: int) -> bool:
    return int(tag) >= _LAST or int(tag) in _CONTOURS


def _pixel_data(file: BinaryIO, dataset: FileDataset) -> tuple[int, int]:
    """(offset, length) of the value of Pixel Data, whose tag the file stands at; (0, 0) where there is none."""
    implicit, little = dataset.original_encoding
    order = "<" if little else ">"
    start = file.tell()
    head = file.read(12)
    if len(head) < 12:
        return 0, 0
    group, element = struct.unpack(order + "HH", head[:4])
    if (group << 16 | element) != PIXEL_DATA:
        return 0, 0
    field, skip = (head[4:8], 8) if implicit else (head[8:12], 12)
    (length,) = struct.unpack(order + "I", field)
    return start + skip, -1 if length == _UNDEFINED else length


def _encoding(dataset: FileDataset) -> str:
    implicit, little = dataset.original_encoding
    if not little:
        return str(ExplicitVRBigEndian)
    return str(ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)
