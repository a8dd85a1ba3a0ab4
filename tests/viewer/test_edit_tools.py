"""Contours are corrected by mouse and keys, one stroke a step, and nothing else changes."""

import pytest
import shapely
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from shapely import LineString, Point

from engine.structures import Generation
from tests.viewer.hand import CTRL, PAROTID_L, SHIFT, Hand, area, beside, circle, has_colour, middle
from viewer.session import View

AXIAL = View.AXIAL


def test_the_brush_paints_the_disc_along_the_path_of_the_mouse(bare: Hand) -> None:
    path = circle((300, 300), 25, 30, turns=0.6)
    bare.key(Qt.Key.Key_B)
    bare.drag(AXIAL, bare.on_plane(path))
    pixel = bare.pane(AXIAL).scene.mm_per_pixel
    drawn = area(bare)
    assert shapely.hausdorff_distance(drawn, LineString(path).buffer(5.0)) < 1.5 * pixel + 0.1
    assert drawn.is_valid
    assert [roi.name for roi in bare.session.structures.rois] == ["ROI 1"]
    assert bare.session.active_roi.provenance.generation is Generation.MANUAL


def test_the_line_grows_on_screen_during_the_stroke_and_the_disc_is_shown(bare: Hand) -> None:
    bare.key(Qt.Key.Key_B)
    path = bare.on_plane([(250, 300), (280, 300), (320, 300)])
    bare.press(AXIAL, path[0])
    for point in path[1:]:
        bare.move(AXIAL, point)
    picture = bare.picture(AXIAL)
    white = (255, 255, 255)
    for edge in bare.on_plane([(270, 295), (270, 305), (325, 300), (300, 295)]):
        assert has_colour(picture, bare.pixel(AXIAL, edge), white), "the line so far, in white for a new structure"
    assert bare.session.structures.rois == (), "nothing is changed before the button is released"
    bare.release(AXIAL, path[-1])
    colour = bare.session.active_roi.colour
    bare.pane(AXIAL).scene.set_crosshair(False)
    picture = bare.picture(AXIAL)
    for edge in bare.on_plane([(270, 295), (270, 305), (300, 295)]):
        assert has_colour(picture, bare.pixel(AXIAL, edge), colour)


def test_the_old_line_is_not_drawn_while_a_stroke_changes_it(hand: Hand) -> None:
    hand.pane(AXIAL).scene.set_crosshair(False)
    hand.editing.toolbox.set_radius(8.0)
    left = min(shapely.get_coordinates(area(hand)), key=lambda point: point[0])
    old = hand.pixel(AXIAL, hand.on_plane([left])[0])
    colour = hand.session.active_roi.colour
    assert has_colour(hand.picture(AXIAL), old, colour)
    hand.key(Qt.Key.Key_E)
    # The disc ends with its rim away from where the line was.
    points = hand.on_plane([left, beside(left, -2, 4), beside(left, 1, 0)])
    hand.press(AXIAL, points[0])
    for point in points[1:]:
        hand.move(AXIAL, point)
    assert not has_colour(hand.picture(AXIAL), old, colour, reach=1)
    hand.editing.toolbox.escape()
    hand.window.panes.refresh_preview()
    assert has_colour(hand.picture(AXIAL), old, colour), "a dropped stroke changes nothing"
    hand.release(AXIAL, points[-1])
    assert hand.history.undo_text == ""


def test_one_stroke_is_one_step_and_undo_brings_the_very_same_contours_back(hand: Hand) -> None:
    before = hand.session.structures
    plane = hand.session.plane
    centre = middle(hand)
    hand.key(Qt.Key.Key_B)
    for offset in (0.0, 12.0, 24.0):
        hand.drag(AXIAL, hand.on_plane([beside(centre, offset), beside(centre, offset + 10, 5)]))
    assert hand.history.undo_text == f"Brush on plane {plane + 1} of Parotid_L"
    after = hand.session.structures
    roi = hand.session.active_roi
    assert roi.provenance.generation is Generation.SEMIAUTOMATIC and roi.provenance.edited
    for _ in range(3):
        hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.history.undo_text == ""
    for old, now in zip(before.rois, hand.session.structures.rois, strict=True):
        assert old.planes == now.planes and old.provenance == now.provenance
    for _ in range(3):
        hand.key(Qt.Key.Key_Y, CTRL)
    for done, now in zip(after.rois, hand.session.structures.rois, strict=True):
        assert done.planes == now.planes


def test_planes_and_structures_that_were_not_touched_stay_the_same_objects(hand: Hand) -> None:
    before = hand.session.structures
    plane = hand.session.plane
    hand.key(Qt.Key.Key_E)
    hand.drag(AXIAL, hand.on_plane([middle(hand), beside(middle(hand), 3)]))
    for old, now in zip(before.rois, hand.session.structures.rois, strict=True):
        assert list(old.planes) == list(now.planes)
        for k in old.planes:
            touched = old.number == PAROTID_L and k == plane
            assert (old.planes[k] is now.planes[k]) is not touched


def test_the_eraser_takes_away_and_ctrl_turns_brush_and_eraser_round(hand: Hand) -> None:
    start = area(hand)
    disc = Point(middle(hand)).buffer(4.0)
    at = hand.on_plane([middle(hand)])
    hand.key(Qt.Key.Key_E)
    hand.drag(AXIAL, at * 2)
    erased = area(hand)
    assert erased.intersection(disc).area == pytest.approx(0.0, abs=0.5) and erased.area < start.area
    hand.drag(AXIAL, at * 2, CTRL)
    assert area(hand).area == pytest.approx(start.union(disc).area, rel=0.02)
    hand.key(Qt.Key.Key_B)
    hand.drag(AXIAL, at * 2, CTRL)
    assert area(hand).intersection(disc).area == pytest.approx(0.0, abs=0.5)


def test_an_erased_hole_is_a_hole_and_erasing_all_clears_the_plane(hand: Hand) -> None:
    plane = hand.session.plane
    hand.key(Qt.Key.Key_B)
    hand.editing.toolbox.set_radius(25)
    at = hand.on_plane([middle(hand)])
    hand.drag(AXIAL, at * 2)
    hand.key(Qt.Key.Key_E)
    hand.editing.toolbox.set_radius(5)
    hand.drag(AXIAL, at * 2)
    assert any(len(part.interiors) == 1 for part in area(hand).geoms)
    hand.editing.toolbox.set_radius(100)
    hand.drag(AXIAL, at * 2)
    assert plane not in hand.session.active_roi.planes


def test_erasing_beside_the_structure_is_no_step(hand: Hand) -> None:
    hand.key(Qt.Key.Key_E)
    hand.drag(AXIAL, hand.on_plane([(100, 100), (110, 100)]))
    assert hand.history.undo_text == ""


def test_push_moves_the_line_outwards_from_inside_and_inwards_from_outside(hand: Hand) -> None:
    start = area(hand)
    box = start.bounds
    inside = middle(hand)
    hand.key(Qt.Key.Key_U)
    hand.drag(AXIAL, hand.on_plane([inside, (inside[0], box[1] - 3), (inside[0], box[1] - 8)]))
    grown = area(hand)
    assert grown.covers(Point(inside[0], box[1] - 8)) and grown.area > start.area
    assert grown.difference(start.buffer(0.01)).bounds[3] < inside[1] + 6, "only before the disc"
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.drag(AXIAL, hand.on_plane([(inside[0], box[1] - 8), (inside[0], box[1]), inside]))
    shrunk = area(hand)
    assert not shrunk.covers(Point(inside)) and shrunk.area < start.area
    assert start.buffer(0.01).covers(shrunk)


def test_push_refuses_where_there_is_no_line(hand: Hand) -> None:
    hand.go_to(1)
    hand.key(Qt.Key.Key_U)
    hand.drag(AXIAL, hand.on_plane([(300, 300), (310, 300)]))
    assert "no line to push" in hand.window.messages.sentences[-1]
    assert hand.history.undo_text == ""


CORNERS = [(280.0, 280.0), (320.0, 280.0), (325.0, 320.0), (290.0, 330.0)]


@pytest.mark.parametrize("closing", ["return", "double click", "first corner"])
def test_a_polygon_is_set_by_clicks_and_closed_in_three_ways(bare: Hand, closing: str) -> None:
    bare.key(Qt.Key.Key_P)
    corners = bare.on_plane(CORNERS)
    for corner in corners:
        bare.click(AXIAL, corner)
    assert bare.history.undo_text == ""
    if closing == "return":
        bare.key(Qt.Key.Key_Return)
    elif closing == "first corner":
        bare.click(AXIAL, corners[0])
    else:
        pane = bare.pane(AXIAL)
        QTest.mouseDClick(
            pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, bare.pixel(AXIAL, corners[-1])
        )
        bare.settle()
    assert shapely.hausdorff_distance(area(bare), shapely.Polygon(CORNERS)) < 1.5 * bare.pane(AXIAL).scene.mm_per_pixel
    assert bare.window.panes.enlarged is None, "the double click belongs to the polygon"
    assert bare.history.undo_text == f"Polygon on plane {bare.session.plane + 1} of ROI 1"


def test_a_corner_is_taken_back_and_a_polygon_dropped(bare: Hand) -> None:
    bare.key(Qt.Key.Key_P)
    for corner in bare.on_plane([*CORNERS, (100.0, 100.0)]):
        bare.click(AXIAL, corner)
    bare.key(Qt.Key.Key_Backspace)
    bare.key(Qt.Key.Key_Return)
    assert area(bare).area == pytest.approx(shapely.Polygon(CORNERS).area, rel=0.05)
    for corner in bare.on_plane(CORNERS[:2]):
        bare.click(AXIAL, corner)
    bare.key(Qt.Key.Key_Escape)
    assert bare.editing.toolbox.active == "polygon", "the first Esc drops the line"
    bare.key(Qt.Key.Key_Return)
    assert area(bare).area == pytest.approx(shapely.Polygon(CORNERS).area, rel=0.05)
    bare.key(Qt.Key.Key_Escape)
    assert bare.editing.toolbox.active == ""


def test_a_polygon_stays_on_its_plane(bare: Hand) -> None:
    bare.key(Qt.Key.Key_P)
    plane = bare.session.plane
    for corner in bare.on_plane(CORNERS[:3]):
        bare.click(AXIAL, corner)
    bare.wheel(AXIAL, bare.on_plane(CORNERS)[0], 2)
    assert bare.session.plane != plane
    bare.click(AXIAL, bare.on_plane(CORNERS)[3])
    assert "another plane" in bare.window.messages.sentences[-1]
    bare.key(Qt.Key.Key_Return)
    assert list(bare.session.active_roi.planes) == [plane]


def test_freehand_adds_what_it_goes_round_and_cuts_with_ctrl(bare: Hand) -> None:
    bare.key(Qt.Key.Key_F)
    bare.drag(AXIAL, bare.on_plane(circle((300, 300), 30, 60)))
    pixel = bare.pane(AXIAL).scene.mm_per_pixel
    assert shapely.hausdorff_distance(area(bare), Point(300, 300).buffer(30)) < 1.5 * pixel + 0.2
    bare.drag(AXIAL, bare.on_plane(circle((300, 300), 12, 40)), CTRL)
    ring = Point(300, 300).buffer(30).difference(Point(300, 300).buffer(12))
    assert area(bare).area == pytest.approx(ring.area, rel=0.08)
    assert len(area(bare).geoms[0].interiors) == 1


def test_the_disc_is_sized_by_brackets_and_shift_wheel_and_the_plain_wheel_scrolls(bare: Hand) -> None:
    toolbox = bare.editing.toolbox
    at = bare.on_plane([(300, 300)])[0]
    plane = bare.session.plane
    bare.key(Qt.Key.Key_B)
    start = toolbox.radius_mm
    bare.key(Qt.Key.Key_BracketRight)
    larger = toolbox.radius_mm
    assert larger > start
    bare.key(Qt.Key.Key_BracketLeft)
    bare.key(Qt.Key.Key_BracketLeft)
    assert toolbox.radius_mm < start
    bare.wheel(AXIAL, at, 3, SHIFT)
    assert toolbox.radius_mm > start and bare.session.plane == plane
    size = toolbox.radius_mm
    bare.wheel(AXIAL, at, -1)
    assert bare.session.plane != plane and toolbox.radius_mm == size
    bare.press(AXIAL, at)
    now = bare.session.plane
    bare.wheel(AXIAL, at, 2)
    assert toolbox.radius_mm > size and bare.session.plane == now, "during a stroke the wheel sizes"
    bare.release(AXIAL, at)
    assert bare.editing.tools.size.value() == pytest.approx(2 * toolbox.radius_mm, abs=0.06)


@pytest.mark.parametrize("tool", [Qt.Key.Key_B, Qt.Key.Key_E, Qt.Key.Key_U, Qt.Key.Key_F])
def test_a_locked_structure_is_refused_with_a_sentence(hand: Hand, tool: Qt.Key) -> None:
    hand.key(Qt.Key.Key_L)
    planes = hand.session.active_roi.planes
    hand.key(tool)
    hand.drag(AXIAL, hand.on_plane(circle(middle(hand), 5, 10)))
    assert hand.session.active_roi.planes == planes
    assert "Parotid_L is locked" in hand.window.messages.sentences[-1]


def test_a_hidden_structure_is_refused_with_a_sentence(hand: Hand) -> None:
    hand.key(Qt.Key.Key_V)
    planes = hand.session.active_roi.planes
    hand.key(Qt.Key.Key_B)
    hand.drag(AXIAL, hand.on_plane([middle(hand), beside(middle(hand), 20)]))
    assert hand.session.active_roi.planes == planes
    assert "Parotid_L is hidden" in hand.window.messages.sentences[-1]


def test_erasing_without_a_structure_is_refused(bare: Hand) -> None:
    bare.key(Qt.Key.Key_E)
    bare.drag(AXIAL, bare.on_plane([(300, 300), (310, 300)]))
    assert "Choose a structure first" in bare.window.messages.sentences[-1]
    assert bare.session.structures.rois == ()
