"""The undoable steps by which findings enter a document, are judged by a reader, added by hand and deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from engine.answers import Answer, Box, Document, Finding, ReportedFinding, Score, new_uid
from engine.edits import AnswerChange, Step
from engine.errors import PlanimeterError
from engine.findings.assessment import UNSEEN, WHOLE_IMAGE, Assessment, Evidence, Stated, Verdict
from engine.structures import Code

if TYPE_CHECKING:
    from engine.findings.forms import Form, Values

_VERBS = {Verdict.ACCEPTED: "Accept", Verdict.REJECTED: "Reject", Verdict.CHANGED: "Change", Verdict.UNSEEN: "Reopen"}


def findings_changed(document: Document, answers: Iterable[Score | Box]) -> tuple[AnswerChange, ...]:
    """The changes by which a run's scores and boxes enter a document.

    A score takes the place of the one that the same output of the same model gave before; all else is appended and
    numbered anew. What a reader said of a score holds on where the model says the same again; else he is asked anew,
    with his comment kept. Boxes of the same model that nobody has judged make room; one that was judged stays, and the
    same box again is not added.
    """
    answers = tuple(answers)
    outputs = {_source(answer) for answer in answers if isinstance(answer, Box)}
    before = [box for box in document.boxes if _source(box) in outputs]
    gone = [box for box in before if box.assessment == UNSEEN]
    judged = {_same_place(box) for box in before if box.assessment != UNSEEN}
    ends = {Score: len(document.scores), Box: len(document.boxes) - len(gone)}
    numbers = {kind: document.next_number(kind) for kind in ends}
    sources = [_source(score) for score in document.scores]
    changes = [AnswerChange(box, None, document.boxes.index(box)) for box in reversed(gone)]
    for answer in answers:
        kind, source = type(answer), _source(answer)
        if isinstance(answer, Score) and source in sources:
            index = sources.index(source)
            score = document.scores[index]
            changes.append(AnswerChange(score, _again(score, answer), index))
            continue
        if isinstance(answer, Box) and _same_place(answer) in judged:
            continue
        changes.append(AnswerChange(None, replace(answer, number=numbers[kind], uid=new_uid()), ends[kind]))
        numbers[kind] += 1
        ends[kind] += 1
    return tuple(changes)


def findings_joined(document: Document, findings: Iterable[Finding], text: str) -> Step | None:
    """The step by which the findings of a report enter a document; None where all of it is there already.

    A finding that the document has, by its UID, is replaced by what the report says of it; others are appended and
    numbered anew.
    """
    there = {finding.uid: finding for finding in document.findings if finding.uid}
    numbers: dict[type[Answer], int] = {}
    ends: dict[type[Answer], int] = {}
    changes = []
    for finding in findings:
        kind, known = type(finding), there.get(finding.uid)
        if known is not None and type(known) is kind:
            after = replace(finding, number=known.number)
            if after != known:
                changes.append(AnswerChange(known, after, document.every(kind).index(known)))
            continue
        number = numbers.setdefault(kind, document.next_number(kind))
        end = ends.setdefault(kind, len(document.every(kind)))
        changes.append(AnswerChange(None, replace(finding, number=number), end))
        numbers[kind], ends[kind] = number + 1, end + 1
    return Step(text, "report", tuple(changes)) if changes else None


def _source(finding: Score | Box) -> tuple[str, str]:
    """The output of a model that gave it."""
    return finding.provenance.algorithm, finding.label


def _same_place(box: Box) -> tuple[object, ...]:
    return (*_source(box), box.low_kji, box.high_kji, box.value)


def _again(before: Score, answer: Score) -> Score:
    same = before.value == answer.value and before.unit == answer.unit
    said = before.assessment if same else replace(UNSEEN, comment=before.assessment.comment)
    return replace(answer, number=before.number, uid=before.uid or new_uid(), assessment=said)


def assess(
    document: Document,
    finding: Finding,
    verdict: Verdict,
    *,
    value: float | str | None = None,
    stated: Sequence[Stated] = (),
    comment: str | None = None,
    reader: str = "",
) -> Step:
    """The step by which a reader judges a finding; the model's value stays as it is.

    Args:
        document: that the finding is in.
        finding: to judge.
        verdict: what he says. A finding that was added by hand stays one that was added, unless it is rejected.
        value: his own value, of a change; a number in the unit of the model's, or a word.
        stated: what he filled in by a form, of a change or of a finding that was added.
        comment: in his words; None for the one that stands there.
        reader: his name.

    Raises:
        PlanimeterError: a change that says nothing else than the model.
    """
    said = finding.assessment
    remark = said.comment if comment is None else comment.strip()
    if isinstance(finding, ReportedFinding):
        kept = verdict is Verdict.REJECTED or not stated
        after = Assessment(
            Verdict.REJECTED if verdict is Verdict.REJECTED else Verdict.ADDED,
            said.value, said.stated if kept else tuple(stated), remark, reader, now(),
        )  # fmt: skip
    elif verdict is Verdict.CHANGED:
        if value is None and not stated:
            raise PlanimeterError(f"'{finding.name}' is changed by a value of your own; give one, or accept it.")
        after = Assessment(verdict, value, tuple(stated), remark, reader, now())
    elif verdict is Verdict.UNSEEN:
        after = Assessment(verdict, comment=remark)
    else:
        after = Assessment(verdict, comment=remark, reader=reader, time=now())
    step_verb = (
        "Change" if isinstance(finding, ReportedFinding) and verdict is not Verdict.REJECTED else _VERBS[verdict]
    )
    return _changed(document, finding, replace(finding, assessment=after), step_verb)


def below_threshold(document: Document) -> list[Box]:
    """The boxes that the model itself does not count as findings, and that nobody has judged."""
    return [box for box in document.boxes if box.value < box.threshold and box.assessment.verdict is Verdict.UNSEEN]


def reject_below(document: Document, reader: str = "") -> Step:
    """The step by which a reader rejects all of `below_threshold` at once; each keeps its comment."""
    boxes = below_threshold(document)
    changes = [change for box in boxes for change in assess(document, box, Verdict.REJECTED, reader=reader).changes]
    count = f"{len(boxes)} box{'' if len(boxes) == 1 else 'es'}"
    return Step(f"Reject {count} below the threshold", "findings", tuple(changes))


def comment_on(document: Document, finding: Finding, comment: str) -> Step:
    """The step by which a reader writes a comment without judging the finding."""
    after = replace(finding, assessment=replace(finding.assessment, comment=comment.strip()))
    return _changed(document, finding, after, "Comment on")


def add_finding(
    document: Document,
    form: "Form",
    values: "Values",
    *,
    evidence: Evidence = WHOLE_IMAGE,
    comment: str = "",
    reader: str = "",
    size_unit: str = "mm",
) -> Step:
    """The step by which a reader adds a finding that no model made.

    Args:
        document: to add it to.
        form: that he filled in.
        values: what he filled in.
        evidence: where it is.
        comment: in his words; every finding may have one, whatever its form.
        reader: his name.
        size_unit: "mm", or "{pixels}" where the image has no millimetres.

    Raises:
        PlanimeterError: the form does not take the values.
    """
    check_values(form, values)
    finding = ReportedFinding(
        number=document.next_number(ReportedFinding),
        name=form.name(values),
        form=form.id,
        code=Code(form.code.value, form.code.scheme, form.code.meaning),
        evidence=evidence,
        assessment=Assessment(
            Verdict.ADDED, stated=form.stated(values, size_unit), comment=comment.strip(), reader=reader, time=now()
        ),
        uid=new_uid(),
    )
    change = AnswerChange(None, finding, len(document.reported))
    return Step(f"Add {finding.name}", "findings", (change,))


def delete_finding(document: Document, finding: Finding) -> Step:
    """The step that takes a finding out of the document."""
    index = [each.number for each in document.every(type(finding))].index(finding.number)
    return Step(f"Delete {finding.name}", "findings", (AnswerChange(finding, None, index),))


def check_values(form: "Form", values: "Values") -> None:
    """Raises PlanimeterError, with all that is wrong, where a form does not take what was filled in."""
    problems = form.problems(values)
    if problems:
        raise PlanimeterError(" ".join(problems))


def now() -> str:
    """This moment, ISO 8601 with the offset from UTC, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _changed(document: Document, before: Finding, after: Finding, verb: str) -> Step:
    index = [each.number for each in document.every(type(before))].index(before.number)
    return Step(f"{verb} {before.name}", "findings", (AnswerChange(before, after, index),))
