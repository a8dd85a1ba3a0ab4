"""A structure of another series is said to be one, and copied onto the open one."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QMenu

from engine.structures import Generation, Review, ReviewState
from tests.viewer.hand import CTRL, Hand
from tests.viewer.see import CENTRE, TURNS, ball, phantom, structures
from tests.viewer.test_see_companions import OFF, RADIUS, series
from viewer.companions import Companion
from viewer.edits.companions import drawn_on
from viewer.edits.target import RefusedError
from viewer.widgets.companions_list import CompanionsList


def menu_of(hand: Hand, row: int | None) -> QMenu:
    rows = hand.window.findChild(CompanionsList)
    item = rows.topLevelItem(0) if row is None else rows.topLevelItem(0).child(row)
    where = rows.visualItemRect(item).center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, where, rows.viewport().mapToGlobal(where))
    QApplication.sendEvent(rows.viewport(), event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def test_a_structure_of_another_series_is_copied_as_one_step_that_says_where_from(window: Hand) -> None:
    ct = series(phantom(), "2.1", "CT")
    there = structures(ct.geometry, ball(ct.geometry, CENTRE + OFF, RADIUS))
    mr = series(phantom(TURNS[7], size=31, spacing=2.7), "2.2", "MR")
    window.session.open(mr)
    window.session.set_companions((Companion(ct.info, there),))
    QApplication.processEvents()
    menu = menu_of(window, 0)
    texts = [action.text() for action in menu.actions() if not action.isSeparator()]
    name = there.rois[0].name
    assert texts == [f"{name} of CT Scan 2.1", "Drawn on CT Scan 2.1: open that to edit it", "Copy onto this series"]
    menu.actions()[-1].trigger()
    menu.close()
    window.wait_until(lambda: len(window.session.structures.rois) == 1)
    (copy,) = window.session.structures.rois
    assert copy.name == name and "opied from CT Scan 2.1" in copy.provenance.description
    assert window.history.undo_text == f"Copy {name} from CT Scan 2.1"
    assert window.session.active == copy.number and "cm³ there" in window.window.messages.sentences[-1]
    assert copy.size(mr.geometry) == pytest.approx(there.rois[0].size(ct.geometry), rel=0.02)
    for plane, contours in copy.planes.items():
        away = [np.linalg.norm(mr.geometry.lps_from_plane(plane, ring.exterior.coords) - CENTRE - OFF, axis=1)
                for ring in contours.area.geoms]  # fmt: skip
        assert np.concatenate(away).max() < RADIUS + 2.7
    window.key(Qt.Key.Key_Z, CTRL)
    assert window.session.structures.rois == ()
    assert menu_of(window, None).actions()[0].text() == "Structures of CT Scan 2.1"
    QApplication.activePopupWidget().close()


def test_on_the_same_grid_the_contours_are_its_own_and_nobody_signed_the_copy() -> None:
    ct = series(phantom(), "2.1", "CT")
    there = structures(ct.geometry, ball(ct.geometry, CENTRE + OFF, RADIUS))
    (roi,) = there.rois
    signed = Review(ReviewState.APPROVED, "Doe^Jane", "20260101", "120000")
    roi = replace(roi, provenance=replace(roi.provenance, review=signed))
    copy = drawn_on(Companion(ct.info, there), roi, series(phantom(), "2.2", "CT"))
    assert {plane: copy.area(plane) for plane in copy.planes} == {plane: roi.area(plane) for plane in roi.planes}
    assert copy.provenance.review == Review() and copy.provenance.generation is Generation.MANUAL
    far = series(phantom(), "2.3", "MR")
    far = replace(far, geometry=replace(far.geometry, origins_lps=far.geometry.origins_lps + 500.0))
    with pytest.raises(RefusedError, match="nothing to copy"):
        drawn_on(Companion(ct.info, there), roi, far)
