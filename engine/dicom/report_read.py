"""The groups of a report as findings on an image: ours as they were, those of other programs as far as they can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.answers import Box, Finding, ReportedFinding, Score
from engine.dicom import report_codes as codes
from engine.dicom.report_certificate import content_hash
from engine.dicom.report_contours import Contents, Contour, contour_in
from engine.dicom.report_file import Choice, Group, Number, Outline, ReportFile, read_report_file
from engine.dicom.report_places import Region, box_around, pixels_from_lps, region_around
from engine.dicom.rtstruct_header import stable_uid
from engine.dicom.rtstruct_match import patient_notes
from engine.errors import MismatchError
from engine.findings.assessment import WHOLE_IMAGE, Assessment, Evidence, FiledReport, Stated, Verdict
from engine.findings.forms import find_form
from engine.structures import Code, Generation, Provenance
from engine.volume import Volume

#: What our own groups say beside what a reader stated.
_OWN = (
    codes.KIND, codes.VERDICT, codes.COMPARISON, codes.OUTPUT, codes.MODEL_TITLE, codes.CALIBRATION,
    codes.ONE_OF, codes.ABSTAINED, codes.FORM, codes.STRUCTURE, codes.OF_READER, codes.COMMENT,
    codes.CONCLUSION, codes.IN_WORDS, codes.CLASS, codes.RIVAL,
)  # fmt: skip
_VERDICTS = {code.value: verdict for verdict, code in codes.VERDICTS.items()}


@dataclass(frozen=True, eq=False)
class ReportContents:
    """What a report says of an image.

    Args:
        findings: in its order, numbered from 1 within their kind.
        filed: the file's identity.
        complete: by its completion flag.
        contours: by the UID of findings, what they were computed from.
        words: by the same, all that is said of them in a sentence, of our own reports.
        notes: what was unusual, and what is not shown, for the user.
    """

    findings: tuple[Finding, ...]
    filed: FiledReport
    complete: bool = False
    notes: tuple[str, ...] = ()
    contours: Mapping[str, Contour] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def contents(self) -> Contents:
        """The findings with their contours and all in words."""
        return Contents(self.findings, self.contours, self.words)


def read_report(path: Path, volume: Volume) -> ReportContents:
    """The findings of a report on an image.

    Raises:
        ReadError: it cannot be read, is damaged, or is no report of measurements.
        MismatchError: it belongs to another study.
    """
    return contents_from(read_report_file(path), volume, path.name)


def contents_from(file: ReportFile, volume: Volume, name: str) -> ReportContents:
    """The findings of a report that was read. Raises as `read_report`."""
    notes = [*_belongs(file, volume, name), *patient_notes(file.patient_id, file.patient_name, volume, "The report")]
    placed = _Places(volume)
    findings: list[Finding] = []
    counts: dict[type, int] = {}
    contours: dict[str, Contour] = {}
    words: dict[str, str] = {}
    for index, group in enumerate(file.groups):
        finding = _finding(group, file, placed, index)
        counts[type(finding)] = counts.get(type(finding), 0) + 1
        findings.append(replace(finding, number=counts[type(finding)]))
        contour = contour_in(group, placed.planes(group))
        if contour is not None:
            contours[finding.uid] = contour
        if text := _text(group, codes.IN_WORDS):
            words[finding.uid] = text
    notes += placed.notes()
    if not findings:
        notes.append(f"{name} holds no measurements and no evaluations.")
    unread = sorted({kind for group in file.groups for kind in group.unread})
    if unread:
        notes.append(f"Content of the report that is not shown: {', '.join(unread)}.")
    segments = sum(bool(group.segments) for group in file.groups)
    if segments:
        notes.append(
            f"{segments} of the findings refer{'s' if segments == 1 else ''} to a segmentation: open it to see where."
        )
    filed = replace(file.filed, content=content_hash(Contents(tuple(findings), contours, words), volume))
    return ReportContents(tuple(findings), filed, file.complete, tuple(dict.fromkeys(notes)), contours, words)


def _belongs(file: ReportFile, volume: Volume, name: str) -> list[str]:
    """Notes on how a report belongs to an image.

    Raises:
        MismatchError: it is of another study.
    """
    info, references = volume.info, file.references
    instances = {instance.sop_instance_uid for instance in volume.instances}
    if info.series_uid in references.series_uids or instances & references.instance_uids:
        return []
    if info.frame_of_reference_uid and info.frame_of_reference_uid in references.frame_of_reference_uids:
        return [f"{name} refers to images that are not in this series; it was matched by its frame of reference."]
    if info.study_uid and info.study_uid in references.study_uids:
        return [f"{name} was made on another series of this study: where its findings lie is not shown on this one."]
    what = f"the image series '{info.description}'" if info.description else "this image series"
    raise MismatchError(f"{name} belongs to another study than {what}; open it with the images that it refers to.")


class _Places:
    """Brings what a report refers to onto an image, and counts what it cannot."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._planes = {(each.sop_instance_uid, each.frame_number): k for k, each in enumerate(volume.instances)}
        self._first = {each.sop_instance_uid: k for k, each in reversed(list(enumerate(volume.instances)))}
        self._lost = 0

    def evidence(self, group: Group) -> Evidence:
        """Where a group's finding lies, as far as it is on this image."""
        regions = [region for outline in group.outlines if (region := self._region(outline)) is not None]
        images = [self._plane(image) for image in group.images] if not group.segments else []
        if (group.outlines and not regions) or (images and all(plane is None for plane in images)):
            self._lost += 1
        place = WHOLE_IMAGE
        if regions:
            low, high = box_around(tuple(regions))
            planes = {region.plane for region in regions}
            place = Evidence(plane=regions[0].plane if len(planes) == 1 else None, low_kji=low, high_kji=high)
        elif len(images) == 1 and images[0] is not None:
            place = Evidence(plane=images[0])
        for concept, text in group.texts:
            number, _, uid = text.partition(" ")
            if codes.same(concept, codes.STRUCTURE) and number.isdigit():
                place = replace(place, roi_number=int(number), roi_uid=uid)
        for concept, uid in group.uids:
            if codes.same(concept, codes.OTHER_SERIES):
                place = replace(place, series_uid=uid)
        return place

    def planes(self, group: Group) -> list[int | None]:
        """The plane of each outline of a group; None for one that is not on this image."""
        return [None if (region := self._region(outline)) is None else region.plane for outline in group.outlines]

    def notes(self) -> list[str]:
        """What could not be brought onto the image."""
        if not self._lost:
            return []
        lie = "lies" if self._lost == 1 else "lie"
        return [f"{self._lost} of the findings {lie} on images that are not in this series; where is not shown."]

    def _region(self, outline: Outline) -> Region | None:
        if outline.points.shape[1] == 2:
            plane = self._plane(outline.image)
            return None if plane is None else region_around(outline.points, plane)
        own = self._volume.info.frame_of_reference_uid
        if not own or outline.frame_of_reference_uid != own:
            return None
        plane, points = pixels_from_lps(outline.points, self._volume.geometry)
        return region_around(points, plane)

    def _plane(self, image: tuple[str, int | None]) -> int | None:
        uid, frame = image
        return self._planes.get((uid, frame), self._first.get(uid) if frame in (None, 1) else None)


def _finding(group: Group, file: ReportFile, places: _Places, index: int) -> Finding:
    kind = next((choice.value.value for choice in group.choices if codes.same(choice.concept, codes.KIND)), "")
    code = _value(group, codes.FINDING)
    name = group.name or (code.meaning if code is not None else "") or "Finding"
    uid = group.uid or stable_uid("finding", file.filed.sop_instance_uid, str(index))
    evidence = places.evidence(group)
    own_code = code if code is not None and code.scheme != codes.SCHEME else None
    model = next((n for n in group.numbers if codes.same(n.method, codes.OF_MODEL) and n.value is not None), None)
    boxed = evidence.low_kji is not None and evidence.high_kji is not None
    if model is not None and kind in (codes.SCORE.value, codes.BOX.value):
        return _of_model(group, model, _About(name, own_code, evidence, uid), is_box=boxed and kind == codes.BOX.value)
    if kind == codes.REPORTED.value:
        form = _text(group, codes.FORM)
        return ReportedFinding(
            1, name, form, own_code, evidence, _assessment(group, form), _provenance(group, None), uid
        )
    said = Assessment(
        Verdict.ADDED,
        stated=_stated(group.numbers, group.choices, group.texts, ""),
        comment=_text(group, codes.COMMENT),
        reader=file.author,
        time=file.filed.written,
    )
    source = Provenance(Generation.UNKNOWN, f"Report of {file.program}" if file.program else "Report")
    return ReportedFinding(1, name, "", own_code, evidence, said, source, uid)


@dataclass(frozen=True)
class _About:
    """What every finding has."""

    name: str
    code: Code | None
    evidence: Evidence
    uid: str


def _of_model(group: Group, model: Number, about: _About, *, is_box: bool) -> Score | Box:
    name, code, evidence, uid = about.name, about.code, about.evidence, about.uid
    percent = codes.same(model.concept, codes.CERTAINTY)
    scale = 100.0 if percent else 1.0
    threshold = next((n.value for n in group.numbers if codes.same(n.concept, codes.THRESHOLD)), None)
    form = _text(group, codes.FORM)
    said = _assessment(group, form, model)
    if isinstance(said.value, float):
        said = replace(said, value=said.value / scale)
    value = (model.value or 0.0) / scale
    least = 0.5 if threshold is None else threshold / scale
    label, note, source = _text(group, codes.OUTPUT) or name, _text(group, codes.CALIBRATION), _provenance(group, model)
    if is_box:
        assert evidence.low_kji is not None and evidence.high_kji is not None, "asked for only where it has corners"
        return Box(
            1, label, name, evidence.low_kji, evidence.high_kji, value, least, code, source, note, form, said, uid
        )
    unit = "" if percent or codes.same(model.unit, codes.NO_UNITS) else model.unit.value
    one_of, classes, rivals = (
        tuple(text for concept, text in group.texts if codes.same(concept, wanted))
        for wanted in (codes.ONE_OF, codes.CLASS, codes.RIVAL)
    )
    return Score(
        1, label, name, value, least, unit, code, source, note, one_of, _text(group, codes.ABSTAINED), form, evidence,
        said, uid, classes, rivals,
    )  # fmt: skip


def _assessment(group: Group, form: str, model: Number | None = None) -> Assessment:
    verdict = next((choice for choice in group.choices if codes.same(choice.concept, codes.VERDICT)), None)
    known = Verdict.UNSEEN if model is not None else Verdict.ADDED
    own = [n for n in group.numbers if codes.same(n.method, codes.OF_READER) and n.value is not None]
    values = [n for n in own if model is not None and codes.same(n.concept, model.concept)]
    value: float | str | None = values[0].value if values else _text(group, codes.OF_READER) or None
    choices = [choice for choice in group.choices if not any(codes.same(choice.concept, code) for code in _OWN)]
    texts = [(concept, text) for concept, text in group.texts if not any(codes.same(concept, code) for code in _OWN)]
    return Assessment(
        verdict=_VERDICTS.get(verdict.value.value, known) if verdict is not None else known,
        value=value,
        stated=_stated([n for n in own if n not in values], choices, texts, form),
        comment=_text(group, codes.COMMENT),
        reader=verdict.observer if verdict is not None else "",
        time=verdict.time if verdict is not None else "",
    )


def _stated(
    numbers: Sequence[Number], choices: Sequence[Choice], texts: Sequence[tuple[Code, str]], form: str
) -> tuple[Stated, ...]:
    """What is said, in the order of the form, else numbers, choices and texts as the file has them."""
    said = [
        Stated(n.concept, n.value, "" if codes.same(n.unit, codes.NO_UNITS) else n.unit.value, derivation=n.derivation)
        for n in numbers
        if n.value is not None
    ]
    said += [
        Stated(choice.concept, choice.value.meaning, code=choice.value)
        for choice in choices
        if not codes.same(choice.concept, codes.FINDING)
    ]
    said += [Stated(concept, text) for concept, text in texts if text and not codes.same(concept, codes.COMMENT)]
    known = find_form(form) if form else None
    return tuple(said) if known is None else known.recognised(said)


def _provenance(group: Group, model: Number | None) -> Provenance:
    title = _text(group, codes.MODEL_TITLE)
    if model is None:
        return Provenance(description=title)
    weights = [text.removeprefix(codes.WEIGHTS) for text in model.parameters if text.startswith(codes.WEIGHTS)]
    algorithm, version = model.algorithm
    return Provenance(Generation.AUTOMATIC, title, algorithm, version, " ".join(weights))


def _value(group: Group, concept: Code) -> Code | None:
    return next((choice.value for choice in group.choices if codes.same(choice.concept, concept)), None)


def _text(group: Group, concept: Code) -> str:
    return next((text for each, text in group.texts if codes.same(each, concept)), "")
