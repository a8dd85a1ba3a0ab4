"""Structures are reviewed, signed and reopened by a person with a name; what is signed can't be changed in any way."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog

from engine.approval import approval_told
from engine.flags.flag import Flag
from engine.journal import Kind
from engine.structures import Generation, Recipe, RecipeStep, Review, ReviewState, StructureSet
from tests.viewer.hand import CTRL, SHIFT, Hand, answer, when_asked
from tests.viewer.see import CENTRE, ball, phantom
from viewer.edits.structures import duplicate
from viewer.history import change
from viewer.session import View
from viewer.widgets.approval_strip import ApprovalStrip
from viewer.widgets.flag_watch import FlagWatch
from viewer.widgets.structures_model import Column

AXIAL = View.AXIAL
BOTH = CTRL | SHIFT


@pytest.fixture
def signing(window: Hand) -> Hand:
    volume = phantom()
    rois = (ball(volume.geometry, CENTRE, 12.0), ball(volume.geometry, CENTRE + 14, 8.0, 2, (255, 0, 0)))
    window.open(volume, StructureSet(volume.geometry, rois))
    window.session.set_active(1)
    window.go_to(20)
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    return window


def key(hand: Hand, which: Qt.Key, modifiers: Qt.KeyboardModifier) -> None:
    """Where there is no window manager nobody gives the focus back when a question was answered."""
    hand.window.activateWindow()
    hand.wait_until(hand.window.isActiveWindow)
    hand.pane(AXIAL).setFocus()
    hand.key(which, modifiers)


def action(hand: Hand, text: str) -> Callable[[], None]:
    return next(each.trigger for _, each in hand.window.listed_actions if each.text() == text)


def review(hand: Hand, number: int = 1) -> Review:
    return hand.session.structures[number].provenance.review


def approved(hand: Hand) -> Hand:
    answer("Wilhelm Röntgen")
    key(hand, Qt.Key.Key_A, BOTH)
    assert review(hand).state is ReviewState.APPROVED
    return hand


def stroke(hand: Hand) -> None:
    hand.editing.toolbox.choose("brush")
    hand.drag(AXIAL, hand.on_plane([(40, 40), (60, 60)]))


def test_a_reviewed_structure_is_unreviewed_again_by_the_next_edit_and_undo_brings_the_review_back(
    signing: Hand,
) -> None:
    answer("Wilhelm Röntgen")
    key(signing, Qt.Key.Key_V, BOTH)
    said = review(signing)
    assert (said.state, said.reviewer, len(said.date), len(said.time)) == (
        ReviewState.REVIEWED, "Wilhelm Röntgen", 8, 6
    )  # fmt: skip
    assert not signing.session.structures[1].locked and review(signing, 2) == Review()
    stroke(signing)
    assert review(signing) == Review()
    key(signing, Qt.Key.Key_Z, CTRL)
    assert review(signing) == said
    key(signing, Qt.Key.Key_V, BOTH)
    assert signing.history.undo_text == "Review Ball 1 (Wilhelm Röntgen)", "the name is asked for once"


def test_what_is_approved_cannot_be_changed_by_any_way(signing: Hand) -> None:
    before = approved(signing).session.structures[1]
    assert before.locked
    stroke(signing)
    for text in ("Delete on this plane", "Lock or unlock", "Delete", "Interpolate planes between"):
        action(signing, text)()
        signing.settle(30)
    model = signing.editing.structures.model
    assert not model.setData(model.index(0, Column.NAME), "Another")
    assert not model.setData(model.index(0, Column.LOCKED), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    key(signing, Qt.Key.Key_Z, CTRL)
    assert signing.session.structures[1] is before, "undo is no way round the reason"
    signing.session.set_active(2)
    stroke(signing)
    assert signing.session.structures[2].provenance.edited, "the others can still be drawn"
    signing.session.set_active(1)
    action(signing, "Duplicate")()
    assert signing.session.active_roi.provenance.review == Review() and not signing.session.active_roi.locked


def test_it_is_reopened_only_with_a_reason_which_the_history_keeps(signing: Hand) -> None:
    approved(signing)
    answer("   ")
    action(signing, "Reopen…")()
    assert review(signing).state is ReviewState.APPROVED
    answer("The lower planes miss the tail")
    action(signing, "Reopen…")()
    assert review(signing) == Review() and not signing.session.structures[1].locked
    stroke(signing)
    assert signing.session.structures[1].provenance.edited
    told = [entry.text for entry in signing.window.recording.entries() if entry.kind is Kind.DO]
    assert told[-3:-1] == ["Approve Ball 1 (Wilhelm Röntgen)", "Reopen Ball 1: The lower planes miss the tail"]
    duplicate(signing.session, signing.history, 1)
    sentence, holds = approval_told(signing.session.structures, StructureSet(phantom().geometry))
    assert not holds and sentence.startswith("Ball 1: reopened since"), "the copy was never signed"


def test_without_a_name_nothing_is_signed(signing: Hand) -> None:
    answer("  ")
    key(signing, Qt.Key.Key_A, BOTH)
    assert review(signing) == Review() and signing.history.undo_text == ""


def question(signing: Hand) -> str:
    """What a person is asked who is about to sign, and does not."""
    asked: list[str] = []

    def read(dialog: QInputDialog) -> None:
        asked.append(dialog.labelText())
        dialog.reject()

    when_asked(QInputDialog, read)
    key(signing, Qt.Key.Key_A, BOTH)
    return asked[0]


def test_who_signs_is_told_what_is_out_of_date_or_unlikely_of_it(signing: Hand) -> None:
    session, asked = signing.session, []
    recipe = Recipe(2, "Ball 2", (RecipeStep("margin", (), None, "Margin, 5 mm"),), "as it was")
    derived = replace(session.structures[1], recipe=recipe)
    signing.history.do(change(session.structures, derived, text="Derived"))
    flag = Flag("pieces", (1,), ("Ball 1",), "Ball 1 is in two pieces.", "in two pieces", 20, (0.0, 0.0, 0.0))
    other = replace(flag, numbers=(2,), text="Ball 2 is cut off.")
    signing.window.findChild(FlagWatch).flags = (flag, other)

    for _ in range(2):
        asked.append(question(signing))
        session.mark_seen(flag.contours)
    assert "Ball 1 is out of date: what it was derived from changed.\nUnlikely: Ball 1 is in two pieces." in asked[0]
    assert "out of date" in asked[1] and "Unlikely" not in asked[1], "he has looked at it"
    assert "Ball 2 is cut off" not in asked[0]


def test_the_question_leaves_out_contours_that_the_signer_corrected(signing: Hand) -> None:
    session, asked = signing.session, []
    roi = session.structures[1]
    drawn = replace(roi, provenance=replace(roi.provenance, generation=Generation.AUTOMATIC))
    signing.history.do(change(session.structures, drawn, text="Drawn by a model"))

    for _ in range(2):
        asked.append(question(signing))
        stroke(signing)
    before, after = len(roi.planes), len(roi.planes) - 1
    assert f"{before} contours drawn by models have not been marked as seen by anyone: Ball 1 {before}." in asked[0]
    assert f"{after} contours" in asked[1] and f"Ball 1 {after}." in asked[1]
    assert signing.window.history.seen == {(1, session.plane)}


def test_the_list_shows_who_signed(signing: Hand) -> None:
    panel = signing.editing.structures
    assert panel.view.isColumnHidden(Column.REVIEW)
    approved(signing)
    assert not panel.view.isColumnHidden(Column.REVIEW)
    tip = panel.model.data(panel.model.index(0, Column.REVIEW), Qt.ItemDataRole.ToolTipRole)
    assert tip.startswith("Ball 1: approved by Wilhelm Röntgen on ")
    assert panel.model.data(panel.model.index(1, Column.REVIEW), Qt.ItemDataRole.DecorationRole) is None


def test_beneath_the_list_stands_who_signed_and_that_it_holds_no_longer(signing: Hand) -> None:
    strip = signing.window.findChild(ApprovalStrip)
    assert strip.isHidden()
    answer("Doe^Jane")
    key(signing, Qt.Key.Key_A, BOTH)
    assert strip.text().startswith("1 of 2 structures are signed, the last approved by Doe Jane on 2")
    assert strip.text().endswith("A file keeps that only where all structures in it are signed.")
    answer("moved since")
    action(signing, "Reopen…")()
    name = signing.session.structures[1].name
    assert strip.text().startswith(f"{name}: reopened since approved by Doe Jane on 2")
    assert strip.text().endswith("What is shown is no longer what was signed.")
    answer("Doe^Jane")
    key(signing, Qt.Key.Key_A, BOTH)
    assert strip.text().startswith("1 of 2 structures are signed")


def test_an_approved_structure_of_a_file_that_was_deleted_is_told() -> None:
    geometry = phantom().geometry
    was = ball(geometry, CENTRE, 12.0)
    review = Review(ReviewState.APPROVED, "Doe^Jane", "20260131", "120000")
    filed = StructureSet(geometry, (replace(was, provenance=replace(was.provenance, review=review)),))
    told, holds = approval_told(StructureSet(geometry), filed)
    assert told.startswith(f"{was.name}: deleted since approved by Doe Jane on 2026-01-31") and not holds
    assert approval_told(filed, filed)[1] and approval_told(StructureSet(geometry), StructureSet(geometry)) == (
        "",
        True,
    )
