"""The review queue: its order, its steps, and the ledger of what was seen."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from shapely import MultiPolygon, box

from engine.structures import Generation, PlaneContours, Provenance, Roi, StructureSet
from engine.volume import Geometry, Volume
from viewer.history import History, add, redraw
from viewer.render.plane_scene import PlaneScene
from viewer.session import Session, View
from viewer.widgets.review_panel import ReviewPanel

GEOMETRY = Geometry.regular((0, 0, 0), np.eye(3), (2.0, 2.0, 3.0), (10, 50, 50))


def square(side: float) -> MultiPolygon:
    return MultiPolygon([box(10, 10, 10 + side, 10 + side)])


@pytest.fixture
def session() -> Session:
    session = Session()
    a = Roi(1, "Z", planes={2: PlaneContours(square(10)), 3: PlaneContours(square(20))}, expected_edit={2: 50, 3: 40})
    b = Roi(2, "B", planes={2: PlaneContours(square(5))}, expected_edit={2: 22.5})
    manual = Roi(3, "C", planes={5: PlaneContours(square(30))})
    session.open(
        Volume(np.zeros(GEOMETRY.shape, np.int16), GEOMETRY, "CT", "HU"), StructureSet(GEOMETRY, (manual, b, a))
    )
    return session


@pytest.fixture
def history(session: Session) -> History:
    return History(session)


@pytest.fixture
def panel(qtbot: QtBot, session: Session, history: History) -> ReviewPanel:
    panel = ReviewPanel(session, history)
    qtbot.addWidget(panel)
    panel.resize(360, 400)
    with qtbot.waitExposed(panel):
        panel.show()
    panel.activateWindow()
    return panel


def order(panel: ReviewPanel) -> list[tuple[int, int]]:
    return [contour.key for contour in panel.model.items]


def test_the_largest_expected_edit_comes_first_and_manual_structures_not_at_all(panel: ReviewPanel) -> None:
    assert order(panel) == [(1, 2), (1, 3), (2, 2)]


def test_n_marks_the_contour_in_view_and_shows_the_next(qtbot: QtBot, panel: ReviewPanel, session: Session) -> None:
    qtbot.keyClick(panel, Qt.Key.Key_N)
    assert (session.active, session.plane) == (1, 2)
    assert session.marked_seen == frozenset()
    qtbot.keyClick(panel, Qt.Key.Key_N)
    assert session.marked_seen == {(1, 2)}
    assert (session.active, session.plane) == (1, 3)
    assert panel.ledger.text() == "1 of 3 contours seen."
    qtbot.keyClick(panel, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert session.active == 2
    qtbot.keyClick(panel, Qt.Key.Key_N)
    assert (session.active, session.plane) == (1, 3)
    qtbot.keyClick(panel, Qt.Key.Key_N)
    assert panel.ledger.text() == "All 3 contours have been seen."


def test_the_crosshair_lies_in_the_contour(panel: ReviewPanel, session: Session) -> None:
    panel.table.selectRow(2)
    np.testing.assert_allclose(session.cursor_lps, (12.5, 12.5, 6.0))


def test_an_edit_of_many_planes_makes_contours_unseen_but_keeps_their_rank(
    qtbot: QtBot, panel: ReviewPanel, session: Session, history: History
) -> None:
    session.mark_seen(frozenset({(1, 2), (1, 3), (2, 2)}))
    assert session.structures is not None
    history.do(redraw(session.structures[1], {2: square(1), 3: square(1)}, text="Smooth", tool="smooth"))
    assert session.marked_seen == {(2, 2)}
    qtbot.wait(250)
    assert order(panel) == [(1, 2), (1, 3), (2, 2)]
    assert panel.ledger.text() == "1 of 3 contours seen."


def test_a_contour_that_a_person_corrected_on_its_plane_counts_as_seen_until_that_is_undone(
    qtbot: QtBot, panel: ReviewPanel, session: Session, history: History
) -> None:
    assert session.structures is not None
    history.do(redraw(session.structures[1], {2: square(1)}, text="Brush", tool="brush"))
    qtbot.waitUntil(lambda: panel.ledger.text() == "1 of 3 contours seen.")
    assert [panel.model.index(row, 0).data() for row in range(3)] == ["✓", "", ""]
    panel.table.doubleClicked.emit(panel.model.index(0, 0))
    assert session.marked_seen == frozenset(), "it has no mark of its own"
    qtbot.keyClick(panel, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert session.plane == 3, "what waits comes next"
    history.undo()
    qtbot.waitUntil(lambda: panel.ledger.text() == "0 of 3 contours seen.")


def test_a_new_result_is_ranked_anew(qtbot: QtBot, panel: ReviewPanel, session: Session) -> None:
    assert session.structures is not None
    changed = replace(session.structures[2], expected_edit={2: 900}, planes={2: PlaneContours(square(30))})
    session.open(session.volume, session.structures.with_roi(changed))  # type: ignore[arg-type]
    assert order(panel)[0] == (2, 2)


def test_one_structure_alone_can_be_reviewed(qtbot: QtBot, panel: ReviewPanel) -> None:
    assert [panel.which.itemText(row) for row in range(panel.which.count())] == [
        "All structures", "B: 90% in doubt", "Z: 18% in doubt",
    ]  # fmt: skip
    panel.which.setCurrentIndex(1)
    panel.which.activated.emit(panel.which.currentIndex())
    assert order(panel) == [(2, 2)]


def test_without_doubt_there_is_nothing_to_review(qtbot: QtBot) -> None:
    session = Session()
    panel = ReviewPanel(session, History(session))
    qtbot.addWidget(panel)
    assert "Nothing to review" in panel.ledger.text()
    assert not panel.next_button.isEnabled()


def test_a_plane_on_which_a_contour_may_be_missing_is_shown_beside_the_nearest(
    panel: ReviewPanel, session: Session
) -> None:
    assert session.structures is not None
    doubtful = replace(session.structures[2], expected_edit={2: 22.5, 4: 100})
    session.open(session.volume, session.structures.with_roi(doubtful))  # type: ignore[arg-type]
    assert order(panel)[0] == (2, 4)
    texts = [panel.model.data(panel.model.index(row, 3)) for row in range(4)]
    assert texts == ["not drawn", "50%", "10%", "90%"]
    panel.table.selectRow(0)
    np.testing.assert_allclose(session.cursor_lps, (12.5, 12.5, 12.0))


def test_a_structure_of_which_nothing_is_drawn_leads_to_the_plane(panel: ReviewPanel, session: Session) -> None:
    assert session.structures is not None
    missing = replace(session.structures[2], planes={}, expected_edit={4: 100})
    session.open(session.volume, session.structures.with_roi(missing))  # type: ignore[arg-type]
    session.move_cursor((20.0, 30.0, 3.0))
    panel.table.selectRow(0)
    np.testing.assert_allclose(session.cursor_lps, (20.0, 30.0, 12.0))
    assert session.active == 2


def test_the_whole_contour_comes_onto_the_screen_of_every_zoomed_view(panel: ReviewPanel, session: Session) -> None:
    scenes = [PlaneScene(view, session) for view in (View.AXIAL, View.SAGITTAL, View.CORONAL)]
    for scene in scenes:
        scene.resize(300, 200)
        scene.show()
    session.move_cursor((90.0, 90.0, 24.0))
    for scene in scenes:
        scene.zoom(12.0, (300, 200))
    panel.table.selectRow(1)
    assert (session.active, session.plane) == (1, 3)
    corners = GEOMETRY.lps_from_plane(3, [(10, 10), (30, 30), (10, 30), (30, 10)])
    for scene in scenes:
        pixels = np.array([scene.pixel_from_lps(corner) for corner in corners])
        assert (pixels >= 0).all() and (pixels <= (300, 200)).all(), scene.view


def test_a_view_that_shows_the_contour_stays_where_it_is(panel: ReviewPanel, session: Session) -> None:
    scene = PlaneScene(View.AXIAL, session)
    scene.resize(300, 300)
    scene.show()
    panel.table.selectRow(0)
    before = scene.pixel_from_lps((20.0, 20.0, 6.0))
    panel.table.selectRow(1)
    assert scene.pixel_from_lps((20.0, 20.0, 9.0)) == before


def test_contours_of_a_model_that_tells_no_doubt_come_last_and_are_seen_one_by_one(
    qtbot: QtBot, panel: ReviewPanel, session: Session
) -> None:
    model = Provenance(Generation.AUTOMATIC)
    untold = Roi(4, "A", planes={6: PlaneContours(square(9)), 7: PlaneContours(square(9))}, provenance=model)
    history = History(session)
    history.do(add(session.structures, (untold,), text="Run", tool="a-model"))
    qtbot.waitUntil(lambda: len(order(panel)) == 5)
    assert order(panel) == [(1, 2), (1, 3), (2, 2), (4, 6), (4, 7)]
    assert [panel.model.index(3, column).data() for column in (3, 4)] == ["not told", "–"]
    panel.table.selectRow(3)
    qtbot.keyClick(panel, Qt.Key.Key_N)
    assert (4, 6) in session.marked_seen and session.plane == 7
