"""A report of measurements as it stands (TID 1500): its groups, with patience for what other programs write.

Nothing here trusts the file: every value may be absent, of another type or of another template.
"""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from engine.dicom import report_codes as codes
from engine.dicom.fields import one_line
from engine.dicom.references import References
from engine.dicom.report_times import iso_time
from engine.dicom.rtstruct_items import sequence, string
from engine.dicom.walk import UNDEFINED
from engine.errors import PlanimeterError, ReadError
from engine.findings.assessment import FiledReport, Signature
from engine.structures import Code
from engine.volume import FloatArray

_STORAGE = "1.2.840.10008.5.1.4.1.1.88."
#: Enhanced, Comprehensive and Comprehensive 3D: those that can hold measurements of images.
MEASURING_CLASSES = frozenset(_STORAGE + end for end in ("22", "33", "34"))
#: Titles of reports after the template (PS3.16 CID 7021).
_TITLES = frozenset({"126000", "126001", "126002", "126003"})
#: Containers of measurements beside the groups, read as a group each.
_GROUPS = (codes.MEASUREMENT_GROUP, codes.EVALUATIONS, Code("126011", "DCM", "Derived Imaging Measurements"))
_DEEPEST = 24
_MOST_ITEMS = 100_000


@dataclass(frozen=True)
class Number:
    """A measurement; `value` is None where the file gives none, `method` and `derivation` where it says nothing."""

    concept: Code
    value: float | None
    unit: Code
    method: Code | None = None
    derivation: Code | None = None
    algorithm: tuple[str, str] = ("", "")
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """A coded answer, with who gave it and when where the file says that (PS3.3 Observation DateTime, as ISO 8601)."""

    concept: Code
    value: Code
    observer: str = ""
    time: str = ""


@dataclass(frozen=True, eq=False)
class Outline:
    """(n, 2) column and row in pixels of an image, or (n, 3) LPS mm in a frame of reference."""

    points: FloatArray
    image: tuple[str, int | None] = ("", None)
    frame_of_reference_uid: str = ""


@dataclass(frozen=True, eq=False)
class Group:
    """One measurement group.

    Args:
        name, uid: Tracking Identifier and Tracking Unique Identifier, "" where it has none.
        images: (SOP Instance UID, frame or None) that it was computed from.
        segments: how many segments of segmentations it refers to.
        unread: value types that are not shown.
    """

    name: str = ""
    uid: str = ""
    numbers: tuple[Number, ...] = ()
    choices: tuple[Choice, ...] = ()
    texts: tuple[tuple[Code, str], ...] = ()
    uids: tuple[tuple[Code, str], ...] = ()
    outlines: tuple[Outline, ...] = ()
    images: tuple[tuple[str, int | None], ...] = ()
    segments: int = 0
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class ReportFile:
    """A report as a file holds it.

    Args:
        filed: its identity and signature; `content` is not known here.
        complete: its Completion Flag.
        author: the person, else the device, that observed it.
        program: that wrote it.
        groups: in order.
        references: what it belongs to.
    """

    filed: FiledReport
    complete: bool
    author: str
    program: str
    patient_id: str
    patient_name: str
    groups: tuple[Group, ...]
    references: References


def read_report_file(path: Path) -> ReportFile:
    """Read a report of measurements.

    Raises:
        ReadError: it cannot be read, is damaged, or is no report of measurements.
    """
    try:
        with warnings.catch_warnings():
            # About values that the standard does not allow, which are shown as they are.
            warnings.simplefilter("ignore")
            return _whole_file(dcmread(BytesIO(path.read_bytes())), path.name)
    except PlanimeterError:
        raise
    except OSError as error:
        raise ReadError(f"{path.name} cannot be opened: {error.strerror or error}.") from error
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is damaged: it cannot be read as a structured report.") from error


def _whole_file(dataset: Dataset, name: str) -> ReportFile:
    _require_whole(dataset, name)
    if string(dataset, "SOPClassUID") not in MEASURING_CLASSES:
        raise ReadError(f"{name} is no structured report that can hold measurements.")
    problem = why_unread(dataset)
    if problem:
        raise ReadError(problem)
    return _file(dataset)


def _require_whole(dataset: Dataset, name: str) -> None:
    """Refuse a file that ends in the middle: what is left of it would look like a shorter report.

    Raises:
        ReadError: it does.
    """
    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        if isinstance(raw, RawDataElement) and raw.length != UNDEFINED and len(raw.value or b"") < raw.length:
            raise ReadError(f"{name} is cut off: it ends in the middle of the report. Get it again from where it came.")
    if "ContentSequence" not in dataset:
        raise ReadError(f"{name} is a structured report without any content: it is cut off or empty.")


def why_unread(dataset: Dataset) -> str:
    """Why a report is not shown as findings, from its root; "" where it is."""
    templates = {string(item, "TemplateIdentifier") for item in sequence(dataset, "ContentTemplateSequence")}
    title = _code(dataset, "ConceptNameCodeSequence")
    if "1500" in templates or (title is not None and title.scheme == "DCM" and title.value in _TITLES):
        return ""
    called = f" ('{title.meaning}')" if title is not None and title.meaning else ""
    return f"This is a structured report{called} that is not one of measurements (TID 1500), so it is not opened."


def references_of(dataset: Dataset) -> References:
    """What a report says that it belongs to, as far as its header tells."""
    study, series, instances = string(dataset, "StudyInstanceUID"), set(), set()
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for item in sequence(dataset, keyword):
            for each in sequence(item, "ReferencedSeriesSequence"):
                series.add(string(each, "SeriesInstanceUID"))
                instances |= {
                    string(one, "ReferencedSOPInstanceUID") for one in sequence(each, "ReferencedSOPSequence")
                }
    return References(frozenset({study} - {""}), frozenset(series - {""}), frozenset(), frozenset(instances - {""}))


def predecessors_of(dataset: Dataset) -> tuple[str, ...]:
    """SOP Instance UIDs of the reports that a report replaces."""
    return tuple(
        string(one, "ReferencedSOPInstanceUID")
        for item in sequence(dataset, "PredecessorDocumentsSequence")
        for each in sequence(item, "ReferencedSeriesSequence")
        for one in sequence(each, "ReferencedSOPSequence")
    )


# Inside -------------------------------------------------------------------------------------------------------------


def _file(dataset: Dataset) -> ReportFile:
    budget = [_MOST_ITEMS]
    root = list(_items(dataset, 0, budget))
    zone = string(dataset, "TimezoneOffsetFromUTC")
    groups = tuple(_group(item, budget, zone) for item in _found(root, budget))
    frames = {outline.frame_of_reference_uid for group in groups for outline in group.outlines} - {""}
    persons = [string(item, "PersonName") for item in root if codes.same(_concept(item), codes.PERSON_NAME)]
    devices = [string(item, "TextValue") for item in root if codes.same(_concept(item), codes.DEVICE_NAME)]
    verified = string(dataset, "VerificationFlag").upper() == "VERIFIED"
    signer = next(iter(sequence(dataset, "VerifyingObserverSequence")), None)
    signature = None
    if verified and signer is not None:
        signature = Signature(
            string(signer, "VerifyingObserverName"),
            string(signer, "VerifyingOrganization"),
            iso_time(string(signer, "VerificationDateTime"), zone),
        )
    filed = FiledReport(
        string(dataset, "SOPClassUID"),
        string(dataset, "SOPInstanceUID"),
        string(dataset, "SeriesInstanceUID"),
        string(dataset, "StudyInstanceUID"),
        _number(string(dataset, "InstanceNumber")),
        signature=signature,
        written=iso_time(string(dataset, "ContentDate") + string(dataset, "ContentTime"), zone),
    )
    return ReportFile(
        filed=filed,
        complete=string(dataset, "CompletionFlag").upper() == "COMPLETE",
        author=next(iter([*filter(None, persons), *filter(None, devices)]), ""),
        program=one_line(string(dataset, "ManufacturerModelName") or string(dataset, "Manufacturer")),
        patient_id=string(dataset, "PatientID"),
        patient_name=string(dataset, "PatientName"),
        groups=groups,
        references=replace(references_of(dataset), frame_of_reference_uids=frozenset(frames)),
    )


def _items(parent: Dataset, depth: int, budget: list[int]) -> Iterator[Dataset]:
    """The content items right below one.

    Raises:
        ReadError: there are more than any report has.
    """
    for item in sequence(parent, "ContentSequence"):
        budget[0] -= 1
        if budget[0] < 0 or depth > _DEEPEST:
            raise ReadError("The structured report is larger or deeper than any that is known, so it was not read.")
        yield item


def _found(items: list[Dataset], budget: list[int], depth: int = 1) -> Iterator[Dataset]:
    """The groups among items, however deep they lie in containers."""
    for item in items:
        if string(item, "ValueType").upper() != "CONTAINER":
            continue
        if any(codes.same(_concept(item), kind) for kind in _GROUPS):
            yield item
        elif not codes.same(_concept(item), codes.IMAGE_LIBRARY):
            yield from _found(list(_items(item, depth, budget)), budget, depth + 1)


def _group(container: Dataset, budget: list[int], zone: str) -> Group:
    numbers, choices, texts, uids = [], [], [], []
    outlines: list[Outline] = []
    images: list[tuple[str, int | None]] = []
    unread: set[str] = set()
    name = uid = ""
    segments = 0
    for item in _items(container, 2, budget):
        concept, kind = _concept(item), string(item, "ValueType").upper()
        below = list(_items(item, 3, budget))
        if kind == "TEXT" and codes.same(concept, codes.TRACKING_IDENTIFIER):
            name = one_line(string(item, "TextValue")).strip()
        elif kind == "UIDREF" and codes.same(concept, codes.TRACKING_UID):
            uid = string(item, "UID")
        elif kind in ("SCOORD", "SCOORD3D"):
            outlines += _outlines(item, below)
        elif kind == "IMAGE":
            segments += any(each.get("ReferencedSegmentNumber") is not None for each in _referenced(item))
            images += [image for each in _referenced(item) if (image := _image(each))[0]]
        elif concept is None:
            unread.add(kind)
        elif kind == "NUM":
            numbers.append(_measured(item, concept, below))
            outlines += [outline for child in below for outline in _outlines(child, list(_items(child, 4, budget)))]
        elif kind == "CODE":
            value = _code(item, "ConceptCodeSequence")
            if value is not None:
                observers = [string(c, "PersonName") for c in below if codes.same(_concept(c), codes.PERSON_NAME)]
                time = iso_time(string(item, "ObservationDateTime"), zone)
                choices.append(Choice(concept, value, next(iter(observers), ""), time))
            for child in below:
                more, inner = _code(child, "ConceptCodeSequence"), _concept(child)
                if more is not None and inner is not None:
                    choices.append(Choice(inner, more))
        elif kind == "TEXT":
            texts.append((concept, string(item, "TextValue")))
        elif kind == "UIDREF":
            uids.append((concept, string(item, "UID")))
        else:
            unread.add(kind)
    return Group(
        name, uid, tuple(numbers), tuple(choices), tuple(texts), tuple(uids), tuple(outlines), tuple(images), segments,
        frozenset(unread - {""}),
    )  # fmt: skip


def _measured(item: Dataset, concept: Code, below: list[Dataset]) -> Number:
    measured = next(iter(sequence(item, "MeasuredValueSequence")), Dataset())
    text = string(measured, "FloatingPointValue") or string(measured, "NumericValue")
    try:
        value: float | None = float(text)
    except ValueError:
        value = None
    if value is not None and not math.isfinite(value):
        value = None
    said = {
        (inner.value, inner.scheme): _code(child, "ConceptCodeSequence") or string(child, "TextValue")
        for child in below
        if (inner := _concept(child)) is not None
    }

    def of(code: Code) -> Any:
        return said.get((code.value, code.scheme))

    parameters = [
        string(child, "TextValue") for child in below if codes.same(_concept(child), codes.ALGORITHM_PARAMETERS)
    ]
    method, derivation = of(codes.METHOD), of(codes.DERIVATION)
    return Number(
        concept,
        value,
        _code(measured, "MeasurementUnitsCodeSequence") or codes.NO_UNITS,
        method if isinstance(method, Code) else None,
        derivation if isinstance(derivation, Code) else None,
        (str(of(codes.ALGORITHM_NAME) or ""), str(of(codes.ALGORITHM_VERSION) or "")),
        tuple(parameters),
    )


def _outlines(item: Dataset, below: list[Dataset]) -> list[Outline]:
    kind = string(item, "ValueType").upper()
    size = {"SCOORD": 2, "SCOORD3D": 3}.get(kind)
    if size is None:
        return []
    data = item.get("GraphicData")
    values = np.atleast_1d(np.asarray([] if data is None else data, dtype=np.float64))
    if not len(values) or len(values) % size or not np.isfinite(values).all():
        return []
    points = values.reshape(-1, size)
    if string(item, "GraphicType").upper() == "CIRCLE" and len(points) == 2:
        radius = float(np.linalg.norm(points[1] - points[0]))
        points = points[:1] + radius * np.array([[-1.0, -1.0], [1.0, 1.0]])
    if kind == "SCOORD3D":
        return [Outline(points, frame_of_reference_uid=string(item, "ReferencedFrameOfReferenceUID"))]
    images = [_image(each) for child in below for each in _referenced(child)]
    return [Outline(points, next(iter(images), ("", None)))]


def _referenced(item: Dataset) -> list[Dataset]:
    return sequence(item, "ReferencedSOPSequence")


def _image(reference: Dataset) -> tuple[str, int | None]:
    frame = string(reference, "ReferencedFrameNumber").partition("\\")[0]
    return string(reference, "ReferencedSOPInstanceUID"), int(frame) if frame.isdigit() else None


def _concept(item: Dataset) -> Code | None:
    return _code(item, "ConceptNameCodeSequence")


def _code(item: Dataset, keyword: str) -> Code | None:
    code = next(iter(sequence(item, keyword)), None)
    if code is None:
        return None
    value = string(code, "CodeValue") or string(code, "LongCodeValue") or string(code, "URNCodeValue")
    meaning = one_line(string(code, "CodeMeaning")).strip()
    return Code(value, string(code, "CodingSchemeDesignator"), meaning or value) if value else None


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 1
