"""What is anatomically unlikely of a model's structures: rows of the review, a key, and a word after a run."""

from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot
from shapely import MultiPolygon, Point

from engine.structures import Generation, PlaneContours, Provenance, Roi, StructureSet
from engine.volume import Geometry, Volume
from tests.viewer.person import Person
from viewer.history import History, add, redraw
from viewer.session import Session
from viewer.widgets.review_panel import ReviewPanel

GEOMETRY = Geometry.regular((-100, -100, 0), np.eye(3), (4.0, 4.0, 3.0), (24, 50, 50))
MODEL = Provenance(Generation.AUTOMATIC)


def ball(u: float, v: float, radius: float = 18.0) -> dict[int, MultiPolygon]:
    inside = {k: radius**2 - (3.0 * (k - 12)) ** 2 for k in range(24)}
    return {k: MultiPolygon([Point(u, v).buffer(left**0.5)]) for k, left in inside.items() if left > 0}


def roi(number: int, name: str, areas: dict[int, MultiPolygon]) -> Roi:
    return Roi(number, name, planes={k: PlaneContours(a) for k, a in areas.items()}, provenance=MODEL)


def two_pieces() -> dict[int, MultiPolygon]:
    main, second = ball(60, 100), ball(140, 40, 8)
    return {k: MultiPolygon([*area.geoms, *(second[k].geoms if k in second else ())]) for k, area in main.items()}


@pytest.fixture
def session() -> Session:
    session = Session()
    rois = (roi(1, "Liver", two_pieces()), roi(2, "Spleen", ball(150, 100)))
    volume = Volume(np.zeros(GEOMETRY.shape, np.int16), GEOMETRY, "CT", "HU")
    session.open(volume, StructureSet(GEOMETRY, rois))
    return session


@pytest.fixture
def panel(qtbot: QtBot, session: Session) -> ReviewPanel:
    panel = ReviewPanel(session, History(session))
    qtbot.addWidget(panel)
    panel.resize(360, 400)
    with qtbot.waitExposed(panel):
        panel.show()
    panel.activateWindow()
    qtbot.waitUntil(lambda: len(panel.watch.flags) == 1, timeout=60_000)
    return panel


def texts(panel: ReviewPanel, row: int) -> list[str]:
    return [panel.model.index(row, column).data() for column in range(5)]


def test_a_flag_is_the_first_row_and_its_key_goes_to_the_place(
    qtbot: QtBot, panel: ReviewPanel, session: Session
) -> None:
    assert texts(panel, 0) == ["", "Liver in 2 pieces", "13", "unlikely", "–"]
    panel.table.selectRow(3)
    qtbot.keyClick(panel, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert (session.active, session.plane) == (1, 12)
    np.testing.assert_allclose(session.cursor_lps, (40, -60, 36), atol=4)
    assert panel.said.text().startswith("Liver is in 2 pieces; the second")
    qtbot.keyClick(panel, Qt.Key.Key_N)
    assert session.marked_seen == {(1, 12)}
    assert "All that is unlikely has been seen." in panel.ledger.text()
    assert panel.said.isHidden()


def test_a_reader_sees_that_what_is_unlikely_is_still_being_sought(
    qtbot: QtBot, panel: ReviewPanel, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Event()
    find = panel.watch._flagging.find

    def slow(*asked: Any) -> Any:
        assert go_on.wait(60)
        return find(*asked)

    monkeypatch.setattr(panel.watch._flagging, "find", slow)
    qtbot.waitUntil(lambda: "Looking for what is unlikely" not in panel.ledger.text())
    assert session.structures is not None
    History(session).do(add(session.structures, (roi(3, "Kidney_L", ball(20, 40)),), text="", tool=""))
    qtbot.waitUntil(lambda: "Looking for what is unlikely" in panel.ledger.text(), timeout=60_000)
    go_on.set()
    qtbot.waitUntil(lambda: "Looking" not in panel.ledger.text(), timeout=60_000)


def test_a_flag_goes_with_what_it_was_about_and_nothing_is_drawn_by_it(
    qtbot: QtBot, panel: ReviewPanel, session: Session
) -> None:
    before = session.structures
    assert before is not None
    step = redraw(before[1], {k: area for k, area in ball(60, 100).items() if k in before[1].planes}, text="", tool="")
    assert step is not None
    history = History(session)
    history.do(step)
    qtbot.waitUntil(lambda: panel.watch.flags == (), timeout=60_000)
    qtbot.waitUntil(lambda: texts(panel, 0)[3] != "unlikely", timeout=60_000)
    assert panel.flag_button.isHidden() and not panel.flag_action.isEnabled()
    history.undo()
    qtbot.waitUntil(lambda: len(panel.watch.flags) == 1, timeout=60_000)
    qtbot.waitUntil(panel.flag_action.isEnabled)
    assert session.structures is not None and session.structures[1].planes[12] is before[1].planes[12]


def test_flags_alone_can_be_listed_and_what_a_person_drew_has_none(
    qtbot: QtBot, panel: ReviewPanel, session: Session
) -> None:
    assert panel.which.itemText(1) == "What is unlikely: 1"
    panel.which.setCurrentIndex(1)
    panel.which.activated.emit(1)
    assert len(panel.model.items) == 1
    by_hand = roi(3, "Kidney_L", ball(20, 40))
    by_hand = replace(by_hand, provenance=Provenance(Generation.MANUAL))
    came: list[object] = []
    panel.watch.came.connect(came.append)
    History(session).do(add(session.structures, (by_hand, roi(4, "Kidney_R", ball(170, 160))), text="", tool=""))
    # The one that the model drew is compared with that of the person.
    qtbot.waitUntil(lambda: len(panel.watch.flags) == 2, timeout=60_000)
    assert [flag.names for flag in panel.watch.flags] == [("Kidney_L", "Kidney_R"), ("Liver",)]
    assert [[flag.kind for flag in flags] for flags in came] == [["swapped sides"]]  # type: ignore[attr-defined]


def test_after_a_run_what_is_unlikely_is_said_with_a_way_to_it(person: Person, session: Session, qtbot: QtBot) -> None:
    window = person.window
    assert session.volume is not None and session.structures is not None
    window.session.open(session.volume)
    window.history.do(add(window.session.structures, session.structures.rois, text="Run", tool="a-model"))
    sentence = "1 thing is anatomically unlikely: Liver in 2 pieces."
    qtbot.waitUntil(lambda: sentence in window.messages.sentences, timeout=60_000)
    (button,) = [button for button in window.messages.findChildren(QToolButton) if button.text() == "Review"]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert window.panel("Review").isVisible() and window.session.plane == 12
