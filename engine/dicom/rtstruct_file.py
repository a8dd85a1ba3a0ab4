"""An RTSTRUCT file as it stands: header and contours, with the text of every coordinate kept, and no interpretation."""

import io
import json
import logging
import warnings
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from engine.dicom.characters import characters_of
from engine.dicom.encoding import Element, TagOrder, elements, items, top_elements
from engine.dicom.fields import whole_number
from engine.dicom.planes import PLAIN
from engine.dicom.walk import after_preamble, encoding_of
from engine.errors import PlanimeterError, ReadError
from engine.loose import points_of
from engine.structures import RawContour
from engine.volume import FloatArray

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"

SPECIFIC_CHARACTER_SET = 0x00080005
ROI_CONTOUR_SEQUENCE = 0x30060039
CONTOUR_SEQUENCE = 0x30060040
CONTOUR_IMAGE_SEQUENCE = 0x30060016
CONTOUR_GEOMETRIC_TYPE = 0x30060042
NUMBER_OF_CONTOUR_POINTS = 0x30060046
CONTOUR_NUMBER = 0x30060048
CONTOUR_DATA = 0x30060050
ROI_DISPLAY_COLOR = 0x3006002A
REFERENCED_ROI_NUMBER = 0x30060084
REFERENCED_SOP_CLASS_UID = 0x00081150
REFERENCED_SOP_INSTANCE_UID = 0x00081155
REFERENCED_FRAME_NUMBER = 0x00081160

_KNOWN_IN_CONTOUR = frozenset(
    (CONTOUR_IMAGE_SEQUENCE, CONTOUR_GEOMETRIC_TYPE, NUMBER_OF_CONTOUR_POINTS, CONTOUR_NUMBER, CONTOUR_DATA)
)
_KNOWN_IN_ROI_CONTOUR = frozenset((ROI_DISPLAY_COLOR, REFERENCED_ROI_NUMBER, CONTOUR_SEQUENCE))


@dataclass(frozen=True)
class RoiContours:
    """One item of the ROI Contour Sequence.

    Args:
        number: Referenced ROI Number, or None where it is missing.
        colour: ROI Display Color, or None where it is missing or malformed.
        contours: in the order of the file.
        stated_points: Number of Contour Points of each contour, None where missing.
        attachments: the item's other elements as pydicom JSON, "" where there are none.
    """

    number: int | None
    colour: tuple[int, int, int] | None
    contours: tuple[RawContour, ...]
    stated_points: tuple[int | None, ...]
    attachments: str = ""

    @cached_property
    def points(self) -> tuple[FloatArray | None, ...]:
        """(n, 3) LPS mm of each contour, None where its text is malformed; parsed once, as that takes long."""
        together = points_of("\\".join(contour.data for contour in self.contours if contour.data))
        counts = [contour.data.count("\\") + 1 if contour.data else 0 for contour in self.contours]
        if together is None or any(count % 3 for count in counts):
            return tuple(points_of(contour.data) for contour in self.contours)
        return tuple(np.split(together, np.cumsum(np.array(counts, dtype=np.intp) // 3)[:-1])) if counts else ()


@dataclass(frozen=True)
class RtstructFile:
    """The header (a pydicom data set without the ROI Contour Sequence) and the contours of a file.

    `after` is the number of bytes behind its end, zeros not counted, which were not read. `remarks` are sentences for
    the user on what had to be assumed of its encoding and characters.
    """

    header: Dataset
    roi_contours: tuple[RoiContours, ...]
    after: int = 0
    remarks: tuple[str, ...] = ()


def parse_rtstruct(path: Path) -> RtstructFile:
    """Read an RTSTRUCT file.

    Little endian files, plain or deflated, are read from their bytes; any other form goes through pydicom first.

    Raises:
        ReadError: the file can't be read, is no DICOM file, is no RTSTRUCT, or breaks off.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"The file {path} could not be read: {error.strerror or error}.") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _parse(data)
        except PlanimeterError as error:
            raise ReadError(f"The RTSTRUCT {path.name} could not be read: {error}") from error
        except (
            KeyError,
            ValueError,
            TypeError,
            AttributeError,
            NotImplementedError,
            EOFError,
            OSError,
            zlib.error,
        ) as error:
            raise ReadError(
                f"The RTSTRUCT {path.name} is damaged and could not be read ({type(error).__name__}: {_brief(error)})."
            ) from error


def _brief(error: Exception) -> str:
    """The beginning of an error's first line."""
    return (str(error).strip().splitlines() or [""])[0][:120]


def _parse(data: bytes) -> RtstructFile:
    body_start, said = _transfer_syntax(data)
    syntax, remark = _encoding(data[body_start : body_start + 8], said)
    after = b""
    if syntax == DeflatedExplicitVRLittleEndian:
        # What follows the compressed stream is padding (PS3.5 A.5), or was left there.
        inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        body = inflating.decompress(data[body_start:])
        if not inflating.eof:
            raise ReadError("its compressed data breaks off.")
        after = inflating.unused_data
        syntax = ExplicitVRLittleEndian
    elif syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
        body = data[body_start:]
    else:
        body, syntax = _through_pydicom(data)
    implicit = syntax == ImplicitVRLittleEndian
    found: list[Element] = []
    rest: list[bytes] = []
    every, end = top_elements(body, implicit)
    after = body[end:] or after
    if after.strip(b"\0") and not any(element.tag >= ROI_CONTOUR_SEQUENCE for element in every):
        raise ReadError("it breaks off, or is damaged, before its contours.")
    for element in every:
        if element.tag == ROI_CONTOUR_SEQUENCE:
            found.append(element)
        else:
            rest.append(body[element.start : element.end])
    header = _dataset(b"".join(rest), implicit)
    characters = characters_of(header)
    if characters.use:
        # The character set of the file would come before the one that is given.
        others = [e for e in every if e.tag not in (ROI_CONTOUR_SEQUENCE, SPECIFIC_CHARACTER_SET)]
        header = _dataset(b"".join(body[e.start : e.end] for e in others), implicit, characters.use.split("\\"))
    _convert(header)
    sop_class = str(header.get("SOPClassUID", ""))
    if sop_class != RTSTRUCT_CLASS and str(header.get("Modality", "")) != "RTSTRUCT":
        what = "".join(c for c in str(header.get("Modality", "")) if c.isalnum())[:16]
        raise ReadError(f"it is no RTSTRUCT{f' but {what}' if what else ''}.")
    charset = characters.use.split("\\") if characters.use else header.get("SpecificCharacterSet", None)
    contours = [
        _roi_contours(body, start, stop, implicit or sequence.vr == b"UN", charset)
        for sequence in found
        for start, stop in items(body, sequence, implicit)
    ]
    remarks = tuple(filter(None, (remark, characters.note)))
    return RtstructFile(header, tuple(contours), len(after.strip(b"\0")), remarks)


def _convert(dataset: Dataset) -> None:
    """Convert every value now, where warnings are kept quiet; a malformed one stays as bytes and costs no other."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:  # pydicom raises nearly anything on malformed values
            raw = dataset.get_item(tag)
            value = raw.value if raw is not None and isinstance(raw.value, bytes) else b""
            dataset[tag] = DataElement(tag, "UN", value)
            continue
        if element.VR == "SQ":
            for item in element.value:
                _convert(item)


def _transfer_syntax(data: bytes) -> tuple[int, str]:
    """(where the data set begins, transfer syntax UID, "" where there is no usable file meta information)."""
    position, syntax = after_preamble(lambda start, stop: data[start:stop]), ""
    while data[position : position + 2] == b"\x02\x00":
        element = next(elements(data, position, len(data), False))
        if element.tag == 0x00020010:
            syntax = data[element.value_start : element.value_end].decode("ascii", "replace").rstrip("\0 ")
        position = element.end
    return position, syntax


def _encoding(head: bytes, said: str) -> tuple[str, str]:
    """(transfer syntax, a sentence where the file says another one) by what the first element shows."""
    shown = encoding_of(head)
    if shown is None or said not in PLAIN or said in (shown, DeflatedExplicitVRLittleEndian):
        return said, ""
    return shown, f"The file says that it is in {UID(said).name} but is in {UID(shown).name}, as which it was read."


def _through_pydicom(data: bytes) -> tuple[bytes, str]:
    """The data set rewritten in implicit VR little endian; the text of decimal strings survives."""
    order = TagOrder()
    try:
        dataset = read_partial(io.BytesIO(data), lambda tag, *_: not order.takes(int(tag)), force=True)
    except Exception as error:
        raise ReadError(f"it is no DICOM file ({_brief(error)}).") from error
    if not dataset or ("SOPClassUID" not in dataset and "Modality" not in dataset):
        raise ReadError("it is no DICOM file.")
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, Dataset(dataset), implicit_vr=True, little_endian=True, enforce_file_format=False)
    return buffer.getvalue(), ImplicitVRLittleEndian


def _dataset(data: bytes, implicit: bool, charset: Any = None) -> Dataset:
    encoding = convert_encodings(charset) if charset is not None else default_encoding
    return read_dataset(io.BytesIO(data), implicit, True, parent_encoding=encoding)


def _text(data: bytes, element: Element) -> str:
    return data[element.value_start : element.value_end].decode("latin-1").strip("\0 ")


def _roi_contours(data: bytes, start: int, stop: int, implicit: bool, charset: Any) -> RoiContours:
    number: int | None = None
    colour: tuple[int, int, int] | None = None
    contours: list[RawContour] = []
    stated: list[int | None] = []
    others: list[bytes] = []
    for element in elements(data, start, stop, implicit):
        if element.tag == CONTOUR_SEQUENCE:
            inside = implicit or element.vr == b"UN"
            for item_start, item_stop in items(data, element, implicit):
                contour, points = _contour(data, item_start, item_stop, inside, charset)
                contours.append(contour)
                stated.append(points)
        elif element.tag == REFERENCED_ROI_NUMBER:
            number = whole_number(_text(data, element))
        elif element.tag == ROI_DISPLAY_COLOR:
            colour = _colour(_text(data, element))
        else:
            others.append(data[element.start : element.end])
    return RoiContours(number, colour, tuple(contours), tuple(stated), _attachments(others, implicit, charset))


def _colour(text: str) -> tuple[int, int, int] | None:
    parts = [whole_number(part) for part in text.split("\\")]
    if len(parts) != 3 or any(part is None or not 0 <= part <= 255 for part in parts):
        return None
    return (parts[0] or 0, parts[1] or 0, parts[2] or 0)


def _contour(data: bytes, start: int, stop: int, implicit: bool, charset: Any) -> tuple[RawContour, int | None]:
    geometric_type, text = "", ""
    number: int | None = None
    points: int | None = None
    images: tuple[tuple[str, str, int | None], ...] = ()
    others: list[bytes] = []
    for element in elements(data, start, stop, implicit):
        if element.tag == CONTOUR_DATA:
            text = data[element.value_start : element.value_end].decode("latin-1").rstrip("\0 \\")
        elif element.tag == CONTOUR_GEOMETRIC_TYPE:
            geometric_type = _text(data, element).upper()
        elif element.tag == NUMBER_OF_CONTOUR_POINTS:
            points = whole_number(_text(data, element))
        elif element.tag == CONTOUR_NUMBER:
            number = whole_number(_text(data, element))
        elif element.tag == CONTOUR_IMAGE_SEQUENCE:
            inside = implicit or element.vr == b"UN"
            images = tuple(_image(data, *item, inside) for item in items(data, element, implicit))
        else:
            others.append(data[element.start : element.end])
    return RawContour(text, geometric_type, number, images, _attachments(others, implicit, charset)), points


def _image(data: bytes, start: int, stop: int, implicit: bool) -> tuple[str, str, int | None]:
    sop_class = instance = ""
    frame: int | None = None
    for element in elements(data, start, stop, implicit):
        if element.tag == REFERENCED_SOP_CLASS_UID:
            sop_class = _text(data, element)
        elif element.tag == REFERENCED_SOP_INSTANCE_UID:
            instance = _text(data, element)
        elif element.tag == REFERENCED_FRAME_NUMBER:
            frame = whole_number(_text(data, element).split("\\", maxsplit=1)[0])
    return sop_class, instance, frame


def _attachments(others: list[bytes], implicit: bool, charset: Any) -> str:
    if not others:
        return ""
    return json_text(_dataset(b"".join(others), implicit, charset))


def json_text(dataset: Dataset) -> str:
    """A data set as pydicom JSON, without elements that JSON can't hold; "" where nothing is left."""
    out: dict[str, Any] = {}
    for element in dataset:
        try:
            out[f"{element.tag:08X}"] = element.to_json_dict(None, 1024)
        except Exception as error:  # any malformed value must not cost the rest
            logging.getLogger(__name__).debug("Element %s left out: %s", element.tag, type(error).__name__)
    return json.dumps(out) if out else ""
