"""Lines, fill and opacity of structures: seen in the views, set in the small window, remembered."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from shapely import MultiPolygon, Point, box

from engine.structures import PlaneContours, Roi, StructureSet
from tests.viewer.hand import CTRL, LEFT, SHIFT, Hand, pixels
from tests.viewer.menu import choose, right_click
from tests.viewer.see import near, phantom
from viewer.appearance import Style
from viewer.edits import structures as steps
from viewer.features.application import build_window
from viewer.features.styles import Styles
from viewer.render.structure_fills import triangles
from viewer.session import View
from viewer.widgets.settings import settings

GREEN, RED = (0, 255, 0), (255, 0, 0)
ACTIVE, OTHER = 1, 2
AREA = MultiPolygon([Point(54, 40).buffer(16).difference(Point(54, 40).buffer(6))])


@pytest.fixture
def drawn(window: Hand) -> Iterator[Hand]:
    """A small active structure, and a ring on planes 15 to 25."""
    volume = phantom()
    planes = {plane: PlaneContours(AREA) for plane in range(15, 26)}
    small = {20: PlaneContours(MultiPolygon([box(8, 8, 12, 12)]))}
    window.open(volume, StructureSet(volume.geometry, (Roi(1, "A", GREEN, "", small), Roi(2, "B", RED, "", planes))))
    window.session.set_active(ACTIVE)
    window.go_to(20)
    for pane in window.window.panes.planes.values():
        pane.scene.set_crosshair(False)
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    yield window
    window.session.appearance.set_usual(Style())


def popup(hand: Hand) -> Styles:
    return hand.window.findChild(Styles)


def test_triangles_fill_an_area_exactly_and_leave_its_holes_out() -> None:
    corners = triangles(AREA)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
    assert areas.sum() == pytest.approx(AREA.area)
    assert not any(Point(middle).within(Point(54, 40).buffer(5.9)) for middle in corners.mean(axis=1))


@pytest.mark.parametrize("view", [View.AXIAL, View.SAGITTAL])
def test_the_fill_covers_what_is_inside_the_lines_and_nothing_else(drawn: Hand, view: View) -> None:
    drawn.session.move_cursor(drawn.on_plane([(54, 40)])[0])
    inside, hole, outside = (drawn.on_plane([(54, v)])[0] for v in (29, 40, 70))
    before = pixels(drawn.pane(view)).astype(int)
    drawn.session.appearance.set_own({OTHER: Style(fill=0.5)})
    after = pixels(drawn.pane(view)).astype(int)
    change = {}
    for name, point in (("inside", inside), ("hole", hole), ("outside", outside)):
        at = drawn.pixel(view, point)
        change[name] = after[at.y(), at.x()] - before[at.y(), at.x()]
    assert change["inside"][0] > 40 and change["inside"][1] < 0, "half red over grey"
    assert not change["hole"].any() and not change["outside"].any()


@pytest.mark.parametrize("tool", ["brush", "spline"])
def test_while_a_line_is_drawn_the_fill_is_that_of_the_line(drawn: Hand, tool: str) -> None:
    drawn.session.appearance.set_own({OTHER: Style(fill=0.5)})
    drawn.session.set_active(OTHER)
    drawn.editing.toolbox.choose(tool)
    inside, hole, new = (drawn.on_plane([place])[0] for place in ((54, 29), (54, 40), (74, 40)))
    edge = drawn.on_plane([(70, 40)])[0]
    before = pixels(drawn.pane(View.AXIAL)).astype(int)
    drawn.press(View.AXIAL, edge)
    drawn.move(View.AXIAL, drawn.on_plane([(77, 40)])[0])
    drawn.move(View.AXIAL, drawn.on_plane([(78, 40)])[0])
    after = pixels(drawn.pane(View.AXIAL)).astype(int)
    change = {}
    for name, point in (("inside", inside), ("hole", hole), ("new", new)):
        at = drawn.pixel(View.AXIAL, point)
        change[name] = after[at.y(), at.x()] - before[at.y(), at.x()]
    assert abs(change["inside"]).max() < 5 and abs(change["hole"]).max() < 5
    assert change["new"][0] > 40
    drawn.editing.toolbox.escape()
    back = pixels(drawn.pane(View.AXIAL)).astype(int)
    at = drawn.pixel(View.AXIAL, new)
    assert abs(back[at.y(), at.x()] - before[at.y(), at.x()]).max() < 5
    drawn.release(View.AXIAL, edge)
    drawn.editing.toolbox.choose("")


def test_lines_are_as_wide_as_they_are_set_and_the_active_ones_lie_on_top(drawn: Hand) -> None:
    counts = []
    for width in (1.0, 4.0, 1.0):
        drawn.session.appearance.set_own({OTHER: Style(width=width)})
        counts.append(len(near(pixels(drawn.pane(View.AXIAL)), RED, 90)))
    assert counts[1] > 2.5 * counts[0] and counts[2] == counts[0]
    drawn.session.appearance.set_own({OTHER: Style(width=6.0), ACTIVE: Style(width=0.5)})
    assert len(near(pixels(drawn.pane(View.AXIAL)), GREEN, 90)) > 10


def test_translucent_lines_are_fainter(drawn: Hand) -> None:
    full = pixels(drawn.pane(View.AXIAL)).astype(int)
    where = near(full.astype(np.uint8), RED, 60)
    drawn.session.appearance.set_own({OTHER: Style(opacity=0.3)})
    faint = pixels(drawn.pane(View.AXIAL)).astype(int)
    assert faint[where[:, 1], where[:, 0], 0].mean() < full[where[:, 1], where[:, 0], 0].mean() - 60


def test_the_small_window_sets_the_style_of_the_structure_at_once_and_nothing_is_an_edit(drawn: Hand) -> None:
    at = drawn.pixel(View.AXIAL, drawn.on_plane([(54, 29)])[0])
    choose(right_click(drawn.pane(View.AXIAL), at), "Lines, fill and opacity…")
    small = popup(drawn).popup
    assert QApplication.activePopupWidget() is small and small.title.text() == "B"
    QTest.keyClick(small.sliders["width"], Qt.Key.Key_Right)
    small.sliders["fill"].setFocus()
    for _ in range(4):
        QTest.keyClick(small.sliders["fill"], Qt.Key.Key_Right)
    assert drawn.session.appearance.of(OTHER) == Style(width=1.5, fill=0.2)
    assert small.fields["fill"].text() == "20 %" and drawn.session.appearance.of(ACTIVE) == Style()
    assert drawn.history.undo_text == ""
    QTest.mouseClick(small.others_button, LEFT)
    assert drawn.session.appearance.of(OTHER) == Style() and not small.others_button.isEnabled()
    QTest.keyClick(small, Qt.Key.Key_Escape)
    assert not small.isVisible()


def test_a_structure_that_undo_brings_back_has_its_style_and_group(drawn: Hand) -> None:
    session, history, appearance = drawn.session, drawn.history, drawn.session.appearance
    appearance.set_own({OTHER: Style(fill=0.5)})
    appearance.set_groups({OTHER: "Reader A"})
    steps.delete_all(session, history, frozenset({OTHER}))
    assert not appearance.own and not appearance.groups
    steps.add_empty(session, history)
    assert OTHER in session.structures and not appearance.own and not appearance.groups, "its number, not it"
    history.undo()
    history.undo()
    assert appearance.own == {OTHER: Style(fill=0.5)} and appearance.groups == {OTHER: "Reader A"}
    history.redo()
    history.undo()
    assert appearance.own == {OTHER: Style(fill=0.5)} and appearance.groups == {OTHER: "Reader A"}


def test_a_style_for_all_is_the_users_and_the_next_window_has_it(drawn: Hand) -> None:
    drawn.key(Qt.Key.Key_K, SHIFT)
    small = popup(drawn).popup
    small.fields["opacity"].setValue(60)
    QTest.mouseClick(small.all_button, LEFT)
    small.close()
    assert {drawn.session.appearance.of(number) for number in (ACTIVE, OTHER)} == {Style(opacity=0.6)}
    assert not drawn.session.appearance.own
    assert json.loads(settings().value("structures/style")) == [1.0, 0.6, 0.0, 1.0]
    other = build_window()
    assert other.session.appearance.usual == Style(opacity=0.6)
    other.close()
    settings().setValue("structures/style", "[1, 2]")
    other = build_window()
    assert other.session.appearance.usual == Style(), "what is damaged counts as nothing"
    other.close()


def test_styles_come_back_with_the_session_and_go_with_their_structure(drawn: Hand) -> None:
    first, structures = drawn.session.volume, drawn.session.structures
    drawn.session.appearance.set_own({OTHER: Style(width=3.0, fill=0.4)})
    kept = drawn.window.recording.current()
    assert kept.look["styles"] == {"2": [3.0, 1.0, 0.4, 1.0]}
    drawn.open(phantom())
    assert not drawn.session.appearance.own
    drawn.window.recording.open(first, first, kept)
    assert drawn.session.appearance.of(OTHER) == Style(width=3.0, fill=0.4)
    assert drawn.session.structures is structures
    drawn.session.set_active(OTHER)
    drawn.key(Qt.Key.Key_Delete, CTRL)
    assert not drawn.session.appearance.own, "the number may be given to another structure"


def test_a_translucent_body_is_seen_in_3d_and_an_opaque_one_is_not(drawn: Hand) -> None:
    scene = drawn.window.panes.three_d.scene
    volume = drawn.session.volume
    planes = {plane: PlaneContours(MultiPolygon([box(5, 5, 75, 75)])) for plane in range(5, 35)}
    drawn.session.open(volume, StructureSet(volume.geometry, (Roi(7, "BODY", GREEN, "EXTERNAL", planes),)))
    drawn.wait_until(lambda: 7 in scene.surfaces)
    actor = scene._surfaces._actors[7]
    assert not actor.GetVisibility()
    drawn.session.appearance.set_own({7: Style(surface=0.3)})
    assert actor.GetVisibility() and actor.GetProperty().GetOpacity() == pytest.approx(0.3)
