"""A classifier's answer from the click to the list, back through undo, and out of the journal after a crash."""

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from engine.edits import replay
from engine.journal import Journal, unfinished
from tests.engine.models import write_card
from tests.engine.operation_examples import classifier, output, phantom
from tests.viewer.hand import CTRL, Hand
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.findings_model import MODEL
from viewer.widgets.findings_panel import FindingsPanel

SHIFT_CTRL = CTRL | Qt.KeyboardModifier.ShiftModifier


@pytest.mark.slow
def test_a_classifiers_answer_arrives_is_undone_and_survives_a_kill(tmp_path: Path) -> None:
    outputs = [output(label, kind="score") for label in "abc"]
    loaded = write_card(tmp_path / "kinds", [classifier(tmp_path / "kinds")], outputs, task="classify")
    hand = Hand()
    try:
        volume = phantom()
        hand.open(volume)
        panel = hand.window.findChild(CardsPanel)
        findings = hand.window.findChild(FindingsPanel)
        panel.show_cards([loaded])
        panel.run_button.click()
        hand.wait_until(lambda: bool(hand.session.document.scores), 60)
        scores = hand.session.document.scores
        assert sum(score.value for score in scores) == pytest.approx(1.0, abs=1e-5)
        shown = [findings.model.index(row, MODEL).data() for row in range(findings.model.rowCount())]
        assert shown == [f"{score.value:.3g}" for score in scores]
        hand.key(Qt.Key.Key_Z, CTRL)
        assert hand.session.document.scores == () and findings.model.rowCount() == 0
        hand.key(Qt.Key.Key_Z, SHIFT_CTRL)
        assert hand.session.document.scores == scores
        # The files as a kill would leave them: nothing has been closed.
        left = tmp_path / "left"
        shutil.copytree(tmp_path / "data" / "journal", left)
    finally:
        hand.close()
    (record,) = unfinished(left)
    journal = Journal.resume(record.id, left)
    saved = journal.replay(volume.geometry)
    journal.abandon()
    assert replay(saved.base, saved.steps)[0].scores == scores
