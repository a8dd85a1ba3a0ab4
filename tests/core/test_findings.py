"""What a reader says of findings: as undoable steps that leave the model's value alone."""

from dataclasses import replace

import numpy as np
import pytest

from engine.answers import Box, Document, ReportedFinding, Score
from engine.edits import Step, apply
from engine.errors import PlanimeterError
from engine.findings.assessment import Evidence, Verdict
from engine.findings.forms import find_form
from engine.findings.steps import (
    add_finding,
    assess,
    comment_on,
    delete_finding,
    findings_changed,
    findings_joined,
)
from engine.structures import Generation, Provenance, StructureSet
from engine.volume import Geometry

GRID = Geometry.regular((0.0, 0.0, 0.0), np.eye(3), (1.0, 1.0, 2.0), (4, 16, 16))
MODEL = Provenance(Generation.AUTOMATIC, "Skin", "skin-lesion", "1.0", "ab" * 32)
SCORE = Score(1, "malignant", "Malignant", 0.83, provenance=MODEL)
BOX = Box(1, "nodule", "Nodule", (0, 1, 2), (1, 5, 6), 0.7, provenance=MODEL)


def ran(*answers: Score | Box, document: Document | None = None) -> Document:
    document = document or Document(StructureSet(GRID))
    return apply(document, Step("Run", "m", findings_changed(document, answers)))[0]


def test_what_a_model_answers_is_unseen_and_has_a_uid_that_stays() -> None:
    document = ran(SCORE, BOX)
    assert [finding.assessment.verdict for finding in document.findings] == [Verdict.UNSEEN] * 2
    uids = [finding.uid for finding in document.findings]
    assert len(set(uids)) == 2 and all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids)
    step = assess(document, document.scores[0], Verdict.ACCEPTED, reader="Doe^Jane")
    assert [finding.uid for finding in apply(document, step)[0].findings] == uids


@pytest.mark.parametrize("which", [0, 1])
def test_a_judgement_stands_beside_the_models_value_and_is_undone_whole(which: int) -> None:
    document = ran(SCORE, BOX)
    finding = document.findings[which]
    step = assess(document, finding, Verdict.CHANGED, value=0.1, comment=" scar ", reader="Doe^Jane")
    after, difference = apply(document, step)
    judged = after.findings[which]
    assert difference.findings and difference.structures is None
    assert (judged.value, judged.assessment.value) == (finding.value, 0.1)  # type: ignore[union-attr]
    assert (judged.assessment.verdict, judged.assessment.comment) == (Verdict.CHANGED, "scar")
    assert judged.assessment.reader == "Doe^Jane" and judged.assessment.time[10] == "T"
    assert apply(after, step, forward=False)[0].findings == document.findings


def test_a_change_without_a_value_is_refused() -> None:
    document = ran(SCORE)
    with pytest.raises(PlanimeterError, match="value of your own"):
        assess(document, document.scores[0], Verdict.CHANGED)


def test_a_comment_judges_nothing() -> None:
    document = ran(SCORE)
    after, _ = apply(document, comment_on(document, document.scores[0], "Blurred"))
    assert (after.scores[0].assessment.verdict, after.scores[0].assessment.comment) == (Verdict.UNSEEN, "Blurred")
    accepted, _ = apply(after, assess(after, after.scores[0], Verdict.ACCEPTED))
    assert accepted.scores[0].assessment.comment == "Blurred"
    reopened, _ = apply(accepted, assess(accepted, accepted.scores[0], Verdict.UNSEEN))
    assert reopened.scores[0].assessment == after.scores[0].assessment


def test_a_judgement_holds_on_where_a_model_says_the_same_again_and_not_where_it_says_otherwise() -> None:
    document = ran(SCORE)
    document, _ = apply(document, assess(document, document.scores[0], Verdict.ACCEPTED, comment="Clear", reader="D"))
    (same,) = ran(SCORE, document=document).scores
    assert same.assessment.verdict is Verdict.ACCEPTED and same.uid == document.scores[0].uid
    (other,) = ran(replace(SCORE, value=0.4), document=document).scores
    assert (other.assessment.verdict, other.assessment.reader) == (Verdict.UNSEEN, "")
    assert other.assessment.comment == "Clear" and other.uid == document.scores[0].uid


def test_a_finding_is_added_by_a_form_changed_and_deleted() -> None:
    form = find_form("plain")
    assert form is not None
    document = ran(SCORE)
    place = Evidence(plane=2, low_kji=(2, 1, 1), high_kji=(2, 4, 4))
    step = add_finding(
        document, form, {"finding": "Cyst", "side": "left", "size": 12.0}, evidence=place, comment=" Thin ", reader="D"
    )
    added, _ = apply(document, step)
    (finding,) = added.reported
    assert isinstance(finding, ReportedFinding) and (finding.name, finding.evidence) == ("Cyst", place)
    assert (finding.assessment.verdict, finding.form, step.text) == (Verdict.ADDED, "plain", "Add Cyst")
    assert finding.assessment.comment == "Thin"
    other = form.stated({"finding": "Cyst", "side": "right"})
    changed, _ = apply(added, assess(added, finding, Verdict.CHANGED, stated=other, reader="E"))
    assert changed.reported[0].assessment.verdict is Verdict.ADDED
    assert form.values(changed.reported[0].assessment.stated)["side"] == "right"
    step = delete_finding(changed, changed.reported[0])
    assert apply(changed, step)[0].reported == ()
    assert apply(apply(changed, step)[0], step, forward=False)[0].reported == changed.reported


def test_a_form_that_is_not_filled_in_adds_nothing() -> None:
    form = find_form("bi-rads")
    assert form is not None
    with pytest.raises(PlanimeterError, match=r"Category is missing\."):
        add_finding(ran(), form, {"side": "left"})


def test_a_detector_that_runs_again_replaces_what_nobody_judged() -> None:
    second = replace(BOX, low_kji=(2, 3, 4), value=0.9)
    document = ran(SCORE, BOX, second)
    judged, _ = apply(document, assess(document, document.boxes[0], Verdict.REJECTED, comment="Vessel"))
    step = Step("Run", "m", findings_changed(judged, [BOX, replace(second, value=0.95), replace(BOX, label="cyst")]))
    again, _ = apply(judged, step)
    assert again.boxes[0] == judged.boxes[0], "a box that was judged stays, and the same one is not added again"
    assert [(box.label, box.value) for box in again.boxes[1:]] == [("nodule", 0.95), ("cyst", 0.7)]
    assert len({box.number for box in again.boxes}) == 3
    assert apply(again, step, forward=False)[0].boxes == judged.boxes


def test_the_findings_of_a_report_come_to_those_that_are_there() -> None:
    document = ran(SCORE, BOX)
    accepted, _ = apply(document, assess(document, document.scores[0], Verdict.ACCEPTED, reader="D"))
    form = find_form("plain")
    assert form is not None
    (added,) = apply(document, add_finding(document, form, {"finding": "Cyst"}))[0].reported
    report = [accepted.scores[0], document.boxes[0], added, replace(added, uid="1.2", name="Scar")]
    step = findings_joined(document, report, "Read r.dcm")
    assert step is not None and len(step.changes) == 3, "what is the same stays as it is"
    joined, _ = apply(document, step)
    assert joined.scores == accepted.scores and joined.boxes == document.boxes
    assert [(finding.number, finding.name) for finding in joined.reported] == [(1, "Cyst"), (2, "Scar")]
    assert findings_joined(joined, joined.findings, "Read r.dcm") is None
    assert apply(joined, step, forward=False)[0].findings == document.findings
