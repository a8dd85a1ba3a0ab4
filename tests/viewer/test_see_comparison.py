"""The structures of a file are drawn beside those that are open, and compared with them in a table."""

import csv
from pathlib import Path

import numpy as np
import pytest

from engine.dicom.rtstruct_write import export_rtstruct
from engine.structures import StructureSet
from tests.rtstruct.study import make_study
from tests.viewer.hand import Hand
from tests.viewer.see import ball
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
    assert dialog.table.rowCount() == 1 and dialog.table.item(0, 0).text() == "Ball 5"
    assert 0.5 < float(dialog.table.item(0, 4).text()) < 0.95
    assert "1 structures here have no counterpart" in dialog.about.text()
    (beside,) = compared.session.companions
    assert beside.name == "other.dcm" and beside.structures.rois[0].colour != (200, 0, 0)
    assert [roi.name for roi in compared.session.structures.rois] == ["Ball 5", "Ball 6"], "nothing is taken over"
    assert compared.history.undo_text == ""
    comparing.save(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        assert [row["first"] for row in csv.DictReader(file)] == ["Ball 5"]


def test_another_tolerance_counts_anew_and_a_row_leads_to_its_structure(compared: Hand) -> None:
    comparing = compared.window.findChild(Comparing)
    before = float(comparing.dialog.table.item(0, 5).text())
    comparing.dialog.tolerance.setValue(6.0)
    compared.wait_until(lambda: float(comparing.dialog.table.item(0, 5).text()) > before)
    compared.session.set_active(6)
    comparing.dialog.table.setCurrentCell(-1, -1)
    comparing.dialog.table.setCurrentCell(0, 4)
    assert compared.session.active == 5
