"""How the pixels of a file are stored: what its header says, and what has to be assumed where it does not say."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLSLossless,
    RLELossless,
)

from engine.dicom.fields import bounds, is_absent, short, text, whole
from engine.dicom.planes import NATIVE, PLAIN
from engine.dicom.walk import FLOATING, Walked
from engine.errors import ReadError

#: Elements that `PixelFormat.of` looks at.
FORMAT_KEYWORDS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "FloatPixelPaddingValue",
    "FloatPixelPaddingRangeLimit",
    "DoubleFloatPixelPaddingValue",
    "DoubleFloatPixelPaddingRangeLimit",
    "SmallestImagePixelValue",
)
#: More frames than any image has; a header that claims more is damaged.
MAX_FRAMES = 100_000
#: GE's private syntax for an implicit little-endian header with big-endian pixels.
_GE_MIXED = "1.2.840.113619.5.2"
_STANDARD = "1.2.840.10008.1.2"
_ITEM = 0xFFFEE000
#: Pixel Padding Value and Smallest Image Pixel Value.
_SAMPLES = {0x00280120, 0x00280106}
_MOST_FRAGMENTS = 64
#: JPEG's start of frame → the transfer syntax that has it.
_JPEG = {
    0xC0: JPEGBaseline8Bit,
    0xC1: JPEGExtended12Bit,
    0xC3: JPEGLossless,
    0xF7: JPEGLSLossless,
}
#: The others, which are not read where the decoders refuse them.
_JPEG_UNREAD = {
    0xC2: "progressive JPEG",
    **dict.fromkeys((0xC5, 0xC6, 0xC7), "hierarchical JPEG"),
    **dict.fromkeys((0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF), "JPEG with arithmetic coding"),
}


@dataclass(slots=True)
class PixelFormat:
    """As in `StoredImage`; `problem` says why the pixels cannot be read ("" if they can), after the file's name."""

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    transfer_syntax: str
    swapped: bool = False
    floating: bool = False
    remarks: list[str] = field(default_factory=list)
    problem: str = ""

    @classmethod
    def of(cls, walked: Walked, file: BinaryIO) -> "PixelFormat":
        """The format of a file whose header was walked.

        Raises:
            ReadError: what is needed is absent and cannot be assumed. The sentence lacks the file's name.
        """
        dataset = walked.dataset
        rows, columns = short(dataset, "Rows"), short(dataset, "Columns")
        frames = max(whole(dataset, "NumberOfFrames", 1), 1)
        if frames > MAX_FRAMES:
            raise ReadError(f"it claims {frames} frames")
        assumed = _Assumed(dataset)
        photometric = text(dataset, "PhotometricInterpretation").upper()
        samples = assumed.short("SamplesPerPixel", 3 if photometric.startswith(("RGB", "YBR")) else 1)
        if not photometric and samples == 1:
            photometric = "MONOCHROME2"
            assumed.say("PhotometricInterpretation", photometric)
        cells = rows * columns * frames * samples
        floating = FLOATING.get(walked.last, 0)
        if floating:
            # Sign and used bits go without saying (PS3.3 C.7.6.24, C.7.6.25).
            found = cls(rows, columns, frames, samples, photometric, floating, floating, floating - 1, True,
                        walked.transfer_syntax, floating=True)  # fmt: skip
            found.remarks = [*walked.remarks, *assumed.remarks]
            found._settle(walked, file, cells * floating // 8)
            return found
        allocated = short(dataset, "BitsAllocated", 0)
        if not allocated:
            fitting = [bits for bits in (8, 16, 32) if walked.length - (cells * bits // 8) in (0, 1)]
            allocated = assumed.short("BitsAllocated", fitting[0] if fitting and cells else None)
        high = short(dataset, "HighBit", -1)
        stored = assumed.short("BitsStored", high + 1 if 0 <= high < allocated else allocated)
        high = assumed.short("HighBit", stored - 1)
        if high < stored - 1:
            assumed.remarks.append(f"its HighBit {high} does not fit its BitsStored {stored}, which is believed")
            high = stored - 1
        signed = assumed.short("PixelRepresentation", int(_looks_signed(dataset))) == 1
        syntax = walked.transfer_syntax
        found = cls(rows, columns, frames, samples, photometric, allocated, stored, high, signed, syntax)
        found.remarks = [*walked.remarks, *assumed.remarks]
        found._settle(walked, file, cells * allocated // 8)
        found.swapped = syntax == ExplicitVRBigEndian and allocated in (8, 32) and walked.representation == "OW"
        if found.swapped and allocated == 32:
            found.remarks.append("its pixels of 32 bits are read as two big-endian words, the lower first (PS3.5 7.3)")
        return found

    def _settle(self, walked: Walked, file: BinaryIO, needed: int) -> None:
        """Compare how the pixels are said to be stored with how they are."""
        syntax, length = self.transfer_syntax, walked.length
        fits = needed > 0 and length - needed in (0, 1)
        plain = syntax in PLAIN
        if length < 0 and syntax in NATIVE:
            found = _codec(file, walked.offset)
            if found is None:
                self.problem = "is compressed in a way that it does not say, which is not supported, and is not read"
            else:
                self.transfer_syntax = found
                self.remarks.append(
                    f"its pixels are said to be uncompressed but look like {found.name}, and are so read"
                )
        elif length >= 0 and not plain and walked.offset:
            name = UID(syntax).name
            if not fits:
                self.problem = (
                    f"its pixel data is said to be in {name} but has no fragments, and not the size of its image"
                )
            elif syntax == _GE_MIXED:
                self.transfer_syntax = ExplicitVRBigEndian
            else:
                self.transfer_syntax = ExplicitVRLittleEndian
                known = "is said to be in" if syntax.startswith(_STANDARD) else "is in the private transfer syntax"
                self.remarks.append(
                    f"it {known} {name}, but its pixel data has the size of plain pixels and is so read"
                )
        elif plain and length > needed + 1 and walked.offset:
            self.remarks.append(
                f"its pixel data has {length} bytes where its size needs {needed}: the rest is not read"
            )
        if length < 0 and self.frames == 1 and not _is_whole(file, walked.offset):
            self.problem = "is cut off: its compressed pixel data ends early"


def padding_of(dataset: Dataset, bits: int, signed: bool) -> tuple[int, int] | None:
    """The least and greatest stored value that a file calls padding; None where it names none.

    Args:
        dataset: the header.
        bits: allocated to a pixel.
        signed: whether pixels are.
    """
    ends = [bounds(dataset, keyword, signed) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if ends[0] is None:
        return None
    # Some files write a negative value as a large one, or the other way round: the bits are the same.
    half = 1 << (bits - 1)
    found = [
        value - 2 * half if signed and value >= half else value + 2 * half if not signed and value < 0 else value
        for value in ends
        if value is not None
    ]
    return min(found), max(found)


def float_padding_of(dataset: Dataset, bits: int) -> tuple[float, float] | None:
    """As `padding_of`, of a file whose pixels are floating-point numbers of so many bits (PS3.3 C.7.6.24, C.7.6.25)."""
    kind = "DoubleFloat" if bits == 64 else "Float"
    values = [dataset.get(f"{kind}{keyword}") for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if not isinstance(values[0], float):
        return None
    found = [value for value in values if isinstance(value, float) and not math.isnan(value)]
    return (min(found), max(found)) if found else None


class _Assumed:
    """Reads elements, and remembers which were absent."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.remarks: list[str] = []

    def short(self, keyword: str, otherwise: int | None) -> int:
        """The element's number, or `otherwise` with a remark."""
        if otherwise is not None and is_absent(self._dataset, keyword):
            self.say(keyword, otherwise)
            return otherwise
        return short(self._dataset, keyword)

    def say(self, keyword: str, value: object) -> None:
        """Remark that a value is assumed."""
        self.remarks.append(f"it lacks {keyword}, for which {value} is assumed")


def _looks_signed(dataset: Dataset) -> bool:
    """True when the representation of other pixel values, which follows that of the pixels, is a signed one."""
    return any(element.VR == "SS" for element in dataset.values() if element.tag in _SAMPLES)


def _fragments(file: BinaryIO, offset: int) -> Sequence[tuple[int, int]]:
    """(start, length) of the first fragments of encapsulated pixel data, the offset table first."""
    found: list[tuple[int, int]] = []
    at = offset
    while len(found) < _MOST_FRAGMENTS:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            break
        group, element, length = struct.unpack("<HHI", head)
        if group << 16 | element != _ITEM:
            break
        found.append((at + 8, length))
        at += 8 + length
    return found


def _is_whole(file: BinaryIO, offset: int) -> bool:
    """False when a fragment ends after the file does, or there is none."""
    fragments = _fragments(file, offset)
    size = file.seek(0, 2)
    return len(fragments) > 1 and all(start + length <= size for start, length in fragments)


def _codec(file: BinaryIO, offset: int) -> UID | None:
    """The transfer syntax that the first frame looks like; None where it looks like none that is read."""
    data, length = _first_fragment(file, offset)
    if data.startswith(b"\xff\x4f\xff\x51"):
        return JPEG2000Lossless
    if data.startswith(b"\xff\xd8"):
        return _JPEG.get(_jpeg_process(data))
    segments = int.from_bytes(data[:4], "little")
    return RLELossless if length >= 64 and 1 <= segments <= 15 and data[4:8] == b"\x40\0\0\0" else None


def unread_stream(file: BinaryIO, offset: int) -> str:
    """What the first frame is, where it is a kind of compression that is not read; "" otherwise."""
    data, _ = _first_fragment(file, offset)
    if data.startswith(b"\xff\x4f\xff\x51"):
        # The first bit of the capabilities in the SIZ segment tells extensions of ISO/IEC 15444-2.
        return "JPEG 2000 Part 2" if len(data) > 6 and data[6] & 0x80 else ""
    return _JPEG_UNREAD.get(_jpeg_process(data), "") if data.startswith(b"\xff\xd8") else ""


def _first_fragment(file: BinaryIO, offset: int) -> tuple[bytes, int]:
    """(the first bytes, the length) of the first fragment after the offset table."""
    fragments = _fragments(file, offset)
    if len(fragments) < 2:
        return b"", 0
    start, length = fragments[1]
    file.seek(start)
    return file.read(min(length, 1 << 16)), length


def _jpeg_process(data: bytes) -> int:
    """The second byte of the start-of-frame marker of a JPEG stream, which tells its process; 0 where there is none."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG or marker in _JPEG_UNREAD:
            return marker
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0
