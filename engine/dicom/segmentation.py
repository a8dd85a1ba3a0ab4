"""A DICOM segmentation as it stands: its segments, and frames of voxels with their place (PS3.3 C.8.20)."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from engine.dicom.characters import decoded
from engine.dicom.fields import one_line
from engine.dicom.header import read_header
from engine.dicom.pixels import read_stored
from engine.dicom.planes import PLAIN, StoredPlane
from engine.dicom.references import References
from engine.dicom.rtstruct_items import integer, sequence, string
from engine.errors import PlanimeterError, ReadError
from engine.structures import Code, Generation, Provenance

SEGMENTATION_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})

#: Labels that programs give by themselves and that name nothing.
_NAMELESS = re.compile(r"(?i)(seg(ment)?[ _-]*)?\d*")
#: D50 white, and XYZ of it → linear sRGB (Bradford-adapted), as in the ICC's profile connection space.
_WHITE = np.array([0.9642, 1.0, 0.8251])
_SRGB = np.array([
    [3.1338561, -1.6168667, -0.4906146],
    [-0.9787684, 1.9161415, 0.0334540],
    [0.0719453, -0.2289914, 1.4052427],
])  # fmt: skip


@dataclass(frozen=True)
class Segment:
    """One segment: what it is, by its label and its code; `colour` is None where the file recommends none."""

    number: int
    name: str
    colour: tuple[int, int, int] | None
    code: Code | None
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class Frame:
    """Voxels of one plane: (rows, columns), bool, or float32 from 0 to 1 of a fractional segmentation.

    `sources` are what it was made of: (SOP Instance UID, frame or None) each, as far as the file says.
    """

    plane: StoredPlane
    values: NDArray[Any]
    sources: tuple[tuple[str, int | None], ...] = ()


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A file that was read.

    Args:
        segments: in the order of the file, without the background.
        frames: segment number → its frames; a segment without any is empty.
        fractional: True where the values are shares or probabilities.
        label: what the file calls itself.
        references: what it says that it belongs to.
        notes: what was unusual, for the user.
    """

    segments: tuple[Segment, ...]
    frames: Mapping[int, tuple[Frame, ...]]
    fractional: bool
    label: str
    references: References
    notes: tuple[str, ...]


def read_segmentation(path: Path) -> Segmentation:
    """Read a segmentation: binary, fractional or label map.

    Raises:
        ReadError: it cannot be read, is no segmentation, or contradicts itself.
    """
    try:
        dataset, note = decoded(lambda: dcmread(path))
        file = _read(path, dataset)
        return replace(file, notes=(note, *file.notes)) if note else file
    except PlanimeterError:
        raise
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is damaged: it cannot be read as a DICOM segmentation.") from error


def _read(path: Path, dataset: Dataset) -> Segmentation:
    kind = string(dataset, "SegmentationType").upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise ReadError(
            f"{path.name} is no segmentation of a type that is read ({one_line(kind, ' ')[:16] or 'none is given'})."
        )
    planes = read_header(path).planes
    padding = integer(dataset, "PixelPaddingValue") if kind == "LABELMAP" else None
    segments = tuple(
        segment
        for item in sequence(dataset, "SegmentSequence")
        if (segment := _segment(item)) is not None and (kind != "LABELMAP" or segment.number not in (0, padding))
    )
    frames: dict[int, list[Frame]] = {segment.number: [] for segment in segments}
    notes: list[str] = []
    unnamed: set[int] = set()
    most = float(integer(dataset, "MaximumFractionalValue") or 255)
    numbers = _numbers(dataset, len(planes)) if kind != "LABELMAP" else [0] * len(planes)
    made_of = _sources(dataset, len(planes))
    every = zip(planes, _values(path, dataset, planes), numbers, made_of, strict=True)
    for plane, values, number, sources in every:
        if kind == "LABELMAP":
            for value in np.unique(values).tolist():
                if value in frames:
                    frames[value].append(Frame(plane, values == value, sources))
                elif value not in (0, padding):
                    unnamed.add(value)
        elif number not in frames:
            unnamed.add(number)
        elif kind == "FRACTIONAL":
            frames[number].append(Frame(plane, (values / most).astype(np.float32), sources))
        else:
            frames[number].append(Frame(plane, values > 0, sources))
    if unnamed:
        which = ", ".join(map(str, sorted(unnamed)))
        notes.append(f"{path.name} has voxels of segments that it does not describe, left out: {which}.")
    label = string(dataset, "ContentLabel") or string(dataset, "SeriesDescription")
    parts = {number: tuple(members) for number, members in frames.items()}
    return Segmentation(segments, parts, kind == "FRACTIONAL", label, references_of(dataset), tuple(notes))


def references_of(dataset: Dataset) -> References:
    """What a segmentation says that it belongs to: its series, their instances, else the sources of its frames."""
    series = sequence(dataset, "ReferencedSeriesSequence")
    instances = [item for each in series for item in sequence(each, "ReferencedInstanceSequence")]
    if not instances:
        groups = [
            *sequence(dataset, "SharedFunctionalGroupsSequence"),
            *sequence(dataset, "PerFrameFunctionalGroupsSequence"),
        ]
        instances = [
            source
            for group in groups
            for derivation in sequence(group, "DerivationImageSequence")
            for source in sequence(derivation, "SourceImageSequence")
        ]
    return References(
        study_uids=frozenset({string(dataset, "StudyInstanceUID")} - {""}),
        series_uids=frozenset({string(each, "SeriesInstanceUID") for each in series} - {""}),
        frame_of_reference_uids=frozenset({string(dataset, "FrameOfReferenceUID")} - {""}),
        instance_uids=frozenset({string(item, "ReferencedSOPInstanceUID") for item in instances} - {""}),
    )


def rgb_of_cielab(encoded: tuple[int, int, int]) -> tuple[int, int, int]:
    """sRGB, 0 to 255, of a colour as DICOM writes it: CIELab in 16 bits a value (PS3.3 C.10.7.1.1)."""
    lightness, a, b = encoded[0] / 65535 * 100, encoded[1] / 65535 * 255 - 128, encoded[2] / 65535 * 255 - 128
    y = (lightness + 16) / 116
    root = np.array([y + a / 500, y, y - b / 200])
    xyz = np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29)) * _WHITE
    linear = np.clip(_SRGB @ xyz, 0, 1)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(shown * 255).astype(int).tolist()
    return red, green, blue


def _segment(item: Dataset) -> Segment | None:
    number = integer(item, "SegmentNumber")
    if number is None:
        return None
    kinds = sequence(item, "SegmentedPropertyTypeCodeSequence")
    code, name = None, string(item, "SegmentLabel")
    if kinds:
        value = string(kinds[0], "CodeValue") or string(kinds[0], "LongCodeValue")
        code = Code(value, string(kinds[0], "CodingSchemeDesignator"), string(kinds[0], "CodeMeaning"))
        if _NAMELESS.fullmatch(name):
            sides = sequence(kinds[0], "SegmentedPropertyTypeModifierCodeSequence")
            name = " ".join(filter(None, (code.meaning, *(string(side, "CodeMeaning") for side in sides)))) or name
    try:
        generation = Generation(string(item, "SegmentAlgorithmType").upper())
    except ValueError:
        generation = Generation.UNKNOWN
    algorithm = next(iter(sequence(item, "SegmentationAlgorithmIdentificationSequence")), Dataset())
    provenance = Provenance(
        generation=generation,
        description=string(item, "SegmentDescription"),
        algorithm=string(algorithm, "AlgorithmName") or string(item, "SegmentAlgorithmName"),
        version=string(algorithm, "AlgorithmVersion"),
        edited=generation is Generation.SEMIAUTOMATIC,
    )
    return Segment(number, one_line(name, " ").strip() or f"Segment {number}", _colour(item), code, provenance)


def _colour(item: Dataset) -> tuple[int, int, int] | None:
    try:
        lightness, a, b = (int(value) for value in item.RecommendedDisplayCIELabValue)
    except (AttributeError, TypeError, ValueError):
        return None
    return rgb_of_cielab((lightness, a, b))


def _numbers(dataset: Dataset, count: int) -> list[int]:
    """Which segment each frame is of."""
    shared = _number(next(iter(sequence(dataset, "SharedFunctionalGroupsSequence")), Dataset()))
    groups = sequence(dataset, "PerFrameFunctionalGroupsSequence")
    numbers = [number if (number := _number(group)) is not None else shared for group in groups]
    if len(numbers) != count or None in numbers:
        raise ReadError("The segmentation does not say of which segment each of its frames is.")
    return [number for number in numbers if number is not None]


def _sources(dataset: Dataset, count: int) -> list[tuple[tuple[str, int | None], ...]]:
    """What each frame was made of."""
    shared = _sources_of(next(iter(sequence(dataset, "SharedFunctionalGroupsSequence")), Dataset()))
    each = [_sources_of(group) or shared for group in sequence(dataset, "PerFrameFunctionalGroupsSequence")]
    return each if len(each) == count else [shared] * count


def _sources_of(group: Dataset) -> tuple[tuple[str, int | None], ...]:
    return tuple(
        (string(source, "ReferencedSOPInstanceUID"), integer(source, "ReferencedFrameNumber"))
        for derivation in sequence(group, "DerivationImageSequence")
        for source in sequence(derivation, "SourceImageSequence")
    )


def _number(group: Dataset) -> int | None:
    return next((integer(i, "ReferencedSegmentNumber") for i in sequence(group, "SegmentIdentificationSequence")), None)


def _values(path: Path, dataset: Dataset, planes: tuple[StoredPlane, ...]) -> Iterator[NDArray[Any]]:
    """The stored values of each frame."""
    if not planes:
        raise ReadError(f"{path.name} holds no frames.")
    image = planes[0].image
    if image.bits_allocated != 1:
        with closing(read_stored(planes)) as stored:
            for values in stored:
                if isinstance(values, ReadError):
                    raise values
                yield values
        return
    if image.transfer_syntax not in {*PLAIN, DeflatedExplicitVRLittleEndian, RLELossless}:
        raise ReadError(f"{path.name}: a binary segmentation that is compressed in this way is not read.")
    try:
        pixels = dataset.pixel_array.reshape(len(planes), image.rows, image.columns)
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is cut off or damaged: its frames cannot be read.") from error
    yield from pixels
