"""Live wire, spline, region, hot spot, pieces, split and points, by mouse and keys."""

import numpy as np
import pytest
import shapely
from PySide6.QtCore import Qt
from shapely import MultiPolygon, Point, box

from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry, SeriesInfo, Volume
from tests.viewer.hand import CTRL, SHIFT, Hand, area
from viewer.edits.points import point_of
from viewer.layers import Window
from viewer.session import View

AXIAL, SAGITTAL = View.AXIAL, View.SAGITTAL


def series(units: str = "HU") -> Volume:
    """A bright ball of 20 mm radius about (50, 50) mm and plane 10, 2 mm planes; beside it a second one, joined to it
    by a bridge of 4 mm.
    """
    geometry = Geometry.regular(np.zeros(3), np.eye(3), (1.0, 1.0, 2.0), (21, 110, 140))
    planes, rows, columns = np.mgrid[:21, :110, :140]
    one = np.sqrt((planes * 2 - 20) ** 2 + (rows - 50) ** 2 + (columns - 50) ** 2)
    other = np.sqrt((planes * 2 - 20) ** 2 + (rows - 50) ** 2 + (columns - 105) ** 2)
    bridge = (np.abs(rows - 50) <= 2) & (np.abs(planes * 2 - 20) <= 2) & (columns > 50) & (columns < 105)
    share = np.maximum(np.clip(20.5 - one, 0, 1), np.clip(20.5 - other, 0, 1))
    voxels = np.where(bridge, 1.0, share) * 10 + np.where(one < 6, 10, 0)
    scale = 20 if units == "HU" else 1
    info = SeriesInfo(series_uid="1.7", frame_of_reference_uid="1.2")
    noise = np.random.default_rng(3).normal(0, 0.1, voxels.shape)
    return Volume(((voxels + noise) * scale).astype(np.float32), geometry, "CT", units, info)


@pytest.fixture(scope="module")
def ct() -> Volume:
    return series()


@pytest.fixture
def hand(window: Hand, ct: Volume) -> Hand:
    window.open(ct)
    window.session.set_window(Window(150, 400))
    window.go_to(10)
    return window


def with_roi(hand: Hand, *areas: tuple[int, MultiPolygon]) -> Roi:
    planes = {plane: PlaneContours(drawn) for plane, drawn in areas}
    hand.open(hand.session.volume, StructureSet(hand.session.volume.geometry, (Roi(1, "A", planes=planes),)))
    hand.session.set_window(Window(150, 400))
    hand.go_to(10)
    return hand.session.active_roi


def set_to(hand: Hand, **values: float) -> None:
    for key, value in values.items():
        hand.editing.tools.settings.fields[key].setValue(value)


def test_the_wire_draws_the_edge_between_a_few_clicks(hand: Hand) -> None:
    hand.key(Qt.Key.Key_W)
    around = [(50 + 20 * np.cos(a), 50 + 20 * np.sin(a)) for a in (0.6, 2.2, 3.8, 5.2)]
    for point in around:
        hand.move(AXIAL, hand.on_plane([point])[0])
        hand.click(AXIAL, hand.on_plane([point])[0])
    assert hand.session.structures.rois == ()
    hand.key(Qt.Key.Key_Return)
    assert hand.history.undo_text == "Live wire on plane 11 of ROI 1"
    assert area(hand).symmetric_difference(Point(50, 50).buffer(20)).area < 90, "7 % of the disc; the bridge is near"
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.session.structures.rois == ()


def test_backspace_takes_the_last_click_of_the_wire_back_and_escape_all(hand: Hand) -> None:
    hand.key(Qt.Key.Key_W)
    for point in ((50, 30), (70, 50), (110, 90)):
        hand.click(AXIAL, hand.on_plane([point])[0])
    tool = hand.editing.toolbox.active_tool
    hand.key(Qt.Key.Key_Backspace)
    assert np.allclose(tool._points[-1], (70, 50), atol=1.0)
    hand.key(Qt.Key.Key_Escape)
    assert tool.preview(AXIAL) is None and hand.history.undo_text == ""


def test_a_spline_is_smooth_and_its_points_can_be_moved_and_removed_before_it_is_closed(hand: Hand) -> None:
    hand.key(Qt.Key.Key_D)
    for point in ((30, 30), (60, 25), (90, 70), (60, 90), (20, 70)):
        hand.click(AXIAL, hand.on_plane([point])[0])
    hand.drag(AXIAL, hand.on_plane([(60, 25), (60, 20), (60, 15)]))
    hand.click(AXIAL, hand.on_plane([(60, 90)])[0], CTRL)
    hand.key(Qt.Key.Key_Return)
    drawn = area(hand)
    for point in ((30, 30), (60, 15), (90, 70), (20, 70)):
        assert drawn.boundary.distance(Point(point)) < 1.0
    assert drawn.boundary.distance(Point(60, 90)) > 3 and hand.history.undo_text.startswith("Spline on plane 11")


def test_a_point_of_a_line_that_is_there_is_dragged_and_the_rest_of_it_stays(hand: Hand) -> None:
    square = MultiPolygon([box(20, 20, 60, 60), box(90, 20, 100, 30)])
    before = with_roi(hand, (9, square), (10, square))
    hand.key(Qt.Key.Key_D)
    hand.drag(AXIAL, hand.on_plane([(60, 60), (66, 66), (70, 68)]))
    now = hand.session.active_roi
    assert hand.history.undo_text == "Move a point on plane 11 of A"
    corners = {tuple(np.round(point, 3)) for point in shapely.get_coordinates(now.area(10))}
    assert {(20, 20), (60, 20), (20, 60), (90, 20), (100, 30)} <= corners
    assert now.area(10).boundary.distance(Point(70, 68)) < 1.0
    assert now.planes[9] is before.planes[9]
    hand.drag(AXIAL, hand.on_plane([(40, 20), (40, 16), (40, 12)]))
    assert area(hand).boundary.distance(Point(40, 12)) < 1.0, "the line itself is taken hold of"
    hand.click(AXIAL, hand.on_plane([(40, 12)])[0], CTRL)
    assert hand.history.undo_text == "Remove a point on plane 11 of A"
    assert area(hand).boundary.distance(Point(40, 12)) > 2.0


def test_a_region_in_the_plane_and_in_space_with_a_neck_that_holds_it(hand: Hand) -> None:
    hand.key(Qt.Key.Key_G)
    set_to(hand, tolerance=30, reach=200)
    here = hand.on_plane([(62, 50)])[0]
    hand.press(AXIAL, here)
    proposed = hand.editing.toolbox.proposal()
    assert list(proposed.planes) == [10] and hand.session.structures.rois == ()
    hand.release(AXIAL, here)
    both = Point(50, 50).buffer(20) | Point(105, 50).buffer(20) | box(50, 47.5, 105, 52.5)
    assert area(hand).symmetric_difference(both - Point(50, 50).buffer(6)).area < 130, "the bridge leads to the other"
    hand.key(Qt.Key.Key_Z, CTRL)
    set_to(hand, neck=10, space=1)
    hand.click(AXIAL, here)
    roi = hand.session.active_roi
    assert len(roi.planes) > 15 and hand.history.undo_text.startswith("Region grow on planes")
    assert roi.area(10).bounds[2] < 76, "what hangs on by a bridge is left out"
    assert not any("leaked" in sentence for sentence in hand.window.messages.sentences)
    set_to(hand, neck=0, reach=30)
    hand.click(AXIAL, here)
    assert "leaked" in hand.window.messages.sentences[-1]
    hand.session.open(hand.session.volume)
    assert not any("leaked" in sentence for sentence in hand.window.messages.sentences), "undo is of another series now"


def test_a_drag_up_takes_more_and_escape_drops_the_region(hand: Hand) -> None:
    hand.key(Qt.Key.Key_G)
    set_to(hand, tolerance=10, reach=200)
    here = hand.on_plane([(62, 50)])[0]
    hand.press(AXIAL, here)
    small = hand.editing.toolbox.proposal().area(10).area
    up = [hand.on_plane([(62, 50 - step)])[0] for step in (5, 15, 25)]
    for point in up:
        hand.move(AXIAL, point)
    assert hand.editing.toolbox.proposal().area(10).area > small
    hand.editing.toolbox.escape()
    hand.release(AXIAL, up[-1])
    assert hand.session.structures.rois == ()


def _of_the_maximum(window: Hand) -> str:
    """What the tool said last; on a slow machine the program may have said something since."""
    return [text for text in window.window.messages.sentences if text.startswith("Maximum")][-1]


def test_the_hot_spot_is_what_reaches_a_share_of_the_maximum_in_the_ball(window: Hand) -> None:
    window.open(series("SUVbw"))
    window.go_to(10)
    window.key(Qt.Key.Key_G, SHIFT)
    window.drag(AXIAL, window.on_plane([(50, 50), (60, 50), (78, 50)]))
    roi = window.session.active_roi
    hot = Point(50, 50).buffer(20) | box(50, 47.5, 78, 52.5)
    assert roi.area(10).symmetric_difference(hot).area < 70, "41 % of 20 is below 10, and so is the bridge in the ball"
    window.key(Qt.Key.Key_Z, CTRL)
    set_to(window, share=75)
    window.drag(AXIAL, window.on_plane([(50, 50), (60, 50), (78, 50)]))
    hot = window.session.active_roi
    volume = hot.volume_cm3(window.session.volume.geometry)
    assert volume == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.25), "the core of 6 mm, a few voxels wide"
    assert "SUV" in _of_the_maximum(window)
    window.drag(AXIAL, window.on_plane([(50, 50), (60, 50), (78, 50)]))
    assert window.session.active_roi is hot
    assert _of_the_maximum(window).endswith("nothing changes, what is hot is in the structure already.")


def test_the_piece_under_the_mouse_is_deleted_or_kept(hand: Hand) -> None:
    pieces = MultiPolygon([box(20, 20, 40, 40), box(60, 20, 90, 50), box(20, 60, 40, 80)])
    before = with_roi(hand, (9, pieces), (10, pieces))
    hand.key(Qt.Key.Key_D, SHIFT)
    hand.move(AXIAL, hand.on_plane([(30, 30)])[0])
    assert hand.editing.toolbox.proposal().area(10).equals_exact(MultiPolygon([pieces.geoms[0]]), 0)
    hand.click(AXIAL, hand.on_plane([(30, 30)])[0])
    assert area(hand).equals_exact(MultiPolygon(list(pieces.geoms)[1:]), 0)
    assert hand.session.active_roi.planes[9] is before.planes[9]
    set_to(hand, extent=1)
    hand.click(AXIAL, hand.on_plane([(70, 30)])[0], CTRL)
    now = hand.session.active_roi
    assert all(now.area(plane).equals_exact(MultiPolygon([pieces.geoms[1]]), 0) for plane in (9, 10))
    assert hand.history.undo_text == "Keep one piece of A"


def test_a_split_makes_the_smaller_part_a_structure_and_loses_nothing(hand: Hand) -> None:
    with_roi(hand, (9, MultiPolygon([box(20, 20, 80, 60)])), (10, MultiPolygon([box(20, 20, 80, 60)])))
    hand.key(Qt.Key.Key_S, SHIFT)
    set_to(hand, extent=1)
    hand.drag(AXIAL, hand.on_plane([(40, 10), (40, 40), (40, 70)]))
    kept, made = hand.session.structures.rois
    assert made.name == "A part" and made.area(9).area == pytest.approx(20 * 40, abs=20)
    for plane in (9, 10):
        assert kept.area(plane).area + made.area(plane).area == pytest.approx(60 * 40)
        assert kept.area(plane).intersection(made.area(plane)).area < 1e-9
    hand.key(Qt.Key.Key_Z, CTRL)
    assert [roi.name for roi in hand.session.structures.rois] == ["A"], "one step"


def test_a_line_that_parts_nothing_changes_nothing_and_says_so(hand: Hand) -> None:
    with_roi(hand, (10, MultiPolygon([box(20, 20, 80, 60)])))
    hand.key(Qt.Key.Key_S, SHIFT)
    hand.drag(AXIAL, hand.on_plane([(20, 80), (50, 80), (80, 80)]))
    assert hand.history.undo_text == "" and "parts nothing" in hand.window.messages.sentences[-1]


def test_a_point_is_placed_moved_and_deleted(hand: Hand) -> None:
    hand.key(Qt.Key.Key_M, SHIFT)
    set_to(hand, kind=1)
    here, there = hand.on_plane([(50, 50), (70, 40)])
    hand.click(AXIAL, here)
    roi = hand.session.active_roi
    assert (roi.name, roi.roi_type) == ("Isocentre", "ISOCENTER")
    assert np.linalg.norm(point_of(roi) - here) < 0.7
    hand.drag(AXIAL, [here, np.add(here, 4).tolist(), there])
    assert np.linalg.norm(point_of(hand.session.active_roi) - there) < 0.7
    assert hand.history.undo_text == "Move Isocentre"
    hand.key(Qt.Key.Key_Z, CTRL)
    assert point_of(hand.session.active_roi) == pytest.approx(point_of(roi), abs=0)
    hand.click(AXIAL, point_of(roi), CTRL)
    assert hand.session.structures.rois == ()


@pytest.mark.parametrize("tool", ["polygon", "live wire", "spline"])
def test_undo_takes_back_points_of_an_open_line_before_it_touches_what_is_stored(hand: Hand, tool: str) -> None:
    drawn = with_roi(hand, (10, MultiPolygon([box(20, 20, 30, 30)])))
    hand.key(Qt.Key.Key_B)
    hand.drag(AXIAL, hand.on_plane([(90, 90), (95, 95)]))
    stored = hand.session.active_roi
    assert stored is not drawn and hand.history.undo_text.startswith("Brush")
    hand.editing.toolbox.choose(tool)
    for point in [(60.0, 60.0), (80.0, 60.0), (80.0, 80.0)]:
        hand.move(AXIAL, hand.on_plane([point])[0])
        hand.click(AXIAL, hand.on_plane([point])[0])
    undo = next(action for _, action in hand.window.listed_actions if action.text().startswith("Undo"))
    assert undo.text() == "Undo the last point"
    for _ in range(3):
        assert hand.editing.toolbox.drafting
        hand.key(Qt.Key.Key_Z, CTRL)
        assert hand.session.active_roi is stored
    assert not hand.editing.toolbox.drafting and undo.text().startswith("Undo Brush")
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.session.active_roi.planes == drawn.planes


def test_an_open_line_is_seen_on_its_own_plane_alone(hand: Hand) -> None:
    hand.key(Qt.Key.Key_P)
    for point in [(60.0, 60.0), (80.0, 60.0), (80.0, 80.0)]:
        hand.click(AXIAL, hand.on_plane([point])[0])

    def seen() -> bool:
        pane = hand.pane(AXIAL)
        pane.refresh_preview()
        return hand.editing.live.preview(AXIAL, pane.shown_cut()) is not None

    assert seen()
    hand.go_to(11)
    assert not seen()
    hand.go_to(10)
    assert seen()


def test_a_tool_that_is_left_says_that_its_open_line_is_dropped(hand: Hand) -> None:
    said: list[str] = []
    hand.editing.toolbox.said.connect(said.append)
    hand.key(Qt.Key.Key_P)
    hand.click(AXIAL, hand.on_plane([(60.0, 60.0)])[0])
    hand.key(Qt.Key.Key_B)
    assert said == ["Polygon: what was begun was not closed, and is dropped."]
    hand.key(Qt.Key.Key_P)
    hand.key(Qt.Key.Key_B)
    assert len(said) == 1
