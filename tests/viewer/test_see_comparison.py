"""The structures of a file are drawn beside those that are open, and compared with them in a table."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.agreement import agreement
from engine.dicom.rtstruct_write import export_rtstruct
from engine.structures import Generation, Provenance, StructureSet
from tests.rtstruct.study import make_study
from tests.viewer.hand import CTRL, Hand
from tests.viewer.see import ball
from viewer.edits import structures as steps
from viewer.edits.planes import delete_on
from viewer.features.comparing import Comparing


@pytest.fixture
def compared(window: Hand, tmp_path: Path) -> Hand:
    volume = make_study(tmp_path / "ct")
    geometry = volume.geometry
    middle = geometry.lps_from_kji([[(side - 1) / 2 for side in geometry.shape]])[0]
    theirs = ball(geometry, middle + np.array([4.0, 0, 0]), 14.0, number=5, colour=(200, 0, 0))
    export_rtstruct(StructureSet(geometry, (theirs,)), volume, tmp_path / "other.dcm")
    ours = ball(geometry, middle, 14.0, number=5, colour=(200, 0, 0))
    alone = ball(geometry, middle, 9.0, number=6)
    window.open(volume, StructureSet(geometry, (ours, alone)))
    comparing = window.window.findChild(Comparing)
    comparing.compare_with(tmp_path / "other.dcm")
    window.wait_until(comparing.dialog.isVisible)
    return window


def test_the_table_and_both_sets_are_seen(compared: Hand, tmp_path: Path) -> None:
    comparing = compared.window.findChild(Comparing)
    dialog = comparing.dialog
    assert dialog.table.rowCount() == 2 and dialog.table.item(0, 0).text() == "Ball 5"
    assert 0.5 < float(dialog.table.item(0, 4).text()) < 0.95
    assert "In All structures here without a counterpart: Ball 6." in dialog.about.text()
    assert [dialog.table.cellWidget(row, 1).currentText() for row in (0, 1)] == ["Ball 5", "none"]
    (beside,) = compared.session.companions
    assert beside.name == "other.dcm" and beside.structures.rois[0].colour != (200, 0, 0)
    assert [roi.name for roi in compared.session.structures.rois] == ["Ball 5", "Ball 6"], "nothing is taken over"
    assert compared.history.undo_text == ""
    comparing.save(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        assert [(row["first"], row["second"]) for row in csv.DictReader(file)] == [("Ball 5", "Ball 5"), ("Ball 6", "")]


def test_a_person_pairs_structures_and_the_choice_lasts(compared: Hand) -> None:
    dialog = compared.window.findChild(Comparing).dialog
    box = dialog.table.cellWidget(1, 1)
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    compared.wait_until(lambda: dialog.table.item(1, 4).text() != "")
    ours, theirs = compared.session.structures[6], compared.session.companions[0].structures.rois[0]
    true = agreement(ours, theirs, compared.session.structures.geometry).dice
    assert dialog.table.item(1, 4).text() == f"{true:.3f}" and "without a counterpart" not in dialog.about.text()
    dialog.tolerance.setValue(5.0)
    compared.wait_until(lambda: dialog.table.rowCount() == 2 and dialog.table.item(1, 4).text() == f"{true:.3f}")
    box = dialog.table.cellWidget(0, 1)
    box.setCurrentIndex(0)
    box.activated.emit(0)
    compared.wait_until(lambda: dialog.table.item(0, 4).text() == "")
    assert "without a counterpart: Ball 5" in dialog.about.text()
    dialog.tolerance.setValue(2.0)


def test_another_tolerance_counts_anew_and_a_row_leads_to_its_structure(compared: Hand) -> None:
    comparing = compared.window.findChild(Comparing)
    before = float(comparing.dialog.table.item(0, 5).text())
    comparing.dialog.tolerance.setValue(6.0)
    compared.wait_until(lambda: float(comparing.dialog.table.item(0, 5).text()) > before)
    compared.session.set_active(6)
    comparing.dialog.table.setCurrentCell(-1, -1)
    comparing.dialog.table.setCurrentCell(0, 4)
    assert compared.session.active == 5


def test_a_comparison_that_is_closed_while_it_is_counted_stays_closed(compared: Hand) -> None:
    comparing = compared.window.findChild(Comparing)
    before = comparing._compared
    comparing.dialog.tolerance.setValue(4.0)
    comparing.dialog.hide()
    compared.wait_until(lambda: comparing._compared is not before)
    compared.settle(20)
    assert not comparing.dialog.isVisible()


def test_the_table_is_counted_anew_when_a_structure_is_changed(compared: Hand) -> None:
    comparing, session = compared.window.findChild(Comparing), compared.session
    dialog, history = comparing.dialog, compared.history
    before = dialog.table.item(0, 4).text()
    steps.set_visible(session, history, [5], False)
    assert dialog.table.item(0, 4).text() == before, "what is hidden is the same"
    steps.set_visible(session, history, [5], True)
    plane = sorted(session.structures[5].planes)[0]
    delete_on(history, session.structures[5], plane)
    assert dialog.table.rowCount() == 0 and "counted anew" in dialog.about.text() and not dialog.export.isEnabled()
    compared.wait_until(lambda: dialog.table.rowCount() == 2)
    other = session.companions[0].structures.rois[0]
    dice = agreement(session.structures[5], other, session.structures.geometry).dice
    assert dialog.table.item(0, 4).text() == f"{dice:.3f}" != before and "as they are now" in dialog.about.text()
    history.undo()
    compared.wait_until(lambda: dialog.table.rowCount() == 2)
    assert dialog.table.item(0, 4).text() == before
    dialog.hide()


def test_a_set_that_is_no_longer_there_has_no_numbers(window: Hand, tmp_path: Path) -> None:
    volume = make_study(tmp_path / "ct")
    geometry = volume.geometry
    middle = geometry.lps_from_kji([[(side - 1) / 2 for side in geometry.shape]])[0]
    model = Provenance(Generation.AUTOMATIC, algorithm="a-model", version="1.0")
    drawn = replace(ball(geometry, middle, 13.0, number=2), name="Ball 1", provenance=model)
    window.open(volume, StructureSet(geometry, (ball(geometry, middle, 14.0), drawn)))
    comparing = window.window.findChild(Comparing)
    comparing.compare_here()
    window.wait_until(comparing.dialog.isVisible)
    assert comparing.dialog.table.rowCount() == 1
    steps.delete_all(window.session, window.history, frozenset({2}))
    assert comparing.dialog.table.rowCount() == 0 and "By a-model 1.0" in comparing.dialog.about.text()
    window.history.undo()
    window.wait_until(lambda: comparing.dialog.table.rowCount() == 1)
    comparing.dialog.hide()


def test_two_sets_of_one_list_are_compared_by_who_drew_them(window: Hand, tmp_path: Path) -> None:
    volume = make_study(tmp_path / "ct")
    geometry = volume.geometry
    middle = geometry.lps_from_kji([[(side - 1) / 2 for side in geometry.shape]])[0]
    model = Provenance(Generation.AUTOMATIC, algorithm="a-model", version="1.0")
    by_hand = ball(geometry, middle, 14.0, number=1)
    drawn = replace(ball(geometry, middle + np.array([4.0, 0, 0]), 14.0, number=2), name="Ball 1", provenance=model)
    other = replace(ball(geometry, middle + np.array([-2.0, 0, 0]), 14.0, number=3), name="Ball_1", provenance=model)
    window.open(volume, StructureSet(geometry, (by_hand, drawn)))
    comparing = window.window.findChild(Comparing)
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    window.key(Qt.Key.Key_C, CTRL | Qt.KeyboardModifier.AltModifier)
    window.wait_until(comparing.dialog.isVisible)
    dialog = comparing.dialog
    assert (dialog.first.currentText(), dialog.second.currentText()) == ("By hand", "By a-model 1.0")
    seen = float(dialog.table.item(0, 4).text())
    assert dialog.table.rowCount() == 1 and seen == pytest.approx(agreement(by_hand, drawn, geometry).dice, abs=1e-3)
    # The other way round, the model's is the reference, to which a row leads.
    dialog.first.setCurrentText("By a-model 1.0")
    dialog.second.setCurrentText("By hand")
    dialog.first.activated.emit(0)
    window.wait_until(lambda: "By a-model 1.0, as they are now, compared with By hand." in dialog.about.text())
    dialog.table.setCurrentCell(-1, -1)
    dialog.table.setCurrentCell(0, 0)
    assert window.session.active == 2
    # Groups of one's own are sets too; where there is one source, it is said.
    window.open(volume, StructureSet(geometry, (drawn, other)))
    assert not dialog.isVisible()
    comparing.compare_here()
    assert "all of one source" in window.window.messages.sentences[-1] and not dialog.isVisible()
    window.session.appearance.set_groups({2: "Reader A", 3: "Reader B"})
    comparing.compare_here()
    window.wait_until(dialog.isVisible)
    assert dialog.table.item(0, 0).text() == "Ball 1" and dialog.table.cellWidget(0, 1).currentText() == "Ball_1"
    window.session.appearance.set_groups({})
    dialog.hide()
