"""Scores, boxes and measures in the journal, and journals that version 0.1 wrote."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shapely import MultiPolygon, box

from engine.answers import Box, Document, ReportedFinding, Score
from engine.edits import AnswerChange, Direction, Step, replay
from engine.findings.assessment import Assessment, Evidence, FiledReport, Stated, Verdict
from engine.journal import Journal, Subject, unfinished
from engine.journal.codec import document_from_json, document_to_json
from engine.journal.database import APPLICATION_ID
from engine.measures.measure import Measure
from engine.structures import Code, Generation, PlaneContours, Provenance, Roi, StructureSet
from engine.volume import Geometry

GRID = Geometry.regular((-100.0, -100.0, -50.0), np.eye(3), (0.9, 0.9, 3.0), (10, 64, 64))
MODEL = Provenance(Generation.AUTOMATIC, "Skin lesions", "skin-lesion", "1.0", "ab" * 32)
SCORE = Score(1, "malignant", "Malignant", 0.1 + 0.2, 0.35, "", Code("363346000", "SCT", "Malignant"), MODEL)
BOX = Box(4, "nodule", "Nodule", (1.5, 2.0, 3.25), (4.0, 9.0, 8.0), 0.81, 0.5, None, MODEL)
OLD = Path(__file__).with_name("version_0_1.sql")


def test_scores_and_boxes_come_back_to_the_bit(tmp_path: Path) -> None:
    changed = Score(1, "malignant", "Malignant", 0.9, 0.35, "%", None, MODEL)
    journal = Journal.start(Subject("1.2", "1.1", "CT", ()), GRID, tmp_path)
    journal.record_base(Document(StructureSet(GRID), (SCORE,), (BOX,)))
    journal.record(Direction.DO, Step("Run", "m", (AnswerChange(SCORE, changed, 0), AnswerChange(BOX, None, 0))))
    journal.record(Direction.DO, Step("Run again", "m", (AnswerChange(None, Score(2, "b", "B", 0.5), 1),)))
    journal.record(Direction.UNDO, Step("Run again", "m", (AnswerChange(None, Score(2, "b", "B", 0.5), 1),)))
    journal.abandon()
    again = Journal.resume(journal.id, tmp_path)
    saved = again.replay(GRID)
    again.abandon()
    assert (saved.base.scores, saved.base.boxes) == ((SCORE,), (BOX,))
    document, done, undone = replay(saved.base, saved.steps)
    assert (document.scores, document.boxes) == ((changed,), ())
    assert [step.text for step in done] == ["Run"] and [step.text for step in undone] == ["Run again"]


def test_measures_come_back_to_the_bit(tmp_path: Path) -> None:
    measure = Measure(3, "distance", ((0.1, 0.2, 0.3), (4.0, 5.0, 1 / 3)), (0.0, 0.6, 0.8), "Lesion")
    moved = measure.with_points(measure.points + 1 / 7)
    journal = Journal.start(Subject("1.2", "1.1", "CT", ()), GRID, tmp_path)
    journal.record_base(Document(StructureSet(GRID), measures=(measure,)))
    journal.record(Direction.DO, Step("Move", "measure", (AnswerChange(measure, moved, 0),)))
    saved = journal.replay(GRID)
    journal.abandon()
    assert saved.base.measures == (measure,)
    assert replay(saved.base, saved.steps)[0].measures == (moved,)


def test_what_a_reader_said_comes_back_to_the_bit(tmp_path: Path) -> None:
    category = Stated(
        Code("111005", "DCM", "Assessment Category"), "BI-RADS 4", code=Code("397144001", "SCT", "BI-RADS 4")
    )
    size = Stated(Code("103339001", "SCT", "Long axis"), 0.1 + 0.2, "mm", key="size")
    said = Assessment(Verdict.CHANGED, 0.1, (category, size), "Scar", "Doe^Jane", "2026-02-03T10:11:12+01:00")
    score = replace(SCORE, note="Calibrated", one_of=("a", "b"), abstained="Unlike", assessment=said, uid="2.25.1")
    score = replace(score, classes=("a",), rivals=("b", "c"))
    box = replace(BOX, note="Calibrated", assessment=replace(said, value="nothing"), uid="2.25.2")
    place = Evidence("1.2", 3, (3.0, 1.0, 2.0), (3.0, 4.5, 5.0), 2, "2.25.9")
    added = ReportedFinding(1, "Cyst", "plain", None, place, replace(said, verdict=Verdict.ADDED), uid="2.25.3")
    journal = Journal.start(Subject("1.2", "1.1", "CT", ()), GRID, tmp_path)
    journal.record_base(Document(StructureSet(GRID), (score,), (box,), reported=(added,)))
    journal.record(Direction.DO, Step("Accept", "findings", (AnswerChange(added, replace(added, name="Scar"), 0),)))
    journal.abandon()
    again = Journal.resume(journal.id, tmp_path)
    saved = again.replay(GRID)
    again.abandon()
    assert saved.base.findings == (score, box, added)
    assert replay(saved.base, saved.steps)[0].reported == (replace(added, name="Scar"),)


@pytest.mark.parametrize(("others", "told"), [((), ""), ((2,), "The contour of Malignant")])
def test_a_report_that_was_read_over_other_contours_still_does_not_match_after_a_restart(
    tmp_path: Path, others: tuple[int, ...], told: str
) -> None:
    roi = Roi(2, "Lesion", planes={3: PlaneContours(MultiPolygon([box(0, 0, 9, 9)]))})
    score = replace(SCORE, evidence=Evidence(roi_number=2), uid="2.25.7")
    journal = Journal.start(Subject("1.2", "1.1", "CT", ()), GRID, tmp_path)
    journal.record_base(Document(StructureSet(GRID, (roi,))))
    journal.record(Direction.DO, Step("Load r.dcm", "report", (AnswerChange(None, score, 0),)))
    journal.record_report(Path("r.dcm"), "ab", 1, FiledReport("1", "2", "3", "4"), read=True, others=others)
    saved = journal.replay(GRID)
    journal.abandon()
    document = replay(saved.base, saved.steps)[0]
    why = saved.filed_findings().why_another(document.findings, document.structures)
    assert why.startswith(told) and bool(why) is bool(told)


def test_a_journal_from_before_findings_were_judged_is_put_back(tmp_path: Path) -> None:
    """Scores and boxes as version 0.2 wrote them."""
    late = ("note", "one_of", "abstained", "form", "evidence", "assessment", "uid")
    payload = document_to_json(Document(StructureSet(GRID), (SCORE,), (BOX,)), lambda contours: 0)
    del payload["reported"]
    for finding in (*payload["scores"], *payload["boxes"]):
        for name in late:
            finding.pop(name, None)
    assert document_from_json(payload, GRID, {}).findings == (SCORE, BOX)


def test_a_journal_of_version_0_1_is_put_back(tmp_path: Path) -> None:
    session = "682168747f3646e59b6d1f561936012b"
    path = tmp_path / "open" / f"{session}.sqlite"
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD.read_text())
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    (record,) = unfinished(tmp_path)
    assert (record.id, record.steps) == (session, 4)
    journal = Journal.resume(session, tmp_path)
    saved = journal.replay(GRID)
    document, done, undone = replay(saved.base, saved.steps)
    (roi,) = document.structures.rois
    assert (roi.name, roi.provenance.edited, document.structures.label) == ("Parotid_Left", True, "Before")
    assert [roi.area(plane).area for plane in (2, 3)] == [400.0, 144.0]
    assert roi.planes[3].source[0].data == "1\\2\\3", "an untouched plane keeps the text of its file"
    assert [step.text for step in done] == ["Brush on plane 3 of Parotid_L", "Rename"]
    assert [step.text for step in undone] == ["Add"] and saved.seen == {(1, 3)}
    journal.record(Direction.REDO, undone[0])
    assert replay(saved.base, journal.replay(GRID).steps)[0].structures.rois[-1].name == "Brainstem"
    journal.abandon()
