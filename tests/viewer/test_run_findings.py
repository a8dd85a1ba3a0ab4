"""A reader judges what models found, with the keys and the mouse: nothing is accepted by being looked at."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.answers import Box, ReportedFinding, Score, key_of
from engine.edits import AnswerChange, Step, replay
from engine.findings.assessment import Verdict
from engine.findings.steps import assess
from engine.journal import Journal, unfinished
from engine.structures import Generation, Provenance
from tests.viewer.findings_hand import MODEL_RUN, add_classes, panel, result, type_in, verdicts
from tests.viewer.hand import CTRL, LEFT, SHIFT, Hand, pixels
from tests.viewer.see import ball, near, phantom, structures
from viewer.history import adopt
from viewer.render.box_marks import Mark, section
from viewer.render.orientation import view_frame
from viewer.session import View
from viewer.widgets.findings_model import BELOW_ROLE, MODEL, READER
from viewer.widgets.plane_pane import PlanePane
from viewer.widgets.review_panel import ReviewPanel

AMBER = (255, 190, 70)


@pytest.fixture
def reader(window: Hand) -> Hand:
    """A phantom with a structure and with findings that nobody has judged, the mouse over the axial view."""
    volume = phantom()
    middle = volume.geometry.lps_from_kji((20, 20, 20))[0]
    window.open(volume, structures(volume.geometry, ball(volume.geometry, middle, 9)))
    window.history.do(adopt(window.session.document, result(), replaced={}, text="Sieve", tool="a-sieve"))
    window.pane(View.AXIAL).setFocus()
    window.settle()
    return window


def amber(pane: PlanePane) -> np.ndarray:
    """(n, 2) pixels in the colour of boxes that nobody has judged, beneath the title, which has nearly the same."""
    found = near(pixels(pane), AMBER, 60)
    return found[found[:, 1] > 30]


def test_looking_accepts_nothing_and_keys_judge_the_finding_that_is_looked_at(reader: Hand) -> None:
    for _ in range(6):
        reader.key(Qt.Key.Key_N)
    assert verdicts(reader) == [Verdict.UNSEEN] * 4
    reader.session.set_active_finding(None)
    reader.key(Qt.Key.Key_A)
    assert verdicts(reader) == [Verdict.UNSEEN] * 4, "no finding is looked at"
    reader.window.findChild(ReviewPanel).table.setCurrentIndex(reader.window.findChild(ReviewPanel).model.index(0, 0))
    reader.key(Qt.Key.Key_A)
    reader.key(Qt.Key.Key_N)
    reader.key(Qt.Key.Key_X)
    reader.key(Qt.Key.Key_X)
    assert verdicts(reader) == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNSEEN, Verdict.UNSEEN]
    reader.key(Qt.Key.Key_N)
    assert reader.session.active_finding.name == "Nodule" and reader.session.plane in range(8, 12)
    reader.key(Qt.Key.Key_Z, CTRL)
    reader.key(Qt.Key.Key_Z, CTRL)
    assert verdicts(reader) == [Verdict.UNSEEN] * 4
    reader.key(Qt.Key.Key_Y, CTRL)
    assert verdicts(reader)[0] is Verdict.ACCEPTED


def test_a_value_of_which_the_model_gives_no_opinion_is_asked_about_before_it_is_taken(reader: Hand) -> None:
    category, malignant = reader.session.document.findings[1], reader.session.document.findings[0]
    reader.session.set_active_finding(key_of(category))
    reader.key(Qt.Key.Key_A)
    detail = panel(reader).detail
    assert verdicts(reader) == [Verdict.UNSEEN] * 4
    assert detail.problem.isVisibleTo(detail) and "once more" in detail.problem.text()
    reader.session.set_active_finding(key_of(malignant))
    reader.session.set_active_finding(key_of(category))
    reader.key(Qt.Key.Key_A)
    assert verdicts(reader) == [Verdict.UNSEEN] * 4, "looking elsewhere is no answer"
    reader.key(Qt.Key.Key_A)
    assert verdicts(reader)[1] is Verdict.ACCEPTED


def test_to_accept_a_low_probability_says_no_and_to_reject_one_is_asked_about(reader: Hand) -> None:
    low = Score(9, "c", "Rupture", 0.00986, provenance=MODEL_RUN, uid="2.25.9")
    reader.history.do(Step("Run", "a", (AnswerChange(None, low, len(reader.session.document.scores)),)))
    reader.session.set_active_finding(key_of(low))
    detail, rows = panel(reader).detail, panel(reader).model
    assert (detail.accept_button.text(), detail.reject_button.text()) == ("Accept: no", "Reject: yes")
    reader.key(Qt.Key.Key_A)
    shown = [rows.index(2, column).data(role) for column in (MODEL, READER) for role in (0, BELOW_ROLE)]
    assert shown == ["0.00986", "< 0.5", "no", "accepted"]
    assert detail.said.text().startswith("Rupture: no (accepted: the model's 0.00986 is below its threshold of 0.5).")
    reader.key(Qt.Key.Key_X)
    assert verdicts(reader)[2] is Verdict.ACCEPTED and "say no as well, accept" in detail.problem.text()
    reader.key(Qt.Key.Key_X)
    assert verdicts(reader)[2] is Verdict.REJECTED and rows.index(2, READER).data() == "yes"


def test_verdicts_that_contradict_each_other_are_told_at_once(reader: Hand) -> None:
    add_classes(reader)
    reader.session.set_active_finding((Score, 11))
    detail = panel(reader).detail
    reader.key(Qt.Key.Key_A)
    assert not detail.against.isVisibleTo(detail)
    reader.session.set_active_finding((Score, 12))
    reader.key(Qt.Key.Key_A)
    assert detail.against.isVisibleTo(detail) and "'Tumour: yes' and 'Cyst: yes'" in detail.against.text()
    reader.session.set_active_finding((Score, 11))
    assert detail.against.isVisibleTo(detail), "both of them say it"
    reader.key(Qt.Key.Key_X)
    assert not detail.against.isVisibleTo(detail)


def test_one_queue_leads_through_findings_and_contours(reader: Hand) -> None:
    review = reader.window.findChild(ReviewPanel)
    document = reader.session.document
    drawn = replace(
        document.structures.rois[0], provenance=Provenance(Generation.AUTOMATIC), number=7, name="Drawn by a model"
    )
    reader.open(phantom(), structures(document.structures.geometry, drawn))
    reader.history.do(adopt(reader.session.document, result(), replaced={}, text="Sieve", tool="a-sieve"))
    contours = len(drawn.planes)
    reader.settle(200)
    assert review.ledger.text() == f"0 of {contours} contours seen. 0 of 4 findings judged."
    for _ in range(4 + contours):
        reader.key(Qt.Key.Key_N)
        # Of one of them the model gives no opinion, which is asked about.
        reader.key(Qt.Key.Key_A)
        reader.key(Qt.Key.Key_A)
    reader.key(Qt.Key.Key_N)
    assert review.ledger.text() == f"All {contours} contours have been seen. All 4 findings have been judged."
    assert reader.session.active_finding is None, "the last that came were contours, which the key accepts nothing of"


def test_the_models_value_stands_beside_the_readers(reader: Hand) -> None:
    rows = panel(reader).model
    reader.key(Qt.Key.Key_N)
    reader.key(Qt.Key.Key_A, SHIFT)
    assert QApplication.focusWidget() is panel(reader).detail.value
    QTest.keyClicks(QApplication.focusWidget(), "0,3")
    reader.key(Qt.Key.Key_Return)
    (score, *_) = reader.session.document.scores
    assert (score.value, score.assessment.verdict, score.assessment.value) == (0.82, Verdict.CHANGED, 0.3)
    texts = [rows.index(0, column).data(role) for column in (MODEL, READER) for role in (0, BELOW_ROLE)]
    assert texts == ["0.82", "one of: malignant, benign", "0.3", "changed"]
    reader.key(Qt.Key.Key_Z, CTRL)
    assert reader.session.document.scores[0].assessment.verdict is Verdict.UNSEEN


def test_a_form_takes_a_category_and_refuses_what_its_rules_forbid(reader: Hand) -> None:
    detail = panel(reader).detail
    reader.key(Qt.Key.Key_N)
    reader.key(Qt.Key.Key_N)
    assert detail.warning.isVisible() and "unlike the training set" in detail.warning.text()
    reader.key(Qt.Key.Key_A, SHIFT)
    assert QApplication.focusWidget() is detail.fields.fields["category"]
    tool = reader.editing.toolbox.active
    QTest.keyClicks(QApplication.focusWidget(), "b")  # the first that begins so, and no brush
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down)
    assert reader.editing.toolbox.active == tool and detail.fields.values == {"category": "1"}
    type_in(detail.fields.fields["size"], "12")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert detail.problem.isVisible() and "BI-RADS 1" in detail.problem.text()
    assert verdicts(reader)[1] is Verdict.UNSEEN
    detail.fields.fields["size"].clear()
    QTest.mouseClick(detail.change_button, LEFT)
    said = reader.session.document.scores[1].assessment
    assert said.verdict is Verdict.CHANGED and [each.value for each in said.stated] == ["BI-RADS 1"]
    assert not detail.problem.isVisible()


def test_a_comment_is_typed_with_the_mouse_over_the_images(reader: Hand) -> None:
    detail = panel(reader).detail
    reader.key(Qt.Key.Key_N)
    QTest.mouseClick(detail.comment, LEFT)
    axial = reader.pane(View.AXIAL)
    for number, letter in enumerate("axnbj looks like a cyst"):
        # The hand rests on the mouse, which trembles over the image.
        QTest.mouseMove(axial, axial.rect().center() * (1 + number % 2) / 2)
        QTest.keyClicks(QApplication.focusWidget(), letter)
    assert detail.comment.text() == "axnbj looks like a cyst"
    assert verdicts(reader) == [Verdict.UNSEEN] * 4, "letters are no keys while one types"
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert reader.session.document.scores[0].assessment.comment == "axnbj looks like a cyst"
    assert reader.session.document.scores[0].assessment.verdict is Verdict.UNSEEN, "a comment judges nothing"
    detail.comment.setFocus()
    QTest.keyClicks(detail.comment, "!")
    reader.window.findChild(ReviewPanel).skip()
    assert reader.session.document.scores[0].assessment.comment.endswith("cyst!"), "going on keeps what was typed"
    assert reader.session.document.scores[1].assessment.comment == ""


def test_what_is_typed_stays_with_its_series(reader: Hand) -> None:
    detail = panel(reader).detail
    reader.key(Qt.Key.Key_N)
    type_in(detail.comment, "of the first series")
    other = phantom(modality="MR")
    reader.session.open(other)
    reader.history.do(adopt(reader.session.document, result(), replaced={}, text="Sieve", tool="a-sieve"))
    reader.key(Qt.Key.Key_N)
    assert detail.comment.text() == "" and reader.session.document.scores[0].assessment.comment == ""
    (kept,) = [kept for kept in reader.window.recording.kept if kept.info.modality == "CT"]
    assert kept.left.document.scores[0].assessment.comment == "of the first series"


def test_a_form_has_the_room_of_the_list_where_there_is_little(reader: Hand) -> None:
    view, size = panel(reader), reader.window.size()
    try:
        reader.window.resize(1280, 800)
        reader.key(Qt.Key.Key_N)
        view.begin_new("bi-rads")
        reader.settle(100)
        assert view.height() < 460 and view.view.isHidden()
        assert view.new.fields.fields["size"].visibleRegion().boundingRect().height() > 10
        view.new.ended.emit()
        assert not view.view.isHidden() and not view.new.isVisible()
    finally:
        reader.window.resize(size)


def test_a_finding_is_added_by_hand_without_any_model_and_removed(window: Hand) -> None:
    window.open(phantom())
    view = panel(window)
    assert view.empty.isVisibleTo(view) and "Add" in view.add_button.text()
    view.begin_new("plain")
    view.new.add_button.click()
    assert view.new.problem.text() and window.session.document.findings == (), "a finding without a name is refused"
    type_in(view.new.fields.fields["finding"], "Cyst")
    type_in(view.new.fields.fields["size"], "14.5")
    type_in(view.new.comment, "simple")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    (finding,) = window.session.document.findings
    assert isinstance(finding, ReportedFinding) and finding.name == "Cyst" and finding.assessment.comment == "simple"
    size = np.subtract(finding.evidence.high_kji, finding.evidence.low_kji) * 2.0
    np.testing.assert_allclose(size, 14.5)
    pixels(window.pane(View.AXIAL))
    assert window.pane(View.AXIAL).scene.boxes.labels == ("Cyst",)
    assert window.session.active_finding == finding
    window.pane(View.AXIAL).setFocus()
    window.key(Qt.Key.Key_X)
    assert window.session.document.findings == ()
    window.key(Qt.Key.Key_Z, CTRL)
    assert window.session.document.findings == (finding,)


def test_boxes_are_dashed_on_their_planes_alone_and_a_key_leads_to_them(reader: Hand) -> None:
    pane = reader.pane(View.AXIAL)
    geometry = reader.session.volume.geometry
    reader.session.move_cursor(geometry.lps_from_kji((2, 20, 20))[0])
    for each in reader.window.panes.planes.values():
        each.scene.set_crosshair(False)
    assert len(amber(pane)) == 0 and pane.scene.boxes.labels == ()
    reader.session.set_active_finding((Box, 2))
    reader.key(Qt.Key.Key_J)
    assert reader.session.plane in (31, 32)
    drawn = amber(pane)
    assert pane.scene.boxes.labels == ("Nodule 0.60",)
    ends = [pane.scene.pixel_from_lps(geometry.lps_from_kji((31, *corner))[0]) for corner in ((20, 22), (26, 28))]
    low, high = np.min(ends, axis=0), np.max(ends, axis=0)
    inside = ((drawn > low + 4) & (drawn < high - 4)).all(axis=1)
    assert not inside.any(), "the place itself is not covered"
    on = (np.abs(drawn[:, 0] - low[0]) < 3) & (drawn[:, 1] >= low[1]) & (drawn[:, 1] <= high[1])
    length = high[1] - low[1]
    assert 0.35 * length < len(np.unique(drawn[on][:, 1])) < 0.95 * length, "dashed, not solid"


@pytest.mark.parametrize("view", [View.AXIAL, View.SAGITTAL, View.CORONAL])
def test_a_box_is_shown_on_the_planes_that_it_takes_part_of(view: View) -> None:
    geometry = phantom().geometry
    frame = view_frame(view, geometry, geometry)
    mark = Mark((8, 10, 12), (11, 18, 22), "", AMBER)
    low, high = ((12, 22), (10, 18), (8, 11))[frame.across]
    shown = [index for index in range(40) if len(section(frame, mark, index, index))]
    assert shown == list(range(low, high + 1))
    corners = section(frame, mark, (low + high) // 2, (low + high) // 2)
    assert len(corners) == 4
    flat = Mark((8, 10, 12), (8, 10, 12), "", AMBER)
    point = [index for index in range(40) if len(section(frame, flat, index, index))]
    assert point == [(12, 10, 8)[frame.across]]


VICTIM = """
import sys, time
from PySide6.QtCore import Qt
from tests.viewer.hand import Hand
from tests.viewer.findings_hand import result, panel, type_in
from tests.viewer.see import phantom
from PySide6.QtWidgets import QApplication
from PySide6.QtTest import QTest
from viewer.history import adopt
from viewer.session import View
hand = Hand()
hand.open(phantom())
hand.history.do(adopt(hand.session.document, result(), replaced={}, text="Sieve", tool="a-sieve"))
hand.pane(View.AXIAL).setFocus()
hand.key(Qt.Key.Key_N)
hand.key(Qt.Key.Key_A)
hand.key(Qt.Key.Key_N)
hand.key(Qt.Key.Key_X)
hand.key(Qt.Key.Key_X)
hand.key(Qt.Key.Key_N)
type_in(panel(hand).detail.comment, "behind the heart")
QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
panel(hand).begin_new("plain")
type_in(panel(hand).new.fields.fields["finding"], "Cyst")
QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
print("done", flush=True)
time.sleep(60)
"""


def test_judgements_survive_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**os.environ, "PLANIMETER_DATA": str(tmp_path), "PLANIMETER_SETTINGS": str(tmp_path / "s.ini")}
    victim = subprocess.Popen([sys.executable, "-c", VICTIM], stdout=subprocess.PIPE, text=True, env=environment)
    assert victim.stdout is not None and victim.stdout.readline().strip() == "done"
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    monkeypatch.setenv("PLANIMETER_DATA", str(tmp_path))
    (record,) = unfinished()
    journal = Journal.resume(record.id)
    saved = journal.replay(phantom().geometry)
    journal.abandon()
    document, _, _ = replay(saved.base, saved.steps)
    assert [finding.assessment.verdict for finding in document.findings] == [
        Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNSEEN, Verdict.UNSEEN, Verdict.ADDED,
    ]  # fmt: skip
    assert document.boxes[0].assessment.comment == "behind the heart"
    assert document.findings[-1].name == "Cyst"


def test_a_size_on_a_picture_without_millimetres_is_in_pixels(window: Hand) -> None:
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    volume = phantom()
    window.open(replace(volume, geometry=replace(volume.geometry, unit="px")))
    view = panel(window)
    view.begin_new("plain")
    type_in(view.new.fields.fields["finding"], "Naevus")
    type_in(view.new.fields.fields["size"], "40")
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    (finding,) = window.session.document.findings
    assert [said.unit for said in finding.assessment.stated] == ["", "{pixels}"]
    assert view.model.index(0, READER).data() == "Naevus, 40 pixels"
    review = window.window.findChild(ReviewPanel).model
    assert review.headerData(review.columnCount() - 1, Qt.Orientation.Horizontal) == "px²"


def test_boxes_below_the_models_threshold_are_rejected_in_one_step_where_nobody_judged_them(reader: Hand) -> None:
    document = reader.session.document
    boxes = [replace(document.boxes[1], number=n, value=value, uid=f"2.25.{n}") for n, value in ((7, 0.3), (8, 0.2))]
    end = len(document.boxes)
    reader.history.do(Step("More", "a", tuple(AnswerChange(None, box, end + i) for i, box in enumerate(boxes))))
    reader.history.do(assess(reader.session.document, boxes[1], Verdict.ACCEPTED))
    reader.pane(View.AXIAL).setFocus()
    before = verdicts(reader)
    reader.key(Qt.Key.Key_X, CTRL | SHIFT)
    assert [box.assessment.verdict for box in reader.session.document.boxes] == [
        Verdict.UNSEEN, Verdict.UNSEEN, Verdict.REJECTED, Verdict.ACCEPTED,
    ]  # fmt: skip
    assert reader.session.document.boxes[2].value == 0.3, "the model's value stays"
    reader.key(Qt.Key.Key_Z, CTRL)
    assert verdicts(reader) == before
