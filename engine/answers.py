"""What a model or a person answers about a series (structures, scores, boxes, measures), and how a run is told.

Everything here is an immutable value, as the structures are.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.findings.assessment import ADDED, UNSEEN, WHOLE_IMAGE, Assessment, Evidence, FiledReport
from engine.measures.measure import Measure
from engine.saliency_map import SaliencyMap
from engine.structures import Code, PlaneContours, Provenance, Roi, StructureSet


@dataclass(frozen=True)
class Score:
    """A number about the whole image, such as a probability or a risk.

    Args:
        number: unique among the scores of a document, and stable.
        label: of the card's output that made it.
        name: for people.
        value: as the model gave it; never overwritten by a person.
        threshold: from which on it counts as positive.
        unit: of the value, "" for a probability of 0 to 1.
        note: how the value was calibrated, in one sentence; "" where it was not.
        one_of: the classes of which one is the true one at the coverage that the note says; empty where there is no
            such set.
        abstained: why the model gives no opinion on this image, in one sentence; "" where it does.
        classes, rivals: labels of the classes that it stands for, and of those that exclude these: one of them all is
            true. Empty where the model does not choose one of several.
        form: by which a reader says otherwise; "" for a plain value.
        evidence: where it was computed from.
        assessment: what a reader says of it.
        uid: stays with the finding through changes and reports (Tracking Unique Identifier); "" until it is in a
            document.
    """

    number: int
    label: str
    name: str
    value: float
    threshold: float = 0.5
    unit: str = ""
    code: Code | None = None
    provenance: Provenance = field(default_factory=Provenance)
    note: str = ""
    one_of: tuple[str, ...] = ()
    abstained: str = ""
    form: str = ""
    evidence: Evidence = WHOLE_IMAGE
    assessment: Assessment = UNSEEN
    uid: str = ""
    classes: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()

    @property
    def is_positive(self) -> bool:
        """Whether the value reaches the threshold."""
        return self.value >= self.threshold


@dataclass(frozen=True)
class Box:
    """A place in the image that may hold something, as a box along the axes of the image's own grid.

    Args:
        number: unique among the boxes of a document, and stable.
        label: of the card's output that made it.
        name: for people.
        low_kji, high_kji: [plane, row, column] of the two corners; whole numbers are voxel centres.
        value: how sure the model is, 0 to 1.
        threshold: from which on it counts as a finding.
        note, form, assessment, uid: as of a score.
    """

    number: int
    label: str
    name: str
    low_kji: tuple[float, float, float]
    high_kji: tuple[float, float, float]
    value: float
    threshold: float = 0.5
    code: Code | None = None
    provenance: Provenance = field(default_factory=Provenance)
    note: str = ""
    form: str = ""
    assessment: Assessment = UNSEEN
    uid: str = ""

    @property
    def evidence(self) -> Evidence:
        """The box itself."""
        return Evidence(low_kji=self.low_kji, high_kji=self.high_kji)


@dataclass(frozen=True)
class ReportedFinding:
    """A finding without a model's number: added by a person by a form, or read from a report of another program.

    Args:
        number: unique among the reported findings of a document, and stable.
        name: for people.
        form: by which it was filled in, "" where it was read from a report of others.
        code: what was found.
        evidence: where it is.
        assessment: what is said of it, and by whom.
        provenance: the program that reported it.
        uid: as of a score.
    """

    number: int
    name: str
    form: str = ""
    code: Code | None = None
    evidence: Evidence = WHOLE_IMAGE
    assessment: Assessment = ADDED
    provenance: Provenance = field(default_factory=Provenance)
    uid: str = ""


Finding = Score | Box | ReportedFinding
Answer = Roi | Finding | Measure

#: Kind of answer → the field of a document that holds it. Structures lie in their set.
_PLACES: dict[type[Answer], str] = {Score: "scores", Box: "boxes", Measure: "measures", ReportedFinding: "reported"}

#: Kind and number of a finding: what it is known by through changes.
FindingKey = tuple[type[Finding], int]


def key_of(finding: Finding) -> FindingKey:
    """What a finding is known by in its document."""
    return type(finding), finding.number


def structure_of(evidence: Evidence, structures: StructureSet | None) -> Roi | None:
    """The structure that a finding was computed from, by its UID or else its number; None where it is not there."""
    if structures is None or evidence.roi_number is None:
        return None
    if evidence.roi_uid:
        return next((roi for roi in structures.rois if roi.uid == evidence.roi_uid), None)
    return next((roi for roi in structures.rois if roi.number == evidence.roi_number), None)


def new_uid() -> str:
    """A UID that nothing else has: a random UUID in the arc 2.25 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


@dataclass(frozen=True)
class FiledFindings:
    """The findings of a document as files hold them.

    Args:
        report: the last structured report that was written or read; None where there is none.
        reported: the findings as that report says them.
        in_file: the findings as the last file of any kind holds them.
        contours: that these findings of the report were computed from, as they were then, by UID.
    """

    report: FiledReport | None = None
    reported: tuple[Finding, ...] = ()
    in_file: tuple[Finding, ...] = ()
    contours: Mapping[str, Mapping[int, PlaneContours]] = field(default_factory=dict)

    def written(
        self, findings: Sequence[Finding], report: FiledReport | None, structures: StructureSet | None = None
    ) -> "FiledFindings":
        """After these, computed from those structures, were written to or read from a report, or another file."""
        every = tuple(findings)
        if report is None:
            return replace(self, in_file=every)
        under = {finding.uid: structure_of(finding.evidence, structures) for finding in every}
        contours = {uid: roi.planes for uid, roi in under.items() if roi is not None}
        return FiledFindings(report, every, every, contours)

    def why_another(self, findings: Sequence[Finding], structures: StructureSet | None) -> str:
        """What has changed since the report, as the beginning of a sentence; "" where it says what is shown."""
        if tuple(findings) != self.reported:
            return "Changed"
        names = dict[str, None]()
        for finding in findings:
            roi, then = structure_of(finding.evidence, structures), self.contours.get(finding.uid)
            if then is not None and (roi is None or not _same_areas(roi.planes, then)):
                names[finding.name] = None
        return f"The contour of {', '.join(names)} was changed" if names else ""


def _same_areas(now: Mapping[int, PlaneContours], then: Mapping[int, PlaneContours]) -> bool:
    if now is then:
        return True
    filled = [{plane: c for plane, c in each.items() if not c.area.is_empty} for each in (now, then)]
    return filled[0].keys() == filled[1].keys() and all(
        contours is filled[1][plane] or contours.area.equals(filled[1][plane].area)
        for plane, contours in filled[0].items()
    )


@dataclass(frozen=True, eq=False)
class Document:
    """All answers about one series, in order of display. Numbers are unique within a kind."""

    structures: StructureSet
    scores: tuple[Score, ...] = ()
    boxes: tuple[Box, ...] = ()
    measures: tuple[Measure, ...] = ()
    reported: tuple[ReportedFinding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All answers but the structures."""
        return (*self.scores, *self.boxes, *self.reported)

    def every(self, kind: type[Answer]) -> tuple[Answer, ...]:
        """The answers of one kind."""
        answers: tuple[Answer, ...] = self.structures.rois if kind is Roi else getattr(self, _PLACES[kind])
        return answers

    def with_answers(self, kind: type[Answer], answers: Sequence[Answer]) -> "Document":
        """This document with other answers of one kind."""
        if kind is Roi:
            rois = tuple(answer for answer in answers if isinstance(answer, Roi))
            return replace(self, structures=replace(self.structures, rois=rois))
        held: dict[str, Any] = {_PLACES[kind]: tuple(answers)}
        return replace(self, **held)

    def next_number(self, kind: type[Answer]) -> int:
        """The smallest number above all that answers of this kind have."""
        if kind is Roi:
            return self.structures.next_number()
        return max((answer.number for answer in self.every(kind)), default=0) + 1


@dataclass(frozen=True)
class RunOptions:
    """What a person may choose for one run.

    Args:
        override: run although a refusal that may be overridden speaks against it.
        precision: "auto", or "float32" for full precision whatever the device.
        flips: average mirrored copies; None for what the card says.
        overlap: of neighbouring tiles, 0 to 0.9; None for what the card says.
        chosen: values of the card's options, by their keys; what is not chosen is as the card says.
        variables: what was told of the patient, by the keys of the card's variables.
        only: names of the structures that are to be drawn; None for all that the card has.
        maps: labels of the scores of which a map of where the network looked is made as well.
        map_method: how, a word of `cards.saliency`.
    """

    override: bool = False
    precision: str = "auto"
    flips: bool | None = None
    overlap: float | None = None
    chosen: Mapping[str, bool | float | str] = field(default_factory=dict)
    variables: Mapping[str, float | str] = field(default_factory=dict)
    only: frozenset[str] | None = None
    maps: tuple[str, ...] = ()
    map_method: str = "hirescam"

    def wants(self, name: str) -> bool:
        """Whether a structure of that name is to be drawn."""
        return self.only is None or name in self.only


@dataclass(frozen=True, eq=False)
class Result:
    """What a card answers.

    Args:
        answers: in the order of the card's outputs, numbered from 1 within their kind; a structure without contours
            where nothing was found. Plane indices are those of the volume that was given.
        device: what the networks ran on; "cpu" where there were none.
        notes: sentences for the user.
        stages: (name, seconds) of the parts of the run.
        maps: of the scores of which they were asked for.
    """

    answers: tuple[Answer, ...] = ()
    device: str = "cpu"
    notes: tuple[str, ...] = ()
    stages: tuple[tuple[str, float], ...] = field(default=())
    maps: tuple[SaliencyMap, ...] = ()

    @property
    def rois(self) -> tuple[Roi, ...]:
        """The structures among the answers."""
        return tuple(answer for answer in self.answers if isinstance(answer, Roi))

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores among the answers."""
        return tuple(answer for answer in self.answers if isinstance(answer, Score))

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes among the answers."""
        return tuple(answer for answer in self.answers if isinstance(answer, Box))
