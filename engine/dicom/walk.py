"""Finds the elements of a DICOM header that are asked for, and where its pixel data begins.

Headers of hundreds of files must be read in a fraction of a second, so files are walked here from element to element,
and those that are asked for are handed to pydicom unconverted. How they are encoded is seen in their first element,
since some files say another encoding than they have, or none. Whatever is less plain (elements out of order, unknown
representations, damage) is read by pydicom alone, under watch.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import BinaryIO, cast

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from engine.dicom.encoding import LONG_VRS, SHORT_VRS
from engine.dicom.watched import DamagedHeaderError, Inflating, Watched, nobody

_Found = dict[BaseTag, DataElement | RawDataElement]

PIXEL_DATA = 0x7FE00010
#: Float Pixel Data and Double Float Pixel Data, and the bits of their pixels.
FLOATING = {0x7FE00008: 32, 0x7FE00009: 64}
_PIXELS = {PIXEL_DATA, *FLOATING}
#: Pixel data of any kind, and the contours of an RTSTRUCT, which can be most of it: reading ends before them.
_LAST = 0x7FE00008
_CONTOURS = range(0x30060020, 0x30070000)

UNDEFINED = 0xFFFFFFFF
_CHUNK = 1 << 14
_MOST = 1 << 26
_LONG, _SHORT = ({name: name.decode() for name in names} for names in (LONG_VRS, SHORT_VRS))
_DELIMITERS, ITEM, ITEM_END, SEQUENCE_END = 0xFFFE, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
#: Sequences in sequences beyond this are damage; so are more elements than this that do not rise in order.
_DEPTH = 40
_MOST_UNORDERED = 1000
_PLAIN = {ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
_MEDIA_CLASS, _MEDIA_INSTANCE, _SYNTAX = 0x00020002, 0x00020003, 0x00020010


@dataclass(frozen=True, slots=True)
class Walked:
    """What was found.

    Args:
        dataset: the elements that were asked for, unconverted.
        transfer_syntax: of the file; what its encoding amounts to where it says none, or another that is not so.
        sop_class_uid, sop_instance_uid: of the file meta information, "" where they are absent.
        offset: byte at which the value of Pixel Data, of any kind, begins (in a deflated file: of what it inflates to,
            counted from where it is deflated); 0 where there is none.
        length: its bytes, -1 when it is encapsulated.
        representation: of Pixel Data; "" in implicit data.
        remarks: what the file says of its encoding and is not so: clauses for a sentence that begins with its name.
        last: the tag at which reading ended; 0 at the end of the file.
        deflated_at: byte at which the file is deflated from; 0 where it is not.
    """

    dataset: Dataset
    transfer_syntax: str
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    offset: int = 0
    length: int = 0
    representation: str = ""
    remarks: tuple[str, ...] = ()
    last: int = 0
    deflated_at: int = 0


class Walker:
    """Reads the elements of some keywords from any number of files.

    Args:
        keywords: or tags.
        to_pixels: go on to the pixel data; else end after the last of the keywords, where much may follow.
    """

    def __init__(self, keywords: Iterable[str | int], *, to_pixels: bool = True) -> None:
        tags = [Tag(keyword) for keyword in keywords]
        self._end = _LAST if to_pixels else int(max(tags)) + 1
        self._tags: list[BaseTag | int] = [*tags]
        self._wanted: Mapping[int, BaseTag] = {int(tag): tag for tag in tags}

    def read(self, file: BinaryIO, size: int, listen: Callable[[], None] = nobody) -> Walked:
        """The elements of an open file of `size` bytes.

        Args:
            listen: called now and then while much is read; what it raises ends the reading.

        Raises:
            DamagedHeaderError: its header goes on and on, or makes no sense.
            Exception: whatever pydicom raises on damaged data.
        """
        try:
            return self._walk(file, size)
        except NotPlainError as odd:
            if not odd.deflated_at:
                return self._parse(file, size, listen)
            data = _inflated(file, odd.deflated_at, listen)
            walked = self._parse(BytesIO(data), len(data), listen)
            media = odd.meta.get(_MEDIA_CLASS, ""), odd.meta.get(_MEDIA_INSTANCE, "")
            return replace(
                walked,
                transfer_syntax=DeflatedExplicitVRLittleEndian,
                sop_class_uid=media[0],
                sop_instance_uid=media[1],
                deflated_at=odd.deflated_at,
            )

    def _walk(self, file: BinaryIO, size: int) -> Walked:
        """The same where the file is plain.

        Raises:
            NotPlainError: it is not.
        """
        plain = Plain(file, size)
        meta: dict[int, str] = {}
        at = after_preamble(plain.bytes)
        while plain.bytes(at, at + 2) == b"\x02\x00":
            tag, _, start, length = plain.element(at)
            if length == UNDEFINED:
                raise NotPlainError
            at = start + length
            meta[tag] = plain.bytes(start, at).decode("latin-1").strip(" \0")
        plain, at, syntax, remarks = _decided(plain, at, meta.get(_SYNTAX, ""))
        media = meta.get(_MEDIA_CLASS, ""), meta.get(_MEDIA_INSTANCE, "")
        found: _Found = {}
        try:
            offset, length, representation, last = self._elements(plain, at, found)
        except NotPlainError:
            raise NotPlainError(plain.deflated_at, meta) from None
        return Walked(Dataset(found), syntax, *media, offset, length, representation, remarks, last, plain.deflated_at)

    def _elements(self, plain: "Plain", at: int, found: _Found) -> tuple[int, int, str, int]:
        """Put what is wanted into `found`; (offset, length, representation) of Pixel Data, and the last tag."""
        last = -1
        while at < plain.loaded or not plain.ends_at(at):
            tag, vr, start, length = plain.element(at)
            if tag <= last:
                raise NotPlainError
            last = tag
            if tag >= self._end or tag in _CONTOURS:
                return (start, -1 if length == UNDEFINED else length, vr, tag) if tag in _PIXELS else (0, 0, "", tag)
            if length == UNDEFINED:
                at = plain.after_sequence(start)
                if tag in self._wanted:
                    # Without the delimiter at its end, it is a sequence of defined length to pydicom.
                    key, value = self._wanted[tag], plain.bytes(start, at - 8)
                    found[key] = RawDataElement(key, vr or None, len(value), value, start, plain.implicit, plain.little)
                continue
            at = start + length
            if tag in self._wanted:
                key = self._wanted[tag]
                value = plain.bytes(start, at)
                found[key] = RawDataElement(key, vr or None, length, value, start, plain.implicit, plain.little)
        if not plain.is_whole(at):
            raise NotPlainError
        return 0, 0, "", 0

    def _parse(self, file: BinaryIO, size: int, listen: Callable[[], None] = nobody) -> Walked:
        """The same by pydicom."""
        file.seek(0)
        unordered, last, ended = 0, 0, 0

        def stop(tag: BaseTag, vr: str | None, length: int) -> bool:
            nonlocal unordered, last, ended
            unordered += tag <= last
            last = int(tag)
            if unordered > _MOST_UNORDERED:
                raise DamagedHeaderError("its elements are in no order")
            ended = last if last >= _LAST or last in _CONTOURS else 0
            return ended > 0

        watched = cast(BinaryIO, Watched(file, size, listen))
        dataset = read_partial(watched, stop, specific_tags=self._tags, force=True)
        meta = dataset.file_meta
        syntax = str(meta.get("TransferSyntaxUID", "")) or _encoding(dataset)
        offset, length, representation = _pixel_data(file, dataset) if ended in _PIXELS else (0, 0, "")
        sop_class, sop_instance = meta.get("MediaStorageSOPClassUID", ""), meta.get("MediaStorageSOPInstanceUID", "")
        return Walked(dataset, syntax, str(sop_class), str(sop_instance), offset, length, representation, last=ended)


def after_preamble(part: Callable[[int, int], bytes]) -> int:
    """The byte at which the first element of a file begins, of which `part` gives the bytes from one place to another.

    Some programs put a preamble before a file that has one, or write its sign twice.
    """
    if part(128, 132) != b"DICM":
        return 0
    if part(132, 136) == b"DICM":
        return 136
    second = part(132, 264)
    return 264 if second[128:] == b"DICM" and not second[:128].strip(b"\0") else 132


class NotPlainError(Exception):
    """The file is one for pydicom, from `deflated_at` on where that is not 0."""

    def __init__(self, deflated_at: int = 0, meta: Mapping[int, str] | None = None) -> None:
        super().__init__()
        self.deflated_at = deflated_at
        self.meta = meta or {}


class Plain:
    """Elements of a file from a place on; raises `NotPlainError` at whatever is odd."""

    def __init__(self, file: BinaryIO | Inflating, size: int, deflated_at: int = 0) -> None:
        self.size = size
        self.file = file
        self.deflated_at = deflated_at
        self.implicit = False
        self.little = True
        self._data = file.read(_CHUNK)
        #: Bytes that are in memory.
        self.loaded = len(self._data)
        self.order("<")

    def order(self, sign: str) -> None:
        """Set the order of bytes: "<" for little-endian, ">" for big-endian."""
        self.little = sign == "<"
        self._head, self._length = struct.Struct(f"{sign}HH2sH"), struct.Struct(f"{sign}I")

    def ends_at(self, at: int) -> bool:
        """True when no element begins at a place."""
        if at >= self.size:
            return True
        if at >= self.loaded:
            self._load(_CHUNK)
        return at >= self.loaded

    def is_whole(self, at: int) -> bool:
        """True when the file was meant to end at a place; what a deflated one inflates to has no size of its own."""
        return at == (self.loaded if self.deflated_at else self.size)

    def bytes(self, start: int, stop: int) -> bytes:
        """A part of the file."""
        self._need(stop)
        return self._data[start:stop]

    def _need(self, stop: int) -> None:
        if stop > self.loaded:
            if stop > min(self.size, _MOST):
                raise NotPlainError
            self._load(max(stop - self.loaded, self.loaded))
            if stop > self.loaded:
                raise NotPlainError

    def _load(self, count: int) -> None:
        self._data += self.file.read(count)
        self.loaded = len(self._data)

    def element(self, at: int) -> tuple[int, str, int, int]:
        """(tag, VR or "", where its value starts, its length) of the element at a place."""
        if at + 8 > self.loaded:
            self._need(at + 8)
        group, element, vr, short = self._head.unpack_from(self._data, at)
        tag = group << 16 | element
        if self.implicit or group == _DELIMITERS:
            start, length = at + 8, self._length.unpack_from(self._data, at + 4)[0]
            name = ""
        elif vr in _SHORT:
            start, length, name = at + 8, short, _SHORT[vr]
        elif vr in _LONG:
            self._need(at + 12)
            start, length, name = at + 12, self._length.unpack_from(self._data, at + 8)[0], _LONG[vr]
        else:
            raise NotPlainError
        if length != UNDEFINED and start + length > self.size and tag not in _PIXELS:
            raise NotPlainError
        return tag, name, start, length

    def after_sequence(self, at: int, depth: int = 0) -> int:
        """Where the element after a sequence of undefined length begins, whose first item is at a place."""
        if depth > _DEPTH:
            raise NotPlainError
        while True:
            tag, _, start, length = self.element(at)
            if tag == SEQUENCE_END:
                return start
            if tag != ITEM:
                raise NotPlainError
            at = self._after_item(start, depth) if length == UNDEFINED else start + length

    def _after_item(self, at: int, depth: int) -> int:
        while True:
            if not self.implicit and at + 8 <= self.loaded:
                # Most elements are short ones: they are stepped over without a call.
                group, _, vr, short = self._head.unpack_from(self._data, at)
                if vr in _SHORT and group != _DELIMITERS:
                    at += 8 + short
                    continue
            tag, _, start, length = self.element(at)
            if tag == ITEM_END:
                return start
            at = self.after_sequence(start, depth + 1) if length == UNDEFINED else start + length


def _decided(plain: Plain, at: int, said: str) -> tuple[Plain, int, str, tuple[str, ...]]:
    """(elements, where they begin, transfer syntax, remarks) of the data set at a place, by what its first one shows.

    `said` is the transfer syntax of the file meta information, "" where that is absent.
    """
    found = encoding_of(plain.bytes(at, at + 8))
    if said == DeflatedExplicitVRLittleEndian or (said in {"", *_PLAIN} and found is None):
        file = cast(BinaryIO, plain.file)
        file.seek(at)
        try:
            inflated = Plain(Inflating(file), _MOST, at)
            if encoding_of(inflated.bytes(0, 8)) != ExplicitVRLittleEndian:
                raise NotPlainError
            plain, at, found = inflated, 0, DeflatedExplicitVRLittleEndian
        except (zlib.error, NotPlainError):
            file.seek(0)
            plain = Plain(file, plain.size)
    if found is None:
        raise NotPlainError
    plain.implicit = found == ImplicitVRLittleEndian
    plain.order(">" if found == ExplicitVRBigEndian else "<")
    if said == found:
        return plain, at, found, ()
    if not said:
        return plain, at, found, (f"it does not say how it is encoded, and is read as {UID(found).name}",)
    if said in _PLAIN:
        remark = f"it says that it is in {UID(said).name} but is in {UID(found).name}, as which it is read"
        return plain, at, found, (remark,)
    return plain, at, said, ()


def encoding_of(head: bytes) -> UID | None:
    """The transfer syntax that the first eight bytes of a data set show; None where they show none."""
    if len(head) < 8:
        return None
    explicit = head[4:6] in _SHORT or head[4:6] in _LONG
    if head[0] == 0 and 0 < head[1] <= 0x28 and explicit:
        return ExplicitVRBigEndian
    if 0 < head[0] <= 0x28 and head[1] == 0:
        return ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian
    return None


def _inflated(file: BinaryIO, at: int, listen: Callable[[], None]) -> bytes:
    """The first part of what a file inflates to, which has room for any header."""
    file.seek(at)
    inflating, parts = Inflating(file), []
    for _ in range(_MOST >> 20):
        listen()
        parts.append(inflating.read(1 << 20))
    return b"".join(parts)


def _pixel_data(file: BinaryIO, dataset: FileDataset) -> tuple[int, int, str]:
    """(offset, length, representation) of the value of Pixel Data, whose tag the file stands at."""
    _, little = dataset.original_encoding
    start = file.tell()
    head = file.read(12)
    # The encoding that the file says may not be its own. As a length, these letters would be odd, which none is.
    explicit = head[4:6] in (b"OB", b"OW", b"UN", b"OF", b"OD") and head[6:8] == b"\0\0"
    if len(head) < (12 if explicit else 8):
        return 0, 0, ""
    field, skip, name = (head[8:12], 12, head[4:6].decode()) if explicit else (head[4:8], 8, "")
    (length,) = struct.unpack(("<" if little else ">") + "I", field)
    return start + skip, -1 if length == UNDEFINED else length, name


def _encoding(dataset: FileDataset) -> str:
    implicit, little = dataset.original_encoding
    if not little:
        return str(ExplicitVRBigEndian)
    return str(ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)
