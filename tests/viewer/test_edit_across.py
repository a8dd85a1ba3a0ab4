"""Edits that reach beyond the shown plane: strokes in the other views, planes deleted, copied, filled in between."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from shapely import Point

from tests.viewer.hand import CTRL, Hand, area, middle
from viewer.session import View

AXIAL = View.AXIAL


@pytest.mark.parametrize("view", [View.SAGITTAL, View.CORONAL])
def test_the_other_views_draw_on_the_planes_that_the_stroke_crosses(hand: Hand, view: View) -> None:
    before = hand.session.active_roi
    geometry = hand.session.volume.geometry
    planes = list(before.planes)
    start, end = planes[0] - 6, planes[0] + 2
    spacing = np.array(geometry.spacing_uv)
    point = hand.on_plane([np.round(middle(hand) / spacing) * spacing])[0]
    hand.session.move_cursor(point)
    hand.settle()
    across = geometry.normal
    track = [np.array(point) + across * (geometry.positions[k] - np.array(point) @ across) for k in (start, end)]
    hand.key(Qt.Key.Key_B)
    hand.editing.toolbox.set_radius(2.5)
    hand.drag(view, [track[0], (track[0] + track[1]) / 2, track[1]])
    after = hand.session.active_roi
    changed = {k for k in after.planes if after.planes[k] is not before.planes.get(k)}
    crossed = set(range(start, end + 1))
    assert changed and changed <= {start - 1, *crossed, end + 1}, "the disc itself may reach one plane further"
    for k in crossed:
        at = geometry.plane_from_lps(k, [point])[0]
        assert after.area(k).covers(Point(at)), f"plane {k} holds the stroke"
    hand.key(Qt.Key.Key_E)
    hand.drag(view, [track[0], (track[0] + track[1]) / 2, track[1]])
    erased = hand.session.active_roi
    assert not any(erased.area(k).covers(Point(geometry.plane_from_lps(k, [point])[0])) for k in range(start, end))
    for _ in range(2):
        hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.session.active_roi.planes == before.planes


def test_delete_clears_the_shown_plane_only(hand: Hand) -> None:
    before, plane = hand.session.active_roi, hand.session.plane
    hand.key(Qt.Key.Key_Delete)
    after = hand.session.active_roi
    assert set(before.planes) - set(after.planes) == {plane}
    assert all(after.planes[k] is before.planes[k] for k in after.planes)
    hand.key(Qt.Key.Key_Delete)
    assert "has nothing on plane" in hand.window.messages.sentences[-1]


@pytest.mark.parametrize(("key", "upwards"), [(Qt.Key.Key_Up, True), (Qt.Key.Key_Down, False)])
def test_a_plane_is_copied_from_above_or_below(hand: Hand, key: Qt.Key, upwards: bool) -> None:
    roi, plane, geometry = hand.session.active_roi, hand.session.plane, hand.session.volume.geometry
    head = 1 if geometry.normal[2] > 0 else -1
    source = plane + (head if upwards else -head)
    hand.key(key, CTRL)
    assert hand.session.active_roi.area(plane).equals_exact(roi.area(source), 0.0)
    assert hand.session.active_roi.planes[source] is roi.planes[source]


def test_interpolation_fills_the_gaps_and_keeps_what_is_drawn(hand: Hand) -> None:
    roi = hand.session.active_roi
    planes = list(roi.planes)
    gap = planes[3:6]
    for plane in gap:
        hand.go_to(plane)
        hand.key(Qt.Key.Key_Delete)
    kept = hand.session.active_roi.planes
    steps = hand.history.undo_text
    hand.key(Qt.Key.Key_I, CTRL)
    hand.wait_until(lambda: hand.history.undo_text != steps)
    filled = hand.session.active_roi
    assert list(filled.planes) == planes
    assert all(filled.planes[k] is kept[k] for k in kept)
    for plane in gap:
        shared = filled.area(plane).intersection(roi.area(plane)).area
        assert 2 * shared / (filled.area(plane).area + roi.area(plane).area) > 0.6
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.session.active_roi.planes == kept
    hand.key(Qt.Key.Key_Y, CTRL)
    hand.key(Qt.Key.Key_I, CTRL)
    assert "no empty planes" in hand.window.messages.sentences[-1]


def test_a_stroke_survives_an_undo_that_comes_during_it(hand: Hand) -> None:
    hand.key(Qt.Key.Key_B)
    points = hand.on_plane([(200, 200), (220, 200), (240, 200)])
    hand.drag(AXIAL, points)
    hand.press(AXIAL, hand.on_plane([(200, 300)])[0])
    hand.move(AXIAL, hand.on_plane([(220, 300)])[0])
    hand.history.undo()
    hand.move(AXIAL, hand.on_plane([(240, 300)])[0])
    hand.release(AXIAL, hand.on_plane([(240, 300)])[0])
    assert area(hand).covers(Point(220, 300)) and not area(hand).covers(Point(220, 200))
